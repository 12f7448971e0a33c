"""What all charts share: colours, shapes, sizes, and the sheet of paper they are drawn on.

A chart is drawn in pixels on a canvas of a fixed width, with the origin at the top left. Scales and ticks are our
own: the same few lines serve dots, ratios and small multiples, and draw hundreds of panels in one figure quickly.

Colours here are the light page's. `reports.charts.svg` turns each into a CSS variable: the dark page has its own.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import PathPatch
from matplotlib.path import Path

WIDTH = 700
NARROW = 328
"""Width of what a phone of 360 pixels shows: its own drawing, since a smaller picture of the wide one is unreadable."""
FONT = 12.5
SMALL = 11.0

INK = "#1b1f24"
MUTED = "#5b6570"
FAINT = "#8d96a0"
GRID = "#e3e6ea"
BAND = "#f4f6f8"
PAPER = "#fffffe"
CPYTHON = "#0072b2"
PYPY = "#d55e00"
NODE = "#00805f"
OTHER = "#a2568a"

VARIABLES = {
    INK: "--ink",
    MUTED: "--muted",
    FAINT: "--faint",
    GRID: "--grid",
    BAND: "--band",
    PAPER: "--paper",
    CPYTHON: "--cpython",
    PYPY: "--pypy",
    NODE: "--node",
    OTHER: "--other",
}

Anchor = Literal["start", "middle", "end"]

Kind = Literal["cpython", "pypy", "node", "other"]
COLOURS: dict[str, str] = {"cpython": CPYTHON, "pypy": PYPY, "node": NODE, "other": OTHER}
CORNERS: dict[str, tuple[tuple[float, float], ...]] = {
    "pypy": ((0, -4), (4, 0), (0, 4), (-4, 0)),
    "node": ((-3, -3), (3, -3), (3, 3), (-3, 3)),
    "other": ((0, -3), (3, 3), (-3, 3)),
}
"""The shapes of marks, around their middle, in whole pixels: there are thousands. CPython's is a disc."""
DISC = 6.6

Point = tuple[float, float]


def plain(text: str, limit: int = 200) -> str:
    """Text that any XML reader accepts, on one line: control characters and lone surrogates become U+FFFD."""
    one_line = " ".join(str(text).split())
    clean = (
        one_line
        if one_line.isprintable()
        else "".join(
            c if c.isprintable() and not 0xD800 <= ord(c) <= 0xDFFF else "\N{REPLACEMENT CHARACTER}" for c in one_line
        )
    )
    return clean if len(clean) <= limit else clean[: limit - 1] + "\N{HORIZONTAL ELLIPSIS}"


Cap = Literal["butt", "round"]
Look = tuple[float, str, float, float | None, tuple[float, float] | None, Cap]
"""Order, colour, width, opacity, dashes and ends of lines: those with one look become one path."""


class Canvas:
    """A figure of so many pixels; everything is placed in pixels, y downwards.

    Lines, dots, boxes and marks are collected and drawn at the end, all of one look at once: a chart of a hundred
    stacks is then a few dozen elements, not thousands. Texts are collected too, and written by `reports.charts.svg`:
    matplotlib would measure each, which took most of the time, and the reader's browser has the fonts.
    """

    def __init__(self, height: float, width: float = WIDTH) -> None:
        self.width, self.height = width, height
        self._lines: dict[Look, list[Sequence[Point]]] = {}
        self._boxes: dict[tuple[float, str, float | None], list[tuple[float, float, float, float]]] = {}
        self._marks: dict[tuple[float, str, bool, str], list[Point]] = {}
        self.texts: dict[str, list[tuple[float, float, str]]] = {}
        self._figure = Figure(figsize=(width / 72, height / 72))
        self._figure.patch.set_visible(False)
        self._axes = self._figure.add_axes((0, 0, 1, 1))
        self._axes.set_axis_off()
        self._axes.patch.set_visible(False)
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        anchor: Anchor = "start",
        size: float = FONT,
        colour: str = INK,
        bold: bool = False,
        limit: int = 200,
    ) -> None:
        """Write one line of plain text, its middle at y. Nothing in it is read as markup."""
        if not text:
            return
        look = f"font-size:{_number(size)}px" + (";font-weight:700" if bold else "")
        look += f";fill:{colour}" + (f";text-anchor:{anchor}" if anchor != "start" else "")
        baseline = y + size * 0.36  # from the middle of the capitals
        self.texts.setdefault(look, []).append((x, baseline, plain(text, limit)))

    def lines(
        self,
        segments: Iterable[Sequence[Point]],
        *,
        colour: str,
        width: float = 1,
        alpha: float | None = None,
        dash: tuple[float, float] | None = None,
        order: float = 1,
        cap: Cap = "butt",
    ) -> None:
        """Draw lines of one look; each is a list of points."""
        self._lines.setdefault((order, colour, width, alpha, dash, cap), []).extend(segments)

    def dots(self, points: Iterable[Point], *, colour: str, size: float = 3.8, alpha: float = 0.4) -> None:
        """Draw faint dots: lines of no length with round ends, which take a tenth of the bytes of circles."""
        self.lines([[point, point] for point in points], colour=colour, width=size, alpha=alpha, order=2, cap="round")

    def marks(self, points: Iterable[Point], *, kind: str, hollow: bool = False, colour: str | None = None) -> None:
        """Draw the marks of one kind of runtime; hollow ones are filled with the paper, so that lines do not show."""
        self._marks.setdefault((4, kind, hollow, colour or COLOURS[kind]), []).extend(points)

    def box(self, x: float, y: float, width: float, height: float, *, colour: str, alpha: float | None = None) -> None:
        """Fill a rectangle behind everything else."""
        self._boxes.setdefault((0, colour, alpha), []).append((x, y, width, height))

    def _flush(self) -> None:
        self._draw_marks()
        for (order, colour, alpha), boxes in self._boxes.items():
            outline = Path.make_compound_path(*(_rectangle(*box) for box in boxes))
            self._axes.add_artist(
                PathPatch(outline, facecolor=colour, alpha=alpha, linewidth=0, zorder=order, clip_on=False)
            )
        for (order, colour, width, alpha, dash, cap), segments in self._lines.items():
            xs: list[float] = []
            ys: list[float] = []
            for segment in segments:
                xs += [*(x for x, _ in segment), math.nan]
                ys += [*(y for _, y in segment), math.nan]
            line = Line2D(xs, ys, color=colour, linewidth=width, alpha=alpha, zorder=order, clip_on=False)
            line.set_solid_capstyle(cap)
            if dash is not None:
                line.set_linestyle((0, dash))
            if xs:
                self._axes.add_artist(line)

    def _draw_marks(self) -> None:
        for (order, kind, hollow, ink), points in self._marks.items():
            edge = 1.8 if hollow else 1.0
            inner, outer = (PAPER, ink) if hollow else (ink, PAPER)
            if kind not in CORNERS:  # discs are lines of no length, as dots are; the edge is a larger one beneath
                same = [[point, point] for point in points]
                self.lines(same, colour=outer, width=DISC + edge, order=order, cap="round")
                self.lines(same, colour=inner, width=DISC - edge, order=order + 0.1, cap="round")
                continue
            outlines = [_polygon([(x + dx, y + dy) for dx, dy in CORNERS[kind]]) for x, y in points]
            if outlines:
                self._axes.add_artist(
                    PathPatch(
                        Path.make_compound_path(*outlines),
                        facecolor=inner,
                        edgecolor=outer,
                        linewidth=edge,
                        zorder=order,
                        clip_on=False,
                    )
                )

    def svg(self) -> bytes:
        """Return the drawing without its texts as matplotlib writes it: always the same bytes. To be called once."""
        self._flush()
        out = io.BytesIO()
        with mpl.rc_context(RC):
            self._figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None}, transparent=True)
        return out.getvalue()


def _rectangle(x: float, y: float, width: float, height: float) -> Path:
    return _polygon([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])


def _polygon(corners: list[Point]) -> Path:
    return Path([*corners, corners[0]], closed=True)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


RC: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "anemometer",
    "path.simplify": False,
    "savefig.dpi": 72,
    "figure.dpi": 72,
}


class LogScale:
    """Maps values to pixels logarithmically, with a margin at both ends, at least a factor of `least` apart."""

    def __init__(
        self,
        values: Iterable[float],
        left: float,
        right: float,
        *,
        least: float = 4,
        base: Literal[2, 10] = 10,
        pad: float = 0.04,
    ) -> None:
        found = [value for value in values if value > 0 and math.isfinite(value)] or [1.0, 10.0]
        low, high = math.log10(min(found)), math.log10(max(found))
        lack = math.log10(least) - (high - low)
        if lack > 0:
            low, high = low - lack / 2, high + lack / 2
        margin = (high - low) * pad
        self.low, self.high = low - margin, high + margin
        self.left, self.right, self.base = left, right, base

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; values that are not positive stand at the left end."""
        if value <= 0:
            return self.left
        share = (math.log10(value) - self.low) / (self.high - self.low)
        return self.left + share * (self.right - self.left)

    def ticks(self, spacing: float = 62, apart: float = 42) -> list[float]:
        """Return round values, about `spacing` pixels each, no two nearer than `apart`."""
        most = max(2, int((self.right - self.left) / spacing))
        candidates = self._powers_of_two() if self.base == 2 else self._decades()
        best: list[float] = []
        for chosen in candidates:
            inside = [value for value in chosen if self.low <= math.log10(value) <= self.high]
            gaps = [self(b) - self(a) for a, b in pairwise(inside)]
            if len(inside) <= most and len(inside) > len(best) and min(gaps, default=apart) >= apart:
                best = inside
        return best

    def _decades(self) -> list[list[float]]:
        exponents = range(math.floor(self.low) - 1, math.ceil(self.high) + 1)
        every = [[10.0**e for e in exponents if e % apart == 0] for apart in (4, 2)]
        return every + [
            [step * 10.0**e for e in exponents for step in steps]
            for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 2, 3, 4, 5, 6, 7, 8, 9))
        ]

    def _powers_of_two(self) -> list[list[float]]:
        factor = math.log2(10)
        whole = [2.0**e for e in range(math.floor(self.low * factor), math.ceil(self.high * factor) + 1)]
        between = sorted([*whole, *(1.5 * value for value in whole)])
        quarters = sorted([*between, *(1.25 * value for value in whole), *(1.75 * value for value in whole)])
        return [
            [v for v in whole if math.log2(v) % 4 == 0],
            [v for v in whole if math.log2(v) % 2 == 0],
            whole,
            between,
            quarters,
        ]


class LinearScale:
    """Maps values to pixels from zero."""

    def __init__(self, values: Iterable[float], left: float, right: float) -> None:
        found = [value for value in values if math.isfinite(value)] or [1.0]
        self.top = max(found) * 1.04 or 1.0
        self.left, self.right = left, right

    def __call__(self, value: float) -> float:
        """Return the pixel of a value."""
        return self.left + value / self.top * (self.right - self.left)

    def ticks(self, spacing: float = 62) -> list[float]:
        """Return multiples of 1, 2 or 5 times a power of ten, zero included."""
        most = max(2, int(abs(self.right - self.left) / spacing))
        rough = self.top / most
        power = 10 ** math.floor(math.log10(rough))
        step = next(s * power for s in (1, 2, 5, 10) if s * power >= rough)
        return [i * step for i in range(int(self.top / step) + 1)]
