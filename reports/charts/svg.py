"""From matplotlib's SVG to the page's: small, prefixed, coloured by CSS variables, with links and hover texts.

Matplotlib draws the shapes; its style attributes become classes that all charts share, with our colours replaced by
CSS variables, so that the page's dark mode holds. Ids that nothing refers to are dropped, the others prefixed with the
chart's name, so that two charts never share one. Texts are written here, in the page's font. And a layer of
transparent areas is laid on top: links with a title each, which work without JavaScript.
"""

from __future__ import annotations

import hashlib
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from html import escape

from reports.charts.style import VARIABLES, Canvas, Point, plain


@dataclass(frozen=True)
class Area:
    """A rectangle (pixels) that shows a text when pointed at and leads to a place in the page when clicked.

    With a `line` it is that line and a little around it instead. `key` says which row of a table it belongs to: the
    stack's id, or that, a bar and the runtime's name.
    """

    x: float
    y: float
    width: float
    height: float
    text: str
    href: str = ""
    key: str = ""
    line: tuple[Point, ...] = ()


@dataclass(frozen=True)
class Chart:
    """A finished chart: markup for inlining, and the classes that it uses with their declarations."""

    name: str
    svg: str
    width: float
    height: float
    styles: dict[str, str] = field(default_factory=dict)

    def __html__(self) -> str:
        """Let templates place it as it is: every text in it was escaped here."""
        return self.svg


_NUMBER = re.compile(r"-?\d+\.\d+")
_HREF = "{http://www.w3.org/1999/xlink}href"
_DROP = {"metadata", "style"}
_KEEP = {"x", "y", "d", "width", "height", "viewBox", "clip-path"}


def finish(
    canvas: Canvas,
    name: str,
    title: str,
    description: str,
    areas: list[Area] | None = None,
    narrow: tuple[Canvas, list[Area]] | None = None,
) -> Chart:
    """Turn a drawing into a chart. `title` and `description` are read aloud by screen readers.

    `narrow` is the same drawn for a phone; the style sheet shows the one that fits.
    """
    styles: dict[str, str] = {}
    body = _body(canvas, name, styles)
    label = f"{name}-t {name}-d"
    svg = (
        f'<svg class="chart" viewBox="0 0 {_short(canvas.width)} {_short(canvas.height)}">'
        f'<g role="img" aria-labelledby="{escape(label)}"><title id="{escape(name)}-t">{escape(plain(title))}</title>'
        f'<desc id="{escape(name)}-d">{escape(plain(description, 600))}</desc>{body}</g>'
        f"{_areas(canvas, areas or [])}</svg>"
    )
    if narrow is not None:
        sheet, places = narrow
        # The tables have the same links: here they would only stand in the way of a screen reader.
        svg += (
            f'<svg class="chart narrow" viewBox="0 0 {_short(sheet.width)} {_short(sheet.height)}">'
            f'<g role="img" aria-labelledby="{escape(label)}">{_body(sheet, f"{name}-n", styles)}</g>'
            f"{_areas(sheet, places, read=False)}</svg>"
        )
    return Chart(name, svg, canvas.width, canvas.height, styles)


def _body(canvas: Canvas, name: str, styles: dict[str, str]) -> str:
    root = ET.fromstring(canvas.svg())  # noqa: S314  (what matplotlib wrote just now)
    used = set(re.findall(r'(?:href="|url\()#([^")]+)', ET.tostring(root, encoding="unicode")))
    return "".join(_write(child, name, used, styles) for child in root) + _texts(canvas, styles)


def _texts(canvas: Canvas, styles: dict[str, str]) -> str:
    """Write the texts, those of one look within one group."""
    groups = []
    for look, texts in canvas.texts.items():
        declarations = _declarations(look)
        styles[(known := _class(declarations))] = declarations
        inner = "".join(f'<text x="{_short(x)}" y="{_short(y)}">{escape(text)}</text>' for x, y, text in texts)
        groups.append(f'<g class="{known}">{inner}</g>')
    return "".join(groups)


def _areas(canvas: Canvas, areas: list[Area], *, read: bool = True) -> str:
    """Write the areas; where each is as wide as the sheet, the style sheet says so once."""
    whole = canvas.width if all(area.x == 0 and area.width == canvas.width for area in areas) else None
    words = "areas rows" if whole is not None else "areas"
    hidden = "" if read else ' aria-hidden="true"'
    return f'<g class="{words}"{hidden}>{"".join(_area(area, whole) for area in areas)}</g>'


def _area(area: Area, wide: float | None = None) -> str:
    data = f' data-k="{escape(plain(area.key))}"' if area.key else ""
    if area.line:
        shape = f'<path d="{_path("M" + " L".join(f"{x:.2f} {y:.2f}" for x, y in area.line))}"/>'
    else:
        x, y, width, height = (_short(value) for value in (area.x, area.y, area.width, area.height))
        across = f'x="{x}" y="{y}" width="{width}"' if wide is None else f'y="{y}"'
        shape = f'<rect {across} height="{height}"/>'
    inner = f"{shape}<title>{_title(area.text)}</title>" if area.text else shape
    if area.href:
        return f'<a href="{escape(area.href)}" tabindex="-1"{data}>{inner}</a>'
    return f"<g{data}>{inner}</g>"


def _title(text: str) -> str:
    return "\n".join(escape(plain(line, 400)) for line in text.split("\n"))


def _write(node: ET.Element, name: str, used: set[str], styles: dict[str, str]) -> str:
    tag = node.tag.rpartition("}")[2]
    if tag in _DROP:
        return ""
    inner = "".join(_write(child, name, used, styles) for child in node)
    attributes = _attributes(node, name, used, styles)
    if tag in {"g", "defs"} and not attributes and tag == "g":
        return inner
    if tag in {"g", "defs"} and not inner:
        return ""
    return f"<{tag}{attributes}>{inner}</{tag}>" if inner else f"<{tag}{attributes}/>"


def _attributes(node: ET.Element, name: str, used: set[str], styles: dict[str, str]) -> str:
    found: list[str] = []
    for key, value in node.attrib.items():
        if key == "id":
            if value in used:
                found.append(f'id="{name}-{escape(value)}"')
        elif key == _HREF:
            found.append(f'href="#{name}-{escape(value[1:])}"')
        elif key == "style":
            if declarations := _declarations(value):
                styles[(known := _class(declarations))] = declarations
                found.append(f'class="{known}"')
        elif key == "clip-path":
            found.append(f'clip-path="{escape(value.replace("url(#", f"url(#{name}-"))}"')
        elif key == "transform":
            found.append(f'transform="{escape(_round(value))}"')
        elif key in _KEEP:
            found.append(f'{key}="{escape(_path(value) if key == "d" else _round(value))}"')
    return "".join(" " + attribute for attribute in found)


def _declarations(style: str) -> str:
    for colour, variable in VARIABLES.items():
        style = style.replace(colour, f"var({variable})")
    parts = (part.strip() for part in style.split(";"))
    return ";".join(re.sub(r":\s+", ":", part) for part in parts if part)


def _class(declarations: str) -> str:
    return "k" + hashlib.sha256(declarations.encode()).hexdigest()[:6]


def _short(value: float) -> str:
    return (
        f"{value:.1f}".removesuffix(".0").replace("-0", "0") if abs(value) < 0.05 else f"{value:.1f}".removesuffix(".0")
    )


def _round(text: str) -> str:
    return _NUMBER.sub(lambda m: _short(float(m[0])), text)


_COMMAND = re.compile(r"([MLCQZz])|(-?\d+(?:\.\d+)?(?:e-?\d+)?)")


def _path(text: str) -> str:
    """Shorten a path of straight lines: tenths of pixels, relative to the last point; curves are only rounded.

    Rounding is done before subtracting, so that errors do not add up along a line.
    """
    if "C" in text or "Q" in text:
        return re.sub(r" ?([MLCQZz]) ?", r"\1", " ".join(_round(text).split()))
    out: list[str] = []
    numbers: list[int] = []
    first: list[int] = [0, 0]
    command, last, x, y = "", "", 0, 0
    for found in _COMMAND.finditer(text):
        if found[1]:
            command = found[1]
            if command in "zZ":
                out.append("z")
                last = "z"
                x, y = first
            continue
        numbers.append(round(float(found[2]) * 10))
        if len(numbers) < 2:
            continue
        dx, dy = numbers[0] - x, numbers[1] - y
        if command == "M":
            out.append(min(f"M{_tenths(numbers[0])}{_next(numbers[1])}", f"m{_tenths(dx)}{_next(dy)}", key=len))
            first = numbers
        elif dy == 0:
            out.append(f"h{_tenths(dx)}")
        elif dx == 0:
            out.append(f"v{_tenths(dy)}")
        else:
            out.append((_next(dx) if last == "l" else f"l{_tenths(dx)}") + _next(dy))
        last = "l" if command == "L" and dx and dy else command if command == "M" else "hv"
        x, y = numbers
        numbers = []
    return "".join(out)


def _tenths(value: int) -> str:
    """Write a number of tenths: 123 -> 12.3, -4 -> -.4, 50 -> 5."""
    sign, (whole, tenth) = "-" if value < 0 else "", divmod(abs(value), 10)
    if not tenth:
        return f"{sign}{whole}"
    return f"{sign}{whole or ''}.{tenth}"


def _next(value: int) -> str:
    """Write a number that follows another: a minus sign parts them as well as a blank does."""
    return _tenths(value) if value < 0 else " " + _tenths(value)
