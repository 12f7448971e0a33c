"""What Locust measured, as a table of its own: never beside the native client's figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from reports.figures import NONE, percent, significant
from reports.names import runtime_kind, runtime_name
from results.locust import LocustRow, conditions, milliseconds


@dataclass(frozen=True)
class Journey:
    """A row of the table; `problem` stands in place of the figures, `steps` are its parts as (name, figures)."""

    title: str
    anchor: str
    runtime: str
    kind: str
    journey: str
    figures: list[str]
    mind: str
    problem: str = ""
    steps: list[tuple[str, list[str]]] = field(default_factory=list)


def journeys(rows: Iterable[LocustRow], places: Mapping[str, str]) -> list[Journey]:
    """Return the rows of the table, in the order given."""
    return [_journey(row, places[row.stack]) for row in rows]


def _journey(row: LocustRow, anchor: str) -> Journey:
    problem = ""
    if row.rps is None:
        problem = "; ".join(part for part in (row.reason, row.hint) if part) or "no reason was recorded"
        problem = f"{row.status}{f' at {row.stage}' if row.stage else ''}: {problem}"
    figures = [
        str(row.users) if row.users is not None else NONE,
        significant(row.rps),
        f"{row.failed:,}",
        milliseconds(row.latency_us.get("p50")) or NONE,
        milliseconds(row.latency_us.get("p99")) or NONE,
        percent(row.client_busy),
    ]
    words = [flag.name for flag in row.flags]
    if row.status != "ok" and not problem:  # it has figures, of a server that failed under them
        words.insert(0, f"{row.status}: {row.reason or 'no reason was recorded'}")
    words += [f"first error of kind {kind}: {text}" for kind, text in sorted(row.examples.items())]
    steps = [
        (
            step.name,
            [
                significant(step.rps),
                f"{step.errors:,}",
                milliseconds(step.latency_us.get("p50")) or NONE,
                milliseconds(step.latency_us.get("p99")) or NONE,
            ],
        )
        for step in row.steps
    ]
    return Journey(
        title=row.title,
        anchor=anchor,
        runtime=runtime_name(row.runtime),
        kind=runtime_kind(row.runtime),
        journey=conditions(row, users=False),
        figures=figures,
        mind="; ".join(words),
        problem=problem,
        steps=steps,
    )
