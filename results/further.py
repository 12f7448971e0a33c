"""The loads beside the main one: other numbers of connections, latency at given rates, the knee."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence

import msgspec

from results.schema import Load, Sample
from results.statistics import mean_interval

LATENCIES = ("mean", "p50", "p90", "p99", "p99.9", "max")
COMPARED = ("p50", "p99")
ACHIEVED = 0.99


class CountPoint(msgspec.Struct):
    """Throughput at a number of connections: geometric mean over `n` processes, 95 % interval (None with one)."""

    connections: int
    rps: float
    low: float | None
    high: float | None
    n: int


class LatencyPoint(msgspec.Struct):
    """Latency under an open load, counted from the intended send time; medians over `n` processes.

    `fraction` is of the process's own throughput (not comparable between stacks) or `rate` is a common one, in requests
    per second (comparable). `served` is the share of processes that achieved at least 99 % of what was offered: below
    that the stack was overloaded and its latency is that of a growing queue. `latency_us` is None where fewer than half
    of the processes have enough samples. `client_busy` is the highest; from 0.7 on the latency may be the client's.

    At a common rate `blocks` are the processes' blocks and `each` their own p50 and p99, in that order, so that stacks
    can be compared block by block; elsewhere both are empty.
    """

    fraction: float | None
    rate: float | None
    offered_rps: float
    achieved_rps: float
    served: float
    n: int
    latency_us: dict[str, float | None]
    errors: int = 0
    client_busy: float | None = None
    blocks: list[int] = []
    each: dict[str, list[float | None]] = {}


def count_points(samples: Iterable[Sample]) -> list[CountPoint]:
    """Return throughput at each number of connections, the main load's included; empty if there is only that one."""
    figures: dict[int, list[float]] = defaultdict(list)
    for sample in samples:
        if sample.load is not None:
            for load in (sample.load, *sample.counts):
                if load.rps > 0:
                    figures[load.connections].append(load.rps)
    if len(figures) < 2:
        return []
    points = []
    for connections, values in sorted(figures.items()):
        found = mean_interval(values)
        points.append(CountPoint(connections, found.value, found.low, found.high, found.n))
    return points


def latency_points(samples: Iterable[Sample]) -> list[LatencyPoint]:
    """Return latency at each offered load: fractions of the own throughput first, then common rates, each ascending."""
    groups: dict[tuple[bool, float], list[Load]] = defaultdict(list)
    blocks: dict[tuple[bool, float], list[int]] = defaultdict(list)
    for sample in samples:
        for load in sample.latency:
            for which in ("fraction", "rate"):
                value = load.extra.get(which)
                if isinstance(value, (int, float)) and load.offered_rps:
                    groups[which == "rate", float(value)].append(load)
                    blocks[which == "rate", float(value)].append(sample.block)
    points = []
    for (common, value), loads in sorted(groups.items()):
        offered = [load.offered_rps or 0.0 for load in loads]
        busy = [b for load in loads if isinstance(b := load.client.get("busy"), (int, float))]
        points.append(
            LatencyPoint(
                fraction=None if common else value,
                rate=value if common else None,
                offered_rps=statistics.median(offered),
                achieved_rps=statistics.median(load.rps for load in loads),
                served=sum(load.rps >= ACHIEVED * rate for load, rate in zip(loads, offered, strict=True)) / len(loads),
                n=len(loads),
                latency_us={name: median_of_most([load.latency_us.get(name) for load in loads]) for name in LATENCIES},
                errors=sum(sum(load.errors.values()) for load in loads),
                client_busy=max(busy, default=None),
                blocks=blocks[common, value] if common else [],
                each={name: [load.latency_us.get(name) for load in loads] for name in COMPARED} if common else {},
            )
        )
    return points


def median_of_most(values: Sequence[float | None]) -> float | None:
    """Return the median of the figures there are, None if fewer than half are there."""
    present = [value for value in values if value is not None]
    return statistics.median(present) if present and 2 * len(present) >= len(values) else None
