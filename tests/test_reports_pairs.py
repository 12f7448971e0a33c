"""Faster, slower or undecided: one rule for the table, the comparison and the tiers."""

from __future__ import annotations

import math
from statistics import stdev

import pytest

from reports.pairs import compare, comparison_data, family_size, logs
from results.summarise import summarise
from results.summary import CellSummary, Summary
from tests.synthetic import synthetic_run


def summary_of(**options: object) -> Summary:
    """Summarise a synthetic run."""
    run, records = synthetic_run(**options)  # type: ignore[arg-type]
    return summarise(run, records)


@pytest.fixture(scope="module")
def summary() -> Summary:
    """A run of eight stacks, all faults included."""
    return summary_of(stacks=8, workloads=("hello", "json", "echo", "connect"))


def cell(summary: Summary, stack: str, runtime: str = "cpython3.13", workload: str = "hello") -> CellSummary:
    """Find a cell."""
    return next(c for c in summary.cells if (c.stack, c.runtime, c.workload) == (stack, runtime, workload))


def test_comparing_agrees_with_the_tiers(summary: Summary) -> None:
    """Within a ranking, whoever is in a later tier is slower than the tier's leader, never faster or undecided."""
    for ranking in summary.rankings:
        for above, below in zip(ranking.tiers, ranking.tiers[1:], strict=False):
            leader = cell(summary, above[0], ranking.runtime, ranking.workload)
            first = cell(summary, below[0], ranking.runtime, ranking.workload)
            assert compare(summary, first, leader).verdict == "slower"
            assert compare(summary, leader, first).verdict == "faster"


def test_comparing_is_symmetric(summary: Summary) -> None:
    """a over b is the inverse of b over a, interval included, also across runtimes."""
    a, b = cell(summary, "tornado"), cell(summary, "tornado", "pypy3.11")
    there, back = compare(summary, a, b), compare(summary, b, a)
    assert there.ratio == pytest.approx(1 / back.ratio)  # type: ignore[operator]
    assert there.low == pytest.approx(1 / back.high)  # type: ignore[operator]
    assert {there.verdict, back.verdict} == {"slower", "faster"}


def test_a_row_is_the_same_as_itself(summary: Summary) -> None:
    """A row against itself is one, without an interval."""
    assert compare(summary, cell(summary, "tornado"), cell(summary, "tornado")).verdict == "same"


def test_no_claim_from_a_smoke_run() -> None:
    """A run that makes no claims compares nothing, and says why."""
    smoke = summary_of(stacks=3, workloads=("hello",), blocks=1, profile="smoke")
    said = compare(smoke, cell(smoke, "asyncio"), cell(smoke, "tornado"))
    assert said.verdict == "none"
    assert "no claims" in said.why


def test_a_censored_row_is_not_compared(summary: Summary) -> None:
    """A lower bound is neither faster nor slower."""
    censored = [c for c in summary.cells if c.censored]
    assert censored
    for bound in censored:
        other = cell(summary, "tornado", "cpython3.13", bound.workload)
        assert compare(summary, bound, other).verdict == "none"


def test_equal_rows_are_rarely_called_different() -> None:
    """Of 60 pairs from one distribution, on two runtimes, about 5 % are called different, as the level says."""
    verdicts = []
    for seed in range(60):
        run, records = synthetic_run(
            ["stack-0"], ("cpython3.13", "cpython3.12"), ("hello",), 5, seed, faults=False, windows=2
        )
        summary = summarise(run, records)
        verdicts.append(compare(summary, *summary.cells).verdict)
    assert set(verdicts) <= {"undecided", "faster", "slower"}
    assert verdicts.count("undecided") >= 51  # 57 expected; fewer than 51 has a probability under 0.3 %


def test_the_script_gets_what_it_needs(summary: Summary) -> None:
    """With the embedded half-widths alone, every verdict of the page's maker can be repeated."""
    for workload in summary.workloads:
        data = comparison_data(summary, workload)
        half = data["half"]
        assert isinstance(half, dict)
        cells = [c for c in summary.cells if c.workload == workload and c.tier is not None and not c.censored]
        assert data["rows"] == family_size(summary, workload) == len(cells) - 1
        for a in cells:
            for b in cells:
                if a is b:
                    continue
                blocks = sorted(logs(a).keys() & logs(b).keys())
                difference = math.fsum(logs(a)[i] - logs(b)[i] for i in blocks) / len(blocks)
                first, second = sorted((a.ranking or 0, b.ranking or 0))
                n = str(len(blocks))
                error = stdev([logs(a)[i] - logs(b)[i] for i in blocks]) / math.sqrt(len(blocks))
                overall = half.get(f"{first},{second},{n}")
                width = data["t"][n] * error if overall is None else max(overall, data["own"][n] * error)  # type: ignore[index]
                word = "undecided" if abs(difference) <= width else "faster" if difference > 0 else "slower"
                assert word == compare(summary, a, b).verdict
