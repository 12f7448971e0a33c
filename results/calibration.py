"""The record of a calibration: how the instrument compares with others, and with values known on paper.

One `Calibration` is one file, `calibrations/<id>.json` beside the runs. bench writes it anew after every step, so that
an interrupted calibration keeps what it has; reports and the terminal's table read nothing else. Units are in the
names: `_s` seconds, `_us` microseconds. Fields may be added within a schema version; a change of meaning needs a new
one.
The functions here are pure: what a record says is worked out in one place, for the terminal and the page alike.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple, get_args

import msgspec

from results.schema import Flag
from results.statistics import Interval, PairedRatio, geometric_mean, mean_interval, paired_ratio

SCHEMA = 1
PERCENTILES = ("p50", "p90", "p99", "p99.9")
TOLERANCE = 0.02
TOLERANCE_US = 100.0
OURS = "loadgen"

Loop = Literal["open", "closed"]


class Shot(msgspec.Struct, kw_only=True):
    """One client's load on one server, once. Shots of one `round` ran one after the other and are paired.

    `cpu_us` is the client's CPU time for each request. A shot that failed has a `reason`, and its figures do not count;
    `errors` are requests that failed in one that did not. `flags` say what disturbed it.
    """

    round: int
    rps: float | None = None
    requests: int = 0
    errors: int = 0
    cpu_us: float | None = None
    busy: float | None = None
    latency_us: dict[str, float | None] = {}
    flags: list[Flag] = []
    reason: str | None = None


class Ceiling(msgspec.Struct, kw_only=True):
    """The instrument against a server that does next to nothing. `server` is c or python, what it is written in."""

    server: str
    workload: str
    connections: int
    shots: list[Shot] = []


class Comparison(msgspec.Struct, kw_only=True):
    """The instrument and another client on the same server, interleaved.

    `target` is the ratio that was to be reached, where there is one; `reason` says why nothing was measured, and
    `hint` what to do about it.
    """

    server: str
    title: str
    workload: str
    connections: int
    other: str
    ours: list[Shot] = []
    theirs: list[Shot] = []
    target: float | None = None
    reason: str | None = None
    hint: str | None = None


class Truth(msgspec.Struct, kw_only=True):
    """A client on a server whose latencies are known in advance.

    `law` is the server's, in words; `expected_us` was worked out on paper for arrivals at `rate` per second (in a
    closed loop: what users who arrive at that rate would see). `served_us` is what the server did by its own clocks,
    and `late_us` how late its answers were by them; `judged` is false for demonstrations. `lateness_us` is the 99th
    percentile of late sending.
    """

    kind: str
    law: str
    client: str
    loop: Loop
    rate: float
    expected_us: dict[str, float]
    reported_us: dict[str, float | None] = {}
    connections: int = 0
    arrivals: str = ""
    judged: bool = True
    requests: int = 0
    errors: int = 0
    rps: float | None = None
    lateness_us: float | None = None
    unsent: int = 0
    late_us: dict[str, float] = {}
    served_us: dict[str, float] = {}
    flags: list[Flag] = []
    note: str | None = None
    reason: str | None = None


class Calibration(msgspec.Struct, kw_only=True):
    """Everything that one calibration found. `versions` maps a client or server to its version."""

    schema: int
    id: str
    created_at: str
    command: list[str]
    suite: dict[str, str | bool | None]
    machine: dict[str, str | int | float | bool | list[str | int] | None]
    settings: dict[str, str | int | float | bool | list[str | int] | None]
    server_cores: list[int]
    client_cores: list[int]
    parts: list[str]
    versions: dict[str, str] = {}
    finished: bool = False
    ceiling: list[Ceiling] = []
    agreement: list[Comparison] = []
    echo: list[Comparison] = []
    truth: list[Truth] = []
    remarks: list[str] = []


def figures(shots: Sequence[Shot]) -> dict[int, float]:
    """Requests per second by round, of the shots that succeeded."""
    return {shot.round: shot.rps for shot in shots if shot.reason is None and shot.rps}


def throughput(shots: Sequence[Shot]) -> Interval | None:
    """The geometric mean of a client's rounds, with its interval; None without a figure."""
    values = list(figures(shots).values())
    return mean_interval(values) if values else None


def cpu_us(shots: Sequence[Shot]) -> float | None:
    """The geometric mean of CPU time per request (us), None without a figure."""
    values = [shot.cpu_us for shot in shots if shot.reason is None and shot.cpu_us]
    return geometric_mean(values) if values else None


def ratio(comparison: Comparison) -> PairedRatio | None:
    """Ours over theirs, paired by round; None where no round has both."""
    return paired_ratio(figures(comparison.ours), figures(comparison.theirs))


Reached = Literal["reached", "missed", "undecided"]


def reached(comparison: Comparison) -> Reached | None:
    """Whether the ratio that was to be reached was: the interval must lie wholly on one side. None without a target."""
    found = ratio(comparison)
    if comparison.target is None or found is None:
        return None
    if found.low is None or found.high is None:
        return "undecided"
    if found.low >= comparison.target:
        return "reached"
    return "missed" if found.high < comparison.target else "undecided"


def failure(comparison: Comparison) -> str | None:
    """Why there is no ratio, or None where there is one."""
    if ratio(comparison) is not None:
        return None
    return comparison.reason or next(
        (shot.reason for shot in (*comparison.ours, *comparison.theirs) if shot.reason), "nothing was measured"
    )


class Orders(NamedTuple):
    """Servers from the fastest to the slowest, as two clients put them; `same` where they agree."""

    connections: int
    ours: list[str]
    theirs: list[str]

    @property
    def same(self) -> bool:
        """Whether both clients see the same order."""
        return self.ours == self.theirs


def orders(comparisons: Sequence[Comparison]) -> list[Orders]:
    """The order of the servers by each client, for each number of connections at which two or more were compared."""
    found = []
    for connections in sorted({comparison.connections for comparison in comparisons}):
        here = [c for c in comparisons if c.connections == connections and ratio(c) is not None]
        if len(here) < 2:
            continue
        ours = {c.title: geometric_mean(figures(c.ours).values()) for c in here}
        theirs = {c.title: geometric_mean(figures(c.theirs).values()) for c in here}
        found.append(Orders(connections, _falling(ours), _falling(theirs)))
    return found


def _falling(values: Mapping[str, float]) -> list[str]:
    return sorted(values, key=lambda name: (-values[name], name))


Right = Literal["within", "as served", "off", "too few"]
"""Of a reported percentile: as on paper; as the server did by its own clocks, late as it was; wrong; not to be had."""


class Judged(NamedTuple):
    """One percentile: expected and reported (us), how far off that may be, and what to say of it."""

    name: str
    expected: float
    reported: float | None
    tolerance: float
    verdict: Right


def tolerance_us(expected: float) -> float:
    """How far off (us) a reported value may be: 2 %, or 100 us."""
    return max(TOLERANCE * expected, TOLERANCE_US)


def judge(truth: Truth) -> list[Judged]:
    """Each percentile of a measurement.

    Where the machine did not let the server keep its law, so that it answered late, the client is right when it reports
    what the server did by its own clocks, within the same tolerance.
    """
    found = []
    for name, expected in truth.expected_us.items():
        reported = truth.reported_us.get(name)
        allowed = tolerance_us(expected)
        if reported is None:
            verdict: Right = "too few"
        elif abs(reported - expected) <= allowed:
            verdict = "within"
        elif abs(reported - truth.served_us.get(name, math.inf)) <= tolerance_us(truth.served_us.get(name, expected)):
            verdict = "as served"
        else:
            verdict = "off"
        found.append(Judged(name, expected, reported, allowed, verdict))
    return found


def disturbed(calibration: Calibration) -> tuple[int, int, list[str]]:
    """How many loads something else on the machine disturbed, of how many, and by what, the most frequent first."""
    shots = [shot for ceiling in calibration.ceiling for shot in ceiling.shots]
    for comparison in calibration.agreement:
        shots += [*comparison.ours, *comparison.theirs]
    for number, comparison in enumerate(calibration.echo):
        shots += comparison.theirs if number else [*comparison.ours, *comparison.theirs]  # ours are the same ones
    all_flags = [shot.flags for shot in shots] + [t.flags for t in calibration.truth if t.reason is None]
    reasons = Counter(name for flags in all_flags for name in {flag.name for flag in flags})
    return sum(map(bool, all_flags)), len(all_flags), [name for name, _ in reasons.most_common()]


class Verdict(NamedTuple):
    """The calibration in numbers: percentiles that are right by the paper, by the server's own clocks, and others."""

    within: int
    as_served: int
    off: int
    too_few: int
    failures: list[str]

    @property
    def right(self) -> int:
        """Those that are right either way."""
        return self.within + self.as_served

    @property
    def judged(self) -> int:
        """All percentiles that were to be judged."""
        return self.right + self.off + self.too_few

    @property
    def passed(self) -> bool:
        """Whether all that was asked for was measured, and every reported percentile is right."""
        return not self.off and not self.failures


def verdict(calibration: Calibration) -> Verdict:
    """What the calibration says of the instrument. Comparisons with other clients are reported, not judged."""
    counts = dict.fromkeys(get_args(Right), 0)
    failures = [] if calibration.finished else ["it was stopped before its end"]
    for truth in calibration.truth:
        if not truth.judged:
            continue
        if truth.reason is not None:
            failures.append(f"{truth.law} at {truth.rate:,.0f}/s: {truth.reason}")
        else:
            for judged in judge(truth):
                counts[judged.verdict] += 1
    for ceiling in calibration.ceiling:
        failures += [
            f"{ceiling.workload} against the null server ({ceiling.server}), {ceiling.connections} connections: "
            f"{shot.reason}"
            for shot in ceiling.shots
            if shot.reason is not None
        ]
    for comparison in (*calibration.agreement, *calibration.echo):
        failures += [
            f"{comparison.title}, {comparison.connections} connections: {shot.reason}"
            for shot in comparison.ours
            if shot.reason is not None
        ]
    return Verdict(counts["within"], counts["as served"], counts["off"], counts["too few"], failures)
