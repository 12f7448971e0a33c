"""The short table at the end of a calibration, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from results.calibration import (
    Calibration,
    Comparison,
    cpu_us,
    disturbed,
    failure,
    judge,
    orders,
    ratio,
    reached,
    throughput,
    verdict,
)

NONE = "-"
CORNER = {"hello": "HTTP", "echo": "WebSocket"}


def show(record: Calibration, console: Console) -> None:
    """Print what a calibration found."""
    for table in (_ceiling(record), _comparisons(record), _truth(record)):
        if table.row_count:
            console.print(table)
    for order in orders(record.agreement):
        same = "the same order by both" if order.same else f"{' > '.join(order.theirs)} by wrk: not the same order"
        console.print(Text(f"{order.connections} connections: {' > '.join(order.ours)} by loadgen; {same}"))
    for remark in record.remarks:
        console.print(Text(remark))
    console.print(Text(conclusion(record)))


def conclusion(record: Calibration) -> str:
    """The outcome in one sentence."""
    found = verdict(record)
    parts = []
    if found.judged:
        parts.append(f"{found.right} of {found.judged} percentiles within 2 % or 100 us of the right value")
    if found.off:
        parts.append(f"{found.off} wrong")
    if found.as_served:
        parts.append(
            f"{found.as_served} of them right by the server's own clocks, since the machine did not let it keep its law"
        )
    if found.too_few:
        parts.append(f"{found.too_few} with too few requests")
    parts += found.failures
    noisy, loads, reasons = disturbed(record)
    if noisy:
        parts.append(f"{noisy} of {loads} loads were disturbed by others on this machine ({', '.join(reasons)})")
        if not found.passed:
            parts.append("calibrate again when nothing else runs")
    return "; ".join(parts) if parts else "no latencies were judged"


def _ceiling(record: Calibration) -> Table:
    table = Table(title="ceiling: the instrument against null servers", title_justify="left")
    for name in ("", "connections", "requests/s", "client CPU us/request"):
        table.add_column(name, justify="left" if not name else "right")
    for entry in record.ceiling:
        found, cost = throughput(entry.shots), cpu_us(entry.shots)
        table.add_row(
            f"{CORNER.get(entry.workload, entry.workload)}, server in {entry.server.capitalize()}",
            str(entry.connections),
            f"{found.value:,.0f}" if found else NONE,
            f"{cost:.2f}" if cost else NONE,
        )
    return table


def _comparisons(record: Calibration) -> Table:
    table = Table(title="loadgen over other clients, interleaved", title_justify="left")
    for name in ("", "connections", "loadgen/s", "other", "other/s", "ratio (95 %)", "wanted"):
        table.add_column(name, justify="left" if name in ("", "other") else "right")
    for entry in (*record.agreement, *record.echo):
        table.add_row(
            Text(f"{CORNER.get(entry.workload, entry.workload)}, {entry.title}"),
            str(entry.connections),
            *_figures(entry),
        )
    return table


def _figures(entry: Comparison) -> Sequence[str | Text]:
    why = failure(entry)
    if why is not None:
        return (NONE, entry.other, NONE, Text(why + (f": {entry.hint}" if entry.hint else "")), "")
    found, ours, theirs = ratio(entry), throughput(entry.ours), throughput(entry.theirs)
    assert found is not None and ours is not None and theirs is not None
    interval = f" ({found.low:.3f}-{found.high:.3f})" if found.low is not None and found.high is not None else ""
    wanted = f"{entry.target:g}: {reached(entry)}" if entry.target is not None else ""
    return (f"{ours.value:,.0f}", entry.other, f"{theirs.value:,.0f}", f"{found.value:.3f}{interval}", wanted)


def _truth(record: Calibration) -> Table:
    table = Table(title="truth: reported (on paper) in ms", title_justify="left")
    for name in ("server", "client", "p50", "p90", "p99", "p99.9", ""):
        table.add_column(name, justify="left" if name in ("server", "client", "") else "right")
    for entry in record.truth:
        client = f"{entry.client}, {f'{entry.rate:,.0f}/s' if entry.loop == 'open' else 'closed loop'}"
        if entry.reason is not None:
            table.add_row(entry.law, client, "", "", "", "", Text(entry.reason))
            continue
        judged = judge(entry)
        cells = [
            f"{NONE if j.reported is None else f'{j.reported / 1000:,.2f}'} ({j.expected / 1000:,.2f})" for j in judged
        ]
        bad = sorted({j.verdict for j in judged if j.verdict != "within"})
        table.add_row(entry.law, client, *cells, (", ".join(bad) or "within") if entry.judged else "demonstration")
    return table
