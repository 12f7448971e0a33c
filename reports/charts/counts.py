"""Throughput against the number of connections: one small panel a stack, dots with intervals, the best one marked.

All panels share both axes, so that a stack further up serves more; both are logarithmic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.style import COLOURS, GRID, MUTED, SMALL, WIDTH, Canvas, LogScale
from reports.charts.svg import Area, Chart, finish
from reports.figures import axis_number


@dataclass(frozen=True)
class Track:
    """One cell: (connections, per second, low, high), by rising connections; `note` says its best."""

    kind: str
    points: tuple[tuple[int, float, float | None, float | None], ...]
    best: int
    note: str


@dataclass(frozen=True)
class Panel:
    """A stack's tracks on all runtimes."""

    stack: str
    title: str
    anchor: str
    hover: str
    tracks: tuple[Track, ...]


COLUMNS = 3
HEAD, TALL, FOOT = 38.0, 104.0, 26.0
LEFT, GUTTER = 52.0, 18.0
NOTES = 2
"""Runtimes whose best is written above a panel; more would not fit, and the table has them."""


def counts(name: str, panels: Sequence[Panel], title: str, unit: str) -> Chart:
    """Draw panels in rows of three; `unit` is what is counted (requests, messages)."""
    rows = -(-len(panels) // COLUMNS)
    pitch = HEAD + TALL + FOOT
    width = (WIDTH - LEFT - GUTTER * COLUMNS) / COLUMNS
    canvas = Canvas(rows * pitch + 20)
    points = [point for panel in panels for track in panel.tracks for point in track.points]
    numbers = sorted({connections for connections, *_ in points})
    figures = [v for _, value, low, high in points for v in (value, low or value, high or value)]
    areas = []
    for index, panel in enumerate(panels):
        x = LEFT + index % COLUMNS * (width + GUTTER)
        y = index // COLUMNS * pitch + HEAD
        across, up = LogScale(numbers, x, x + width, least=2), LogScale(figures, 0, TALL)
        for tick in up.ticks(24, 16):
            level = y + TALL - up(tick)
            canvas.lines([[(x, level), (x + width, level)]], colour=GRID)
            if index % COLUMNS == 0:
                canvas.text(x - 7, level, axis_number(tick), anchor="end", size=SMALL - 1, colour=MUTED)
        for number in roomy(numbers, across):
            canvas.text(across(number), y + TALL + 11, f"{number:,}", anchor="middle", size=SMALL - 1, colour=MUTED)
        canvas.text(x, y - 26, panel.title, bold=True, limit=int(width / 7.4))
        for place, track in enumerate(panel.tracks):
            _track(canvas, track, across, up, y)
            if len(panel.tracks) <= NOTES:
                ink = COLOURS[track.kind]
                canvas.text(x + place * width / NOTES, y - 11, track.note, size=SMALL - 1, colour=ink, limit=19)
        areas.append(Area(x, y - HEAD, width, pitch, panel.hover, f"#{panel.anchor}", panel.stack))
    foot = f"connections, logarithmic \N{MIDDLE DOT} upwards: {unit} per second, logarithmic"
    canvas.text(LEFT, rows * pitch + 8, foot, size=SMALL, colour=MUTED)
    description = "Throughput over connections, one panel a stack. The table beside it has the figures."
    return finish(canvas, name, title, description, areas)


def _track(canvas: Canvas, track: Track, across: LogScale, up: LogScale, top: float) -> None:
    ink = COLOURS[track.kind]
    places = [(across(connections), top + TALL - up(value)) for connections, value, _, _ in track.points]
    canvas.lines([places], colour=ink, width=1.2, alpha=0.6, order=1.5)
    for (_, _, low, high), (x, _) in zip(track.points, places, strict=True):
        if low is not None and high is not None:
            canvas.lines([[(x, top + TALL - up(low)), (x, top + TALL - up(high))]], colour=ink, width=1.8, order=2)
    rest = [place for point, place in zip(track.points, places, strict=True) if point[0] != track.best]
    canvas.dots(rest, colour=ink, size=4.6, alpha=1)
    canvas.marks([p for point, p in zip(track.points, places, strict=True) if point[0] == track.best], kind=track.kind)


def roomy(numbers: Sequence[int], scale: LogScale, apart: float = 26) -> list[int]:
    """Return the numbers that can be written under an axis, from the right: no two nearer than `apart` pixels."""
    kept: list[int] = []
    for number in reversed(numbers):
        if not kept or scale(kept[-1]) - scale(number) >= apart:
            kept.append(number)
    return kept[::-1]
