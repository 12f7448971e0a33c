"""What a run came to: the records that the terminal's table, summary.json, summary.csv and the report are made from.

These are derived, never stored alone: `results.summarise.summarise(run, records)` makes them anew from run.json and the
journal. Units are in the names; `us` is microseconds, `rps` requests per second. An absent figure is None, never 0.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from results.further import CountPoint, LatencyPoint
from results.locust import LocustRow
from results.schema import Cell, Flag, Missing, Note, Stage

CellStatus = Literal["ok", "partial", "failed", "missing"]
WarmupClass = Literal["flat", "warm-up", "slowdown", "no steady state", "unknown"]
Measure = Literal["rps", "cpu"]
Connection = Literal["persistent", "per request"]

LEVEL = 0.95
"""Confidence level of every interval."""

PERCENTILES = ("p50", "p90", "p99", "p99.9")


class Estimate(msgspec.Struct):
    """A geometric mean over processes with its 95 % interval (t over the logarithms).

    `values` are the processes' own figures and `blocks` the block of each. Without an interval (`low` and `high` None)
    `why` says why.
    """

    value: float
    low: float | None
    high: float | None
    values: list[float]
    blocks: list[int]
    why: str | None = None

    @property
    def n(self) -> int:
        """Number of processes."""
        return len(self.values)

    @property
    def half_width(self) -> float | None:
        """Half the interval's width on the ratio scale: 0.02 means about +-2 %; None without an interval."""
        if self.low is None or self.high is None or self.low <= 0:
            return None
        return float((self.high / self.low) ** 0.5 - 1)


class Ratio(msgspec.Struct):
    """One cell over another, a/b: paired t on the blocks' log ratios.

    `n` counts the blocks that have both. `p` is two-sided; `p_corrected` is after Holm over all ratios that are read as
    one list (same measure, workload and pair of runtimes). `significant` is None where no claim is made at all (n < 2,
    a smoke run, a censored side); then `why` says which. `bound` is "at least" or "at most" where one side is censored
    (a lower bound), so that `value` is only a bound too; `significant` may still be True, in that direction.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    p: float | None = None
    p_corrected: float | None = None
    significant: bool | None = None
    why: str | None = None
    bound: Literal["at least", "at most"] | None = None


class Process(msgspec.Struct, kw_only=True):
    """One fresh server process: a final sample. `counted` is false for a failed one, which no estimate includes.

    `warmup` is the class of its windows of CPU-us/request; `steady` is None where it is not known; the times are from
    the first request to the start of the steady segment.
    """

    block: int
    at: str
    status: Literal["ok", "failed"]
    counted: bool
    attempt: int = 0
    stage: Stage | None = None
    reason: str | None = None
    rps: float | None = None
    cpu_us_per_request: float | None = None
    latency_us: dict[str, float | None] = {}
    pss_rest_bytes: int | None = None
    pss_load_bytes: int | None = None
    start_s: float | None = None
    client_busy: float | None = None
    requests: int = 0
    errors: dict[str, int] = {}
    flags: list[Flag] = []
    censored: bool = False
    warmup: WarmupClass = "unknown"
    steady: bool | None = None
    steady_after_s: float | None = None
    steady_after_requests: int | None = None


class CellSummary(msgspec.Struct, kw_only=True):
    """One row of the table: a cell, all of its processes, and what they came to.

    `status`: ok = every planned process was measured; partial = some were; failed = none, and `stage` and `reason` say
    what happened; missing = it was never tried, and `reason` says why. `planned` is the number of blocks planned.

    `rps` is of the closed loop at the profile's number of connections, `counts` of it and other numbers (empty if there
    is only that one). `latency` is of open loops at given loads; `knee_rps` the highest rate served in time.

    `latency_us` is of the closed loop, so at saturation: median over processes of the processes' own percentile, None
    where fewer than half of them have enough samples for it. Memory and `start_s` are medians over processes.
    `client_busy` is the highest.

    `censored`: the client was the limit, so that `rps` is a lower bound (print ">="), is not ranked, and `latency_us`
    is mostly the client's own: do not print it. `engine` names the load generator; only "native" is ranked. `flags`
    counts the processes with each flag. `rejected` counts samples that were measured and thrown away for their flags
    (kept in the journal).

    `notes` are the stack's declared deviations, `contract_notes` what the contract check noted without failing it.

    `tier` counts from 1; `rank_low` to `rank_high` is the rank interval; all three are None when unranked, and
    `unranked` says why. `ranking` is the index into `Summary.rankings`.
    """

    stack: str
    runtime: str
    workload: str
    title: str
    family: str
    status: CellStatus
    planned: int
    reason: str | None = None
    stage: Stage | None = None
    hint: str | None = None
    processes: list[Process] = []
    rejected: int = 0
    rps: Estimate | None = None
    counts: list[CountPoint] = []
    latency: list[LatencyPoint] = []
    knee_rps: Estimate | None = None
    cpu_us_per_request: Estimate | None = None
    latency_us: dict[str, float | None] = {}
    pss_rest_bytes: float | None = None
    pss_load_bytes: float | None = None
    start_s: float | None = None
    client_busy: float | None = None
    censored: bool = False
    censored_why: str | None = None
    flags: dict[str, int] = {}
    errors: dict[str, int] = {}
    warmup: dict[str, int] = {}
    steady: int = 0
    steady_after_s: float | None = None
    steady_after_requests: float | None = None
    ranking: int | None = None
    tier: int | None = None
    rank_low: int | None = None
    rank_high: int | None = None
    unranked: str | None = None
    notes: list[Note] = []
    contract_notes: list[str] = []
    packages: dict[str, str] = {}
    lines_of_code: int | None = None
    keep_alive: bool = True
    workers: int = 1
    engine: str = "native"

    @property
    def cell(self) -> Cell:
        """Its key in the journal."""
        return Cell(self.stack, self.runtime, self.workload)

    @property
    def n(self) -> int:
        """Number of processes in the estimates."""
        return sum(1 for process in self.processes if process.counted)


class Ranking(msgspec.Struct, kw_only=True):
    """The stacks of one runtime and workload that may be compared: same kind of connection, same number of workers.

    `tiers` holds the stacks' ids, best first. A new tier opens only where a stack is significantly slower than the
    tier's leader (Tukey's HSD at 95 % for the whole ranking, and by the pair's own blocks) and at least 3 % slower.
    `residual_sd` is the pooled standard deviation of ln y, `df` its degrees of freedom, `critical_ratio` the smallest
    significant ratio by Tukey's method. `order` is every ranked stack by its mean, best first; a client-limited one,
    which may be the best of all, is in `unranked` with the others that have a reason.
    """

    runtime: str
    workload: str
    connection: Connection
    workers: int
    order: list[str]
    tiers: list[list[str]]
    unranked: dict[str, str] = {}
    residual_sd: float | None = None
    df: int | None = None
    critical_ratio: float | None = None
    why: str | None = None


class RuntimeRatio(msgspec.Struct, kw_only=True):
    """A stack on one runtime over the same stack on the run's baseline runtime, under one workload.

    `rps` > 1: `runtime` serves more; `cpu` < 1: `runtime` needs less CPU per request. `versions_differ` maps each
    package that is not the same on both to its [version on runtime, version on baseline] (None: not installed there);
    a ratio with any is not a comparison of interpreters alone and must be flagged.
    """

    stack: str
    title: str
    workload: str
    runtime: str
    baseline: str
    rps: Ratio | None = None
    cpu: Ratio | None = None
    versions_differ: dict[str, list[str | None]] = {}


class Finding(msgspec.Struct, kw_only=True):
    """Something worth a sentence. `kind` says which fields are set; no finding is made where no claim may be.

    - top-tier: `stacks` (the first tier's, best first) of a ranking; `value` is the leader's rps
    - largest-effect, smallest-effect: `stacks` (one), runtime, baseline, workload, `ratio` (of rps): the highest and
      the lowest ratio of a runtime under a workload; significant or not, the ratio says
    """

    kind: Literal["top-tier", "largest-effect", "smallest-effect"]
    workload: str
    runtime: str
    stacks: list[str]
    baseline: str | None = None
    value: float | None = None
    ratio: Ratio | None = None
    connection: Connection = "persistent"
    workers: int = 1


class SentinelBlock(msgspec.Struct):
    """The sentinel's figures in a block; `moved` is its largest distance from the run's median (0.05 = 5 %)."""

    block: int
    rps: list[float]
    moved: float | None = None
    flagged: bool = False


class Trust(msgspec.Struct, kw_only=True):
    """How far this run can be believed. Counts of processes unless the name says cells or blocks.

    `processes_planned` leaves out what cannot be measured (a broken contract). `claims` is false for a smoke profile
    or fewer than two blocks: then nothing is ranked or called significant, and `why` says so. `until` is the half-width
    that an adaptive run aimed for: its intervals are Stein's (results.adaptive). `finished` is false while
    the plan has processes left to measure.
    """

    claims: bool
    why: str | None = None
    finished: bool
    blocks_planned: int
    blocks_done: int
    processes_planned: int
    processes_done: int
    processes_failed: int
    processes_flagged: int
    processes_rejected: int
    processes_not_steady: int
    cells: int
    cells_failed: int
    cells_partial: int
    cells_missing: int
    cells_censored: int
    flags: dict[str, int] = {}
    sentinel: list[SentinelBlock] = []
    blocks_moved: list[int] = []
    until: float | None = None


class Summary(msgspec.Struct, kw_only=True):
    """All of a run. `complaints` are about the stored files (a line that could not be read), not about the servers.

    `baseline` is the runtime that the runtime ratios divide by: the run's first CPython that is not free-threaded.
    `missing` are rows that hold for all stacks or all runtimes (a runtime that is not there), beside the cells' own.
    `locust` is what Locust measured: in no cell, in no ranking, to be shown apart and with `results.locust.LIMITS`.
    """

    schema: int
    run_id: str
    created_at: str
    profile: str
    seed: int
    workloads: list[str]
    runtimes: list[str]
    baseline: str | None
    cells: list[CellSummary]
    rankings: list[Ranking]
    runtime_ratios: list[RuntimeRatio]
    findings: list[Finding]
    trust: Trust
    missing: list[Missing] = []
    complaints: list[str] = []
    level: float = LEVEL
    locust: list[LocustRow] = []
