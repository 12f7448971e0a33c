"""Two runs held against each other: what is refused, what is warned of, what is a regression."""

from __future__ import annotations

import argparse
import math
import re
import shutil
from pathlib import Path

import pytest
from scipy import stats

from reports import versus
from reports.cli import main
from reports.differences import differences
from results.schema import Record, Run, Sample
from results.summarise import summarise
from tests.pages import Page
from tests.synthetic import synthetic_run, write
from tests.test_reports_hostile import HOSTILE, hostile_run


def slowed(records: list[Record], factor: float, stack: str = "tornado") -> list[Record]:
    """Make a stack slower in all of its samples."""
    for record in records:
        if isinstance(record, Sample) and record.load is not None and record.cell.stack == stack:
            record.load.rps *= factor
    return records


def two(seed: int = 1, **options: object) -> tuple[Run, list[Record]]:
    """Make a run of three stacks without faults."""
    return synthetic_run(3, workloads=("hello",), blocks=5, seed=seed, faults=False, windows=4, **options)  # type: ignore[arg-type]


def stored(folder: Path, *runs: tuple[Run, list[Record]]) -> list[str]:
    """Write runs and return their ids."""
    for run, records in runs:
        write(folder, run, records)
    return [run.run_id for run, _ in runs]


def compared(tmp_path: Path, a: str, b: str, *more: str) -> int:
    """Run the command."""
    return main(["compare", "--runs", str(tmp_path), a, b, "--out", str(tmp_path / "v.html"), *more])


def test_welch_is_scipy_s() -> None:
    """The interval and p are those of scipy's Welch test on logarithms."""
    a, b = [100.0, 104.0, 99.0, 101.0], [90.0, 91.0, 95.0]
    low, high, p = versus.welch(a, b)
    theirs = stats.ttest_ind([math.log(x) for x in a], [math.log(x) for x in b], equal_var=False)
    ends = theirs.confidence_interval()
    assert p == pytest.approx(theirs.pvalue)
    assert (math.log(low), math.log(high)) == (pytest.approx(ends.low), pytest.approx(ends.high))


def test_equal_values_are_no_difference() -> None:
    """No spread at all is no division by zero: equal means give p = 1, unequal ones p = 0."""
    assert versus.welch([5.0, 5.0], [5.0, 5.0]) == (1.0, 1.0, 1.0)
    assert versus.welch([10.0, 10.0], [5.0, 5.0])[2] == 0.0


@pytest.mark.parametrize(("text", "value"), [("5%", 0.05), ("0.05", 0.05), ("0", 0.0), ("12.5%", 0.125)])
def test_a_share_is_read(text: str, value: float) -> None:
    """5% and 0.05 are the same."""
    assert versus.share(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "%", "five", "100%", "-5%", "nan", "1.5"])
def test_what_is_no_share_is_refused(text: str) -> None:
    """Anything else is refused, with an example of what is right."""
    with pytest.raises(argparse.ArgumentTypeError, match=r"5% or 0\.05"):
        versus.share(text)


def test_a_regression_is_found_and_the_exit_code_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stack that lost a fifth is named, on the terminal and in the page, and the exit code is 1."""
    run, records = two(2)
    a, b = stored(tmp_path, (run, slowed(records, 0.8)), two(1))
    assert compared(tmp_path, a, b, "--fail-on-regression", "5%") == 1
    assert "slower: tornado / cpython3.13 / hello" in capsys.readouterr().out
    page = (tmp_path / "v.html").read_text()
    assert "2 regressions." in page
    assert "Tornado" in page


def test_a_small_regression_passes_a_wide_limit(tmp_path: Path) -> None:
    """Significantly slower, but by less than the limit, is not a failure."""
    run, records = two(2)
    a, b = stored(tmp_path, (run, slowed(records, 0.8)), two(1))
    assert compared(tmp_path, a, b, "--fail-on-regression", "40%") == 0


def test_an_improvement_is_no_regression(tmp_path: Path) -> None:
    """Being faster never fails."""
    run, records = two(2)
    a, b = stored(tmp_path, (run, slowed(records, 1.3)), two(1))
    assert compared(tmp_path, a, b, "--fail-on-regression", "5%") == 0


def test_two_runs_of_the_same_are_a_tie(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is found between two runs whose figures come from the same distribution."""
    a, b = stored(tmp_path, two(3), two(4))
    assert compared(tmp_path, a, b, "--fail-on-regression", "0") == 0
    assert "No difference is found in 6 cells" in capsys.readouterr().out


def test_a_smoke_run_claims_nothing(tmp_path: Path) -> None:
    """Against a smoke run there are ratios, but no verdicts."""
    a, b = (summarise(*two(seed, profile=profile)) for seed, profile in ((1, "smoke"), (2, "standard")))
    found = versus.lines(a, b)
    assert len(found) == 6
    assert {line.verdict for line in found} == {"no claim"}
    assert versus.headline(found, "a", "b").startswith("Nothing is claimed")


def test_cells_of_one_run_only_are_listed(tmp_path: Path) -> None:
    """What only one of the runs has is named, not dropped in silence."""
    a, b = stored(tmp_path, two(1), synthetic_run(2, workloads=("hello",), seed=2, faults=False, windows=4))
    assert compared(tmp_path, a, b) == 0
    assert "2 cells only in A" in (tmp_path / "v.html").read_text()


def test_an_unknown_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A name that no run has: exit code 2, one line that names it, no page."""
    [a] = stored(tmp_path, two(1))
    for pair in ((a, "nosuch"), ("nosuch", a)):
        assert compared(tmp_path, *pair) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "nosuch" in said
    assert not (tmp_path / "v.html").exists()


def test_a_run_is_not_held_against_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same run twice, or a copy of it, is a slip: it would say that nothing changed."""
    [a] = stored(tmp_path, two(1))
    shutil.copytree(tmp_path / a, tmp_path / "copy")
    for b in (a, str(tmp_path / "copy")):
        assert compared(tmp_path, a, b) == 2
        assert capsys.readouterr().err == f"reports: {a} is named twice: name two runs\n"


def test_a_corrupt_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run whose description cannot be read: exit code 2, and one line that names the file."""
    a, b = stored(tmp_path, two(1), two(2))
    (tmp_path / b / "run.json").write_text('{"schema": ')
    assert compared(tmp_path, a, b) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert f"{b}/run.json" in said


def test_a_damaged_line_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The rest of such a run is compared; terminal and page say whose line was left out."""
    a, b = stored(tmp_path, two(1), two(2))
    journal = tmp_path / b / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join([*lines[:5], "damaged\n", *lines[5:]]))
    assert compared(tmp_path, a, b) == 0
    assert f"note: {b}: " in capsys.readouterr().err
    assert f"{b}: " in (tmp_path / "v.html").read_text()


def test_a_gate_that_can_find_nothing_does_not_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Where no cell can be compared, --fail-on-regression says so with exit code 2: a pass would be a false one."""
    a, b = stored(tmp_path, two(1, profile="smoke"), two(2))
    assert compared(tmp_path, a, b) == 0
    capsys.readouterr()
    assert compared(tmp_path, a, b, "--fail-on-regression", "5%") == 2
    said = capsys.readouterr().err
    assert "no regression can be found or ruled out: one of the runs makes no claims" in said.splitlines()[-1]


def test_what_no_longer_answers_is_told_to_the_gate(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cell with figures in B only is named on the terminal: a stack that broke matters as much as a slow one."""
    a, b = stored(tmp_path, synthetic_run(2, workloads=("hello",), blocks=5, seed=2, faults=False, windows=4), two(1))
    assert compared(tmp_path, a, b, "--fail-on-regression", "5%") == 0
    assert "only in B: Twisted, CPython 3.13, hello; Twisted, PyPy 3.11, hello" in capsys.readouterr().out


def test_what_fails_now_is_a_regression(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A cell that A planned, and that no process of it could measure, keeps the gate shut, with the reason."""
    run, records = two(2)
    for record in records:
        if isinstance(record, Sample) and (record.cell.stack, record.cell.runtime) == ("tornado", "pypy3.11"):
            record.status, record.stage, record.reason, record.load = "failed", "measure", "the server is gone", None
    a, b = stored(tmp_path, (run, records), two(1))
    assert compared(tmp_path, a, b) == 0
    capsys.readouterr()
    assert compared(tmp_path, a, b, "--fail-on-regression", "5%") == 1
    assert "failed in A: tornado / pypy3.11 / hello: the server is gone" in capsys.readouterr().out


def test_a_mark_leads_to_its_row(tmp_path: Path) -> None:
    """Every place that the page links to is in the page: a chart's mark leads to the cell's row in the table."""
    a, b = stored(tmp_path, two(1), two(2))
    assert compared(tmp_path, a, b) == 0
    page = Page((tmp_path / "v.html").read_text())
    places = {href.removeprefix("#") for href in page.attributes("href") if href.startswith("#")}
    assert places <= set(page.attributes("id"))
    assert len({place for place in places if place.startswith("cell-")}) == 6


def test_what_became_of_each_stack_is_said_first(tmp_path: Path) -> None:
    """The verdict names the stacks with the range of their ratios, the slower ones first, and in how many cells."""
    run, records = two(2)
    a, b = stored(tmp_path, (run, slowed(slowed(records, 0.8), 1.5, "twisted")), two(1))
    assert compared(tmp_path, a, b) == 0
    text = " ".join(Page((tmp_path / "v.html").read_text()).text.split())
    assert re.search(r"Slower in A ?Tornado 0\.\d+. to 0\.\d+. ?in both cells Faster in A ?Twisted 1\.\d+. to 1", text)
    assert text.index("Slower in A") < text.index("How far to trust it") < text.index("By workload")


def test_a_change_in_one_cell_names_it() -> None:
    """One cell of several: workload and runtime stand there instead of a count."""
    run, records = two(2)
    for record in records:
        if isinstance(record, Sample) and record.load and str(record.cell) == "tornado / pypy3.11 / hello":
            record.load.rps *= 0.5
    found = versus.lines(summarise(run, records), summarise(*two(1)))
    [change] = versus.changes(found, "slower")
    assert (change.title, change.where) == ("Tornado", "in hello on PyPy 3.11")
    assert versus.changes(found, "faster") == []


def test_versions_that_differ_stand_in_their_rows(tmp_path: Path) -> None:
    """Beside a stack whose packages changed stand both versions."""
    run, records = two(2)
    for environment in run.environments:
        environment.packages |= {"tornado": "6.5.9"} if environment.stack == "tornado" else {}
    a, b = stored(tmp_path, (run, records), two(1))
    assert compared(tmp_path, a, b) == 0
    assert (tmp_path / "v.html").read_text().count("<small>tornado 6.5.9, in B 2.6.0</small>") == 2


def test_hostile_strings_stay_text_in_a_comparison(tmp_path: Path) -> None:
    """Names, versions and facts of the two runs are text, wherever the page says them."""
    first, second = hostile_run(), hostile_run()
    first[0].run_id, second[0].run_id = f"a{HOSTILE}", f"b{HOSTILE}"
    first[0].machine["cpu_model"] = first[0].suite["commit"] = f"other {HOSTILE}"
    (a, ours), (b, theirs) = ((run, summarise(run, records)) for run, records in (first, second))
    page = versus.render((a, ours), (b, theirs), versus.lines(ours, theirs), differences(a, b), 0.05)
    tags = {tag for tag, _ in Page(page).tags}
    assert not tags & {"img", "script"}
    assert not [name for _, attrs in Page(page).tags for name in attrs if name.startswith("on")]
