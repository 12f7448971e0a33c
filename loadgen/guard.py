"""Was the client the limit? Pure functions from what the client knows of itself to a verdict in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MAX_BUSY = 0.70
MAX_STARVED = 0.05
MAX_LATENESS_US = 1000.0
MAX_LATENESS_SHARE = 0.10
MAX_LITTLE_ERROR = 0.05
MIN_ACHIEVED = 0.99


@dataclass(frozen=True)
class Facts:
    """What is known of the client in the measured part.

    `busy` is the share of the time not spent waiting (of the busiest process), `starved` that in which a process was
    ready to run and had no core, None where the system does not say; `in_flight` rate x mean latency, which
    in a closed loop must be `expected_in_flight`; None where the law says nothing. Lateness is that of sending, in an
    open loop, in microseconds.
    """

    busy: float
    requests: int
    starved: float | None = None
    in_flight: float | None = None
    expected_in_flight: float | None = None
    lateness_p99_us: float | None = None
    p50_us: float | None = None


@dataclass(frozen=True)
class Verdict:
    """`limited` says whether the client was the limit; `text` says it in words, with the figures."""

    limited: bool
    text: str


def judge(facts: Facts) -> Verdict:
    """The verdict on the client."""
    if not facts.requests:
        return Verdict(False, "nothing was measured")
    reasons: list[str] = []
    if facts.busy >= MAX_BUSY:
        reasons.append(f"it was busy {facts.busy:.0%} of the time (limit {MAX_BUSY:.0%})")
    if facts.starved is not None and facts.starved > MAX_STARVED:
        reasons.append(
            f"it had to wait for its core {facts.starved:.0%} of the time (limit {MAX_STARVED:.0%}): others use it too"
        )
    late = facts.lateness_p99_us
    if late is not None:
        allowed = max(MAX_LATENESS_US, MAX_LATENESS_SHARE * (facts.p50_us or 0.0))
        if late > allowed:
            reasons.append(f"1 % of its requests were sent over {late:,.0f} us late (limit {allowed:,.0f} us)")
    if facts.in_flight is not None and facts.expected_in_flight:
        off = facts.in_flight / facts.expected_in_flight - 1
        if abs(off) > MAX_LITTLE_ERROR:
            reasons.append(
                f"its figures contradict one another: rate x mean latency is {facts.in_flight:.1f} requests in flight, "
                f"and {facts.expected_in_flight:g} were"
            )
    if reasons:
        return Verdict(True, "the client was the limit, or may have been: " + "; ".join(reasons))
    text = f"the client was not the limit: busy {facts.busy:.0%} of the time"
    if late is not None:
        text += f", 99 % of its requests sent within {late:,.0f} us of the time they were due"
    return Verdict(False, text)


def busiest(shares: Sequence[float]) -> float:
    """The share of the busiest process, 0 to 1."""
    return min(1.0, max(0.0, max(shares, default=0.0)))
