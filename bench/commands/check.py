"""`nox -s check`: the contract, on every runtime."""

from __future__ import annotations

import argparse

from rich.console import Console

from bench import catalog, contract, prepare
from bench.contract.table import table
from bench.machine import cores
from bench.paths import ENVIRONMENTS, ROOT, SERVERS
from bench.prepare import Choice
from bench.progress import Terminal
from bench.run import check_one
from bench.setting import Target


def main(options: argparse.Namespace) -> int:
    """Check every chosen stack on every chosen runtime; returns 1 when something is broken or missing."""
    terminal, console = Terminal(), Console()
    servers, stacks = catalog.split(catalog.load(SERVERS), options.names)
    servers += options.servers or []
    stacks += options.stacks or []
    prepared = prepare.choose(
        Choice(servers or None, stacks or (["all"] if servers else None), options.runtimes, options.workloads),
        SERVERS,
        terminal,
    )
    prepare.install(prepared, ENVIRONMENTS, terminal)
    logs = ROOT / ".environments" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    targets = prepared.targets()
    keep_alive = {stack.id: stack.keep_alive for stack in prepared.stacks}
    broken = 0
    for missing in prepared.missing:
        console.print(
            f"{missing.stack or ''} {missing.runtime or ''} {missing.workload or ''}: not checked: {missing.reason}",
            markup=False,
        )
    server_cores, client_cores = cores()
    for key in dict.fromkeys((cell.stack, cell.runtime) for cell in prepared.cells):
        stack, runtime = key
        served = [cell.workload for cell in prepared.cells if (cell.stack, cell.runtime) == key]
        target = Target(targets[key].make, targets[key].cwd, served)
        checks, _ = check_one(target, keep_alive[stack], server_cores + client_cores, logs / f"{stack}-{runtime}.log")
        console.print(table(checks, f"{stack} on {runtime}"))
        broken += bool(contract.failed(checks))
    return 1 if broken else 0
