"""Latency percentiles of each cell on one line: p50 as the mark, p90, p99 and p99.9 as ever shorter ticks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.rows import (
    BOTTOM,
    GAP,
    HEAD,
    LINE,
    NAME,
    TOP,
    Frame,
    draw_axis,
    end_for,
    label_width,
    margin,
    write_name,
    write_note,
)
from reports.charts.style import BAND, COLOURS, INK, MUTED, NARROW, SMALL, WIDTH, Canvas, LogScale
from reports.charts.svg import Area, Chart, finish
from reports.figures import axis_number


@dataclass(frozen=True)
class Ladder:
    """The percentiles of one cell (ms), by rising percentile; `note` where there is nothing to print."""

    runtime: str
    kind: str
    steps: tuple[tuple[str, float], ...]
    label: str
    hover: str
    note: str = ""
    version: str = ""


@dataclass(frozen=True)
class LatencyRow:
    """A stack with a ladder for each runtime."""

    stack: str
    title: str
    anchor: str
    ladders: tuple[Ladder, ...]


TICKS = {"p90": 8.0, "p99": 11.0, "p99.9": 8.0}


def latency(name: str, rows: Sequence[LatencyRow], title: str, label: str) -> Chart:
    """Draw latency ladders on a logarithmic axis of milliseconds."""
    wide, narrow = (_sheet(rows, width, label) for width in (WIDTH, NARROW))
    description = "Latency percentiles, one row a stack. The table holds p50 and p99."
    return finish(wide.canvas, name, title, description, wide.areas, (narrow.canvas, narrow.areas))


def _sheet(rows: Sequence[LatencyRow], width: float, label: str) -> Frame:
    head = HEAD if width < WIDTH else 0.0
    left = 0.0 if head else margin([row.title for row in rows])
    bottom = TOP + sum(head + max(1, len(row.ladders)) * LINE + GAP for row in rows)
    canvas = Canvas(bottom + BOTTOM + head, width)
    values = [value for row in rows for ladder in row.ladders for _, value in ladder.steps]
    right = end_for(_beside(rows, named=bool(head)), values, left + 8, width)
    frame = Frame(canvas, LogScale(values, left + 8, right), left, right, TOP, bottom, head)
    draw_axis(frame, label, axis_number)
    named: set[str] = set()
    y = TOP
    for index, row in enumerate(rows):
        tall = head + max(1, len(row.ladders)) * LINE + GAP
        if index % 2 == 0:
            canvas.box(0, y, canvas.width, tall, colour=BAND)
        write_name(frame, y, tall, row.title)
        if head:
            frame.areas.append(Area(0, y, canvas.width, tall, "", f"#{row.anchor}", row.stack))
        middle = y + head + GAP / 2 + LINE / 2 - (2 if head else 0)
        for ladder in row.ladders:
            _ladder(frame, ladder, middle, named)
            if not head:
                key = f"{row.stack}|{ladder.runtime}"
                frame.areas.append(Area(0, middle - LINE / 2, canvas.width, LINE, ladder.hover, f"#{row.anchor}", key))
            middle += LINE
        y += tall
    return frame


def _beside(rows: Sequence[LatencyRow], *, named: bool) -> list[tuple[float, float]]:
    """Return for each ladder its last step and how much is written right of it (pixels)."""
    found, known = [], set()
    for ladder in (ladder for row in rows for ladder in row.ladders if ladder.steps):
        name = ladder.version or ("" if named or ladder.runtime in known else ladder.runtime)
        known.add(ladder.runtime)
        found.append((ladder.steps[-1][1], 8 + label_width(ladder.label) + NAME * len(name)))
    return found


def _ladder(frame: Frame, ladder: Ladder, y: float, named: set[str]) -> None:
    canvas, scale, ink = frame.canvas, frame.scale, COLOURS[ladder.kind]
    if not ladder.steps:
        write_note(frame, y, ladder.note)
        return
    points = [(step, scale(value)) for step, value in ladder.steps]
    canvas.lines([[(points[0][1], y), (points[-1][1], y)]], colour=ink, width=1.6, alpha=0.55, order=2)
    for step, x in points:
        if step in TICKS:
            half = TICKS[step] / 2
            canvas.lines([[(x, y - half), (x, y + half)]], colour=ink, width=2.4 if step == "p99" else 1.6, order=3)
        else:
            canvas.marks([(x, y)], kind=ladder.kind)
    first = not named
    if first:  # name the steps once, where they stand
        taken = -100.0
        for step, x in points:
            if x - taken > 30:
                canvas.text(x, frame.top - 10, step, anchor="middle", size=SMALL, colour=MUTED)
                taken = x
    edge = points[-1][1] + 8
    canvas.text(edge, y, ladder.label, size=SMALL, colour=INK)
    if ladder.version:
        canvas.text(edge + label_width(ladder.label), y, ladder.version, size=SMALL, colour=ink, limit=12)
    elif ladder.runtime not in named and not frame.head:
        canvas.text(edge + label_width(ladder.label), y, ladder.runtime, size=SMALL, colour=ink, bold=True, limit=30)
    named.add(ladder.runtime)
