"""The page in a real browser: Debian's Chromium, driven by Playwright. Skipped where one is missing."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.build import build
from reports.cli import main
from reports.page import render
from reports.pairs import compare
from results.store import load
from results.summarise import summarise
from tests.synthetic import synthetic_run, write
from tests.test_reports_hostile import hostile_run

playwright = pytest.importorskip("playwright.sync_api", reason="needs the playwright package")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
]

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """One Chromium for all tests."""
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield started
        started.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored run with every kind of fault."""
    run, records = synthetic_run(8, workloads=("hello", "json", "connect"), blocks=4, seed=5, windows=8)
    return write(tmp_path_factory.mktemp("runs"), run, records)


@pytest.fixture(scope="module")
def page_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page."""
    out = tmp_path_factory.mktemp("html") / "report.html"
    build(folder, out)
    return out


class Visit:
    """An open page, and what went wrong on it."""

    def __init__(self, browser: Any, file: Path, fragment: str = "", **options: Any) -> None:
        self.context = browser.new_context(viewport=WIDE, reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.faults.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri() + fragment)

    def rows(self, workload: str = "hello") -> list[str]:
        """The visible rows of a table, as stack|runtime."""
        script = (
            "t => [...document.querySelectorAll(`#table-${t} tbody tr`)].filter(r => !r.hidden).map(r => r.dataset.k)"
        )
        return self.page.evaluate(script, workload)  # type: ignore[no-any-return]

    def column(self, key: str, workload: str = "hello") -> list[float]:
        """The numbers that a column sorts by, for visible rows that have one."""
        script = """([table, key]) => [...document.querySelectorAll(`#table-${table} tbody tr`)]
            .filter(row => !row.hidden).map(row => row.querySelector(`td.${key}`))
            .filter(cell => cell && cell.dataset.v !== undefined).map(cell => Number(cell.dataset.v))"""
        return self.page.evaluate(script, [workload, key])  # type: ignore[no-any-return]

    def sort(self, key: str, workload: str = "hello") -> None:
        """Click on a column's heading."""
        self.page.click(f"#table-{workload} th[data-key={key}] button")


@pytest.fixture
def visit(browser: Any, page_file: Path) -> Iterator[Visit]:
    """The page, opened; nothing may have gone wrong on it by the end."""
    opened = Visit(browser, page_file)
    yield opened
    assert opened.faults == []
    assert len(opened.requests) == 1
    opened.context.close()


def test_the_page_loads_without_a_fault_or_a_request(visit: Visit, page_file: Path) -> None:
    """One request, for the file itself; no line in the console."""
    assert visit.requests == [page_file.as_uri()]
    assert visit.page.is_visible("#tools")


def test_every_column_sorts_both_ways_and_back(visit: Visit) -> None:
    """First click: the better way round; second: the other; third: as it was. Rows without figures stay last."""
    before = visit.rows()
    for key in ("rps", "cpu", "p99", "memory", "lines", "tier", "vs", "start", "p50"):
        first = visit.page.get_attribute(f"#table-hello th[data-key={key}]", "data-first")
        visit.sort(key)
        assert visit.column(key) == sorted(visit.column(key), reverse=first == "desc"), key
        assert visit.page.get_attribute(f"#table-hello th[data-key={key}]", "aria-sort") in {"ascending", "descending"}
        visit.sort(key)
        assert visit.column(key) == sorted(visit.column(key), reverse=first != "desc"), key
        assert "eventlet|pypy3.11" in visit.rows()[-1:]
        visit.sort(key)
        assert visit.rows() == before
    visit.sort("stack")
    titles = visit.page.evaluate("[...document.querySelectorAll('#table-hello tbody th a')].map(a => a.textContent)")
    assert titles == sorted(titles, key=str.lower)


def test_filters_hide_rows_and_dim_marks(visit: Visit) -> None:
    """Text, runtime, family and workload narrow the tables, the stacks and the charts; the count says so."""
    total = len(visit.rows())
    visit.page.fill("#q", "flask pypy")
    assert visit.rows() == ["flask@waitress|pypy3.11", "flask@gunicorn-sync|pypy3.11"]
    assert " of " in visit.page.inner_text("#count")
    dimmed = visit.page.evaluate("document.querySelectorAll('#throughput-hello .areas .dim').length")
    assert dimmed == total - 2
    assert visit.page.is_hidden("#stack-tornado")
    assert visit.page.is_visible("#stack-flask-waitress")
    visit.page.fill("#q", "")
    visit.page.select_option("#rt", "cpython3.13")
    assert all(key.endswith("|cpython3.13") for key in visit.rows())
    visit.page.select_option("#fam", "WSGI")
    assert len(visit.rows()) == 2
    visit.page.select_option("#w", "json")
    assert visit.page.is_hidden("#w-hello")
    assert visit.page.is_visible("#w-json")
    visit.page.click("#reset")
    assert len(visit.rows()) == total
    assert visit.page.is_visible("#w-hello")
    assert "#" not in visit.page.url


def test_comparing_says_what_the_page_s_maker_would_say(visit: Visit, folder: Path) -> None:
    """For several chosen rows, each cell's word and ratio are those of the Python rule."""
    loaded = load(folder)
    summary = summarise(loaded.run, loaded.records)
    for chosen in ("tornado|cpython3.13", "twisted|pypy3.11", "flask@gunicorn-sync|pypy3.11"):
        visit.page.select_option("#vs", chosen)
        for workload in summary.workloads:
            cells = {f"{c.stack}|{c.runtime}": c for c in summary.cells if c.workload == workload}
            if not cells[chosen].rps:
                continue
            shown = visit.page.evaluate(
                """table => Object.fromEntries([...document.querySelectorAll(`#table-${table} td.vs`)]
                .map(cell => [cell.parentNode.dataset.k, [cell.className.split(' ').pop(), cell.dataset.v]]))""",
                workload,
            )
            for key, (word, ratio) in shown.items():
                said = compare(summary, cells[key], cells[chosen])
                assert word == said.verdict, (chosen, key)
                if said.ratio is not None:
                    assert float(ratio) == pytest.approx(said.ratio, rel=1e-4)
    assert visit.page.inner_text("#table-hello [data-against-name]") == "Flask on gunicorn sync, PyPy 3.11"


def test_before_anything_is_chosen_the_script_changes_nothing(browser: Any, page_file: Path) -> None:
    """The comparison that the page was made with is the one that the script shows."""
    script = "[...document.querySelectorAll('td.vs')].map(c => c.className + c.textContent)"
    plain, live = Visit(browser, page_file, java_script_enabled=False), Visit(browser, page_file)
    still = plain.page.eval_on_selector_all("td.vs", "cells => cells.map(c => c.className + c.textContent)")
    assert live.page.evaluate(script) == still
    plain.context.close()
    live.context.close()


def test_the_hash_restores_everything(browser: Any, visit: Visit, page_file: Path) -> None:
    """A link made after sorting, filtering and comparing opens the same view; nonsense in it is ignored."""
    visit.page.fill("#q", "o")
    visit.page.select_option("#rt", "pypy3.11")
    visit.page.select_option("#vs", "aiohttp|cpython3.13")
    visit.sort("cpu")
    fragment = visit.page.evaluate("location.hash")
    again = Visit(browser, page_file, fragment)
    assert again.rows() == visit.rows()
    assert again.column("vs") == visit.column("vs")
    assert again.page.input_value("#q") == "o"
    assert again.page.input_value("#vs") == "aiohttp|cpython3.13"
    assert again.faults == []
    again.context.close()
    wrong = Visit(browser, page_file, "#rt=nothing&sort=nonsense:up&vs=%00&w=<b>&x=1")
    assert wrong.faults == []
    assert len(wrong.rows()) > 10
    wrong.context.close()


def test_a_click_on_a_mark_leads_to_its_stack(visit: Visit) -> None:
    """Marks are links; the place goes into the hash beside the state; pointing at one shows its figures."""
    area = visit.page.locator("#throughput-hello .areas a").first
    area.scroll_into_view_if_needed()
    area.hover()
    assert "requests per second" in visit.page.inner_text("#tip")
    area.click()
    assert visit.page.evaluate("location.hash").startswith("#stack-")
    assert visit.page.evaluate("Math.abs(document.activeElement.getBoundingClientRect().top) < innerHeight")


def test_a_table_is_copied_as_markdown_and_csv(visit: Visit) -> None:
    """What is visible is copied, in its order; each line of Markdown has as many columns as its head."""
    visit.page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    visit.page.select_option("#rt", "cpython3.13")
    visit.sort("cpu")
    visit.page.click("#w-hello [data-copy=markdown]")
    visit.page.wait_for_function("window.copied")
    lines = visit.page.evaluate("window.copied").splitlines()
    assert len(lines) == 2 + len(visit.rows())
    assert {line.count("|") for line in lines} == {12}
    visit.page.evaluate("window.copied = ''")
    visit.page.click("#w-hello [data-copy=csv]")
    visit.page.wait_for_function("window.copied")
    table = list(csv.reader(io.StringIO(visit.page.evaluate("window.copied"))))
    assert {len(row) for row in table} == {11}
    assert table[1][0] == "asyncio"


def test_the_data_is_downloaded_as_json_and_csv(visit: Visit, folder: Path, tmp_path: Path) -> None:
    """Both hold every cell of the run with its figures."""
    loaded = load(folder)
    cells = summarise(loaded.run, loaded.records).cells
    for kind in ("json", "csv"):
        with visit.page.expect_download() as waiting:
            visit.page.click(f"[data-download={kind}]")
        waiting.value.save_as(tmp_path / kind)
        assert waiting.value.suggested_filename.endswith(f".{kind}")
    data = json.loads((tmp_path / "json").read_text())
    assert [(c["stack"], c["runtime"]) for c in data["cells"]] == [(c.stack, c.runtime) for c in cells]
    table = list(csv.DictReader((tmp_path / "csv").open(newline="")))
    assert len(table) == len(cells)
    for row, cell in zip(table, cells, strict=True):
        assert row["stack"] == cell.stack
        if cell.rps:
            assert float(row["rps"]) == pytest.approx(cell.rps.value, rel=1e-5)


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


def test_accessibility(visit: Visit, page_file: Path, browser: Any) -> None:
    """axe-core finds no serious fault, light or dark. AXE_CORE names its axe.min.js (npm pack axe-core)."""
    axe = os.environ.get("AXE_CORE")
    if not axe:
        pytest.skip("AXE_CORE is not set to the path of axe.min.js")
    for scheme in ("light", "dark"):
        opened = Visit(browser, page_file, color_scheme=scheme, bypass_csp=True)
        opened.page.evaluate(Path(axe).read_text())
        found = opened.page.evaluate("axe.run(document, {resultTypes: ['violations']})")
        assert [fault["id"] for fault in found["violations"] if fault["impact"] in {"serious", "critical"}] == []
        opened.context.close()


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
