"""The page in a real browser: without faults, light, dark, on a phone, printed, for everybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from reports.cli import main
from reports.page import render
from results.schema import Cell, Load, Sample, Step
from results.summarise import summarise
from tests.browser.visit import PHONE, WIDE, Visit
from tests.synthetic import synthetic_run, write
from tests.test_reports_hostile import hostile_run

pytestmark = pytest.mark.browser


def test_the_page_loads_without_a_fault_or_a_request(visit: Visit, page_file: Path) -> None:
    """One request, for the file itself; no line in the console."""
    assert visit.requests == [page_file.as_uri()]
    assert visit.page.is_visible("#tools")


def test_a_page_with_journeys_of_locust_has_no_fault(browser: Any, tmp_path: Path) -> None:
    """The journeys' table has rows without a stack's name; sorting and comparing leave it alone."""
    run, records = synthetic_run(2, ("cpython3.13",), ("hello",), 2, windows=4, faults=False)
    steps = [Step("GET /json", 30, 1, 3.0, {"p50": 4000.0, "p99": 9000.0})]
    made = Load(300, {}, 10.0, 29.5, {"p50": 3000.0}, {"busy": 0.2}, engine="locust", steps=steps)
    records.append(Sample(Cell("tornado", "cpython3.13", "journey"), 0, "2026-11-21T05:00:00Z", "ok", load=made))
    file = tmp_path / "locust.html"
    file.write_text(render(run, records, summarise(run, records)), "utf-8")
    opened = Visit(browser, file)
    opened.sort("cpu")
    opened.page.select_option("#vs", "tornado|cpython3.13")
    opened.page.fill("#q", "tornado")
    assert opened.rows() == ["tornado|cpython3.13"]
    assert "GET /json" in opened.page.inner_text("#locust")
    assert opened.faults == []
    opened.context.close()


def test_dark_and_light(browser: Any, page_file: Path) -> None:
    """The page follows the system, and its button turns it over; charts change with it."""
    colour = "getComputedStyle(document.body).backgroundColor"
    mark = """[...document.querySelectorAll('#throughput-hello svg path')].map(
        path => getComputedStyle(path).fill + ' ' + getComputedStyle(path).stroke)"""
    seen = {}
    for scheme in ("light", "dark"):
        opened = Visit(browser, page_file, color_scheme=scheme)
        seen[scheme] = opened.page.evaluate(colour), opened.page.evaluate(mark)
        opened.page.click("#theme")
        seen[scheme + " turned"] = opened.page.evaluate(colour), opened.page.evaluate(mark)
        assert opened.faults == []
        opened.context.close()
    assert seen["light"] == seen["dark turned"]
    assert seen["dark"] == seen["light turned"]
    assert seen["light"][0] != seen["dark"][0]
    assert len(seen["light"][1]) > 4
    assert all(light != dark for light, dark in zip(seen["light"][1], seen["dark"][1], strict=True))


def test_a_phone_scrolls_in_one_direction_only(visit: Visit) -> None:
    """At 360 pixels nothing is wider than the screen but what scrolls by itself."""
    visit.page.set_viewport_size(PHONE)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
    visit.page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360


def test_it_is_whole_without_javascript(browser: Any, page_file: Path) -> None:
    """Without a script: verdict, tables and charts are there, and no control that would do nothing."""
    opened = Visit(browser, page_file, java_script_enabled=False)
    assert opened.page.is_hidden("#tools")
    assert opened.page.locator("button:visible").count() == 0
    assert opened.page.is_visible("#table-hello")
    assert opened.page.is_visible("#throughput-hello svg")
    opened.page.click("#stack-tornado summary >> nth=0")
    assert opened.page.is_visible("#stack-tornado pre")
    opened.context.close()


def test_it_prints_whole(visit: Visit) -> None:
    """The PDF has many pages; folded parts are opened for it, controls are not printed."""
    visit.page.emulate_media(media="print")
    assert visit.page.is_hidden("#tools")
    visit.page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
    assert visit.page.is_visible("#stack-tornado pre")
    assert len(visit.page.pdf()) > 50_000


@pytest.mark.parametrize("fragment", ["", "#vs=tornado%7Ccpython3.13"], ids=["plain", "comparing"])
def test_the_table_fits_a_printed_page(browser: Any, page_file: Path, fragment: str) -> None:
    """On A4 with Chromium's own margins (718 pixels) no column is lost, nor while a row is compared with."""
    opened = Visit(browser, page_file, fragment)
    opened.page.set_viewport_size({"width": 718, "height": 1000})
    opened.page.emulate_media(media="print")
    opened.settled()
    for workload in ("hello", "json", "connect"):
        assert opened.page.evaluate("w => document.getElementById(`table-${w}`).offsetWidth", workload) <= 718
    assert opened.faults == []
    opened.context.close()


def test_hostile_strings_do_nothing_in_a_browser(browser: Any, tmp_path: Path) -> None:
    """No alert, no image, no fault, also after sorting, comparing, filtering, copying and hovering."""
    run, records = hostile_run()
    file = tmp_path / "hostile.html"
    file.write_text(render(run, records, summarise(run, records)), "utf-8")
    opened = Visit(browser, file)
    opened.page.on("dialog", lambda dialog: opened.faults.append(dialog.message))
    opened.sort("rps")
    opened.page.fill("#q", "script")
    opened.page.select_option("#vs", index=1)
    opened.page.locator("#throughput-hello .areas a").first.hover()
    opened.page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    opened.page.click("[data-copy=markdown] >> nth=0")
    assert opened.page.locator("img").count() == 0
    assert opened.faults == []
    assert len(opened.requests) == 1
    opened.context.close()


def test_comparing_runs_makes_a_page_without_faults(browser: Any, tmp_path: Path) -> None:
    """The page of two runs loads, fetches nothing and fits a phone."""
    for seed in (1, 2):
        write(tmp_path, *synthetic_run(3, workloads=("hello",), blocks=3, seed=seed, windows=4))
    ids = ["2026-11-21T0130Z-0001", "2026-11-21T0130Z-0002"]
    assert main(["compare", "--runs", str(tmp_path), *ids, "--out", str(tmp_path / "v.html")]) == 0
    opened = Visit(browser, tmp_path / "v.html")
    opened.page.set_viewport_size(PHONE)
    assert opened.page.evaluate("document.documentElement.scrollWidth") == 360
    assert opened.faults == []
    assert len(opened.requests) == 1
    opened.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, PHONE], ids=["wide", "phone"])
@pytest.mark.parametrize("fragment", ["", "#vs=tornado%7Ccpython3.13&sort=cpu:asc"], ids=["plain", "comparing"])
def test_accessibility(browser: Any, page_file: Path, axe: str, scheme: str, width: Any, fragment: str) -> None:
    """axe-core finds no serious fault, light or dark, wide or on a phone, at first or while a row is compared with."""
    opened = Visit(browser, page_file, fragment, color_scheme=scheme, bypass_csp=True)
    opened.page.set_viewport_size(width)
    opened.page.evaluate(axe)
    found = opened.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    serious = [fault for fault in found["violations"] if fault["impact"] in {"serious", "critical"}]
    assert [(fault["id"], [node["html"] for node in fault["nodes"]][:3]) for fault in serious] == []
    assert found["passes"]
    opened.context.close()


@pytest.mark.usefixtures("chromium")
def test_a_picture_is_taken(folder: Path, tmp_path: Path) -> None:
    """The README's picture is a PNG of the size asked for."""
    out = tmp_path / "docs" / "report.png"
    argv = [
        "picture",
        "--runs",
        str(folder.parent),
        folder.name,
        "--out",
        str(out),
        "--width",
        "900",
        "--height",
        "600",
    ]
    assert main(argv) == 0
    data = out.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) == (900, 600)
