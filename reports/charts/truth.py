"""Truth: what clients report, on top of what is right.

Two charts. One has a row for each measurement: a tick where each percentile belongs, a mark where the client put it.
The other has the percentiles across and latency upwards, a line for each client and a broad one for what is right.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.rows import BOTTOM, GAP, LINE, TOP, Frame, draw_axis, fitting, margin
from reports.charts.style import BAND, COLOURS, GRID, INK, MUTED, SMALL, WIDTH, Canvas, LinearScale, LogScale
from reports.charts.svg import Area, Chart, finish
from reports.figures import axis_number

RIGHT = 138.0


@dataclass(frozen=True)
class TruthRow:
    """One measurement: (percentile, right, reported) in ms, reported None where there were too few requests."""

    title: str
    anchor: str
    kind: str
    points: tuple[tuple[str, float, float | None], ...]
    good: bool
    label: str
    hover: str


def truth(name: str, rows: Sequence[TruthRow], title: str, label: str) -> Chart:
    """Draw measurements on a logarithmic axis of milliseconds."""
    left = margin([row.title for row in rows], 290)
    tall = LINE + GAP
    bottom = TOP + len(rows) * tall
    canvas = Canvas(bottom + BOTTOM)
    values = [v for row in rows for _, right, told in row.points for v in (right, told or right)]
    frame = Frame(canvas, LogScale(values, left + 10, WIDTH - RIGHT), left, WIDTH - RIGHT, TOP, bottom)
    draw_axis(frame, label, axis_number)
    for index, row in enumerate(rows):
        top = TOP + index * tall
        y = top + tall / 2
        if index % 2 == 0:
            canvas.box(0, top, canvas.width, tall, colour=BAND)
        canvas.text(left - 8, y, row.title, anchor="end", limit=fitting(left))
        xs = [frame.scale(right) for _, right, _ in row.points]
        canvas.lines([[(x, y - 11), (x, y + 11)] for x in xs], colour=INK, width=1.6, order=1)
        told = [(frame.scale(value), y) for _, _, value in row.points if value is not None]
        canvas.marks(told, kind=row.kind, hollow=not row.good)
        canvas.text(WIDTH - RIGHT + 10, y, row.label, size=SMALL, colour=INK if row.good else MUTED, limit=26)
        frame.areas.append(Area(0, top, canvas.width, tall, row.hover, f"#{row.anchor}"))
    return finish(canvas, name, title, "Reported percentiles beside the right ones; the table has them.", frame.areas)


@dataclass(frozen=True)
class Line:
    """What one client reports: (percentile as a share, ms) by rising share; `kind` gives its colour and mark."""

    title: str
    kind: str
    points: tuple[tuple[float, float], ...]
    hover: str = ""


HEIGHT = 270.0
LEFT = 58.0
FOOT = 46.0


def stall(name: str, right: Line, lines: Sequence[Line], title: str, label: str) -> Chart:
    """Draw percentiles across, spread out towards the slowest, and latency (ms) upwards from zero."""
    canvas = Canvas(HEIGHT + FOOT + 8)
    everything = [*right.points, *(point for line in lines for point in line.points)]
    up = LinearScale([value for _, value in everything], HEIGHT, 14.0)
    most = max((_place(share) for share, _ in everything), default=3.0)
    across = LinearScale([most], LEFT + 14, WIDTH - 30)
    ticks = up.ticks(44)
    canvas.lines([[(LEFT, up(tick)), (WIDTH - 12, up(tick))] for tick in ticks], colour=GRID, order=0.5)
    for tick in ticks:
        canvas.text(LEFT - 8, up(tick), axis_number(tick), anchor="end", size=SMALL, colour=MUTED)
    for share in sorted({share for share, _ in everything}):
        x = across(_place(share))
        canvas.lines([[(x, 14.0), (x, HEIGHT)]], colour=GRID, order=0.5)
        canvas.text(x, HEIGHT + 13, f"p{share * 100:g}", anchor="middle", size=SMALL, colour=MUTED)
    canvas.text(LEFT - 46, HEIGHT + 34, label, size=SMALL, colour=MUTED)
    path = [(across(_place(share)), up(value)) for share, value in right.points]
    canvas.lines([path], colour=INK, width=9, alpha=0.2, order=1, cap="round")
    areas = []
    for line in lines:
        points = [(across(_place(share)), up(value)) for share, value in line.points]
        canvas.lines([points], colour=COLOURS[line.kind], width=1.8, order=2)
        canvas.marks(points, kind=line.kind)
    for index, (share, _) in enumerate(right.points):
        told = [f"p{share * 100:g} on paper: {right.points[index][1]:,.1f} ms"]
        told += [f"{line.title}: {v:,.1f} ms" for line in lines for s, v in line.points if s == share]
        x = across(_place(share))
        areas.append(Area(x - 22, 14.0, 44, HEIGHT - 14, "\n".join(told)))
    return finish(
        canvas, name, title, "Latency percentiles by client beside the right ones; the table has them.", areas
    )


def _place(share: float) -> float:
    """Where a percentile stands: each nine is as far from the next."""
    return -math.log10(max(1e-6, 1 - share))
