"""How far a run can be believed: what was flagged, rejected, moved or cut short is counted, and claims nothing."""

import msgspec
import pytest

from results.schema import Flag, Record, Run, Sample
from results.summarise import summarise
from tests.summaries import P, row, samples
from tests.synthetic import synthetic_run


def test_a_smoke_run_makes_no_claims() -> None:
    """One block: figures and an order, but no tier, no rank, nothing significant, no finding, and the reason."""
    run, records = synthetic_run(4, blocks=1, profile="smoke", faults=False)
    summary = summarise(run, records)
    assert summary.trust.claims is False
    assert summary.trust.why is not None and "smoke" in summary.trust.why
    assert summary.findings == []
    assert all(c.tier is c.rank_low is c.rank_high is None and c.unranked for c in summary.cells)
    assert all(r.rps is not None and r.rps.significant is None and r.rps.why for r in summary.runtime_ratios)
    assert all(r.tiers == [] and r.why for r in summary.rankings)
    assert summary.rankings[0].order[0] == "asyncio"
    assert all(c.rps is not None and c.rps.low is None and c.rps.why for c in summary.cells)


def test_a_smoke_profile_of_many_blocks_makes_none_either() -> None:
    """It is the profile that says what a run is for."""
    summary = summarise(*synthetic_run(3, blocks=4, profile="smoke", faults=False))
    assert summary.trust.claims is False
    assert summary.findings == []


def test_rejected_samples_and_sentinels_count_but_do_not_estimate(run_and_records: tuple[Run, list[Record]]) -> None:
    """They change no estimate; the rejected are counted in the cell and in the run."""
    run, records = run_and_records
    before = row(summarise(run, records), "tornado")
    rejected = msgspec.structs.replace(samples(records, "tornado")[0], rejected=True)
    assert rejected.load is not None
    rejected.load = msgspec.structs.replace(rejected.load, rps=1.0)
    sentinel = msgspec.structs.replace(rejected, sentinel=True, rejected=False)
    summary = summarise(run, [*records, rejected, rejected, sentinel])
    after = row(summary, "tornado")
    assert (after.rps, after.cpu_us_per_request, after.n) == (before.rps, before.cpu_us_per_request, 5)
    assert (after.rejected, summary.trust.processes_rejected) == (2, 2)


def test_a_sentinel_that_moves_flags_its_block(run_and_records: tuple[Run, list[Record]]) -> None:
    """More than 5 % from the run's median, in either direction; other workloads' sentinels are not mixed in."""
    run, records = run_and_records
    assert summarise(run, records).trust.blocks_moved == []
    sentinel = next(
        r for r in records if isinstance(r, Sample) and r.sentinel and r.block == 3 and r.cell.workload == "hello"
    )
    assert sentinel.load is not None
    sentinel.load.rps *= 0.9
    trust = summarise(run, records).trust
    assert trust.blocks_moved == [3]
    assert trust.sentinel[3].moved == pytest.approx(0.1, abs=0.03)


def test_flags_are_counted_by_process(run_and_records: tuple[Run, list[Record]]) -> None:
    """A flag twice in one process counts once; cell and run say how many."""
    run, records = run_and_records
    for sample in samples(records, "tornado")[:2]:
        sample.flags += [Flag("steal", "1.5 %"), Flag("steal", "1.7 %")]
    summary = summarise(run, records)
    assert row(summary, "tornado").flags == {"steal": 2}
    assert (summary.trust.flags, summary.trust.processes_flagged) == ({"steal": 2}, 2)


def test_an_interrupted_run_is_summarised_as_far_as_it_went() -> None:
    """What is not measured yet is said, and the run is not called finished."""
    run, records = synthetic_run(4, blocks=5, faults=False, done_blocks=2)
    summary = summarise(run, records)
    assert (summary.trust.finished, summary.trust.blocks_done, summary.trust.blocks_planned) == (False, 2, 5)
    cell = row(summary, "tornado")
    assert (cell.status, cell.n, cell.reason) == ("partial", 2, "3 of 5 not measured yet")
    empty = summarise(run, [])
    assert {cell.status for cell in empty.cells} == {"missing"}
    assert {cell.reason for cell in empty.cells} == {"not measured yet"}
    assert (empty.trust.claims, empty.findings, empty.runtime_ratios) == (False, [], [])


def test_percentiles_with_too_few_samples_are_not_printed(run_and_records: tuple[Run, list[Record]]) -> None:
    """A percentile that most processes could not tell is None; one that few could not is their others' median."""
    run, records = run_and_records
    cell = samples(records, "tornado")
    for i, sample in enumerate(cell):
        assert sample.load is not None
        sample.load.latency_us["p99.9"] = None if i < 3 else 5000.0
        sample.load.latency_us["p99"] = None if i < 1 else 1000.0 * i
    latency = row(summarise(run, records), "tornado").latency_us
    assert (latency["p99.9"], latency["p99"]) == (None, 2500.0)


def test_steadiness_is_published_and_drops_nothing(quiet: tuple[Run, list[Record]]) -> None:
    """PyPy's processes warm up, with time and requests to steady; they are all in the estimate."""
    cell = row(summarise(*quiet), "tornado", P)
    assert cell.warmup == {"warm-up": 5}
    assert (cell.steady, cell.n) == (5, 5)
    assert cell.steady_after_s is not None and 0 < cell.steady_after_s < 6
    assert cell.steady_after_requests is not None and cell.steady_after_requests > 0


def test_errors_are_added_up_by_kind(run_and_records: tuple[Run, list[Record]]) -> None:
    """Over all processes of the cell."""
    run, records = run_and_records
    for sample, errors in zip(samples(records, "tornado"), ({"reset": 2}, {"reset": 1, "timeout": 4}), strict=False):
        assert sample.load is not None
        sample.load.errors = errors
    assert row(summarise(run, records), "tornado").errors == {"reset": 3, "timeout": 4}
