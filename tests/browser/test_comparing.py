"""Comparing with a chosen row, in a real browser."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pytest

from reports.page import render
from reports.pairs import compare, compare_in, fields
from results.store import load
from results.summarise import summarise
from tests.browser.visit import Visit
from tests.synthetic import synthetic_run

pytestmark = pytest.mark.browser


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
