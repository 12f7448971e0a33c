"""Locust's figures for a terminal: a table for each test, and the limits under them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from results.locust import LIMITS, LocustRow, conditions, milliseconds, remarks
from results.schema import Step

BUSY = 0.5
"""Below this most of Locust's time is not spent on requests, and what one costs cannot be told."""


def render_locust(rows: Sequence[LocustRow]) -> list[RenderableType]:
    """Return what is printed of Locust's tests, in order; nothing where there are none."""
    if not rows:
        return []
    parts: list[RenderableType] = []
    for row in rows:
        if row.rps is not None:
            parts.append(_table(row))
        else:
            parts.append(Text(f"{row.stack} on {row.runtime}: {conditions(row)}", style="bold"))
        parts += [Text(f"  {line}") for line in _facts(row) + remarks(row)]
        parts.append("")
    parts.append(Text("These are Locust's figures, not the native client's:", style="bold"))
    parts += [Text(f"- {sentence}") for sentence in LIMITS]
    return parts


def _table(row: LocustRow) -> Table:
    table = Table(
        title=f"{row.stack} on {row.runtime}: {conditions(row)}", title_justify="left", title_style="bold", min_width=60
    )
    table.add_column("step")
    for name in ("requests", "failed", "req/s", "mean ms", "p50", "p90", "p99", "p99.9", "max"):
        table.add_column(name, justify="right", no_wrap=True)
    for step in row.steps:
        table.add_row(*_cells(step))
    if len(row.steps) != 1:
        table.add_section()
        table.add_row(*_cells(Step("all", row.requests, row.failed, row.rps or 0.0, row.latency_us)))
    return table


def _cells(step: Step) -> list[str]:
    mean, most = step.latency_us.get("mean"), step.latency_us.get("max")
    return [
        step.name,
        f"{step.requests:,}",
        f"{step.errors:,}",
        f"{step.rps:,.1f}" if step.rps < 1000 else f"{step.rps:,.0f}",
        "" if mean is None else f"{mean / 1000:,.1f}",
        *(milliseconds(step.latency_us.get(name)) for name in ("p50", "p90", "p99", "p99.9")),
        "" if most is None else f"{most / 1000:,.0f}",
    ]


def _facts(row: LocustRow) -> list[str]:
    found = []
    if row.client_busy is not None:
        found.append(f"Locust {row.version or ''} was busy {row.client_busy:.0%} of its core".replace("  ", " "))
        if row.client_busy >= BUSY and row.client_cpu_us_per_request:
            most = float(f"{1e6 / row.client_cpu_us_per_request:.2g}")
            found.append(f"with all of it, it could have made about {most:,.0f} requests/s here")
    if row.server_cpu_us_per_request is not None:
        found.append(f"the server used {row.server_cpu_us_per_request:,.0f} µs of CPU per request")
    return ["; ".join(found)] if found else []
