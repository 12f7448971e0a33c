"""What of a row can be held against another row's, process by process: the measured columns of the table.

Each has one figure per process. A figure that the table does not print (a latency that is the client's own) is not
compared either.
"""

from __future__ import annotations

from dataclasses import dataclass

from reports.rates import at_rate, trouble
from results.summary import CellSummary, Process


@dataclass(frozen=True)
class Measure:
    """A measured column: its key, the words for more and less of it, and which of the two is welcome."""

    key: str
    more: str = "more"
    less: str = "less"
    welcome: str = "less"


RPS = Measure("rps", "faster", "slower", "faster")
FURTHER = [Measure(key) for key in ("cpu", "p50", "p99", "memory", "rest", "start")]
"""Beside throughput. `memory` is under load, `rest` before it; both stand in the memory column."""


def per_process(cell: CellSummary, measure: Measure, rate: float | None) -> dict[int, float]:
    """Return a measure by block; latency is at the common `rate`, or at saturation where that is None."""
    if cell.rps is None or cell.engine != "native":
        return {}
    if measure.key in ("p50", "p99"):
        return _latency(cell, measure.key, rate)
    found = {process.block: _figure(process, measure.key) for process in cell.processes if process.counted}
    return {block: value for block, value in found.items() if value is not None and value > 0}


def _figure(process: Process, key: str) -> float | None:
    match key:
        case "rps":
            return process.rps
        case "cpu":
            return process.cpu_us_per_request
        case "memory":
            return process.pss_load_bytes
        case "rest":
            return process.pss_rest_bytes
        case "start":
            return process.start_s
    raise KeyError(key)


def _latency(cell: CellSummary, step: str, rate: float | None) -> dict[int, float]:
    if rate is None:
        # At saturation the client's own latency is in it where the client was the limit: the table prints none.
        if cell.censored or cell.latency_us.get(step) is None:
            return {}
        pairs = [(p.block, p.latency_us.get(step)) for p in cell.processes if p.counted]
    else:
        point = at_rate(cell, rate)
        if point is None or trouble(point) or point.latency_us.get(step) is None:
            return {}
        pairs = list(zip(point.blocks, point.each.get(step, []), strict=False))
    return {block: value for block, value in pairs if value}
