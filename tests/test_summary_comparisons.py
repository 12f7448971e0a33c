"""Cells of a run held against each other: by runtime, by tier, any two; and that equal ones tie."""

import msgspec
import pytest

from results.inference import compare_with, ratio_between
from results.schema import Cell, Flag, Record, Run, Sample
from results.summarise import summarise
from tests.summaries import C, P, ratio, row, samples
from tests.synthetic import synthetic_run


def test_ratios_between_runtimes_find_the_truth(quiet: tuple[Run, list[Record]]) -> None:
    """PyPy over CPython, of requests and of CPU, significant where the effect is large."""
    summary = summarise(*quiet)
    assert summary.baseline == C
    found = ratio(summary, "twisted")
    assert (found.baseline, found.versions_differ) == (C, {})
    assert found.rps is not None and found.rps.low is not None and found.rps.high is not None
    assert found.rps.low < 3.0 < found.rps.high or found.rps.value == pytest.approx(3.0, rel=0.05)
    assert found.rps.significant is True
    assert found.rps.p is not None and found.rps.p_corrected is not None and found.rps.p <= found.rps.p_corrected
    assert found.cpu is not None and found.cpu.value == pytest.approx(1 / 3, rel=0.05)


def test_findings_name_the_first_tier_and_the_extremes(quiet: tuple[Run, list[Record]]) -> None:
    """The fastest tier of each ranking, the largest and the smallest effect of PyPy."""
    summary = summarise(*quiet)
    found = {(f.kind, f.workload, f.runtime): f for f in summary.findings}
    assert found["top-tier", "hello", C].stacks[0] == "asyncio"
    assert found["largest-effect", "hello", P].stacks == ["twisted"]
    assert found["smallest-effect", "hello", P].stacks == ["aiohttp"]


def test_a_bound_in_the_other_direction_says_nothing(run_and_records: tuple[Run, list[Record]]) -> None:
    """If the baseline may be faster than it looks, PyPy's advantage over it is not a finding."""
    run, records = run_and_records
    for sample in samples(records, "twisted", C):
        sample.flags.append(Flag("client-limited", "the client worked 90% of the time"))
    found = ratio(summarise(run, records), "twisted").rps
    assert found is not None
    assert (found.bound, found.significant) == ("at most", None)


def test_connections_that_close_are_ranked_apart() -> None:
    """Keep-alive stacks and connection-per-request ones never share a ranking, and `connect` is one of its own."""
    run, records = synthetic_run(8, runtimes=[C], workloads=["hello", "connect"], blocks=3, faults=False)
    summary = summarise(run, records)
    kinds = {(r.workload, r.connection): set(r.order) for r in summary.rankings}
    assert kinds["hello", "per request"] == {"flask@gunicorn-sync"}
    assert "flask@gunicorn-sync" not in kinds["hello", "persistent"]
    assert len(kinds["connect", "per request"]) == 8


def test_other_generators_and_more_workers_are_apart(run_and_records: tuple[Run, list[Record]]) -> None:
    """Another engine's figures are shown and not ranked; several workers are another ranking."""
    run, records = run_and_records
    for sample in samples(records, "tornado"):
        assert sample.load is not None
        sample.load.engine = "wrk"
    next(stack for stack in run.stacks if stack.id == "aiohttp").workers = 2
    summary = summarise(run, records)
    assert row(summary, "tornado").unranked == "measured with wrk, whose figures are not comparable"
    ranking = summary.rankings[row(summary, "aiohttp").ranking or 0]
    assert (ranking.workers, ranking.order) == (2, ["aiohttp"])


def test_versions_that_differ_are_flagged(run_and_records: tuple[Run, list[Record]]) -> None:
    """A ratio of runtimes says which packages are not the same, with [runtime's, baseline's]."""
    run, records = run_and_records
    for environment in run.environments:
        if (environment.stack, environment.runtime) == ("tornado", P):
            environment.packages |= {"tornado": "6.5.10", "typing_extensions": "4.15.0"}
    summary = summarise(run, records)
    differ = ratio(summary, "tornado").versions_differ
    assert differ["tornado"] == ["6.5.10", row(summary, "tornado").packages["tornado"]]
    assert differ["typing_extensions"] == ["4.15.0", None]
    assert "h11" not in differ


def test_no_cpython_no_baseline() -> None:
    """With PyPy alone there is nothing to divide by; with several CPythons the first is the baseline."""
    alone = summarise(*synthetic_run(2, runtimes=[P], blocks=2, faults=False))
    assert (alone.baseline, alone.runtime_ratios) == (None, [])
    several = summarise(
        *synthetic_run(2, runtimes=["cpython3.14t", "cpython3.13", "cpython3.11", P], blocks=3, faults=False)
    )
    assert several.baseline == "cpython3.13"
    assert {r.runtime for r in several.runtime_ratios} == {"cpython3.14t", "cpython3.11", P}


def test_any_cell_over_any_other(quiet: tuple[Run, list[Record]]) -> None:
    """The inverse comes out the other way round; a list of comparisons is corrected as one."""
    summary = summarise(*quiet)
    a, b = row(summary, "asyncio"), row(summary, "tornado", P, "json")
    one, other = ratio_between(a, b), ratio_between(b, a, "rps")
    assert one is not None and other is not None
    assert one.value == pytest.approx(1 / other.value)
    assert one.p == pytest.approx(other.p)
    hello = [c for c in summary.cells if c.workload == "hello"]
    compared = compare_with(hello, a)
    assert compared[hello.index(a)] is None
    assert all(r is None or (r.p is not None and r.p_corrected is not None and r.p_corrected >= r.p) for r in compared)
    silent = ratio_between(a, b, claims=False)
    assert silent is not None and silent.significant is None


def test_holm_corrects_over_the_list_that_is_read() -> None:
    """Ratios of one workload, measure and runtime are one list: a lone p of 0.03 among eight is not significant."""
    run, records = synthetic_run(8, blocks=5, workloads=["hello"], faults=False, process_sd=0.05)
    found = [r.cpu for r in summarise(run, records).runtime_ratios if r.cpu is not None and r.cpu.p is not None]
    smallest = min(found, key=lambda r: r.p or 1)
    assert smallest.p is not None and smallest.p_corrected == pytest.approx(smallest.p * len(found))


def test_200_aa_runs_tie_from_end_to_end() -> None:
    """One stack under two names, through samples, summary and tiers: at least 92 % of the intervals contain 1."""
    inside = tiers = 0
    for seed in range(200):
        run, records = synthetic_run(
            ["asyncio", "asyncio"][:1], [C], ["hello"], 5, seed, faults=False, windows=6, process_sd=0.03
        )
        other, more = synthetic_run(
            ["asyncio"], [C], ["hello"], 5, seed + 10_000, faults=False, windows=6, process_sd=0.03
        )
        run.stacks.append(msgspec.structs.replace(other.stacks[0], id="asyncio+again"))
        for record in more:
            if isinstance(record, Sample) and not record.sentinel:
                record.cell = Cell("asyncio+again", C, "hello")
                records.append(record)
        for block in run.plan.blocks:
            block.append(Cell("asyncio+again", C, "hello"))
        summary = summarise(run, records)
        found = ratio_between(row(summary, "asyncio"), row(summary, "asyncio+again"))
        assert found is not None and found.low is not None and found.high is not None
        inside += found.low <= 1 <= found.high
        tiers += len(summary.rankings[0].tiers) == 1
    assert inside / 200 >= 0.92
    assert tiers / 200 >= 0.92
