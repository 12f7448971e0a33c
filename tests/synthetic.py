"""Runs that nobody measured: records such as bench writes, with known effects, for tests and for looking at reports.

    python -m tests.synthetic DIR --stacks 8 --blocks 5

writes a run folder into DIR and prints its path. The figures are invented; the shape is that of real ones: log-normal
process and block effects, a JIT that warms up, a stack that fails, one that crashes now and then, a client-limited one.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import msgspec
from hdrh.histogram import HdrHistogram

from results import store
from results.schema import (
    SCHEMA,
    Cell,
    Check,
    Contract,
    Environment,
    Event,
    Flag,
    Load,
    Missing,
    Note,
    Plan,
    Record,
    Run,
    Runtime,
    Sample,
    Server,
    Stack,
    Window,
)

# id, title, family, host, requests per second on CPython, PyPy's factor, keeps connections open
KNOWN: list[tuple[str, str, str, str | None, float, float, bool]] = [
    ("asyncio", "asyncio", "raw", None, 46_000, 1.3, True),
    ("tornado", "Tornado", "coroutine", None, 10_400, 1.5, True),
    ("twisted", "Twisted", "callback", None, 9_900, 3.0, True),
    ("aiohttp", "aiohttp", "coroutine", None, 21_000, 0.8, True),
    ("gevent+nodelay", "gevent with TCP_NODELAY", "greenlet", None, 15_500, 1.1, True),
    ("eventlet", "Eventlet", "greenlet", None, 16_000, 1.6, True),
    ("flask@waitress", "Flask on Waitress", "WSGI", "waitress", 5_200, 2.2, True),
    ("flask@gunicorn-sync", "Flask on gunicorn sync", "WSGI", "gunicorn-sync", 3_100, 1.7, False),
]
WORKLOAD_FACTOR = {"hello": 1.0, "json": 0.93, "echo": 1.8, "connect": 0.35}
CLIENT_US = 6.8  # what the client spends on a request: with the rate it says how busy it was
CONNECTIONS = 64
APP = '"""{title}, as its documentation teaches."""\n\nimport sys\n\nHOST, PORT = sys.argv[1], int(sys.argv[2])\n'


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
    chosen = _stacks(stacks, workloads)
    rng = random.Random(seed)
    environments, missing, broken = _environments(chosen, runtimes, faults)
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
        runtimes=[_runtime(name) for name in runtimes],
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


def true_rps(stack: str, runtime: str, workload: str) -> float:
    """Return what the figures scatter around, in requests per second."""
    if stack == "null":
        return 135_000 * WORKLOAD_FACTOR.get(workload, 0.8)
    known = next((entry for entry in KNOWN if entry[0] == stack), None)
    if known is not None:
        base, factor = known[4], known[5]
    else:
        number = int(stack.rsplit("-", 1)[1])
        base, factor = 40_000 * 0.97**number, 0.7 + (number * 37 % 100) / 40
    return base * (factor if runtime.startswith("pypy") else 1.0) * WORKLOAD_FACTOR.get(workload, 0.8)


def _stacks(stacks: int | Sequence[str], workloads: Sequence[str]) -> list[Stack]:
    if isinstance(stacks, int):
        known = KNOWN[:stacks]
        names = [entry[0] for entry in known] + [f"stack-{i}" for i in range(len(known), stacks)]
    else:
        names = list(stacks)
    by_id = {entry[0]: entry for entry in KNOWN}
    made: list[Stack] = []
    for name in names:
        default = (name, name, "coroutine", None, 0.0, 0.0, True)
        _, title, family, host, _, _, keep_alive = by_id.get(name, default)
        implementation = name.split("@")[0].split("+")[0]
        made.append(
            Stack(
                id=name,
                title=title,
                implementation=implementation,
                host=host,
                option=name.split("+")[1] if "+" in name else None,
                homepage=f"https://example.org/{implementation}",
                family=family,
                workloads=[w for w in workloads if keep_alive or w != "echo"],
                files={f"{implementation}/app.py": APP.format(title=title)},
                lines_of_code=20 + 7 * len(made) % 60,
                keep_alive=keep_alive,
                notes=[] if keep_alive else [Note(1, "Closes the connection after every request.")],
            )
        )
    return made


def _runtime(name: str) -> Runtime:
    implementation = "PyPy" if name.startswith("pypy") else "CPython"
    version = name.removeprefix("pypy").removeprefix("cpython").rstrip("t")
    return Runtime(
        id=name,
        implementation=implementation,
        version="7.3.19" if implementation == "PyPy" else f"{version}.1",
        python_version=f"{version}.1",
        build="synthetic",
        origin="PATH",
        free_threaded=name.endswith("t"),
    )


def _environments(
    stacks: list[Stack], runtimes: Sequence[str], faults: bool
) -> tuple[list[Environment], list[Missing], set[tuple[str, str]]]:
    environments: list[Environment] = []
    missing: list[Missing] = []
    broken: set[tuple[str, str]] = set()
    for i, stack in enumerate(stacks):
        for runtime in runtimes:
            pypy = runtime.startswith("pypy")
            if faults and pypy and i % 10 == 5:
                reason = "gcc: error: greenlet.cpp: compilation failed"
                environments.append(Environment(stack.id, runtime, "failed", reason))
                broken.add((stack.id, runtime))
            elif faults and pypy and i % 10 == 9:
                reason, hint = "needs the C API of CPython", f"run it on {runtimes[0]}"
                missing.append(Missing(reason, stack.id, runtime, hint=hint))
                broken.add((stack.id, runtime))
            else:
                version = f"{1 + i % 7}.{'4' if faults and pypy and i % 10 == 3 else '6'}.0"
                packages = {stack.implementation: version, "h11": "0.16.0"}
                environments.append(Environment(stack.id, runtime, "ok", None, packages, True, f"sha256:{i:064x}"))
    if faults:
        missing.append(Missing("not found on this machine", runtime="cpython3.14t", hint="uv python install 3.14t"))
    return environments, missing, broken


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
    histograms = _Histograms(exact=len(cells) * len(run.plan.blocks) <= 2000)
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
            yield _null(Cell("null", run.runtimes[0].id, workload), number, at, rng, drift, windows, histograms)
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
                rejected = _sample(cell, number, at, rng, drift - 0.1, process_sd, windows, histograms)
                rejected.flags, rejected.rejected = [flag], True
                yield rejected
                again = _sample(cell, number, at, rng, drift, process_sd, windows, histograms)
                again.attempt = 1
                yield again
                continue
            sample = _sample(cell, number, at, rng, drift, process_sd, windows, histograms)
            if faults and rng.random() < 0.03:
                sample.flags.append(Flag("neighbour", "another process took 7 % of a core, the limit is 5 %"))
            busy = sample.load.client["busy"] if sample.load else None
            if faults and isinstance(busy, float) and busy >= 0.7:
                sample.flags.append(Flag("client-limited", f"the client was busy {busy:.0%} of its core"))
            yield sample
        yield _null(Cell("null", run.runtimes[0].id, "hello"), number, at, rng, drift, windows, histograms)
        yield Event(at, "block-finished", str(number))
    if done_blocks is None:
        yield Event(f"2026-11-21T{3 + len(run.plan.blocks) % 20:02d}:00:00Z", "finished")


def _null(
    cell: Cell, block: int, at: str, rng: random.Random, drift: float, windows: int, histograms: _Histograms
) -> Sample:
    """Return a sentinel's sample: the client at its limit against a server that does nothing."""
    sample = _sample(cell, block, at, rng, drift / 4, 0.005, windows, histograms)
    sample.sentinel = True
    if sample.load is not None:
        sample.load.client["busy"] = 0.98
    return sample


def _sample(
    cell: Cell,
    block: int,
    at: str,
    rng: random.Random,
    drift: float,
    process_sd: float,
    windows: int,
    histograms: _Histograms,
) -> Sample:
    rps = true_rps(*_key(cell)) * math.exp(drift + rng.gauss(0, process_sd))
    cpu_us = 0.97e6 / true_rps(*_key(cell)) * math.exp(0.3 * drift + rng.gauss(0, process_sd / 2))
    pypy = cell.runtime.startswith("pypy")
    shape = list(_windows(rng, windows, rps, cpu_us, pypy))
    warm = sum(1 for window in shape if window.phase == "warm-up")
    measured = shape[warm:]
    requests, duration = sum(w.requests for w in measured), sum(w.duration_s for w in measured)
    mean_us = CONNECTIONS / rps * 1e6
    latency = {name: mean_us * factor * math.exp(rng.gauss(0, 0.02)) for name, factor in LATENCY.items()}
    seen: dict[str, float | None] = {**latency, "p99.9": latency["p99.9"] if requests >= 20_000 else None}
    load = Load(
        requests=requests,
        errors={"timeout": 2} if rng.random() < 0.01 else {},
        duration_s=duration,
        rps=rps,
        latency_us=seen,
        client={
            "cpu_s": requests * CLIENT_US / 1e6,
            "cpu_us_per_request": CLIENT_US,
            "busy": min(0.99, rps * CLIENT_US / 1e6),
            "implementation": "CPython",
        },
        windows=shape,
        histogram=histograms.encoded(mean_us),
        connections=CONNECTIONS,
        steady=True,
        warmup_s=measured[0].start_s if measured else None,
        warmup_requests=sum(w.requests for w in shape[:warm]),
    )
    rest = int((55e6 if pypy else 24e6) * math.exp(rng.gauss(0, 0.01)))
    server = Server(
        argv=["python", "app.py", "127.0.0.1", "8000"],
        start_s=(0.9 if pypy else 0.25) * math.exp(rng.gauss(0, 0.1)),
        stop_s=0.05,
        cpu_s=requests * cpu_us / 1e6,
        cpu_us_per_request=cpu_us,
        pss_rest_bytes=rest,
        pss_load_bytes=int(rest * (1.9 if pypy else 1.15)),
        processes=1,
        threads=1,
        exit="0",
    )
    return Sample(cell, block, at, "ok", load=load, server=server)


# The quantiles of a log-normal distribution of mean 1 and sigma 0.35.
SIGMA = 0.35
LATENCY = {
    "mean": 1.0,
    **{
        name: math.exp(z * SIGMA - SIGMA**2 / 2)
        for name, z in (("p50", 0.0), ("p90", 1.2816), ("p99", 2.3263), ("p99.9", 3.0902), ("max", 4.2))
    },
}


def _windows(rng: random.Random, count: int, rps: float, cpu_us: float, pypy: bool) -> Iterator[Window]:
    length = 0.25
    requests_before = 0
    for i in range(count):
        slow = 1 + (2.2 if pypy else 0.05) * math.exp(-i / (count / 10 if pypy else 0.5))
        rate = rps / slow * math.exp(rng.gauss(0, 0.015))
        requests = max(1, round(rate * length))
        requests_before += requests
        phase: Literal["warm-up", "measure"] = "warm-up" if i < count // 2 else "measure"
        mean = CONNECTIONS / rate * 1e6
        cost = cpu_us * slow * math.exp(rng.gauss(0, 0.01))
        yield Window(
            i * length, length, phase, requests, 0, mean, mean * 0.94, mean * 2.1, min(length, requests * cost / 1e6)
        )


class _Histograms:
    """Encoded histograms of a log-normal latency; for big runs one for each 5 % of the mean, since they cost 3 ms."""

    def __init__(self, exact: bool) -> None:
        self.exact = exact
        self.cache: dict[float, str] = {}

    def encoded(self, mean_us: float) -> str:
        """Return the base64 text of a histogram in nanoseconds."""
        if not self.exact:
            mean_us = math.exp(round(math.log(mean_us) * 20) / 20)
        if mean_us not in self.cache:
            histogram = HdrHistogram(1, 3_600_000_000_000, 3)
            for z, count in _NORMAL:
                histogram.record_value(int(mean_us * 1e3 * math.exp(z * SIGMA - SIGMA**2 / 2)), count)
            self.cache[mean_us] = histogram.encode().decode()
        return self.cache[mean_us]


_NORMAL = [
    (z / 20, round(40_000 / 20 * math.exp(-((z / 20) ** 2) / 2) / math.sqrt(2 * math.pi)) or 1) for z in range(-84, 85)
]


def _key(cell: Cell) -> tuple[str, str, str]:
    return cell.stack, cell.runtime, cell.workload


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


if __name__ == "__main__":
    raise SystemExit(main())
