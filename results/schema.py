"""The records of a run: what bench writes and reports read.

A run is a folder `results/runs/<run-id>/`:

- `run.json`: one `Run`, written before the first measurement; only blocks are ever added to its plan,
- `journal.jsonl`: one `Contract`, `Sample` or `Event` a line, appended and synced as it happens,
- `logs/`: what the servers printed,
- `summary.json`, `summary.csv`: derived from these two, by `results.summary`.

Units are in the names: `_s` seconds, `_us` microseconds, `_bytes` bytes; `_at` is an ISO 8601 time in UTC.
Fields may be added within a schema version; a change of meaning needs a new one.
"""

from __future__ import annotations

from typing import Literal

import msgspec

SCHEMA = 1

Status = Literal["ok", "failed"]
Stage = Literal["environment", "contract", "start", "warm-up", "measure", "after", "stop"]


class Cell(msgspec.Struct, frozen=True, order=True):
    """A stack on a runtime under a workload: what a number in the report belongs to."""

    stack: str
    runtime: str
    workload: str

    def __str__(self) -> str:
        return f"{self.stack} / {self.runtime} / {self.workload}"


class Note(msgspec.Struct, frozen=True):
    """A public, numbered deviation of an implementation or a host from what others do."""

    id: int
    text: str


class Stack(msgspec.Struct):
    """What is started and measured, as it was on the day: sources are kept, since they change.

    `id` is `implementation[@host][+option]`. `files` maps a path below servers/ to its text. `lines_of_code` counts
    the lines of app.py that are neither blank nor comment nor docstring. `keep_alive` is false for a stack that
    closes every connection. `default` is false for stacks that only `--stacks all` measures.
    """

    id: str
    title: str
    implementation: str
    host: str | None
    option: str | None
    homepage: str
    family: str
    workloads: list[str]
    files: dict[str, str]
    lines_of_code: int
    keep_alive: bool = True
    default: bool = True
    workers: int = 1
    notes: list[Note] = []


class Runtime(msgspec.Struct):
    """An interpreter. `id` like cpython3.13, cpython3.14t, pypy3.11; `origin` says where it was found."""

    id: str
    implementation: str
    version: str
    python_version: str
    build: str
    origin: str
    free_threaded: bool = False


class Environment(msgspec.Struct):
    """What is installed for a stack on a runtime. `packages` maps a name to its version; `reason`: why it failed."""

    stack: str
    runtime: str
    status: Status
    reason: str | None = None
    packages: dict[str, str] = {}
    locked: bool = False
    hash: str | None = None


class Missing(msgspec.Struct):
    """A row that cannot be measured, and why: a stack that does not run on a runtime, a runtime that is not there.

    `stack` or `runtime` is None where the reason holds for all of them; `hint` says how to get it.
    """

    reason: str
    stack: str | None = None
    runtime: str | None = None
    workload: str | None = None
    hint: str | None = None


class Plan(msgspec.Struct):
    """What was to be done: for each block, the cells in the order in which they run."""

    profile: str
    seed: int
    blocks: list[list[Cell]]
    settings: dict[str, float | int | str | bool | list[int | float] | None] = {}


class Run(msgspec.Struct, kw_only=True):
    """Everything known before the first measurement."""

    schema: int
    run_id: str
    created_at: str
    command: list[str]
    suite: dict[str, str | bool | None]
    machine: dict[str, str | int | float | bool | list[str | int] | None]
    plan: Plan
    stacks: list[Stack]
    runtimes: list[Runtime]
    environments: list[Environment]
    missing: list[Missing] = []


class Check(msgspec.Struct):
    """One check of the contract: what was expected, what came."""

    name: str
    workload: str
    verdict: Literal["pass", "note", "fail", "skip"]
    expected: str
    got: str


class Contract(msgspec.Struct, tag_field="kind", tag="contract"):
    """The contract check of a stack on a runtime. A workload with a failed check is not measured."""

    stack: str
    runtime: str
    at: str
    checks: list[Check]
    argv: list[str] = []


class Window(msgspec.Struct):
    """A stretch of a load, as the client saw it. `start_s` counts from the first request, rests left out.

    `server_cpu_s` is the CPU time that the server's process tree used in it. A window of turns is as long as they are
    together.
    """

    start_s: float
    duration_s: float
    phase: Literal["warm-up", "measure"]
    requests: int
    errors: int
    mean_us: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None
    server_cpu_s: float | None = None


class Step(msgspec.Struct):
    """One kind of request within a journey: hello, json, ws open, echo ...; figures as in `Load`."""

    name: str
    requests: int
    errors: int
    rps: float
    latency_us: dict[str, float | None]


class Load(msgspec.Struct):
    """What the load generator reported of the measured part. `latency_us` has mean, p50 ... max; None where too few.

    `errors` maps a kind to its count; `examples` a kind to the first of its messages. `client` has cpu_s,
    cpu_us_per_request, busy (0-1) and whatever else the engine says of itself. `histogram` is an encoded HdrHistogram
    (base64, V2, values in nanoseconds). `steps` are the parts of a journey, where `engine` is one that makes journeys
    ("locust"); its figures are never compared with those of another engine.
    """

    requests: int
    errors: dict[str, int]
    duration_s: float
    rps: float
    latency_us: dict[str, float | None]
    client: dict[str, float | int | bool | str | None]
    windows: list[Window] = []
    histogram: str | None = None
    examples: dict[str, str] = {}
    connections: int = 0
    mode: Literal["closed", "open"] = "closed"
    offered_rps: float | None = None
    steady: bool | None = None
    warmup_s: float | None = None
    warmup_requests: int | None = None
    engine: str = "native"
    settings: dict[str, float | int | str | bool | None] = {}
    extra: dict[str, float | int | str | bool | None] = {}
    steps: list[Step] = []


class Server(msgspec.Struct):
    """The server's side of a sample, over its process tree.

    `start_s` is from exec to the first right answer; `cpu_s` the CPU time within the measured part; PSS in bytes, at
    rest (before any load) and right after the measured part. `env` holds only what the suite set.
    """

    argv: list[str]
    env: dict[str, str] = {}
    start_s: float | None = None
    stop_s: float | None = None
    cpu_s: float | None = None
    cpu_us_per_request: float | None = None
    pss_rest_bytes: int | None = None
    pss_load_bytes: int | None = None
    processes: int | None = None
    threads: int | None = None
    exit: str | None = None
    log: str | None = None


class Flag(msgspec.Struct, frozen=True):
    """What makes a sample doubtful: `name` is a word (steal, neighbour, client-limited ...), `detail` a sentence."""

    name: str
    detail: str


class Sample(msgspec.Struct, tag_field="kind", tag="sample"):
    """One fresh server process, measured once: the unit of replication. A failure is a result.

    `load` is the closed loop at the profile's number of connections. On the same process, after it: `counts`, closed
    loops at other numbers of connections; `latency`, open loops, each with `extra` saying which `fraction` of this
    process's own throughput, or which common `rate`, was offered; `knee_rps`, the highest rate that was still served in
    time. A fault in one of these fails the sample like any other.
    """

    cell: Cell
    block: int
    at: str
    status: Status
    attempt: int = 0
    stage: Stage | None = None
    reason: str | None = None
    load: Load | None = None
    server: Server | None = None
    flags: list[Flag] = []
    sentinel: bool = False
    rejected: bool = False
    counts: list[Load] = []
    latency: list[Load] = []
    knee_rps: float | None = None


class Event(msgspec.Struct, tag_field="kind", tag="event"):
    """Something that happened to the run: started, resumed, interrupted, block-finished, finished."""

    at: str
    name: str
    detail: str = ""


Record = Contract | Sample | Event
