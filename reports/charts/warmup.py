"""Warm-up curves: throughput against time from the first request, one small panel a stack, every process a line.

All panels share both axes, so that heights and times compare; the grey part is what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.spectrum import simplified
from reports.charts.style import BAND, COLOURS, FAINT, GRID, INK, MUTED, SMALL, WIDTH, Canvas, LinearScale
from reports.charts.svg import Area, Chart, finish
from reports.figures import axis_number


@dataclass(frozen=True)
class Curve:
    """One process: (seconds from the first request, value relative to the steady part of its own cell)."""

    kind: str
    points: tuple[tuple[float, float], ...]
    measured_from: float | None = None


@dataclass(frozen=True)
class Panel:
    """A stack's curves on all runtimes, with what they came to in words."""

    stack: str
    title: str
    anchor: str
    note: str
    hover: str
    curves: tuple[Curve, ...]


COLUMNS = 4
PANEL_HEIGHT = 96.0
HEAD, FOOT = 36.0, 26.0
GUTTER = 14.0
LEFT = 34.0
CEILING = 1.4
"""Where panels end: a window this far over the steady mean is drawn at the edge."""


def warmup(name: str, panels: Sequence[Panel], title: str) -> Chart:
    """Draw panels in rows of four; the vertical axis is throughput over the cell's own steady mean."""
    rows = -(-len(panels) // COLUMNS)
    pitch = HEAD + PANEL_HEIGHT + FOOT
    width = (WIDTH - LEFT - GUTTER * COLUMNS) / COLUMNS
    canvas = Canvas(rows * pitch + 18)
    longest = max((curve.points[-1][0] for panel in panels for curve in panel.curves if curve.points), default=1.0)
    areas: list[Area] = []
    for index, panel in enumerate(panels):
        x = LEFT + index % COLUMNS * (width + GUTTER)
        y = index // COLUMNS * pitch + HEAD
        _panel(canvas, panel, x, y, width, longest, first=index % COLUMNS == 0)
        key = panel.stack
        areas.append(Area(x, y - HEAD, width, pitch, panel.hover, f"#{panel.anchor}", key))
    canvas.text(LEFT, rows * pitch + 6, "seconds from the first request", size=SMALL, colour=MUTED)
    return finish(canvas, name, title, "Throughput over time while warming up, one panel a stack.", areas)


def _panel(canvas: Canvas, panel: Panel, x: float, y: float, width: float, longest: float, *, first: bool) -> None:
    across = LinearScale([longest], x, x + width)
    bottom = y + PANEL_HEIGHT

    def up(value: float) -> float:
        return bottom - min(max(value, 0.0), CEILING) / CEILING * PANEL_HEIGHT

    canvas.text(x, y - 24, panel.title, bold=True, limit=19)
    canvas.text(x, y - 9, panel.note, size=SMALL - 1, colour=MUTED, limit=30)
    starts = [curve.measured_from for curve in panel.curves if curve.measured_from is not None]
    if starts:
        canvas.box(across(min(starts)), y, x + width - across(min(starts)), PANEL_HEIGHT, colour=BAND)
    canvas.lines([[(x, up(v)), (x + width, up(v))] for v in (0.0, 0.5)], colour=GRID)
    canvas.lines([[(x, up(1.0)), (x + width, up(1.0))]], colour=FAINT, width=0.8, dash=(3, 3))
    if first:
        for value, text in ((0.0, "0"), (0.5, "\N{VULGAR FRACTION ONE HALF}"), (1.0, "1")):
            canvas.text(x - 7, up(value), text, anchor="end", size=SMALL, colour=MUTED)
    for tick in across.ticks(40):
        canvas.text(across(tick), bottom + 11, axis_number(tick), anchor="middle", size=SMALL - 1, colour=MUTED)
    for kind in sorted({curve.kind for curve in panel.curves}):
        curves = [c for c in panel.curves if c.kind == kind]
        canvas.lines(
            [simplified([(across(t), up(v)) for t, v in curve.points], 0.5) for curve in curves],
            colour=COLOURS.get(kind, INK),
            width=1.4,
            alpha=0.9 if len(curves) == 1 else 0.55,
            order=2,
        )
