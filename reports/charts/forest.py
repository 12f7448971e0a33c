"""Forest plot: each stack on one runtime over the same stack on the baseline, on an axis of powers of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.rows import BOTTOM, GAP, LINE, TOP, Frame, draw_axis, margin, write_name
from reports.charts.style import BAND, COLOURS, FAINT, INK, MUTED, SMALL, WIDTH, Canvas, LogScale
from reports.charts.svg import Area, Chart, finish
from reports.figures import axis_number


@dataclass(frozen=True)
class RatioRow:
    """One ratio: `decided` is None where no claim is made, false where the interval (corrected) holds 1."""

    stack: str
    title: str
    anchor: str
    kind: str
    value: float
    low: float | None
    high: float | None
    values: tuple[float, ...]
    decided: bool | None
    label: str
    hover: str
    runtime: str = ""
    bound: str | None = None


ROW = LINE + GAP - 2
RIGHT_LABELS = 176.0


def forest(name: str, rows: Sequence[RatioRow], *, title: str, measure: str, sides: tuple[str, str]) -> Chart:
    """Draw ratios with their intervals; `sides` name what lies left and right of 1."""
    worse, better = sides
    left = margin([row.title for row in rows], 260)
    right = WIDTH - RIGHT_LABELS
    bottom = TOP + len(rows) * ROW
    canvas = Canvas(bottom + BOTTOM + 2)
    bounds = [v for row in rows for v in (row.value, row.low or row.value, row.high or row.value, *row.values)]
    inside = [v for v in bounds if 1 / 64 < v < 64]  # an interval of two blocks may span the universe; it is clipped
    scale = LogScale([1.0, *inside], left + 10, right - 6, base=2, least=2.2)
    frame = Frame(canvas, scale, left, right, TOP, bottom)
    draw_axis(
        frame, f"{measure}, axis in powers of two", lambda v: f"{axis_number(round(v, 2))}\N{MULTIPLICATION SIGN}"
    )
    one = scale(1.0)
    canvas.lines([[(one, TOP - 4), (one, bottom)]], colour=INK, width=1.2, order=1)
    canvas.text(one - 8, TOP - 12, f"\N{LEFTWARDS ARROW} {worse}", anchor="end", size=SMALL, colour=MUTED)
    canvas.text(one + 8, TOP - 12, f"{better} \N{RIGHTWARDS ARROW}", size=SMALL, colour=MUTED)
    for index, row in enumerate(rows):
        _row(frame, row, TOP + index * ROW, index)
    return finish(
        canvas,
        name,
        title,
        f"Forest plot: {measure}, one row a stack. The table holds the same figures.",
        frame.areas,
    )


def _row(frame: Frame, row: RatioRow, top: float, index: int) -> None:
    canvas, scale, y = frame.canvas, frame.scale, top + ROW / 2 - 2
    if index % 2 == 0:
        canvas.box(0, top, canvas.width, ROW, colour=BAND)
    write_name(canvas, frame.left, top + ROW / 2, row.title)
    ink = COLOURS[row.kind] if row.decided else FAINT

    def clip(value: float) -> float:
        return min(max(scale(value), frame.left + 2), frame.right)

    if row.low is not None and row.high is not None:
        a, b = clip(row.low), clip(row.high)
        canvas.lines([[(a, y), (b, y)]], colour=ink, width=2.2, order=3, cap="round")
    canvas.dots([(clip(value), y + 6) for value in row.values], colour=ink)
    canvas.marks([(clip(row.value), y)], kind=row.kind, hollow=row.decided is not True, colour=ink)
    canvas.text(frame.right + 10, top + ROW / 2, row.label, size=SMALL, colour=INK if row.decided else MUTED)
    key = f"{row.stack}|{row.runtime}"
    frame.areas.append(Area(0, top, canvas.width, ROW, row.hover, f"#{row.anchor}", key))
