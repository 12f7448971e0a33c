"""Memory of the server's process tree, from rest to right after the load."""

from __future__ import annotations

from collections.abc import Sequence

from reports.charts.rows import Row, rows_chart
from reports.charts.svg import Chart


def memory(name: str, rows: Sequence[Row], title: str) -> Chart:
    """Draw PSS in MiB: a tick at rest, a mark under load, a bar between them."""
    return rows_chart(
        name,
        rows,
        title=title,
        description="Memory at rest and after the load, MiB, logarithmic axis. The table has the figures.",
        label="\N{LEFTWARDS ARROW} less is better \N{MIDDLE DOT} MiB, logarithmic; tick: at rest, mark: after the load",
        joined=False,
    )
