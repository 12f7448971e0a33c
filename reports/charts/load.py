"""Latency against load: p50 and p99 over the offered rate, one small panel a stack, the knee marked.

All panels share both axes, so that a stack further right carries more and one further down answers sooner.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.style import COLOURS, GRID, MUTED, SMALL, WIDTH, Canvas, LogScale
from reports.charts.svg import Area, Chart, finish
from reports.figures import axis_number


@dataclass(frozen=True)
class Track:
    """One cell: (offered rate, p50 ms, p99 ms or None, whether it was served in time), by rising rate, and its knee."""

    kind: str
    points: tuple[tuple[float, float | None, float | None, bool], ...]
    knee: float | None = None


@dataclass(frozen=True)
class Panel:
    """A stack's tracks on all runtimes."""

    stack: str
    title: str
    anchor: str
    hover: str
    tracks: tuple[Track, ...]


COLUMNS = 3
HEAD, TALL, FOOT = 24.0, 118.0, 26.0
LEFT, GUTTER = 44.0, 18.0


def load(name: str, panels: Sequence[Panel], title: str, unit: str) -> Chart:
    """Draw panels in rows of three, both axes logarithmic; `unit` is what is counted (requests, messages)."""
    rows = -(-len(panels) // COLUMNS)
    pitch = HEAD + TALL + FOOT
    width = (WIDTH - LEFT - GUTTER * COLUMNS) / COLUMNS
    canvas = Canvas(rows * pitch + 20)
    tracks = [track for panel in panels for track in panel.tracks]
    rates = [rate for track in tracks for rate, *_ in track.points] + [t.knee for t in tracks if t.knee]
    times = [ms for track in tracks for _, p50, p99, _ in track.points for ms in (p50, p99) if ms]
    areas = []
    for index, panel in enumerate(panels):
        x = LEFT + index % COLUMNS * (width + GUTTER)
        y = index // COLUMNS * pitch + HEAD
        across, up = LogScale(rates, x, x + width), LogScale(times, 0, TALL)
        _axes(canvas, across, up, (x, y), labelled=index % COLUMNS == 0)
        canvas.text(x, y - 12, panel.title, bold=True, limit=int(width / 7.4))
        for track in panel.tracks:
            _track(canvas, track, across, up, y)
        areas.append(Area(x, y - HEAD, width, pitch, panel.hover, f"#{panel.anchor}", panel.stack))
    foot = f"offered {unit} per second, logarithmic \N{MIDDLE DOT} upwards: ms, logarithmic"
    canvas.text(LEFT, rows * pitch + 8, foot, size=SMALL, colour=MUTED)
    return finish(canvas, name, title, "Latency over offered load, one panel a stack.", areas)


def _axes(canvas: Canvas, across: LogScale, up: LogScale, corner: tuple[float, float], *, labelled: bool) -> None:
    x, y = corner
    for tick in up.ticks(24, 16):
        level = y + TALL - up(tick)
        canvas.lines([[(x, level), (across.right, level)]], colour=GRID)
        if labelled:
            canvas.text(x - 7, level, axis_number(tick), anchor="end", size=SMALL - 1, colour=MUTED)
    for tick in across.ticks(48, 38):
        canvas.text(across(tick), y + TALL + 11, axis_number(tick), anchor="middle", size=SMALL - 1, colour=MUTED)


def _track(canvas: Canvas, track: Track, across: LogScale, up: LogScale, top: float) -> None:
    ink = COLOURS[track.kind]
    for column, thick in ((1, 1.8), (2, 1.0)):
        points = [(across(p[0]), top + TALL - up(ms)) for p in track.points if (ms := (p[1], p[2])[column - 1])]
        canvas.lines([points], colour=ink, width=thick, order=2, dash=None if column == 1 else (3, 2))
    for rate, p50, _, served in track.points:
        if p50:
            canvas.marks([(across(rate), top + TALL - up(p50))], kind=track.kind, hollow=not served)
    if track.knee:
        x = across(track.knee)
        canvas.lines([[(x, top), (x, top + TALL)]], colour=ink, width=1.2, dash=(1, 3), order=1.5)
