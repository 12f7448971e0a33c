"""Requests per second: a dot for each process, a mark for their mean, one row a stack."""

from __future__ import annotations

from collections.abc import Sequence

from reports.charts.rows import Row, rows_chart
from reports.charts.svg import Chart


def throughput(name: str, rows: Sequence[Row], title: str, unit: str) -> Chart:
    """Draw the throughput of one workload; `unit` is what is counted (requests, messages)."""
    return rows_chart(
        name,
        rows,
        title=title,
        description=f"Dot plot of {unit} per second, logarithmic axis, one row a stack. The table has the figures.",
        label=f"{unit} per second, logarithmic \N{RIGHTWARDS ARROW} more is better",
    )
