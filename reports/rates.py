"""The rate at which the stacks of a workload can be compared, and when a latency found at it may be printed."""

from __future__ import annotations

from collections import Counter

from reports.figures import significant
from results.further import LatencyPoint
from results.summary import CellSummary, Summary

CLIENT_BUSY = 0.7
"""From this share of its core on, the load generator may be what answers late."""

MOST = 0.5
"""A point is taken for served where at least this share of its processes kept up with what was offered."""


def common_rate(summary: Summary, workload: str) -> float | None:
    """Return the rate at which a workload's stacks can be compared: the lowest that was tried with most of them."""
    tried = Counter(point.rate for c in summary.cells if c.workload == workload for point in c.latency if point.rate)
    if not tried:
        return None
    most = max(tried.values())
    return min(rate for rate, number in tried.items() if number == most)


def at_rate(cell: CellSummary, rate: float) -> LatencyPoint | None:
    """Return a cell's latency at a common rate."""
    return next((point for point in cell.latency if point.rate == rate), None)


def kept_up(point: LatencyPoint) -> bool:
    """Tell whether a stack kept up with what was offered, so that its latency is not that of a growing queue."""
    return point.served >= MOST


def trouble(point: LatencyPoint) -> str:
    """Say why the latency of a point is not printed; empty where it may be."""
    if not kept_up(point):
        achieved, offered = significant(point.achieved_rps), significant(point.offered_rps)
        return f"could not keep up, {achieved} of {offered} per second were served"
    if point.client_busy is not None and point.client_busy >= CLIENT_BUSY:
        return "not printed, the load generator was too busy to tell"
    return ""
