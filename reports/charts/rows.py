"""The form that most charts share: one row a stack, one line in it for each runtime, a mark with its interval.

Every process is a faint dot just under its interval. The marks of a row are joined by a thin line, which is what the
eye follows from CPython to PyPy. Shape and colour both say which interpreter it is. A hollow mark is a cell whose
processes mostly were not steady; an arrow is a lower bound. A cell without a figure says why, in its place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from reports.charts.style import BAND, COLOURS, FAINT, GRID, INK, MUTED, NARROW, SMALL, WIDTH, Canvas, LogScale
from reports.charts.svg import Area, Chart, finish
from reports.figures import axis_number

LINE = 17.0
"""Height of one runtime's line."""
GAP = 11.0
"""Space between rows."""
TOP = 26.0
BOTTOM = 42.0
HEAD = 17.0
"""Height of the line above a row that holds the stack's name, on a narrow sheet."""
ROOM = 48.0
"""Kept free left of the scale, for labels that stand there."""
LETTER = 7.1
"""Width of a letter of a name (pixels), a little more than most fonts take."""
WIDEST = 330.0
EDGE = 12.0
"""Kept free at the right of every scale."""
ARROW = 22.0
"""Length of a bound's arrow with its mark's half."""
NAME = 7.2
"""Width of a letter of a runtime's name beside a figure."""
DODGE = 6.0
"""How far the processes' dots lie under their interval."""


@dataclass(frozen=True)
class Mark:
    """One cell on a chart: its value, interval and processes' values. Without a value, `note` says why.

    `version` stands beside the figure where colour and shape alone do not tell the runtimes of the chart apart.
    """

    runtime: str
    kind: str
    value: float | None
    low: float | None = None
    high: float | None = None
    values: tuple[float, ...] = ()
    label: str = ""
    version: str = ""
    note: str = ""
    hover: str = ""
    hollow: bool = False
    censored: bool = False
    start: float | None = None


@dataclass(frozen=True)
class Row:
    """A stack on a chart, with a mark for each runtime that has something to say."""

    stack: str
    title: str
    anchor: str
    marks: tuple[Mark, ...] = ()


@dataclass
class Frame:
    """Where things are on a rows chart: the scale across, and the middle of each line.

    `head` is the height of the line that a stack's name has above its row on a narrow sheet, 0 on a wide one.
    """

    canvas: Canvas
    scale: LogScale
    left: float
    right: float
    top: float
    bottom: float
    head: float = 0.0
    areas: list[Area] = field(default_factory=list)


def margin(titles: Sequence[str], most: float = 190.0) -> float:
    """Return the width of the column of names (pixels): `most`, or more where a name needs it even on two lines."""
    longest = max((len(title) for title in titles), default=8)
    halves = max((len(line) for title in titles for line in wrapped(title, fitting(most))), default=8)
    return max(84.0, min(most, LETTER * longest + 18), min(WIDEST, LETTER * halves + 18))


def fitting(left: float) -> int:
    """Return how many characters of a name fit into its column."""
    return int((left - 17) / LETTER)


def wrapped(title: str, limit: int) -> list[str]:
    """Return a name on one line, or on two of about the same length where it is longer than the limit."""
    if len(title) <= limit:
        return [title]
    places = [i for i, c in enumerate(title) if c in " -@+" and 0 < i < len(title) - 1] or [len(title) // 2]
    place = min(places, key=lambda i: (abs(2 * i - len(title)), i))
    return [title[:place].rstrip(), title[place:].lstrip()]


def write_name(frame: Frame, top: float, tall: float, title: str) -> None:
    """Write a stack's name: in the middle of its column, or on a line of its own above its row."""
    canvas, left, y = frame.canvas, frame.left, top + tall / 2
    if frame.head:
        canvas.text(4, top + frame.head / 2 + 2, title, limit=int(canvas.width / 6.6))
        return
    lines = wrapped(title, fitting(left))
    for index, line in enumerate(lines):
        canvas.text(left - 8, y + (index - (len(lines) - 1) / 2) * 13, line, anchor="end", limit=fitting(left) + 1)


def write_note(frame: Frame, y: float, note: str) -> None:
    """Write why a line has no mark, in its place, as far as it fits; the table has the whole of it."""
    frame.canvas.text(
        frame.left + 8, y, note, size=SMALL, colour=MUTED, limit=int((frame.canvas.width - frame.left) / 5.9)
    )


def draw_axis(frame: Frame, label: str, number: Callable[[float], str] = axis_number) -> None:
    """Draw grid lines, their numbers at the foot (and at the head of a long chart), and what is measured."""
    canvas, scale = frame.canvas, frame.scale
    ticks = scale.ticks()
    canvas.lines([[(scale(t), frame.top), (scale(t), frame.bottom)] for t in ticks], colour=GRID, order=0.5)
    for tick in ticks:
        canvas.text(scale(tick), frame.bottom + 12, number(tick), anchor="middle", size=SMALL, colour=MUTED)
        if frame.bottom - frame.top > 500:
            canvas.text(scale(tick), frame.top - 9, number(tick), anchor="middle", size=SMALL, colour=MUTED)
    lines = wrapped(label, 54) if frame.head else [label]
    for index, line in enumerate(lines):
        canvas.text(frame.left, frame.bottom + 31 + 14 * index, line, size=SMALL, colour=MUTED)


def rows_chart(
    name: str,
    rows: Sequence[Row],
    *,
    title: str,
    description: str,
    label: str,
    number: Callable[[float], str] = axis_number,
    joined: bool = True,
) -> Chart:
    """Draw rows of marks on a logarithmic axis; `label` names the measure at its foot."""
    wide, narrow = (_sheet(rows, width, label, number, joined=joined) for width in (WIDTH, NARROW))
    return finish(wide.canvas, name, title, description, wide.areas, (narrow.canvas, narrow.areas))


def _sheet(rows: Sequence[Row], width: float, label: str, number: Callable[[float], str], *, joined: bool) -> Frame:
    values = [
        v
        for row in rows
        for m in row.marks
        if m.value is not None
        for v in (m.value, m.low or m.value, m.high or m.value, m.start or m.value, *m.values)
    ]
    head = HEAD if width < WIDTH else 0.0
    left = 0.0 if head else margin([row.title for row in rows])
    bottom = TOP + sum(head + max(1, len(row.marks)) * LINE + GAP for row in rows)
    canvas = Canvas(bottom + BOTTOM + head, width)
    right = right_end(rows, values, left + ROOM, width, joined=joined, named=bool(head))
    frame = Frame(canvas, LogScale(values, left + ROOM, right), left, right, TOP, bottom, head)
    draw_axis(frame, label, number)
    pen = Pen(frame, joined=joined)
    y = TOP
    for index, row in enumerate(rows):
        y = pen.row(row, y, index)
    pen.flush()
    return frame


def right_end(
    rows: Sequence[Row], values: Sequence[float], left: float, width: float, *, joined: bool, named: bool = False
) -> float:
    """Return where the scale must end for all labels that stand right of their marks to fit on the sheet.

    `named`: the runtimes' names stand elsewhere.
    """
    scale = LogScale(values, left, width - EDGE)
    known: set[str] = set()
    beside = []
    for row in rows:
        places = [scale(mark.value) if mark.value and joined else None for mark in row.marks]
        for mark, to_left in zip(row.marks, label_sides(places, left - 8), strict=True):
            if mark.value is None:
                continue
            name = mark.version or ("" if named or mark.runtime in known else mark.runtime)
            known.add(mark.runtime)
            if not to_left:
                furthest = max(mark.value, mark.high or 0, mark.start or 0, *mark.values)
                wide = (ARROW if mark.censored else 5) + 6 + label_width(mark.label) + NAME * len(name)
                beside.append((furthest, wide))
    return end_for(beside, values, left, width)


def end_for(beside: Iterable[tuple[float, float]], values: Sequence[float], left: float, width: float) -> float:
    """Return where a scale from `left` must end so that, right of each value, so many pixels are on the sheet."""
    scale = LogScale(values, left, width - EDGE)
    least = scale.right
    for value, wide in beside:
        share = (scale(value) - left) / (scale.right - left)
        if share > 0:
            least = min(least, left + (width - 2 - wide - left) / share)
    return max(least, left + 60)


def label_width(label: str) -> float:
    """Return how wide a figure beside a mark is, with the blank after it (pixels)."""
    return 6.4 * len(label) + 8


class Pen:
    """Collects what rows are made of, so that each look is drawn once."""

    def __init__(self, frame: Frame, *, joined: bool) -> None:
        self.frame = frame
        self.joined = joined
        self.named: set[str] = set()
        self.joins: list[list[tuple[float, float]]] = []
        self.intervals: dict[str, list[list[tuple[float, float]]]] = {}
        self.dots: dict[str, list[tuple[float, float]]] = {}
        self.marks: dict[tuple[str, bool], list[tuple[float, float]]] = {}
        self.arrows: dict[str, list[list[tuple[float, float]]]] = {}
        self.spans: dict[str, list[list[tuple[float, float]]]] = {}

    def row(self, row: Row, y: float, index: int) -> float:
        """Place one row with its top at y; return where the next begins."""
        frame = self.frame
        tall = frame.head + max(1, len(row.marks)) * LINE + GAP
        if index % 2 == 0:
            frame.canvas.box(0, y, frame.canvas.width, tall, colour=BAND)
        write_name(frame, y, tall, row.title)
        middle = y + frame.head + GAP / 2 + LINE / 2 - 2
        if frame.head:  # for fingers: the whole row
            frame.areas.append(Area(0, y, frame.canvas.width, tall, "", f"#{row.anchor}", row.stack))
        placed: list[tuple[float, float]] = []
        places = [frame.scale(mark.value) if mark.value and self.joined else None for mark in row.marks]
        sides = label_sides(places, frame.left + ROOM - 8)
        for mark, left in zip(row.marks, sides, strict=True):
            self._mark(mark, middle, placed, left=left)
            if not frame.head:
                key, area_top = f"{row.stack}|{mark.runtime}", middle - LINE / 2 + 1
                frame.areas.append(Area(0, area_top, frame.canvas.width, LINE, mark.hover, f"#{row.anchor}", key))
            middle += LINE
        if self.joined and len(placed) > 1:
            self.joins.append(placed)
        return y + tall

    def _mark(self, mark: Mark, y: float, placed: list[tuple[float, float]], *, left: bool) -> None:
        scale, canvas = self.frame.scale, self.frame.canvas
        if mark.value is None:
            write_note(self.frame, y, mark.note)
            return
        x = scale(mark.value)
        placed.append((x, y))
        ink = COLOURS[mark.kind]
        ends = [x - 5, x + 5, *(scale(value) for value in mark.values)]
        if mark.start is not None:
            self.spans.setdefault(mark.kind, []).append([(scale(mark.start), y), (x, y)])
            ends.append(scale(mark.start))
        if mark.low is not None and mark.high is not None:
            self.intervals.setdefault(ink, []).append([(scale(mark.low), y), (scale(mark.high), y)])
            ends += [scale(mark.low), scale(mark.high)]
        if mark.censored:
            self.arrows.setdefault(ink, []).extend(arrow(x, y))
            ends.append(x + ARROW)
        self.dots.setdefault(ink, []).extend((scale(value), y + DODGE) for value in mark.values)
        self.marks.setdefault((mark.kind, mark.hollow), []).append((x, y))
        name = mark.version or ("" if self.frame.head or mark.runtime in self.named else mark.runtime)
        self.named.add(mark.runtime)
        wide = label_width(mark.label)
        if left:
            canvas.text(min(ends) - 6, y, mark.label, anchor="end", size=SMALL, colour=INK, limit=40)
            if min(ends) - 6 - wide - NAME * len(name) > self.frame.left:  # the legend has it too
                canvas.text(
                    min(ends) - 6 - wide, y, name, anchor="end", size=SMALL, colour=ink, bold=not mark.version, limit=24
                )
        else:
            canvas.text(max(ends) + 6, y, mark.label, size=SMALL, colour=INK, limit=40)
            canvas.text(max(ends) + 6 + wide, y, name, size=SMALL, colour=ink, bold=not mark.version, limit=24)

    def flush(self) -> None:
        """Draw all that was placed."""
        canvas = self.frame.canvas
        canvas.lines(self.joins, colour=FAINT, width=1, order=1, alpha=0.7)
        for kind, spans in self.spans.items():
            canvas.lines(spans, colour=COLOURS[kind], width=2.2, order=1.5, alpha=0.45)
            canvas.lines(
                [[(a[0], a[1] - 5), (a[0], a[1] + 5)] for a, _ in spans], colour=COLOURS[kind], width=2, order=3
            )
        for ink, segments in self.intervals.items():
            canvas.lines(segments, colour=ink, width=2.2, order=3, cap="round")
        for ink, segments in self.arrows.items():
            canvas.lines(segments, colour=ink, width=2, order=3, cap="round")
        for ink, points in self.dots.items():
            canvas.dots(points, colour=ink)
        for (kind, hollow), points in self.marks.items():
            canvas.marks(points, kind=kind, hollow=hollow)


def arrow(x: float, y: float) -> list[list[tuple[float, float]]]:
    """Lines of an arrow that points right from a mark: at least this much."""
    tip = x + 20
    return [[(x + 6, y), (tip, y)], [(tip - 5, y - 4), (tip, y), (tip - 5, y + 4)]]


def label_sides(places: Sequence[float | None], least: float) -> list[bool]:
    """Tell for each mark of a row, from the top, whether its label goes to its left.

    It goes to the side away from the line that joins it to the next mark, unless that leaves no room (`least`).
    """
    sides = []
    for index, x in enumerate(places):
        around = [places[i] for i in (index - 1, index + 1) if 0 <= i < len(places)]
        others = [other for other in around if other is not None]
        sides.append(x is not None and x > least and bool(others) and all(other > x + 2 for other in others))
    return sides
