"""Truth on a calibration's page: what was reported beside what was worked out on paper, and what others report."""

from __future__ import annotations

from reports.calibration_views import UNDERSTANDING, Figure, TableRow
from reports.charts.truth import Line, TruthRow, stall, truth
from reports.figures import NONE, count, duration, milliseconds, spoken
from reports.trust import Mood
from results.calibration import OURS, PERCENTILES, Calibration, Judged, Truth, judge
from results.locust import LOCUST

CLIENT_KINDS = {"wrk": "pypy", LOCUST: "other"}
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def _truth_name(entry: Truth) -> str:
    return f"{entry.law}, {entry.rate:,.0f}/s"


def _good(entry: Truth) -> bool:
    return all(judged.verdict != "off" for judged in judge(entry))


def _mood(entry: Truth) -> Mood:
    verdicts = {judged.verdict for judged in judge(entry)}
    return "bad" if "off" in verdicts else "good" if verdicts <= {"within", "as served"} else "mind"


def truth_figure(record: Calibration) -> Figure | None:
    """Reported percentiles on those worked out; None where nothing was measured."""
    entries = [entry for entry in record.truth if entry.judged and entry.reason is None]
    if not entries:
        return None
    rows = []
    for entry in entries:
        judged = judge(entry)
        points = tuple((j.name, j.expected / 1000, j.reported / 1000 if j.reported else None) for j in judged)
        worst = max((abs(j.reported - j.expected) for j in judged if j.reported is not None), default=None)
        hover = [f"{_truth_name(entry)}"]
        hover += [f"{j.name}: {milliseconds(j.reported)} ms, on paper {milliseconds(j.expected)} ms" for j in judged]
        label = f"off by {duration(worst)} at most" if worst is not None else "too few requests"
        good = _good(entry)
        rows.append(TruthRow(_truth_name(entry), "truth-table", "cpython", points, good, label, "\n".join(hover)))
    right = sum(row.good for row in rows)
    title = (
        "What it reports is what is true"
        if right == len(rows)
        else f"{right} of {len(rows)} measurements are right in every percentile"
    )
    chart = truth("tr", rows, title, "ms, logarithmic \N{MIDDLE DOT} p50, p90, p99, p99.9; ticks: on paper")
    subtitle = (
        "percentiles reported in open loop, on top of the right ones; each row is a server and a rate of arrivals"
    )
    return Figure("truth", "truth-chart", title, subtitle, chart, UNDERSTANDING["truth"])


def _stall_entries(record: Calibration) -> list[Truth]:
    """The open loop at the lowest rate, and the demonstrations."""
    stalls = [entry for entry in record.truth if entry.kind == "stall" and entry.reason is None]
    ours = [entry for entry in stalls if entry.judged]
    return ([min(ours, key=lambda entry: entry.rate)] if ours else []) + [e for e in stalls if not e.judged]


def _client_kind(entry: Truth) -> str:
    if entry.client == OURS:
        return "cpython" if entry.loop == "open" else "node"
    return CLIENT_KINDS.get(entry.client, "other")


def _client(entry: Truth) -> str:
    return f"{entry.client}, {entry.loop} loop"


def stall_legend(record: Calibration) -> list[tuple[str, str]]:
    """(kind, name) of each client in the demonstration's chart."""
    return [
        (_client_kind(entry), _client(entry)) for entry in _stall_entries(record) if any(entry.reported_us.values())
    ]


def stall_figure(record: Calibration) -> Figure | None:
    """What clients report of a server that stalls; None without a demonstration."""
    entries = [entry for entry in _stall_entries(record) if any(entry.reported_us.values())]
    demonstrations = [entry for entry in entries if not entry.judged]
    if not demonstrations:
        return None
    right = _line("on paper", "cpython", dict(demonstrations[0].expected_us))
    lines = [_line(_client(entry), _client_kind(entry), entry.reported_us) for entry in entries]
    open_ = next((entry for entry in entries if entry.judged), None)
    title = _stall_title(entries)
    chart = stall("st", right, lines, title, "ms, by percentile; the broad line: on paper")
    subtitle = f"{demonstrations[0].law}; on paper for users who arrive at {demonstrations[0].rate:,.0f} per second"
    if open_ is not None:
        subtitle += f"; {OURS} in open loop at {open_.rate:,.0f} per second"
    return Figure("stall", "stall-chart", title, subtitle, chart, UNDERSTANDING["stall"])


def _stall_title(entries: list[Truth]) -> str:
    words = [
        f"{duration(value)} by {entry.client} in {entry.loop} loop"
        for entry in entries
        if (value := entry.reported_us.get("p90")) is not None
    ]
    return f"p90 is {duration(entries[-1].expected_us['p90'])} on paper, {spoken(words)}"


def _line(title: str, kind: str, values: dict[str, float] | dict[str, float | None]) -> Line:
    found = [(SHARES[name], value / 1000) for name in PERCENTILES if (value := values.get(name)) is not None]
    return Line(title, kind, tuple(found))


def truth_line(entry: Truth) -> TableRow:
    """A measurement as a row of its table, or the reason why there is none."""
    name = _truth_name(entry) if entry.judged else _client(entry)
    if entry.reason is not None:
        return TableRow(name, [], "bad" if entry.judged else None, failed=entry.reason)
    cells = [f"{milliseconds(j.reported)}|{milliseconds(j.expected)}" for j in judge(entry)]
    bad = [_remark(entry, judged) for judged in judge(entry) if judged.verdict != "within"]
    cells.append(f"{entry.requests:,}")
    if entry.judged:
        cells += [duration(entry.lateness_us) if entry.lateness_us is not None else NONE, _late(entry)]
    remarks = ([spoken(bad)] if bad and entry.judged else []) + ([entry.note] if entry.note else [])
    remarks += [f"{flag.name}: {flag.detail}" for flag in entry.flags]
    if entry.unsent:
        remarks.append(f"{count(entry.unsent, 'request')} could not be sent")
    if entry.errors:
        remarks.append(f"{count(entry.errors, 'request')} failed")
    return TableRow(name, cells, _mood(entry) if entry.judged else None, "; ".join(remarks))


def _remark(entry: Truth, judged: Judged) -> str:
    """Why a percentile is not simply within."""
    if judged.verdict == "as served":
        return f"{judged.name} as served: {duration(entry.served_us[judged.name])} by the server's own clocks"
    return f"{judged.name} {judged.verdict}"


def _late(entry: Truth) -> str:
    return duration(entry.late_us["p99"]) if "p99" in entry.late_us else NONE
