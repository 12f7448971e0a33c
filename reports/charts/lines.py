"""Lines of code against throughput: how much one writes, and what it serves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.style import FAINT, GRID, INK, MUTED, SMALL, WIDTH, Canvas, LinearScale, LogScale
from reports.charts.svg import Area, Chart, finish
from reports.figures import axis_number


@dataclass(frozen=True)
class Effort:
    """A stack: its lines of code, and (kind, runtime, value, hover) for each runtime."""

    stack: str
    title: str
    anchor: str
    lines: int
    marks: tuple[tuple[str, str, float, str], ...]


HEIGHT = 430.0
LEFT, RIGHT, TOP, FOOT = 64.0, 118.0, 22.0, 52.0


def lines_of_code(name: str, efforts: Sequence[Effort], title: str, unit: str) -> Chart:
    """Draw lines of code across, throughput upwards (logarithmic); the runtimes of a stack are joined."""
    canvas = Canvas(HEIGHT)
    bottom = HEIGHT - FOOT
    across = LinearScale([e.lines for e in efforts], LEFT, WIDTH - RIGHT)
    up = LogScale([value for e in efforts for _, _, value, _ in e.marks], bottom, TOP)
    for tick in across.ticks():
        canvas.lines([[(across(tick), TOP), (across(tick), bottom)]], colour=GRID)
        canvas.text(across(tick), bottom + 14, axis_number(tick), anchor="middle", size=SMALL, colour=MUTED)
    for tick in _rising(up):
        canvas.lines([[(LEFT, up(tick)), (WIDTH - RIGHT, up(tick))]], colour=GRID)
        canvas.text(LEFT - 8, up(tick), axis_number(tick), anchor="end", size=SMALL, colour=MUTED)
    canvas.text(WIDTH - RIGHT, bottom + 34, "lines of code in app.py", anchor="end", size=SMALL, colour=MUTED)
    canvas.text(LEFT - 56, TOP - 13, f"{unit} per second, logarithmic", size=SMALL, colour=MUTED)
    areas: list[Area] = []
    wanted: list[tuple[float, float, str]] = []
    for effort in efforts:
        x = across(effort.lines)
        points = [(x, up(value)) for _, _, value, _ in effort.marks]
        if len(points) > 1:
            canvas.lines([points], colour=FAINT, order=1, alpha=0.7)
        for (kind, runtime, _, hover), point in zip(effort.marks, points, strict=True):
            canvas.marks([point], kind=kind)
            key = f"{effort.stack}|{runtime}"
            areas.append(Area(point[0] - 8, point[1] - 8, 16, 16, hover, f"#{effort.anchor}", key))
        wanted.append((x, points[0][1], effort.title))
    marks = [(area.x + 8, area.y + 8) for area in areas]
    for (x, y, text), (placed, left) in zip(wanted, spread(wanted, marks), strict=True):
        side = -1 if left else 1
        if abs(placed - y) > 3:
            canvas.lines([[(x + 5 * side, y), (x + 11 * side, placed)]], colour=FAINT, width=0.8)
        canvas.text(x + 13 * side, placed, text, anchor="end" if left else "start", size=SMALL, colour=INK, limit=24)
    return finish(canvas, name, title, "Lines of code against throughput. The tables hold the same figures.", areas)


def _rising(scale: LogScale) -> list[float]:
    """Ticks of a scale whose left end is the bottom (its pixels fall as values rise)."""
    flipped = LogScale([10**scale.low, 10**scale.high], 0, abs(scale.right - scale.left), least=1.01, pad=0)
    return flipped.ticks(spacing=44, apart=20)


def spread(
    labels: Sequence[tuple[float, float, str]], marks: Sequence[tuple[float, float]]
) -> list[tuple[float, bool]]:
    """Return (y, left of its mark) for each label (x, y, text), so that none lies on another label or another's mark.

    A label that would leave the sheet goes to the left of its mark.
    """
    taken: list[tuple[float, float, float]] = [(x - 6, x + 6, y) for x, y in marks]
    result = [(0.0, False)] * len(labels)
    for index in sorted(range(len(labels)), key=lambda i: (labels[i][1], labels[i][0], labels[i][2])):
        x, y, text = labels[index]
        wide = 6.6 * min(len(text), 24)
        left = x + 13 + wide > WIDTH
        start, end = (x - 13 - wide, x - 11) if left else (x + 11, x + 13 + wide)
        choices = sorted((y + step * 4 for step in range(-60, 61)), key=lambda place: (abs(place - y), place))
        free = (c for c in choices if all(end < a or b < start or abs(c - other) >= 12 for a, b, other in taken))
        chosen = next(free, y)
        taken.append((start, end, chosen))
        result[index] = (chosen, left)
    return result
