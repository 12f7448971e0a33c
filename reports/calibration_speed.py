"""Throughput on a calibration's page: the instrument beside other clients, and against null servers."""

from __future__ import annotations

from reports.calibration_views import MICRO, TIMES, UNDERSTANDING, WORKLOADS, Figure, TableRow
from reports.charts.forest import RatioRow, forest
from reports.charts.rows import Mark, Row, rows_chart
from reports.figures import NONE, count, duration, interval, significant, spoken, times
from reports.trust import Mood
from results.calibration import (
    OURS,
    Calibration,
    Ceiling,
    Comparison,
    cpu_us,
    failure,
    ratio,
    reached,
    throughput,
)

SERVERS = {"c": "null server in C", "python": "null server in Python"}
SERVER_KINDS = {"c": "cpython", "python": "pypy"}


def _comparison_name(entry: Comparison) -> str:
    return f"{entry.title}, {entry.connections} connections"


def ratio_figure(entries: list[Comparison], kind: str) -> Figure | None:
    """The instrument over other clients, as a forest plot; None where nothing was compared."""
    rows = []
    for entry in entries:
        found = ratio(entry)
        if found is None:
            continue
        ours = {shot.round: shot.rps for shot in entry.ours if shot.rps and shot.reason is None}
        theirs = {shot.round: shot.rps for shot in entry.theirs if shot.rps and shot.reason is None}
        values = tuple(ours[r] / theirs[r] for r in sorted(ours.keys() & theirs.keys()))
        decided = None if found.low is None or found.high is None else not found.low <= 1 <= found.high
        name = _comparison_name(entry) if kind == "agreement" else f"against {entry.other}"
        label = times(found.value)
        if found.low is not None:
            label += f"  {interval(found.low, found.high)}"
        hover = f"{name}: {OURS} over {entry.other} {label}, {count(found.n, 'round')}"
        rows.append(
            RatioRow(
                name,
                name,
                f"{kind}-table",
                "cpython",
                found.value,
                found.low,
                found.high,
                values,
                decided,
                label,
                hover,
            )
        )
    if not rows:
        return None
    other = spoken(dict.fromkeys(e.other for e in entries if ratio(e) is not None))
    title = f"{OURS} beside {other}"
    shown = "requests" if kind == "agreement" else "round trips"
    chart = forest(
        "ag" if kind == "agreement" else "ec",
        rows,
        title=title,
        measure=f"{shown} per second, {OURS} over the other client",
        sides=("other faster", f"{OURS} faster"),
    )
    ends = spoken(sorted({count(found.n, "round") for e in entries if (found := ratio(e))}))
    subtitle = f"{shown} per second by {OURS} over those by {other}, on the same server process; {ends}, 95 % CI"
    return Figure("forest", f"{kind}-chart", title, subtitle, chart, UNDERSTANDING[kind])


def comparison_line(entry: Comparison) -> TableRow:
    """A comparison as a row of its table, or the reason why there is none."""
    name = f"{_comparison_name(entry)}: {entry.other}"
    why = failure(entry)
    if why is not None:
        return TableRow(name, [], None, failed=why + (f": {entry.hint}" if entry.hint else ""))
    found, ours, theirs = ratio(entry), throughput(entry.ours), throughput(entry.theirs)
    assert found is not None and ours is not None and theirs is not None  # that is what `failure` says
    cells = [
        f"{times(found.value)}|{interval(found.low, found.high)}",
        significant(ours.value),
        significant(theirs.value),
        f"{entry.target:g}{TIMES}|{reached(entry)}" if entry.target is not None else NONE,
        significant(cpu_us(entry.ours)),
        significant(cpu_us(entry.theirs)),
    ]
    moods: dict[str | None, Mood] = {"reached": "good", "missed": "bad", "undecided": "mind"}
    noisy = sum(bool(shot.flags) for shot in (*entry.ours, *entry.theirs))
    remark = f"{noisy} of {len(entry.ours) + len(entry.theirs)} loads were disturbed" if noisy else ""
    return TableRow(name, cells, moods.get(reached(entry)), remark)


def servers(record: Calibration) -> list[str]:
    """The null servers that were used, in order."""
    return list(dict.fromkeys(entry.server for entry in record.ceiling))


def ceiling_figure(record: Calibration) -> Figure | None:
    """Throughput by workload and connections; None where nothing was measured."""
    groups: dict[tuple[str, int], list[Ceiling]] = {}
    for entry in record.ceiling:
        groups.setdefault((entry.workload, entry.connections), []).append(entry)
    rows, best = [], 0.0
    for (workload, connections), entries in groups.items():
        name = f"{WORKLOADS.get(workload, workload)}, {connections}"
        marks = tuple(_ceiling_mark(entry) for entry in entries)
        best = max([best, *(mark.value for mark in marks if mark.value and workload == "hello")])
        rows.append(Row(name, name, "ceiling-table", marks))
    if not any(mark.value for row in rows for mark in row.marks):
        return None
    title = f"Up to {significant(best)} verified HTTP requests per second on one core" if best else "The ceiling"
    chart = rows_chart(
        "ce",
        rows,
        title=title,
        description="Requests per second against null servers by number of connections.",
        label="requests or messages per second, logarithmic \N{MIDDLE DOT} client CPU per request beside the mark",
    )
    subtitle = (
        "requests or messages per second in closed loop, by workload and connections; geometric mean of the rounds"
    )
    return Figure("ceiling", "ceiling-chart", title, subtitle, chart, UNDERSTANDING["ceiling"])


def _ceiling_mark(entry: Ceiling) -> Mark:
    found, cost = throughput(entry.shots), cpu_us(entry.shots)
    kind, name = SERVER_KINDS.get(entry.server, "other"), SERVERS.get(entry.server, entry.server)
    if found is None:
        return Mark(name, kind, None, note=next((s.reason for s in entry.shots if s.reason), "not measured"))
    values = tuple(shot.rps for shot in entry.shots if shot.rps and shot.reason is None)
    label = significant(found.value) + (f" \N{MIDDLE DOT} {significant(cost, 2)} {MICRO}" if cost else "")
    hover = f"{name}, {entry.connections} connections: {label} of client CPU per request"
    return Mark("", kind, found.value, values=values, label=label, hover=hover)


def ceiling_line(entry: Ceiling) -> TableRow:
    """One number of connections as a row of its table."""
    what = f"{WORKLOADS.get(entry.workload, entry.workload)}, {SERVERS.get(entry.server, entry.server)}"
    found, cost = throughput(entry.shots), cpu_us(entry.shots)
    if found is None:
        return TableRow(what, [], "bad", failed=next((s.reason for s in entry.shots if s.reason), "not measured"))
    fine = [shot for shot in entry.shots if shot.reason is None]
    busy = [shot.busy for shot in fine if shot.busy is not None]
    medians = sorted(value for shot in fine if (value := shot.latency_us.get("p50")) is not None)
    cells = [
        str(entry.connections),
        f"{significant(found.value)}|{interval(found.low, found.high)}",
        significant(cost),
        f"{sum(busy) / len(busy):.0%}" if busy else NONE,
        duration(medians[len(medians) // 2]) if medians else NONE,
        str(found.n),
    ]
    noisy = sum(bool(shot.flags) for shot in fine)
    return TableRow(what, cells, None, f"{noisy} of {len(fine)} loads were disturbed" if noisy else "")
