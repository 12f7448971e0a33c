"""Percentile spectrum: how long the slowest tenth, hundredth, thousandth ... of the answers took, a line for each cell.

Across is 1/(1-p), logarithmic, as HdrHistogram's plotter has it: each nine takes the same width.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.style import COLOURS, FAINT, GRID, MUTED, SMALL, WIDTH, Canvas, LogScale, Point
from reports.charts.svg import Area, Chart, finish
from reports.figures import axis_number


@dataclass(frozen=True)
class Spectrum:
    """One cell: (share of answers, ms), rising. `label` stands at the line's end; a line without one is faint."""

    stack: str
    runtime: str
    kind: str
    anchor: str
    points: tuple[tuple[float, float], ...]
    hover: str
    label: str = ""


NINES = ((0.5, "50 %"), (0.9, "90 %"), (0.99, "99 %"), (0.999, "99.9 %"), (0.9999, "99.99 %"), (0.99999, "99.999 %"))
TALL = 360.0
LEFT, TOP, FOOT = 52.0, 24.0, 40.0
LETTER = 6.3
"""Width of a small letter (pixels), a little more than most fonts take."""
APART = 14.0
"""Between the middles of two labels."""
MOST_LABEL = 34


def spectrum(name: str, lines: Sequence[Spectrum], title: str, label: str) -> Chart:
    """Draw spectra in one panel; `label` says what was measured."""
    canvas = Canvas(TOP + TALL + FOOT)
    room = max((LETTER * min(len(line.label), MOST_LABEL) for line in lines), default=0) + 30
    right, bottom = WIDTH - room, TOP + TALL
    across = LogScale([_odds(share) for line in lines for share, _ in line.points], LEFT, right, pad=0)
    up = LogScale([ms for line in lines for _, ms in line.points], 0, TALL)
    for share, text in NINES:
        x = across(_odds(share))
        if LEFT - 1 <= x <= right + 1:
            canvas.lines([[(x, TOP), (x, bottom)]], colour=GRID)
            canvas.text(x, bottom + 13, text, anchor="middle", size=SMALL, colour=MUTED)
    for tick in up.ticks(44, 20):
        canvas.lines([[(LEFT, bottom - up(tick)), (right, bottom - up(tick))]], colour=GRID)
        canvas.text(LEFT - 8, bottom - up(tick), axis_number(tick), anchor="end", size=SMALL, colour=MUTED)
    canvas.text(4, TOP - 12, "ms, logarithmic", size=SMALL, colour=MUTED)
    canvas.text(LEFT, bottom + 31, label, size=SMALL, colour=MUTED)
    areas = []
    ends: list[tuple[Point, Spectrum]] = []
    for line in sorted(lines, key=lambda line: bool(line.label)):
        points = simplified([(across(_odds(share)), bottom - up(ms)) for share, ms in line.points], 0.4)
        ink, width = (COLOURS[line.kind], 1.8) if line.label else (FAINT, 1.0)
        canvas.lines([points], colour=ink, width=width, alpha=None if line.label else 0.5, order=2 + bool(line.label))
        key = f"{line.stack}|{line.runtime}"
        areas.append(Area(0, 0, 0, 0, line.hover, f"#{line.anchor}", key, tuple(points)))
        if line.label:
            ends.append((points[-1], line))
    places = stacked([y for (_, y), _ in ends], APART, TOP, bottom)
    for ((x, y), line), place in zip(ends, places, strict=True):
        canvas.marks([(x, y)], kind=line.kind)
        canvas.lines([[(x + 6, y), (right + 8, place), (right + 16, place)]], colour=FAINT, width=0.8, alpha=0.8)
        canvas.text(right + 20, place, line.label, size=SMALL, colour=COLOURS[line.kind], limit=MOST_LABEL)
        key = f"{line.stack}|{line.runtime}"
        areas.append(Area(right + 16, place - APART / 2, room - 16, APART, line.hover, f"#{line.anchor}", key))
    return finish(
        canvas, name, title, "Latency by percentile, a line for each cell. The table beside it has it.", areas
    )


def _odds(share: float) -> float:
    """One answer in so many is slower."""
    return 1 / (1 - share)


def stacked(wanted: Sequence[float], apart: float, low: float, high: float) -> list[float]:
    """Return places near those wanted, in the same order, so far apart, within low and high where they fit."""
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    groups: list[list[int]] = []
    centres: list[float] = []
    for index in order:  # groups of labels that touch, each around the mean of what its members want
        groups.append([index])
        centres.append(wanted[index])
        while len(groups) > 1 and centres[-1] - centres[-2] < apart * (len(groups[-1]) + len(groups[-2])) / 2:
            last = groups.pop()
            groups[-1] += last
            centres.pop()
            centres[-1] = _between(
                sum(wanted[i] for i in groups[-1]) / len(groups[-1]), len(groups[-1]), apart, low, high
            )
    places = [0.0] * len(wanted)
    for group, centre in zip(groups, centres, strict=True):
        middle = _between(centre, len(group), apart, low, high)
        for position, index in enumerate(group):
            places[index] = middle + (position - (len(group) - 1) / 2) * apart
    return places


def _between(centre: float, number: int, apart: float, low: float, high: float) -> float:
    half = (number - 1) * apart / 2
    return max(min(centre, high - half), low + half)


def simplified(points: Sequence[Point], tolerance: float) -> list[Point]:
    """Leave out points that lie within the tolerance of the line without them (Douglas and Peucker)."""
    if len(points) < 3:
        return list(points)
    (x, y), (to_x, to_y) = points[0], points[-1]
    length = math.hypot(to_x - x, to_y - y) or 1.0
    far = [abs((to_x - x) * (y - b) - (x - a) * (to_y - y)) / length for a, b in points[1:-1]]
    worst = max(range(len(far)), key=far.__getitem__)
    if far[worst] <= tolerance:
        return [points[0], points[-1]]
    return simplified(points[: worst + 2], tolerance)[:-1] + simplified(points[worst + 1 :], tolerance)
