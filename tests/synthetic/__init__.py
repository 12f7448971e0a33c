"""Runs that nobody measured: records such as bench writes, with known effects, for tests and for looking at reports.

    python -m tests.synthetic DIR --stacks 8 --blocks 5

writes a run folder into DIR and prints its path. The figures are invented; the shape is that of real ones: log-normal
process and block effects, a JIT that warms up, a stack that fails, one that crashes now and then, a client-limited one.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from results import store
from results.schema import SCHEMA, Cell, Check, Contract, Event, Flag, Plan, Record, Run, Sample, Server
from tests.synthetic.samples import CONNECTIONS, Histograms, make_sample, null_sample
from tests.synthetic.stacks import make_environments, make_runtime, make_stacks


def synthetic_run(
    stacks: int | Sequence[str] = 7,
    runtimes: Sequence[str] = ("cpython3.13", "pypy3.11"),
    workloads: Sequence[str] = ("hello", "json", "echo"),
    blocks: int = 5,
    seed: int = 1,
    *,
    profile: str = "standard",
    process_sd: float = 0.02,
    block_sd: float = 0.02,
    faults: bool = True,
    windows: int = 24,
    done_blocks: int | None = None,
    run_id: str | None = None,
) -> tuple[Run, list[Record]]:
    """Make a run. `stacks` is a number, or ids of KNOWN; the same arguments always give the same records.

    `faults=False` leaves failures, flags, missing rows and client-limited cells out. `done_blocks` stops early, as an
    interrupted run does.
    """
    chosen = make_stacks(stacks, workloads)
    rng = random.Random(seed)
    environments, missing, broken = make_environments(chosen, runtimes, faults)
    cells = [
        Cell(stack.id, runtime, workload)
        for stack in chosen
        for runtime in runtimes
        for workload in workloads
        if workload in stack.workloads and (stack.id, runtime) not in broken
    ]
    plan_blocks = []
    for number in range(blocks):
        order = sorted(cells)
        random.Random(f"{seed}/{number}").shuffle(order)
        plan_blocks.append(order)
    run = Run(
        schema=SCHEMA,
        run_id=run_id or f"2026-11-21T0130Z-{seed:04x}",
        created_at="2026-11-21T01:30:00Z",
        command=["nox", "-s", "bench"],
        suite={"commit": "0" * 40, "dirty": False, "version": "0.1.0"},
        machine={
            "cpu_model": "Synthetic CPU @ 2.00GHz",
            "cpus": 2,
            "cpus_allowed": [0, 1],
            "hypervisor": "none",
            "architecture": "x86_64",
            "memory_bytes": 8 << 30,
            "kernel": "6.1.0",
            "load_average_1min": 0.1,
        },
        plan=Plan(profile, seed, plan_blocks, {"connections": CONNECTIONS, "measure_s": 3.0, "warmup_s": 3.0}),
        stacks=chosen,
        runtimes=[make_runtime(name) for name in runtimes],
        environments=environments,
        missing=missing,
    )
    records = list(_records(run, cells, rng, (process_sd, block_sd), faults, windows, done_blocks))
    return run, records


def write(directory: Path, run: Run, records: Sequence[Record]) -> Path:
    """Write a run as a folder below `directory` and return it. FileExistsError if it is there already."""
    folder = directory / run.run_id
    (folder / "logs").mkdir(parents=True)
    store.write_run(folder, run)

    with (folder / store.JOURNAL_FILE).open("wb") as file:  # one sync for all: nothing is lost if this is lost
        file.writelines(msgspec.json.encode(record) + b"\n" for record in records)
    return folder


def _records(
    run: Run,
    cells: list[Cell],
    rng: random.Random,
    sds: tuple[float, float],
    faults: bool,
    windows: int,
    done_blocks: int | None,
) -> Iterator[Record]:
    process_sd, block_sd = sds
    position = {stack.id: i for i, stack in enumerate(run.stacks)}
    histograms = Histograms(exact=len(cells) * len(run.plan.blocks) <= 2000)
    start = run.created_at
    yield Event(start, "started")
    for stack, runtime in dict.fromkeys((cell.stack, cell.runtime) for cell in cells):
        refused = faults and position[stack] % 10 == 2 and runtime.startswith("pypy")
        echo = Check("binary message", "echo", "fail", "binary b'\\x00'", "text '\\x00'")
        checks = [Check("body", "hello", "pass", "Hello, World!", "Hello, World!")]
        yield Contract(stack, runtime, start, [*checks, echo] if refused else checks)
    for number, block in enumerate(run.plan.blocks[:done_blocks]):
        drift = rng.gauss(0, block_sd)
        at = f"2026-11-21T{2 + number % 20:02d}:00:00Z"
        # As bench does it: the null server opens and closes each block, and at first serves every workload once.
        opening = sorted({cell.workload for cell in cells} | {"hello"}) if number == 0 else ["hello"]
        for workload in opening:
            yield null_sample(Cell("null", run.runtimes[0].id, workload), number, at, rng, drift, windows, histograms)
        for cell in block:
            i = position[cell.stack]
            if faults and cell.workload == "echo" and i % 10 == 2 and cell.runtime.startswith("pypy"):
                yield Sample(cell, number, at, "failed", stage="contract", reason="binary message: came back as text")
                continue
            if faults and i % 10 == 1 and cell.workload == "json" and number == 1:
                server = Server(["python", "app.py", "127.0.0.1", "8000"], exit="killed by signal 11 (SIGSEGV)")
                reason = "the server ended: killed by signal 11 (SIGSEGV)"
                yield Sample(cell, number, at, "failed", stage="measure", reason=reason, server=server)
                continue
            if faults and rng.random() < 0.02:
                flag = Flag("steal", "1.8 % of the time was stolen by other guests, the limit is 1 %")
                rejected = make_sample(cell, number, at, rng, drift - 0.1, process_sd, windows, histograms)
                rejected.flags, rejected.rejected = [flag], True
                yield rejected
                again = make_sample(cell, number, at, rng, drift, process_sd, windows, histograms)
                again.attempt = 1
                yield again
                continue
            sample = make_sample(cell, number, at, rng, drift, process_sd, windows, histograms)
            if faults and rng.random() < 0.03:
                sample.flags.append(Flag("neighbour", "another process took 7 % of a core, the limit is 5 %"))
            busy = sample.load.client["busy"] if sample.load else None
            if faults and isinstance(busy, float) and busy >= 0.7:
                sample.flags.append(Flag("client-limited", f"the client was busy {busy:.0%} of its core"))
            yield sample
        yield null_sample(Cell("null", run.runtimes[0].id, "hello"), number, at, rng, drift, windows, histograms)
        yield Event(at, "block-finished", str(number))
    if done_blocks is None:
        yield Event(f"2026-11-21T{3 + len(run.plan.blocks) % 20:02d}:00:00Z", "finished")


def main(argv: Sequence[str] | None = None) -> int:
    """Write a synthetic run; the exit code is 0."""
    parser = argparse.ArgumentParser(prog="python -m tests.synthetic", description="Writes a run that nobody measured.")
    parser.add_argument("directory", type=Path, help="where to put the run's folder")
    parser.add_argument("--stacks", type=int, default=8)
    parser.add_argument("--runtimes", default="cpython3.13,pypy3.11")
    parser.add_argument("--workloads", default="hello,json,echo,connect")
    parser.add_argument("--blocks", type=int, default=5)
    parser.add_argument("--done-blocks", type=int, default=None, help="stop after so many, as if interrupted")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", default="standard")
    parser.add_argument("--no-faults", action="store_true")
    options = parser.parse_args(argv)
    run, records = synthetic_run(
        options.stacks,
        options.runtimes.split(","),
        options.workloads.split(","),
        options.blocks,
        options.seed,
        profile=options.profile,
        faults=not options.no_faults,
        done_blocks=options.done_blocks,
    )
    print(write(options.directory, run, records))
    return 0
