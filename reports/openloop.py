"""Latency at given loads: what the open loops found, at a rate common to all stacks and at shares of each one's own."""

from __future__ import annotations

from reports.charts.latency import Ladder, LatencyRow
from reports.charts.load import Panel, Track
from reports.figures import duration, significant
from reports.findings import cells_of
from reports.marks import Places, by_stack, ladder_of
from reports.names import runtime_kind, runtime_name, short_versions
from reports.rates import at_rate, kept_up, trouble
from results.further import LatencyPoint
from results.summary import CellSummary, Summary


def rate_rows(summary: Summary, workload: str, rate: float, places: Places) -> list[LatencyRow]:
    """One row a stack: its percentiles at a common rate, lowest p50 on the baseline first."""
    versions = short_versions(summary.runtimes)
    rows = []
    for group in by_stack(summary, workload).values():
        ladders = tuple(
            ladder
            for cell in group
            if (point := at_rate(cell, rate)) is not None
            and (ladder := _ladder(cell, point, versions.get(cell.runtime, ""))) is not None
        )
        if ladders:
            rows.append(LatencyRow(group[0].stack, group[0].title, places[group[0].stack], ladders))
    return sorted(rows, key=lambda row: (next((x.steps[0][1] for x in row.ladders if x.steps), 1e12), row.stack))


def _ladder(cell: CellSummary, point: LatencyPoint, version: str) -> Ladder | None:
    if why := trouble(point):
        name = runtime_name(cell.runtime)
        note = f"{name}: {why}"
        return Ladder(name, runtime_kind(cell.runtime), (), "", f"{cell.title}\n{note}", note)
    return ladder_of(cell, point.latency_us, version)


def load_panels(summary: Summary, workload: str, places: Places) -> list[Panel]:
    """Panels of latency against load, for a workload in which some cell has three loads or more; else none."""
    panels = []
    if max((len(c.latency) for c in cells_of(summary, workload)), default=0) < 3:
        return []
    for group in by_stack(summary, workload).values():
        tracks = tuple(track for cell in group if (track := _track(cell)) is not None)
        if tracks:
            hover = "\n".join([group[0].title, *(line for cell in group if (line := _words(cell)))])
            panels.append(Panel(group[0].stack, group[0].title, places[group[0].stack], hover, tracks))
    return panels


def _track(cell: CellSummary) -> Track | None:
    points = sorted(cell.latency, key=lambda point: point.offered_rps)
    found = tuple(
        (point.offered_rps, _ms(point, "p50"), _ms(point, "p99"), kept_up(point))
        for point in points
        if point.latency_us.get("p50")
    )
    knee = cell.knee_rps.value if cell.knee_rps else None
    return Track(runtime_kind(cell.runtime), found, knee) if found else None


def _ms(point: LatencyPoint, step: str) -> float | None:
    value = point.latency_us.get(step)
    return value / 1000 if value else None


def _words(cell: CellSummary) -> str:
    parts = [
        f"{significant(point.offered_rps)}/s: p99 {duration(p99)}"
        for point in sorted(cell.latency, key=lambda point: point.offered_rps)
        if (p99 := point.latency_us.get("p99"))
    ]
    if cell.knee_rps:
        parts.append(f"knee {significant(cell.knee_rps.value)}/s")
    return f"{runtime_name(cell.runtime)}: {', '.join(parts)}" if parts else ""
