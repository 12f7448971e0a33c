"""Neighbours that no counter here shows: the host's other guests, by how the speed of the same work wanders.

They take the shared cache, the memory's bandwidth, the other half of a core. A loop that computes within the first
caches hardly notices; one that reads all over a table that only the shared cache can hold does, and so does a server.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

TABLE_BYTES = 16 << 20
"""More than a core's own caches, less than most shared ones."""
READS = 200_000
STEPS = 20_000
SLICE_S, LEAST_SLICES = 0.05, 5


@dataclass(frozen=True)
class Wander:
    """How far the same work's speed wandered: the 90th over the 10th percentile of its time, less 1."""

    computing: float
    reading: float


def spread(times: list[float]) -> float:
    """The 90th over the 10th percentile, less 1."""
    tenths = statistics.quantiles(times, n=10, method="inclusive")
    return tenths[-1] / tenths[0] - 1


def look(seconds: float = 2.0) -> Wander:
    """Do both kinds of work alternately for a while; each slice's fastest pass counts, so that interrupts do not."""
    table = b"\1" * TABLE_BYTES
    places = random.Random(1).sample(range(TABLE_BYTES), READS)
    read = table.__getitem__

    def reading() -> None:
        sum(map(read, places))

    def computing() -> None:
        number = 1
        for _ in range(STEPS):
            number = number * 48271 % 2147483647

    times: dict[Callable[[], None], list[float]] = {reading: [], computing: []}
    until = time.monotonic() + seconds
    while len(times[computing]) < LEAST_SLICES or time.monotonic() < until:
        for work, found in times.items():
            found.append(_fastest(work))
    return Wander(spread(times[computing]), spread(times[reading]))


def _fastest(work: Callable[[], None]) -> float:
    until = time.perf_counter() + SLICE_S
    best = float("inf")
    while (began := time.perf_counter()) < until:
        work()
        best = min(best, time.perf_counter() - began)
    return best
