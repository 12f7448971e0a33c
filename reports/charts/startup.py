"""Seconds from starting the server's process to its first right answer."""

from __future__ import annotations

from collections.abc import Sequence

from reports.charts.rows import Row, rows_chart
from reports.charts.svg import Chart


def startup(name: str, rows: Sequence[Row], title: str) -> Chart:
    """Draw start-up times in seconds."""
    return rows_chart(
        name,
        rows,
        title=title,
        description="Start-up time in seconds, logarithmic axis, one row a stack. The table holds the same figures.",
        label="\N{LEFTWARDS ARROW} less is better \N{MIDDLE DOT} seconds from start to first right answer, logarithmic",
    )
