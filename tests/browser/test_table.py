"""The table in a real browser: sorted, filtered, linked to, copied, downloaded."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest

from results.store import load
from results.summarise import summarise
from tests.browser.visit import Visit

pytestmark = pytest.mark.browser


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
