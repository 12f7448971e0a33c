"""Throughput at each number of connections: which number serves most, for the chart, its title and its table."""

from __future__ import annotations

from collections import Counter

from reports.charts.counts import Panel, Track
from reports.figures import NONE, count, interval, significant
from reports.findings import cells_of
from reports.marks import Places, by_stack
from reports.names import runtime_kind, runtime_name, workload_name
from results.further import CountPoint
from results.summary import CellSummary, Summary


def best(cell: CellSummary) -> CountPoint:
    """Return the point at which a cell served most: its capacity, as far as it was looked for."""
    return max(cell.counts, key=lambda point: (point.rps, -point.connections))


def count_panels(summary: Summary, workload: str, places: Places) -> list[Panel]:
    """Panels of throughput against connections, highest capacity first; none where a run had one number only."""
    panels = []
    for group in by_stack(summary, workload).values():
        cells = [cell for cell in group if cell.counts]
        if cells:
            hover = "\n".join([group[0].title, *(_words(cell) for cell in cells)])
            tracks = tuple(_track(cell) for cell in cells)
            panel = Panel(group[0].stack, group[0].title, places[group[0].stack], hover, tracks)
            panels.append((-best(cells[0]).rps, group[0].stack, panel))
    return [panel for _, _, panel in sorted(panels, key=lambda entry: entry[:2])]


def _track(cell: CellSummary) -> Track:
    points = tuple((p.connections, p.rps, p.low, p.high) for p in cell.counts)
    return Track(runtime_kind(cell.runtime), points, best(cell).connections, _best_words(cell))


def _best_words(cell: CellSummary) -> str:
    found = best(cell)
    bound = "\N{GREATER-THAN OR EQUAL TO} " if cell.censored else ""
    return f"{bound}{significant(found.rps)} at {found.connections:,}"


def _words(cell: CellSummary) -> str:
    ends = interval(best(cell).low, best(cell).high)
    return f"{runtime_name(cell.runtime)}: most {_best_words(cell)} connections" + (f" [{ends}]" if ends else "")


def count_title(summary: Summary, workload: str) -> str:
    """Say in one sentence with how many connections most cells serve most."""
    cells = [cell for cell in cells_of(summary, workload) if cell.counts]
    votes = Counter(best(cell).connections for cell in cells)
    number, times = min(votes.items(), key=lambda item: (-item[1], item[0]))
    what = workload_name(workload).heading
    if len(votes) == 1:
        return f"All serve most {what} with {number:,} connections"
    return f"{times} of {count(len(cells), 'cell')} serve most {what} with {number:,} connections"


def count_table(
    summary: Summary, workload: str, places: Places
) -> tuple[tuple[str, ...], list[tuple[str, str, tuple[str, ...]]]]:
    """Return the headings and rows of the chart's figures, in the order of the run's cells."""
    cells = [cell for cell in cells_of(summary, workload) if cell.counts]
    numbers = sorted({point.connections for cell in cells for point in cell.counts})
    rows = []
    for cell in cells:
        figures = {point.connections: significant(point.rps) for point in cell.counts}
        name = f"{cell.title}, {runtime_name(cell.runtime)}"
        rows.append((name, places[cell.stack], tuple(figures.get(number, NONE) for number in numbers)))
    return ("Connections", *(f"{number:,}" for number in numbers)), rows
