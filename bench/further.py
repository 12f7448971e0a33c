"""The loads after the main one, on the same warm process: other numbers of connections, latency, the knee."""

from __future__ import annotations

import math
from collections.abc import Callable

import msgspec

from bench import client as loads
from bench import limits
from bench.client import Client, ClientError
from bench.launch import Server
from bench.setting import Bench
from bench.watch import ERRORS_ALLOWED
from results.schema import Load, Sample

ACHIEVED = 0.99
KNEE_FLOOR = 0.1


def measure(sample: Sample, server: Server, bench: Bench) -> None:
    """Carry out what the profile asks for and put it into the sample. Raises ClientError, LimitError."""
    profile, workload = bench.profile, sample.cell.workload
    if sample.load is None or sample.load.rps <= 0:
        return

    def take(words: list[str]) -> Load:
        load: Load | None = None
        with Client(words, bench.client_cores) as client:
            for event in client.events():
                if event["event"] == "window":
                    limits.check(server, bench)
                elif event["event"] == "result":
                    load = msgspec.convert(event["result"], Load)
        assert load is not None
        if not server.alive():
            raise ClientError("the server ended in the middle")
        return load

    def at(rate: float, which: str = "knee", value: float | None = None) -> Load:
        bench.tell(f"latency at {rate:,.0f}/s")
        load = take(loads.open_loop(server.host, server.port, workload, rate, bench.seed, profile))
        load.extra = {**load.extra, which: rate if value is None else value}
        return load

    for connections in profile.connection_counts:
        bench.tell(f"{connections} connections")
        sample.counts.append(take(loads.closed(server.host, server.port, workload, connections, profile)))
    best = max(load.rps for load in (sample.load, *sample.counts))
    for fraction in profile.latency_fractions:
        sample.latency.append(at(fraction * best, "fraction", fraction))
    for rate in profile.latency_rates:
        sample.latency.append(at(rate, "rate"))
    if profile.knee_steps:
        sample.knee_rps = knee(lambda rate: in_time(at(rate), profile.knee_p99_ms), best, profile.knee_steps)


def in_time(load: Load, p99_ms: float) -> bool:
    """Whether an offered rate was served: achieved at least 99 % of it, p99 within its limit, errors at most 0.1 %."""
    wrong = sum(load.errors.values())
    p99 = load.latency_us.get("p99")
    return (
        load.offered_rps is not None
        and load.rps >= ACHIEVED * load.offered_rps
        and wrong <= ERRORS_ALLOWED * (load.requests + wrong)
        and p99 is not None
        and p99 <= p99_ms * 1000
    )


def knee(served: Callable[[float], bool], capacity: float, steps: int) -> float | None:
    """The highest rate that is served, by bisection of the log rate between a tenth of the capacity and all of it.

    `steps` probes narrow a factor of ten down to 10 ** (1 / 2 ** steps). None when no probe was served.
    """
    low, high = math.log(capacity * KNEE_FLOOR), math.log(capacity)
    best = None
    for _ in range(steps):
        middle = (low + high) / 2
        if served(math.exp(middle)):
            low = middle
            best = math.exp(middle)
        else:
            high = middle
    return best
