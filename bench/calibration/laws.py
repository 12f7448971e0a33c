"""Latencies known in advance: three laws that a server follows, and what they come to on paper.

A law answers two questions. To the server: when is the answer to this request due? To whoever judges a client: which
latency is at a percentile, when requests arrive at a given rate? Pure; the second is checked by simulating the first.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

NS = 1_000_000_000

Due = Callable[[int], tuple[int, int]]
"""From a request's arrival (ns, of any clock) to the lane it waits in and when its answer is due (ns)."""


class Law(Protocol):
    """What a known server does."""

    @property
    def kind(self) -> str:
        """A word for it."""
        ...

    @property
    def lanes(self) -> int:
        """How many lanes its answers wait in; within a lane they are due in the order of arrival."""
        ...

    @property
    def cycle_s(self) -> float:
        """How long until it repeats itself; 0 where it is always the same. Measure whole cycles."""
        ...

    def words(self) -> str:
        """The law in words."""
        ...

    def spec(self) -> str:
        """The law as the server's command line has it."""
        ...

    def due(self) -> Due:
        """The rule that the server goes by, fresh."""
        ...

    def quantile(self, p: float, rate: float) -> float:
        """The latency (s) that a share `p` of the requests, arriving at `rate` per second, does not exceed."""
        ...

    def in_flight(self, rate: float) -> float:
        """How many requests wait at the same time at most (on average, where arrivals are random)."""
        ...


@dataclass(frozen=True)
class Fixed:
    """Every answer comes so long after its request."""

    delay_s: float
    kind = "fixed"
    lanes = 1
    cycle_s = 0.0

    def words(self) -> str:
        """The law in words."""
        return f"always {_time(self.delay_s)}"

    def spec(self) -> str:
        """For the command line."""
        return f"fixed:{self.delay_s!r}"

    def due(self) -> Due:
        """Arrival and a constant."""
        delay = round(self.delay_s * NS)
        return lambda arrival: (0, arrival + delay)

    def quantile(self, p: float, rate: float) -> float:
        """The same for all."""
        return self.delay_s

    def in_flight(self, rate: float) -> float:
        """Little's law."""
        return rate * self.delay_s


@dataclass(frozen=True)
class Mixture:
    """Each `every`-th answer takes `slow_s`, the others `fast_s`: counted, not drawn, so the shares are exact."""

    fast_s: float
    slow_s: float
    every: int
    kind = "mixture"
    lanes = 2
    cycle_s = 0.0

    def words(self) -> str:
        """The law in words."""
        return f"{_time(self.fast_s)}, every {self.every}th {_time(self.slow_s)}"

    def spec(self) -> str:
        """For the command line."""
        return f"mixture:{self.fast_s!r},{self.slow_s!r},{self.every}"

    def due(self) -> Due:
        """By the request's number."""
        fast, slow, every, number = round(self.fast_s * NS), round(self.slow_s * NS), self.every, 0

        def rule(arrival: int) -> tuple[int, int]:
            nonlocal number
            number += 1
            return (1, arrival + slow) if number % every == 0 else (0, arrival + fast)

        return rule

    def quantile(self, p: float, rate: float) -> float:
        """A step; asked exactly at it, the answer is the lower one."""
        return self.fast_s if p <= 1 - 1 / self.every else self.slow_s

    def in_flight(self, rate: float) -> float:
        """Little's law."""
        return rate * (self.fast_s + (self.slow_s - self.fast_s) / self.every)


@dataclass(frozen=True)
class Stall:
    """Serves for `serve_s`, then answers nothing for `stall_s`; a queue, served in order, `pace` answers a second.

    The pace belongs to the law: 10,000 requests that waited cannot all be answered at one moment, and how long it takes
    is part of their latency. With arrivals at rate r, a request that comes u seconds into the stall waits for the rest
    of it and for the r u requests before it: (stall - u) + r u / pace. One that comes v seconds after the stall finds
    r stall - (pace - r) v requests before it, until none are left. So latency falls along two straight lines, and its
    quantiles can be read off them.
    """

    serve_s: float
    stall_s: float
    pace: float
    kind = "stall"
    lanes = 1

    @property
    def cycle_s(self) -> float:
        """Serving and stalling."""
        return self.serve_s + self.stall_s

    def words(self) -> str:
        """The law in words."""
        return f"serves {_time(self.serve_s)}, stalls {_time(self.stall_s)}"

    def spec(self) -> str:
        """For the command line."""
        return f"stall:{self.serve_s!r},{self.stall_s!r},{self.pace!r}"

    def due(self) -> Due:
        """A queue with one server, which is away at the end of each cycle."""
        cycle, serve, step = round(self.cycle_s * NS), round(self.serve_s * NS), round(NS / self.pace)
        free = 0

        def rule(arrival: int) -> tuple[int, int]:
            nonlocal free
            begin = arrival if arrival > free else free
            if begin % cycle >= serve:
                begin += cycle - begin % cycle
            free = begin + step
            return 0, free

        return rule

    def quantile(self, p: float, rate: float) -> float:
        """As worked out above. ValueError where the queue of a stall is not gone before the next."""
        if rate >= self.pace or self.drain_s(rate) > self.serve_s:
            raise ValueError(f"at {rate:g}/s a stall's queue is not gone before the next: no fixed distribution")
        slow = (1 - p) * self.cycle_s  # so many seconds of each cycle bring requests that are slower
        if slow <= self.stall_s:
            wait = self.stall_s - slow * (1 - rate / self.pace)
        else:
            wait = max(0.0, rate * self.stall_s - (self.pace - rate) * (slow - self.stall_s)) / self.pace
        return wait + 1 / self.pace

    def drain_s(self, rate: float) -> float:
        """How long after a stall its queue is gone."""
        return rate * self.stall_s / (self.pace - rate)

    def in_flight(self, rate: float) -> float:
        """What has come by the end of a stall."""
        return rate * self.stall_s + 1


def parse(text: str) -> Law:
    """Read a law's spec. ValueError when it is none."""
    kind, _, rest = text.partition(":")
    numbers = [float(part) for part in rest.split(",")]
    if any(not 0 < number < math.inf for number in numbers):
        raise ValueError(f"{text}: all numbers must be positive")
    match kind, numbers:
        case "fixed", [delay]:
            return Fixed(delay)
        case "mixture", [fast, slow, every] if every >= 2 and every == int(every) and fast < slow:
            return Mixture(fast, slow, int(every))
        case "stall", [serve, stall, pace]:
            return Stall(serve, stall, pace)
    raise ValueError(f"{text}: not fixed:DELAY, mixture:FAST,SLOW,EVERY or stall:SERVE,STALL,PACE (seconds, 1/s)")


def connections(law: Law, rate: float, at_most: int) -> int:
    """Enough connections that no request waits for one; six standard deviations more where arrivals are random."""
    needed = law.in_flight(rate)
    spread = math.sqrt(rate * 0.001 + (law.cycle_s == 0) * needed)
    return max(1, min(at_most, math.ceil(needed * 1.02 + 6 * spread + 8)))


def duration_s(law: Law, rate: float, least_s: float, tail: float = 0.001, above: int = 20) -> float:
    """How long to measure: at least `least_s`, until `above` requests lie above the last percentile, whole cycles."""
    needed = max(least_s, 1.02 * above / tail / rate)
    return math.ceil(needed / law.cycle_s - 1e-9) * law.cycle_s if law.cycle_s else needed


def _time(seconds: float) -> str:
    return f"{seconds:g} s" if seconds >= 1 else f"{seconds * 1000:g} ms"
