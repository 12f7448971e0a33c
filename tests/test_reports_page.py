"""The page: what it says of each kind of run, that it needs nothing else, and that it is always the same."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from reports.engine import when
from reports.page import render
from results.schema import Cell, Flag, Load, Sample, Step
from results.summarise import summarise
from tests import golden
from tests.openloops import add_open_loops
from tests.pages import Page, rendered
from tests.synthetic import synthetic_run

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def html() -> str:
    """The page of the golden run."""
    return golden.page()


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    """The same, read."""
    return Page(html)


def test_the_page_is_the_one_that_was_looked_at(html: str) -> None:
    """The stored samples give the stored page. After looking at a new one: python -m tests.golden page."""
    assert golden.readable(html) == golden.PAGE.read_text("utf-8")


def test_the_same_results_give_the_same_bytes(html: str) -> None:
    """Another process, hash seed, time zone, language and folder make no difference to a single byte."""
    code = "import hashlib; from tests import golden; print(hashlib.sha256(golden.page().encode()).hexdigest())"
    environment = {
        **os.environ,
        "PYTHONHASHSEED": "12345",
        "TZ": "Pacific/Auckland",
        "LC_ALL": "C",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-c", code], cwd="/", env=environment, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == hashlib.sha256(html.encode()).hexdigest()


def test_elements_are_closed_and_ids_are_unique(page: Page) -> None:
    """The page is well formed, and every link within it leads somewhere."""
    assert page.open == []
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    inner = {href[1:] for href in page.attributes("href") if href.startswith("#")}
    assert inner <= set(ids)


def test_nothing_is_fetched(page: Page) -> None:
    """No element loads anything: no src, no style sheet, no import; the policy forbids it as well."""
    assert page.attributes("src") == []
    links = [attrs for tag, attrs in page.tags if tag == "link"]
    assert [link["href"] for link in links] == ["data:,"]
    assert "url(" not in "".join(page.script)
    assert "@import" not in "".join(page.script)
    assert "default-src 'none'" in "".join(page.attributes("content"))


def test_all_is_said_without_a_script(page: Page) -> None:
    """Verdict, trust, tables, failures, sources, versions, commands, machine and method are in the markup itself."""
    for words in (
        "asyncio is fastest at hello on CPython 3.13",
        "PyPy 3.11 makes",
        "How far to trust it",
        "3 of 3",
        "CPython 3.14t is not in this report: not found on this machine",
        "Failed at contract: binary message: came back as text",
        "Closes the connection after every request.",
        "expected b",
        "python app.py 127.0.0.1 8000",
        "Synthetic CPU @ 2.00GHz",
        "Understanding this chart.",
        "rank interval",
        "closed loop at saturation",
        "app.py",
        "import sys",
    ):
        assert words.replace("expected b", "binary b") in page.text, words


def test_every_cell_is_a_row(page: Page) -> None:
    """Each planned cell, measured or not, stands in its workload's table."""
    keys = page.attributes("data-k")
    for stack in ("asyncio", "tornado", "twisted", "flask@gunicorn-sync"):
        for runtime in ("cpython3.13", "pypy3.11"):
            assert f"{stack}|{runtime}" in keys


def test_each_figure_explains_itself(page: Page, html: str) -> None:
    """Every chart has a title, a measure with its n, a line on how to read it, and a description for screen readers."""
    charts = html.count('<svg class="chart"')
    assert charts >= 9
    assert html.count("Understanding this chart.") == charts
    assert html.count("<desc") == charts
    assert len([1 for tag, _ in page.tags if tag == "figcaption"]) == charts
    assert "95\N{NO-BREAK SPACE}% CI, n\N{NO-BREAK SPACE}= 3 processes" in html


def test_a_smoke_run_claims_nothing() -> None:
    """No verdict, no finding, no tier: a banner says that nothing is claimed, and the titles are neutral."""
    page = Page(rendered(*synthetic_run(4, workloads=("hello",), blocks=1, profile="smoke", windows=4)))
    assert "No claims." in page.text
    assert "This run makes no claims" in page.text
    for claim in ("fastest", "share the lead", "makes 1", "faster than CPython", "rank 1"):
        assert claim not in page.text.replace("PyPy 3.11 faster", "")


def test_an_unfinished_run_says_so() -> None:
    """A page made while the run goes on begins with how far it is."""
    page = Page(rendered(*synthetic_run(3, workloads=("hello",), blocks=5, done_blocks=2, windows=4, faults=False)))
    assert "Not finished. 12 of 30 planned processes" in page.text


@pytest.mark.parametrize("done", [0, 1])
def test_a_run_that_hardly_began_has_a_page(done: int) -> None:
    """No block, or one: there is a page, and no traceback."""
    page = Page(rendered(*synthetic_run(3, workloads=("hello", "echo"), blocks=3, done_blocks=done, windows=4)))
    assert "How far to trust it" in page.text


def test_a_run_without_cells_has_a_page() -> None:
    """Nothing could be planned at all: the page says so."""
    run, records = synthetic_run(1, workloads=("hello",), blocks=1, windows=4)
    run.plan.blocks, run.stacks, run.environments = [], [], []
    assert "Nothing was measured in this run." in Page(rendered(run, records[:1])).text


def test_one_runtime_alone_has_a_page() -> None:
    """Without PyPy there is no forest plot, and the verdict speaks of what there is."""
    page = Page(rendered(*synthetic_run(3, ("cpython3.13",), ("hello",), 3, windows=4, faults=False)))
    assert "asyncio is fastest at hello on CPython 3.13." in page.text
    assert "paired by block" not in page.text


def test_a_large_report_stays_small() -> None:
    """Forty stacks on two runtimes under three workloads, five blocks, with sources of 70 lines: under 2 MB."""
    run, records = synthetic_run(40, workloads=("hello", "json", "echo"), blocks=5, windows=24)
    for index, stack in enumerate(run.stacks):
        stack.files = {
            f"{stack.id}/app.py": f"# {index}\n" + "def answer(request):\n    return {'message': 'Hello'}\n\n" * 24
        }
    assert len(rendered(run, records).encode()) < 2_000_000


def test_an_adaptive_run_says_how_it_stopped() -> None:
    """The aim stands in the banner, the two stages in the method."""
    run, records = synthetic_run(3, workloads=("hello",), blocks=3, windows=4, faults=False)
    summary = summarise(run, records)
    summary.trust.until = 0.03
    page = Page(render(run, records, summary))
    assert "adaptive: as many as each cell needs for \N{PLUS-MINUS SIGN}3.0" in page.text
    assert "Stein's two-stage one" in page.text


def test_a_machine_that_was_not_quiet_is_said_first() -> None:
    """Where half of the processes are flagged, an alarm stands above the verdict; in a quiet run there is none."""
    run, records = synthetic_run(3, workloads=("hello",), blocks=3, windows=4, faults=False)
    assert "The machine was not quiet." not in Page(rendered(run, records)).text
    for record in records:
        if isinstance(record, Sample):
            record.flags = [Flag("steal", "stolen")]
    text = Page(rendered(run, records)).text
    assert text.index("The machine was not quiet. 18 of 18 processes are flagged") < text.index("is fastest")


def test_latency_stands_at_a_common_rate_where_it_was_measured() -> None:
    """With open loops, table and chart show latency at the rate that all have; who could not keep up shows none."""
    run, records = synthetic_run(8, workloads=("hello",), blocks=3, windows=4, faults=False)
    add_open_loops(records, rates=(5000.0,))
    html = rendered(run, records)
    page = Page(html)
    assert "ms at 5,000/s" in page.text
    assert "At 5,000 per second, 99 of 100 requests are answered within" in page.text
    assert re.search(r"CPython 3\.13: could not keep up, [23],\d+ of 5,000 per second were served", page.text)
    assert "hello: latency against load" in page.text
    assert "closed loop at saturation" in page.text
    assert re.search(r"Tornado\nCPython 3.13: [^\n]*knee 9,\d\d0/s", html)


def test_journeys_of_locust_stand_apart() -> None:
    """What Locust measured has a table of its own, with its limits in words, and is in no chart and no ranking."""
    run, records = synthetic_run(2, ("cpython3.13",), ("hello",), 2, windows=4, faults=False)
    before = rendered(run, records)
    steps = [Step("GET /json", 30, 1, 3.0, {"p50": 4000.0, "p99": 9000.0})]
    made = Load(
        300, {"time-out": 2}, 10.0, 29.5, {"p50": 3000.0, "p99": 8000.0}, {"busy": 0.2}, engine="locust", steps=steps
    )
    journey = Sample(Cell("tornado", "cpython3.13", "journey"), 0, "2026-11-21T05:00:00Z", "ok", load=made)
    html = rendered(run, [*records, journey])
    page = Page(html)
    assert "Journeys with Locust" in page.text
    assert "they rank nothing" in page.text.lower()
    assert "GET /json" in page.text
    assert html.count('<svg class="chart"') == before.count('<svg class="chart"')
    assert "table-journey" not in page.attributes("id")


def test_times_are_written_for_people() -> None:
    """An ISO time becomes a date in UTC; anything else stays what it is."""
    assert when("2026-11-21T02:30:00+01:00") == "21 November 2026, 01:30 UTC"
    assert when("yesterday") == "yesterday"
