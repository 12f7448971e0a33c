"""Faster, slower or undecided: one rule for the table, the comparison and the tiers."""

from __future__ import annotations

import math
from statistics import stdev

import pytest

from reports.measures import FURTHER, Measure, per_process
from reports.pairs import Field, compare, compare_in, comparison_data, fields, further, row_of, throughput
from results.schema import Sample
from results.summarise import summarise
from results.summary import CellSummary, Summary
from tests.openloops import add_open_loops
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
    """With the embedded half-widths alone, every verdict of the page's maker can be repeated, in every column."""
    for workload in summary.workloads:
        ranked = [c for c in summary.cells if c.workload == workload and c.tier is not None and not c.censored]
        assert throughput(summary, workload).rows == len(ranked) - 1
        for field in fields(summary, workload):
            data = comparison_data(field)
            half = data["half"]
            assert isinstance(half, dict)
            more, less, _ = data["words"]  # type: ignore[misc]
            assert data["rows"] == len(field.logs) - 1
            for a, mine in field.logs.items():
                for b, theirs in field.logs.items():
                    if a == b:
                        continue
                    blocks = sorted(mine.keys() & theirs.keys())
                    difference = math.fsum(mine[i] - theirs[i] for i in blocks) / len(blocks)
                    first, second = sorted((field.pool_of[a], field.pool_of[b]))
                    n = str(len(blocks))
                    error = stdev([mine[i] - theirs[i] for i in blocks]) / math.sqrt(len(blocks))
                    overall = half.get(f"{first},{second},{n}")
                    width = data["t"][n] * error if overall is None else max(overall, data["own"][n] * error)  # type: ignore[index]
                    word = "undecided" if abs(difference) <= width else more if difference > 0 else less
                    assert word == compare_in(field, a, b).verdict


def column(summary: Summary, key: str, workload: str = "hello", rate: float | None = None) -> Field:
    """The field of a further column."""
    return further(summary, workload, Measure(key), rate)


def test_other_columns_say_more_or_less(summary: Summary) -> None:
    """PyPy's memory and start-up are more, a slow stack's CPU and latency too, and less the other way round."""
    tornado, pypy, asyncio = ("tornado", "cpython3.13"), ("tornado", "pypy3.11"), ("asyncio", "cpython3.13")
    for key, dear, cheap in (
        ("memory", pypy, tornado),
        ("rest", pypy, tornado),
        ("start", pypy, tornado),
        ("cpu", tornado, asyncio),
        ("p50", tornado, ("aiohttp", "cpython3.13")),
        ("p99", tornado, ("aiohttp", "cpython3.13")),
    ):
        field = column(summary, key)
        there, back = compare_in(field, dear, cheap), compare_in(field, cheap, dear)
        assert (there.verdict, back.verdict) == ("more", "less"), key
        assert there.low == pytest.approx(1 / back.high)  # type: ignore[operator]
        assert compare_in(field, dear, dear).verdict == "same"


def test_other_columns_of_equal_rows_are_rarely_called_different() -> None:
    """Eight rows alike in memory and start-up, fifteen runs: of 30 lists of 28 pairs at most six hold a false claim."""
    false = 0
    for seed in range(15):
        run, records = synthetic_run(
            [f"stack-{i}" for i in range(8)], ("cpython3.13",), ("hello",), 5, seed, faults=False, windows=2
        )
        alike = summarise(run, records)
        for key in ("rest", "start"):
            field = column(alike, key)
            rows = list(field.figures)
            assert len(rows) == 8
            said = {compare_in(field, a, b).verdict for a in rows for b in rows if a != b}
            false += said != {"undecided"}
    assert false <= 6  # 1.5 expected at 5 %; more than six has a probability under 0.1 %


def test_latency_is_compared_as_the_table_shows_it(summary: Summary) -> None:
    """Not of a client-limited row at saturation; at a common rate from that rate's own figures, of who kept up."""
    censored = {row_of(c) for c in summary.cells if c.censored and c.workload == "echo"}
    assert censored
    assert not censored & column(summary, "p99", "echo").figures.keys()
    assert censored & column(summary, "cpu", "echo").figures.keys()

    run, records = synthetic_run(8, workloads=("hello",), blocks=3, windows=4, faults=False)
    add_open_loops(records, rates=(5000.0,))
    loaded = summarise(run, records)
    field = column(loaded, "p99", rate=5000.0)
    assert ("flask@gunicorn-sync", "cpython3.13") not in field.figures  # 3,100 of 5,000 per second
    sample = next(r for r in records if isinstance(r, Sample) and r.cell.stack == "tornado" and r.block == 1)
    offered = next(load for load in sample.latency if load.extra.get("rate") == 5000.0)
    assert field.figures["tornado", sample.cell.runtime][1] == offered.latency_us["p99"]


def test_no_column_claims_anything_from_a_smoke_run() -> None:
    """A run that makes no claims has nothing to compare in any column."""
    smoke = summary_of(stacks=3, workloads=("hello",), blocks=2, profile="smoke")
    assert all(not further(smoke, "hello", measure, None).figures for measure in FURTHER)


def test_a_figure_that_is_not_known_is_not_compared() -> None:
    """Without figures, or with one process only, a row is in no list; a process without a figure leaves a gap."""
    run, records = synthetic_run(4, ("cpython3.13",), ("hello",), 4, windows=2, faults=False)
    for record in records:
        if isinstance(record, Sample) and record.server is not None:
            if record.cell.stack == "tornado":
                record.server.start_s = None
            if record.cell.stack == "twisted" and record.block:
                record.server.start_s = None
            if record.cell.stack == "aiohttp" and record.block == 2:
                record.server.start_s = None
    found = summarise(run, records)
    field = column(found, "start")
    assert set(field.figures) == {("asyncio", "cpython3.13"), ("aiohttp", "cpython3.13")}
    assert sorted(field.figures["aiohttp", "cpython3.13"]) == [0, 1, 3]
    assert compare_in(field, ("asyncio", "cpython3.13"), ("tornado", "cpython3.13")).verdict == "none"
    assert per_process(cell(found, "twisted"), Measure("start"), None).keys() == {0}
