"""`nox -s list`: what there is to measure, and why something is not."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench import catalog, runtimes
from bench.paths import SERVERS
from bench.runtimes import Interpreter


def main(options: argparse.Namespace) -> int:
    """Print tables of stacks and runtimes; nothing is installed or fetched."""
    console = Console()
    catalogue = catalog.load(SERVERS)
    wanted = options.stacks or (["default"] if options.servers is None else ["all"])
    stacks = catalog.select(catalogue, options.servers, ["all"] if wanted == ["default"] else wanted)
    here, absent = runtimes.resolve(options.runtimes, say=lambda _: None, fetch=False)
    ids = [interpreter.id for interpreter in here]
    table = Table(title="Stacks", title_justify="left", caption_justify="left")
    table.add_column("stack", no_wrap=True)
    table.add_column("what", ratio=1)
    for runtime in ids:
        table.add_column(runtime, max_width=16)
    reasons: dict[str, int] = {}
    for stack in stacks:
        cells = [_workloads(stack, runtime, reasons) for runtime in ids]
        table.add_row(Text(stack.id, style="bold" if stack.default else ""), Text(stack.title), *cells)
    table.caption = "bold: measured by default; others with --stacks all, or by their id\n" + "\n".join(
        f"[{number}] {reason}" for reason, number in reasons.items()
    )
    console.print(table)
    _print_runtimes(console, runtimes.discover(), ids)
    for missing in absent:
        hint = f" {missing.hint}" if missing.hint else ""
        console.print(f"not here: {missing.runtime}: {missing.reason}.{hint}", markup=False, highlight=False)
    console.print("Workloads", style="italic")
    for name, what in catalog.WORKLOADS.items():
        console.print(f"  {name:8} {what}", markup=False, highlight=False)
    return 0


def _workloads(stack: catalog.Stack, runtime: str, reasons: dict[str, int]) -> Text:
    """What a stack serves on a runtime; a number points to the reason for what it does not."""

    def mark(reason: str) -> str:
        return f"[{reasons.setdefault(reason, len(reasons) + 1)}]"

    reason = stack.unsupported(runtime)
    if reason:
        return Text(f"no {mark(reason)}", style="dim")
    words = []
    for workload in stack.workloads:
        if workload == "connect" and stack.keep_alive:
            continue  # everybody who serves hello serves that too
        why = stack.unsupported_workload(runtime, workload)
        words.append(f"no {workload} {mark(why)}" if why else workload)
    return Text(" ".join(words))


def _print_runtimes(console: Console, found: dict[str, Interpreter], chosen: list[str]) -> None:
    table = Table("runtime", "version", "found", title="Runtimes", title_justify="left", caption_justify="left")
    for name, interpreter in sorted(found.items()):
        info = interpreter.info
        table.add_row(
            Text(name, style="bold" if name in chosen else ""), f"{info.implementation} {info.version}", info.origin
        )
    table.caption = "bold: measured by default; others with --runtimes"
    console.print(table)
