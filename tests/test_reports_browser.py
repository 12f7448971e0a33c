"""The page in a real browser: Debian's Chromium, driven by Playwright. Skipped where one is missing."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.build import build
from reports.cli import main
from reports.page import render
from reports.pairs import compare, compare_in, fields
from results.schema import Cell, Load, Sample, Step
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

    def settled(self) -> None:
        """Wait until the tables that are not in view have followed too."""
        self.page.wait_for_selector("[aria-busy]", state="detached")

    def rows(self, workload: str = "hello") -> list[str]:
        """The visible rows of a table, as stack|runtime."""
        self.settled()
        script = (
            "t => [...document.querySelectorAll(`#table-${t} tbody tr`)].filter(r => !r.hidden).map(r => r.dataset.k)"
        )
        return self.page.evaluate(script, workload)  # type: ignore[no-any-return]

    def column(self, key: str, workload: str = "hello") -> list[float]:
        """The numbers that a column sorts by, for visible rows that have one."""
        self.settled()
        script = """([table, key]) => [...document.querySelectorAll(`#table-${table} tbody tr`)]
            .filter(row => !row.hidden).map(row => row.querySelector(`td.${key}`))
            .filter(cell => cell && cell.dataset.v !== undefined).map(cell => Number(cell.dataset.v))"""
        return self.page.evaluate(script, [workload, key])  # type: ignore[no-any-return]

    def said(self, key: str, workload: str = "hello") -> dict[str, list[str]]:
        """What a column's cells say beside their figures, each with its tone."""
        self.settled()
        script = """([table, key]) => Object.fromEntries([...document.querySelectorAll(`#table-${table} td.${key}`)]
            .map(cell => [cell.parentNode.dataset.k, [...cell.querySelectorAll('.said')]
            .map(said => `${said.className.split(' ')[1]}: ${said.textContent}`)]))"""
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
    assert visit.page.locator("#throughput-hello .chart:not(.narrow) .areas .dim").count() == total - 2
    phone = visit.page.locator("#throughput-hello .chart.narrow .areas > *")  # there a whole row is one area
    assert phone.count() > 2
    assert visit.page.locator("#throughput-hello .chart.narrow .areas .dim").count() == phone.count() - 2
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
        visit.settled()
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


def test_every_measured_column_is_compared(visit: Visit, folder: Path) -> None:
    """Each cell says more, less or undecided of the chosen row, in words and tone, as the Python rule does."""
    loaded = load(folder)
    summary = summarise(loaded.run, loaded.records)
    chosen = ("tornado", "cpython3.13")
    visit.page.select_option("#vs", "|".join(chosen))
    tones = {"more": "bad", "less": "good", "undecided": "undecided"}
    seen = set()
    for workload in summary.workloads:
        compared = {field.measure.key: field for field in fields(summary, workload)[1:]}
        for key, places in {"cpu": ["cpu"], "p50": ["p50"], "memory": ["memory", "rest"], "start": ["start"]}.items():
            for row, texts in visit.said(key, workload).items():
                stack, _, runtime = row.rpartition("|")
                verdicts = [compare_in(compared[place], (stack, runtime), chosen).verdict for place in places]
                if (stack, runtime) == chosen:
                    assert texts == []
                    continue
                said = [(text.partition(":")[0], text.split()[-1]) for text in texts]
                claims = [(tones[word], word) for word in verdicts if word in tones]
                assert [entry for entry in said if entry[0] != "plain"] == claims, (row, key)
                seen |= set(claims)
    assert len(seen) == 3


def test_lines_of_code_have_a_ratio_without_a_claim(visit: Visit, folder: Path) -> None:
    """They are counted, not measured: a plain ratio, and no word."""
    loaded = load(folder)
    lines = {c.stack: c.lines_of_code for c in summarise(loaded.run, loaded.records).cells}
    visit.page.select_option("#vs", "tornado|cpython3.13")
    texts = visit.said("lines")
    assert texts["tornado|cpython3.13"] == []
    (text,) = texts["asyncio|cpython3.13"]
    tone, ratio = text.split()
    assert tone == "plain:"
    expected = (lines["asyncio"] or 0) / (lines["tornado"] or 1)
    assert float(ratio.rstrip("\N{MULTIPLICATION SIGN}")) == pytest.approx(expected, rel=0.05)


def test_a_run_without_claims_compares_nothing(browser: Any, tmp_path: Path) -> None:
    """Of a smoke run no cell says more or less, whatever row is chosen."""
    run, records = synthetic_run(3, workloads=("hello",), blocks=2, windows=4, profile="smoke", faults=False)
    file = tmp_path / "smoke.html"
    file.write_text(render(run, records, summarise(run, records)), "utf-8")
    opened = Visit(browser, file, "#vs=tornado%7Ccpython3.13")
    for key in ("cpu", "p50", "memory", "start"):
        assert set(map(tuple, opened.said(key).values())) == {()}, key
    assert opened.faults == []
    opened.context.close()


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


def test_before_anything_is_chosen_the_script_changes_nothing(browser: Any, page_file: Path) -> None:
    """The comparison that the page was made with is the one that the script shows, also after another was looked at."""
    script = "[...document.querySelectorAll('td.vs')].map(c => c.className + c.textContent)"
    whole = "[...document.querySelectorAll('table.results td')].map(c => c.textContent)"
    plain, live = Visit(browser, page_file, java_script_enabled=False), Visit(browser, page_file)
    still = plain.page.eval_on_selector_all("td.vs", "cells => cells.map(c => c.className + c.textContent)")
    assert live.page.evaluate(script) == still
    texts = live.page.evaluate(whole)
    live.page.select_option("#vs", "tornado|pypy3.11")
    live.settled()
    assert live.page.evaluate(whole) != texts
    live.page.click("#reset")
    live.settled()
    assert live.page.evaluate(whole) == texts
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
    for key in ("cpu", "p50", "p99", "memory", "start", "lines"):
        assert again.said(key, "json") == visit.said(key, "json")
    assert any(again.said("memory").values())
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


def test_what_is_said_of_a_chosen_row_is_copied_too(visit: Visit) -> None:
    """Beside each figure stands its ratio with the word, at rest named as such, also of a table that is not in view."""
    visit.page.evaluate("navigator.clipboard.writeText = async (text) => { window.copied = text; }")
    visit.page.select_option("#vs", "tornado|cpython3.13")
    visit.page.evaluate("document.querySelector('#w-json [data-copy=csv]').click()")
    visit.page.wait_for_function("window.copied")
    table = list(csv.DictReader(io.StringIO(visit.page.evaluate("window.copied"))))
    row = next(row for row in table if (row["Stack"], row["Runtime"]) == ("Tornado", "PyPy 3.11"))
    sign = "\N{MULTIPLICATION SIGN}"
    assert re.fullmatch(rf"[\d.]+ \([\d.]+{sign} more; at rest [\d.]+{sign} more\)", row["Memory, MiB"])
    assert re.search(rf"; 0\.\d+{sign} less\)$", row["CPU, \N{MICRO SIGN}s each"])
    assert "faster" in row["Against, Tornado, CPython 3.13"]


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


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core: what AXE_CORE names, else npm's package, fetched once into pytest's cache."""
    if named := os.environ.get("AXE_CORE"):
        return Path(named).read_text("utf-8")
    cache = getattr(request.config, "cache", None)
    kept = Path(cache.mkdir("axe-core")) / "axe.min.js" if cache else tmp_path_factory.mktemp("axe") / "axe.min.js"
    if kept.is_file():
        return kept.read_text("utf-8")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("axe-core is not there: neither npm nor AXE_CORE (the path of an axe.min.js)")
    folder = tmp_path_factory.mktemp("npm")
    command = [npm, "pack", "axe-core@4", "--silent", "--fetch-retries=0"]
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=60, capture_output=True, text=True)
        with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as package:
            member = package.extractfile("package/axe.min.js")
            script = member.read().decode() if member else ""
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm pack axe-core failed: {(error.stderr or error.stdout).strip()[-200:] or error.returncode}")
    except (OSError, subprocess.TimeoutExpired, StopIteration, KeyError, tarfile.TarError) as error:
        pytest.skip(f"npm pack axe-core failed: {error!r}")
    part = kept.with_name(f"axe.{os.getpid()}.part")
    part.write_text(script, "utf-8")
    part.replace(kept)
    return script


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
