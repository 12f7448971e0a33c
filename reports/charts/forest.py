"""Forest plot: each stack on one runtime over the same stack on the baseline, on an axis of powers of two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from reports.charts.rows import BOTTOM, GAP, HEAD, LINE, TOP, Frame, draw_axis, margin, write_name
from reports.charts.style import BAND, COLOURS, FAINT, INK, MUTED, NARROW, SMALL, WIDTH, Anchor, Canvas, LogScale
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
NARROW_LABELS = 146.0


def forest(name: str, rows: Sequence[RatioRow], *, title: str, measure: str, sides: tuple[str, str]) -> Chart:
    """Draw ratios with their intervals; `sides` name what lies left and right of 1."""
    wide, narrow = (_sheet(rows, width, measure, sides) for width in (WIDTH, NARROW))
    description = f"Forest plot: {measure}, one row a stack. The table holds the same figures."
    return finish(wide.canvas, name, title, description, wide.areas, (narrow.canvas, narrow.areas))


def _sheet(rows: Sequence[RatioRow], width: float, measure: str, sides: tuple[str, str]) -> Frame:
    worse, better = sides
    head = HEAD if width < WIDTH else 0.0
    left = 0.0 if head else margin([row.title for row in rows], 260)
    right = width - (NARROW_LABELS if head else RIGHT_LABELS)
    bottom = TOP + len(rows) * (head + ROW)
    canvas = Canvas(bottom + BOTTOM + 2 + head, width)
    bounds = [v for row in rows for v in (row.value, row.low or row.value, row.high or row.value, *row.values)]
    inside = [v for v in bounds if 1 / 64 < v < 64]  # an interval of two blocks may span the universe; it is clipped
    scale = LogScale([1.0, *inside], left + 10, right - 6, base=2, least=2.2)
    frame = Frame(canvas, scale, left, right, TOP, bottom, head)
    draw_axis(
        frame, f"{measure}, axis in powers of two", lambda v: f"{axis_number(round(v, 2))}\N{MULTIPLICATION SIGN}"
    )
    one = scale(1.0)
    if not head:
        canvas.lines([[(one, TOP - 4), (one, bottom)]], colour=INK, width=1.2, order=1)
    else:  # not across the names
        tops = [TOP + index * (head + ROW) + head for index in range(len(rows))]
        canvas.lines([[(one, top), (one, top + ROW)] for top in tops], colour=INK, width=1.2, order=1)
    ends: tuple[tuple[float, Anchor], tuple[float, Anchor]] = ((one - 8, "end"), (one + 8, "start"))
    if head:  # where 1 is near an edge there is no room beside it
        ends = ((0, "start"), (width, "end"))
    for (x, anchor), text in zip(ends, (f"\N{LEFTWARDS ARROW} {worse}", f"{better} \N{RIGHTWARDS ARROW}"), strict=True):
        canvas.text(x, TOP - 12, text, anchor=anchor, size=SMALL, colour=MUTED)
    for index, row in enumerate(rows):
        _row(frame, row, TOP + index * (head + ROW), index)
    return frame


def _row(frame: Frame, row: RatioRow, top: float, index: int) -> None:
    canvas, scale, tall = frame.canvas, frame.scale, frame.head + ROW
    if index % 2 == 0:
        canvas.box(0, top, canvas.width, tall, colour=BAND)
    write_name(frame, top, tall, row.title)
    key, hover = (row.stack, "") if frame.head else (f"{row.stack}|{row.runtime}", row.hover)
    frame.areas.append(Area(0, top, canvas.width, tall, hover, f"#{row.anchor}", key))
    top += frame.head
    y = top + ROW / 2 - 2
    ink = COLOURS[row.kind] if row.decided else FAINT

    def clip(value: float) -> float:
        return min(max(scale(value), frame.left + 2), frame.right)

    if row.low is not None and row.high is not None:
        a, b = clip(row.low), clip(row.high)
        canvas.lines([[(a, y), (b, y)]], colour=ink, width=2.2, order=3, cap="round")
    canvas.dots([(clip(value), y + 6) for value in row.values], colour=ink)
    canvas.marks([(clip(row.value), y)], kind=row.kind, hollow=row.decided is not True, colour=ink)
    canvas.text(frame.right + 10, top + ROW / 2, row.label, size=SMALL, colour=INK if row.decided else MUTED)
