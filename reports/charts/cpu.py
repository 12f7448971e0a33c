"""CPU time of the server's process tree per request: what a neighbour on the machine disturbs least."""

from __future__ import annotations

from collections.abc import Sequence

from reports.charts.rows import Row, rows_chart
from reports.charts.svg import Chart


def cpu(name: str, rows: Sequence[Row], title: str, unit: str) -> Chart:
    """Draw CPU microseconds per request; `unit` is one of what is counted (request, message)."""
    return rows_chart(
        name,
        rows,
        title=title,
        description=f"Dot plot of CPU microseconds per {unit}, logarithmic axis, one row a stack. The table has them.",
        label=f"\N{LEFTWARDS ARROW} less is better \N{MIDDLE DOT} CPU \N{MICRO SIGN}s per {unit}, logarithmic",
    )
