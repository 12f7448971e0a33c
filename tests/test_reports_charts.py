"""Charts as SVG: reproducible, with ids of their own, in the page's colours, and safe whatever they are given."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reports.charts.forest import RatioRow, forest
from reports.charts.latency import Ladder, LatencyRow, latency
from reports.charts.lines import Effort, lines_of_code, spread
from reports.charts.rows import Mark, Row, label_sides, rows_chart, wrapped
from reports.charts.style import NARROW, LinearScale, LogScale, plain
from reports.charts.svg import Chart, _path
from reports.charts.throughput import throughput

HOSTILE = '</script><img src=x onerror="alert(1)">&\'$x^2$\x00\x1b[31m --> ]]>'


def row(name: str = "tornado", **options: object) -> Row:
    """Make a row with a mark on CPython and one on PyPy."""
    base = Mark("CPython 3.13", "cpython", 1000.0, 950.0, 1050.0, (960.0, 1040.0), "1,000", hover=f"{name}\n1,000")
    other = Mark("PyPy 3.11", "pypy", 2000.0, 1900.0, 2100.0, (1950.0, 2050.0), "2,000", hover=name, **options)  # type: ignore[arg-type]
    return Row(name, name, "stack-tornado", (base, other))


def parsed(chart: Chart) -> ET.Element:
    """Parse a chart as XML: its drawing, and the narrow one where it has one."""
    return ET.fromstring(f"<g>{chart.svg}</g>")


def test_the_same_rows_give_the_same_bytes() -> None:
    """Nothing in a chart depends on the time, on hashing or on what was drawn before."""
    first = throughput("a", [row()], "title", "requests")
    throughput("b", [row("other")], "title", "requests")
    assert throughput("a", [row()], "title", "requests") == first


def test_ids_are_prefixed_and_unique_across_charts() -> None:
    """Two charts in one page never share an id, and refer only to ids of their own."""
    charts = [throughput(name, [row()], "title", "requests").svg for name in ("a", "b")]
    ids = [re.findall(r'\bid="([^"]+)"', svg) for svg in charts]
    assert len(set(ids[0] + ids[1])) == len(ids[0]) + len(ids[1])
    for svg, own in zip(charts, ids, strict=True):
        assert set(re.findall(r'href="#(?!stack-)([^"]+)"', svg)) <= set(own)


def test_colours_are_variables_of_the_page() -> None:
    """No colour is fixed in a chart: the dark page has its own values."""
    chart = throughput("a", [row()], "title", "requests")
    assert "#0072b2" not in chart.svg
    assert "#" not in "".join(chart.styles.values())
    assert any("var(--pypy)" in style for style in chart.styles.values())
    assert any("var(--cpython)" in style for style in chart.styles.values())


def test_no_font_is_fixed() -> None:
    """Text takes the page's font."""
    chart = throughput("a", [row()], "title", "requests")
    assert "font-family" not in chart.svg + "".join(chart.styles.values())


def test_a_chart_of_many_stacks_stays_small() -> None:
    """Marks and texts of one look are one element or group each: a further stack adds texts and areas only."""
    few = parsed(throughput("a", [row(f"s{i}") for i in range(3)], "title", "requests"))
    many = parsed(throughput("a", [row(f"s{i}") for i in range(9)], "title", "requests"))

    def count(tree: ET.Element, *names: str) -> int:
        return sum(1 for element in tree.iter() if element.tag.rpartition("}")[2] in names)

    assert count(many, "path", "use") == count(few, "path", "use")
    assert count(many, "g") == count(few, "g")
    assert all("class" not in element.attrib for element in many.iter() if element.tag == "text")


def test_hostile_names_stay_text() -> None:
    """Markup, mathematics, control characters and the ends of comments in names are shown as they are."""
    hostile = Row(HOSTILE, HOSTILE, "stack-x", (Mark(HOSTILE, "other", None, note=HOSTILE, hover=HOSTILE),))
    for chart in (
        throughput("a", [row(), hostile], HOSTILE, HOSTILE),
        lines_of_code("n", [Effort(HOSTILE, HOSTILE, "stack-x", 10, (("pypy", HOSTILE, 5.0, HOSTILE),))], HOSTILE, "x"),
    ):
        tree = parsed(chart)
        names = {element.tag.rpartition("}")[2] for element in tree.iter()}
        assert names <= {"svg", "g", "path", "use", "text", "title", "desc", "defs", "a", "rect", "clipPath"}
        assert "<script" not in chart.svg
        assert "<img" not in chart.svg
        assert any("onerror=" in (element.text or "") for element in tree.iter())


@given(st.text())
@settings(max_examples=200)
def test_any_text_becomes_one_line_of_xml(text: str) -> None:
    """Whatever a text holds, what is drawn of it is one line that XML allows."""
    clean = plain(text)
    assert "\n" not in clean
    assert len(clean) <= 200
    ET.fromstring(f"<t>{clean.replace('&', '&amp;').replace('<', '&lt;').replace('>', '&gt;')}</t>")


def test_a_cell_without_figures_says_why_in_its_place() -> None:
    """A failure is a line of the chart, with its reason."""
    failed = Row("x", "x", "stack-x", (Mark("PyPy 3.11", "pypy", None, note="PyPy 3.11: failed: no compiler"),))
    assert "failed: no compiler" in throughput("a", [row(), failed], "t", "requests").svg


def test_a_lower_bound_has_an_arrow_and_no_interval() -> None:
    """A censored mark adds the three strokes of an arrow."""
    plainly = rows_chart("a", [row()], title="t", description="d", label="l")
    bounded = rows_chart("a", [row(censored=True)], title="t", description="d", label="l")
    for before, after in zip(parsed(plainly), parsed(bounded), strict=True):  # both sheets
        assert len(list(after.iter("path"))) == len(list(before.iter("path"))) + 1


def test_a_hollow_mark_is_filled_with_paper() -> None:
    """A mark of a cell that was not steady is hollow."""
    hollow = rows_chart("a", [row(hollow=True)], title="t", description="d", label="l")
    assert any("fill:var(--paper)" in style and "stroke:var(--pypy)" in style for style in hollow.styles.values())


def test_areas_lead_to_the_stack_and_say_the_figures() -> None:
    """Every mark has a link with its figures as a title, which needs no script."""
    svg = throughput("a", [row()], "title", "requests").svg
    assert '<a href="#stack-tornado" tabindex="-1" data-k="tornado|CPython 3.13">' in svg
    assert "<title>tornado\n1,000</title>" in svg


def test_a_ratio_far_outside_is_drawn_at_the_edge() -> None:
    """An interval as wide as the universe (two blocks) does not squeeze the other rows."""
    wild = RatioRow("a", "a", "stack-a", "pypy", 2.0, 1e-9, 1e9, (), False, "2", "a")
    tame = RatioRow("b", "b", "stack-b", "pypy", 1.5, 1.4, 1.6, (1.5,), True, "1.5", "b")
    svg = forest("f", [wild, tame], title="t", measure="m", sides=("l", "r")).svg
    paths = re.findall(r' d="([^"]+)"', svg)
    assert len(paths) > 8
    assert all(-1 <= x <= 701 for path in paths for x, _ in length(path))


@given(st.lists(st.floats(min_value=1e-3, max_value=1e8), min_size=1, max_size=20))
def test_a_scale_keeps_order_and_stays_inside(values: list[float]) -> None:
    """Greater values lie further right, all within the ends, with two ticks or more in between."""
    scale = LogScale(values, 100, 600)
    places = [scale(value) for value in sorted(values)]
    assert places == sorted(places)
    assert all(100 <= x <= 600 for x in places)
    ticks = scale.ticks()
    assert len(ticks) >= 2
    assert all(100 <= scale(tick) <= 600 for tick in ticks)


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_a_linear_scale_begins_at_zero(top: float) -> None:
    """Zero is a tick and stands at the left end."""
    scale = LinearScale([top], 10, 500)
    assert scale(0) == 10
    assert scale.ticks()[0] == 0
    assert 2 <= len(scale.ticks()) <= 20


@given(
    st.lists(
        st.tuples(st.floats(0, 600), st.floats(20, 400), st.sampled_from(["asyncio", "flask on waitress", "x"])),
        max_size=25,
    )
)
def test_labels_do_not_lie_on_each_other(labels: list[tuple[float, float, str]]) -> None:
    """Labels that share a stretch of x are a line apart, wherever their marks are."""
    placed = spread(labels, [])
    boxes = []
    for (x, _, text), (y, left) in zip(labels, placed, strict=True):
        wide = 6.6 * len(text)
        boxes.append((x - 13 - wide if left else x + 11, x - 11 if left else x + 13 + wide, y))
    for i, (a, b, y) in enumerate(boxes):
        for c, d, other in boxes[:i]:
            assert b < c or d < a or abs(y - other) >= 12 - 1e-9


def test_labels_go_to_the_side_away_from_the_joining_line() -> None:
    """A label never lies on the line that leads to the next mark, where there is room."""
    assert label_sides([200.0, 300.0], 50) == [True, False]
    assert label_sides([300.0, 200.0], 50) == [False, True]
    assert label_sides([40.0, 300.0], 50) == [False, False]
    assert label_sides([200.0], 50) == [False]
    assert label_sides([None, 300.0], 50) == [False, False]


def length(path: str) -> list[tuple[float, float]]:
    """Return the points of a shortened path."""
    points: list[tuple[float, float]] = []
    start = (0.0, 0.0)
    x = y = 0.0
    for command, text in re.findall(r"([Mmlhvz])([^Mmlhvz]*)", path):
        numbers = [float(n) for n in re.findall(r"-?(?:\d+\.\d+|\.\d+|\d+)", text)]
        if command == "M":
            x, y = numbers
            points.append(start := (x, y))
        elif command == "m":
            x, y = x + numbers[0], y + numbers[1]
            points.append(start := (x, y))
        elif command == "z":
            x, y = start
        elif command == "l":
            for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
                x, y = x + dx, y + dy
                points.append((x, y))
        elif command in "hv":
            x, y = (x + numbers[0], y) if command == "h" else (x, y + numbers[0])
            points.append((x, y))
    return points


def test_a_path_of_several_shapes_stays_where_it_is() -> None:
    """Each further shape begins where it did, after an open one as after a closed one, whichever way is shorter."""
    points = [(500.1, 40.0), (500.1, 40.0), (503.2, 40.0), (10.0, 20.5), (14.0, 24.5), (9.5, 24.5), (30.0, 20.0)]
    shapes = [points[:1] * 2, points[2:3] * 2, points[3:6], points[6:] * 2]
    closed = [False, False, True, False]
    text = " ".join(
        "M " + " L ".join(f"{x} {y}" for x, y in shape) + (" z" if ends else "")
        for shape, ends in zip(shapes, closed, strict=True)
    )
    short = _path(text)
    assert "m" in short
    for (x, y), (a, b) in zip([p for shape in shapes for p in shape], length(short), strict=True):
        assert (a, b) == (pytest.approx(x, abs=0.0501), pytest.approx(y, abs=0.0501))


@given(st.lists(st.tuples(st.floats(-500, 500), st.floats(-500, 500)), min_size=2, max_size=30))
def test_a_shortened_path_goes_through_the_same_points(points: list[tuple[float, float]]) -> None:
    """Making a path relative and rounding it moves no point by more than a twentieth of a pixel."""
    text = "M " + " \nL ".join(f"{x:.6f} {y:.6f}" for x, y in points)
    back = length(_path(text))
    assert len(back) == len(points)
    for (x, y), (a, b) in zip(points, back, strict=True):
        assert a == pytest.approx(x, abs=0.0501)
        assert b == pytest.approx(y, abs=0.0501)


def written(chart: Chart, sheet: str = "chart") -> list[tuple[float, float, str]]:
    """Return (left end, right end, text) of each text of a sheet, as wide as the page's fonts make it at least."""
    found = []
    for group in next(svg for svg in parsed(chart) if svg.get("class") == sheet).iter("g"):
        style = chart.styles.get(group.get("class", ""), "")
        size = re.search(r"font-size:([\d.]+)px", style)
        if size is None:
            continue
        each = float(size[1]) * (0.6 if "700" in style else 0.55)
        share = 1.0 if "end" in style else 0.5 if "middle" in style else 0.0
        for element in group.iter("text"):
            wide, x, text = each * len(element.text or ""), float(element.get("x", "0")), element.text or ""
            found.append((x - share * wide, x + (1 - share) * wide, text))
    return found


LONG = "Starlette on Granian with rloop and RSGI"


def test_nothing_is_cut_off_at_the_right() -> None:
    """A bound with its arrow, label and runtime's name fits on the sheet where it is the rightmost."""
    top = Mark("PyPy 3.11", "pypy", 90000.0, values=(90000.0, 90100.0), label="\u2265 90,000", censored=True)
    low = Mark("CPython 3.13", "cpython", 1000.0, 950.0, 1050.0, (960.0, 1040.0), "1,000")
    for marks in ((low, top), (top,)):
        chart = throughput("a", [Row("x", "x", "stack-x", marks), row()], "t", "requests")
        assert max(right for _, right, _ in written(chart)) <= chart.width
        assert any(text == "\u2265 90,000" for _, _, text in written(chart))
        assert any(text == "PyPy 3.11" for _, _, text in written(chart))


def test_a_ladder_and_its_label_fit_on_the_sheet() -> None:
    """The label of percentiles, with the runtime's name, is never cut off at the right."""
    ladder = Ladder("CPython 3.13", "cpython", (("p50", 1.0), ("p99.9", 300.0)), "1.0 \u2192 300", "x")
    chart = latency("l", [LatencyRow("x", "x", "stack-x", (ladder,))], "t", "l")
    assert max(right for _, right, _ in written(chart)) <= chart.width


def test_long_names_are_written_in_full() -> None:
    """A name too long for its column stands on two lines, on the sheet, with nothing left out."""
    ratio = RatioRow("a", LONG, "stack-a", "pypy", 2.0, 1.9, 2.1, (), True, "2", "a")
    ladder = Ladder("PyPy 3.11", "pypy", (("p50", 1.0), ("p99", 3.0)), "1 \u2192 3", "x")
    for chart in (
        throughput("a", [Row("x", LONG, "stack-x", row().marks)], "t", "requests"),
        forest("f", [ratio], title="t", measure="m", sides=("l", "r")),
        latency("l", [LatencyRow("x", LONG, "stack-x", (ladder,))], "t", "l"),
    ):
        texts = written(chart)
        assert LONG in " ".join(text for _, _, text in texts)
        assert min(left for left, _, _ in texts) >= 0


@given(st.text(alphabet="ab -@+", max_size=60), st.integers(10, 40))
def test_a_wrapped_name_loses_nothing(text: str, limit: int) -> None:
    """Two lines at most; put together again they are the name, and neither is much longer than half of it."""
    name = " ".join(text.split())
    lines = wrapped(name, limit)
    assert 1 <= len(lines) <= 2
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")
    assert len(lines) == 1 or len(name) > limit


def phone_charts() -> list[Chart]:
    """Make each kind of chart that has rows, with long names and bounds."""
    top = Mark("PyPy 3.11", "pypy", 90000.0, values=(90000.0, 90100.0), label="\u2265 90,000", censored=True)
    failed = Mark("CPython 3.13", "cpython", None, note="CPython 3.13: failed at environment: " + "no compiler " * 9)
    ratio = RatioRow("x", LONG, "stack-x", "pypy", 0.795, 0.771, 0.821, (), True, "0.795x [0.771-0.821] *", "a")
    ladder = Ladder("PyPy 3.11", "pypy", (("p50", 1.0), ("p99.9", 300.0)), "1.0 \u2192 300", "x", version="3.11")
    measure = "throughput on PyPy 3.11 over CPython 3.13"
    return [
        throughput("a", [Row("x", LONG, "stack-x", (failed, top)), row()], "t", "requests"),
        forest("f", [ratio], title="t", measure=measure, sides=("CPython 3.13 faster", "PyPy 3.11 faster")),
        latency("l", [LatencyRow("x", LONG, "stack-x", (ladder,))], "t", "less is better, ms, logarithmic, open loop"),
    ]


def test_charts_of_rows_are_drawn_again_for_a_phone() -> None:
    """The narrow sheet fits 328 pixels, has each name in full on a line of its own, and all figures of the wide one."""
    for chart in phone_charts():
        texts = written(chart, "chart narrow")
        assert min(left for left, _, _ in texts) >= 0
        assert max(right for _, right, text in texts if "failed" not in text) <= NARROW
        assert LONG in [text for _, _, text in texts]
        figures = {text for _, _, text in written(chart) if re.search("[0-9] .?[0-9]|, ?[0-9]{3}$", text)}
        assert {text for text in figures if "\u2265" in text or "[" in text} <= {text for _, _, text in texts}


def test_the_narrow_sheet_is_the_same_chart_to_a_screen_reader() -> None:
    """It is called and described by the wide one's words, has no ids of its own, and its links are not read again."""
    for chart in phone_charts():
        narrow = next(svg for svg in parsed(chart) if svg.get("class") == "chart narrow")
        assert not [element for element in narrow.iter() if "id" in element.attrib]
        drawing, areas = list(narrow)
        assert drawing.get("aria-labelledby") == f"{chart.name}-t {chart.name}-d"
        assert areas.get("aria-hidden") == "true"
        assert {area.get("tabindex") for area in areas} == {"-1"}
        assert "#stack-x" in {area.get("href") for area in areas}
