"""What a run came to: whatever happened in it is counted, said, and never claimed to be more than it is."""

import math
import random
import time
import tracemalloc
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from results.inference import compare_with, ratio_between
from results.schema import Cell, Check, Contract, Event, Flag, Record, Run, Sample
from results.summarise import summarise
from results.summary import CellSummary, RuntimeRatio, Summary
from tests.synthetic import synthetic_run, true_rps

C, P = "cpython3.13", "pypy3.11"


def row(summary: Summary, stack: str, runtime: str = C, workload: str = "hello") -> CellSummary:
    """Return a cell's row."""
    return next(c for c in summary.cells if (c.stack, c.runtime, c.workload) == (stack, runtime, workload))


def ratio(summary: Summary, stack: str, workload: str = "hello", runtime: str = P) -> RuntimeRatio:
    """Return a stack's ratio between runtimes."""
    key = (stack, workload, runtime)
    return next(r for r in summary.runtime_ratios if (r.stack, r.workload, r.runtime) == key)


def samples(records: list[Record], stack: str, runtime: str = C, workload: str = "hello") -> list[Sample]:
    """Return a cell's samples, to change them."""
    cell = Cell(stack, runtime, workload)
    return [r for r in records if isinstance(r, Sample) and r.cell == cell and not r.sentinel]


@pytest.fixture(scope="module")
def quiet() -> tuple[Run, list[Record]]:
    """Return a run in which nothing went wrong."""
    return synthetic_run(5, blocks=5, faults=False)


@pytest.fixture
def run_and_records(quiet: tuple[Run, list[Record]]) -> tuple[Run, list[Record]]:
    """Return a copy of it, to be spoilt."""
    encoded = msgspec.msgpack.encode(quiet)
    return msgspec.msgpack.decode(encoded, type=tuple[Run, list[Record]])


def test_a_quiet_run_is_all_ok(quiet: tuple[Run, list[Record]]) -> None:
    """Every cell is ok with all its processes, ranked where nothing limits it, its interval near the truth."""
    summary = summarise(*quiet)
    assert len(summary.cells) == 5 * 2 * 3
    for cell in summary.cells:
        assert (cell.status, cell.reason, cell.n, cell.planned) == ("ok", None, 5, 5)
        assert cell.rps is not None and cell.rps.low is not None and cell.rps.high is not None
        assert cell.rps.low < cell.rps.value < cell.rps.high
        assert cell.rps.value == pytest.approx(true_rps(cell.stack, cell.runtime, cell.workload), rel=0.08)
        assert cell.cpu_us_per_request is not None and cell.cpu_us_per_request.n == 5
        assert (cell.tier is None) == cell.censored
        assert cell.latency_us["p50"] is not None and cell.latency_us["p99"] is not None
        assert cell.latency_us["p50"] < cell.latency_us["p99"]
    trust = summary.trust
    assert (trust.claims, trust.finished, trust.blocks_done, trust.processes_done) == (True, True, 5, 150)
    assert (trust.processes_failed, trust.cells_missing, trust.processes_flagged) == (0, 0, 0)


def test_the_same_records_give_the_same_summary(quiet: tuple[Run, list[Record]]) -> None:
    """Byte for byte, also when samples of different cells come in another order."""
    run, records = quiet
    first = msgspec.json.encode(summarise(run, records))
    assert msgspec.json.encode(summarise(run, records)) == first
    shuffled = list(records)
    random.Random(1).shuffle(shuffled)
    again = summarise(run, shuffled)
    assert again.cells == msgspec.json.decode(first, type=Summary).cells
    assert again.runtime_ratios == msgspec.json.decode(first, type=Summary).runtime_ratios


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


def fail(sample: Sample) -> None:
    """Turn a sample into a crash."""
    sample.status, sample.stage, sample.reason, sample.load = "failed", "measure", "the server ended: SIGSEGV", None


def test_a_failure_in_one_block_is_partial(run_and_records: tuple[Run, list[Record]]) -> None:
    """What exists is paired and n says how much; the reason and stage are kept."""
    run, records = run_and_records
    fail(samples(records, "tornado", P)[2])
    summary = summarise(run, records)
    cell = row(summary, "tornado", P)
    assert (cell.status, cell.n, cell.stage) == ("partial", 4, "measure")
    assert cell.reason == "1 of 5 processes failed: the server ended: SIGSEGV"
    assert cell.rps is not None and cell.rps.blocks == [0, 1, 3, 4]
    found = ratio(summary, "tornado").rps
    assert found is not None and found.n == 4
    assert cell.tier is not None
    assert (summary.trust.processes_failed, summary.trust.cells_partial) == (1, 1)


def test_a_failure_in_every_block_is_failed(run_and_records: tuple[Run, list[Record]]) -> None:
    """A row with the reason, no figures, not ranked, no ratio; the others are as they were."""
    run, records = run_and_records
    before = row(summarise(run, records), "asyncio", P)
    for sample in samples(records, "tornado", P):
        fail(sample)
    summary = summarise(run, records)
    cell = row(summary, "tornado", P)
    assert (cell.status, cell.n, cell.rps, cell.tier) == ("failed", 0, None, None)
    assert cell.reason == cell.unranked == "the server ended: SIGSEGV"
    assert not [r for r in summary.runtime_ratios if r.stack == "tornado" and r.workload == "hello"]
    assert row(summary, "asyncio", P).rps == before.rps


def test_a_measurement_without_answers_is_a_failure(run_and_records: tuple[Run, list[Record]]) -> None:
    """Zero requests per second are no figure to take a logarithm of."""
    run, records = run_and_records
    sample = samples(records, "tornado")[0]
    assert sample.load is not None
    sample.load.rps, sample.load.requests = 0.0, 0
    cell = row(summarise(run, records), "tornado")
    assert (cell.status, cell.n) == ("partial", 4)
    assert cell.reason is not None and "no request was answered" in cell.reason


def test_a_busy_client_censors(run_and_records: tuple[Run, list[Record]]) -> None:
    """At 70 % busy in one process: a lower bound, unranked, with the reason; its ratio is a bound, too."""
    run, records = run_and_records
    sample = samples(records, "twisted", P)[1]
    assert sample.load is not None
    sample.load.client["busy"] = 0.70
    summary = summarise(run, records)
    cell = row(summary, "twisted", P)
    assert cell.censored and cell.censored_why == (
        "the client was busy 70% of its core, the limit is 70% (1 of 5 processes)"
    )
    assert (cell.tier, cell.rank_low) == (None, None)
    assert cell.unranked is not None and "client" in cell.unranked
    ranking = summary.rankings[cell.ranking or 0]
    assert "twisted" in ranking.unranked and "twisted" not in ranking.order
    found = ratio(summary, "twisted")
    assert found.rps is not None and found.cpu is not None
    assert (found.rps.bound, found.rps.significant) == ("at least", True)  # at least 3 x is certainly more than 1 x
    assert (found.cpu.bound, found.cpu.significant) == (None, None)
    assert found.cpu.why == "the client was the limit on one side"
    assert not [f for f in summary.findings if f.stacks == ["twisted"] and f.workload == "hello"]


def test_a_bound_in_the_other_direction_says_nothing(run_and_records: tuple[Run, list[Record]]) -> None:
    """If the baseline may be faster than it looks, PyPy's advantage over it is not a finding."""
    run, records = run_and_records
    for sample in samples(records, "twisted", C):
        sample.flags.append(Flag("client-limited", "the client worked 90% of the time"))
    found = ratio(summarise(run, records), "twisted").rps
    assert found is not None
    assert (found.bound, found.significant) == ("at most", None)


def test_the_clients_ceiling_censors(run_and_records: tuple[Run, list[Record]]) -> None:
    """A cell that reaches more than half of what the client does against the null server is a lower bound."""
    run, records = run_and_records
    for record in records:
        if isinstance(record, Sample) and record.sentinel and record.cell.workload == "hello" and record.load:
            record.load.rps = 80_000.0
    cell = row(summarise(run, records), "asyncio")
    assert cell.censored and cell.censored_why is not None and "80,000/s" in cell.censored_why
    for record in records:  # a null server that is itself the limit says nothing of the client
        if isinstance(record, Sample) and record.sentinel and record.load:
            record.load.client["busy"] = 0.4
    assert not row(summarise(run, records), "asyncio").censored


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


def test_why_a_cell_was_never_tried() -> None:
    """A broken environment, a broken contract and a missing runtime each give a row, or a line, with the reason."""
    run, records = synthetic_run(10, workloads=["hello", "json", "echo"], blocks=3)
    summary = summarise(run, records)
    environment = row(summary, "eventlet", P)
    assert (environment.status, environment.stage) == ("failed", "environment")
    assert environment.reason is not None and "gcc" in environment.reason
    missing = row(summary, "stack-9", P)
    assert (missing.status, missing.reason) == ("missing", "needs the C API of CPython")
    assert missing.hint == f"run it on {C}"
    assert [entry.runtime for entry in summary.missing] == ["cpython3.14t"]
    records = [r for r in records if not (isinstance(r, Sample) and r.stage == "contract")]  # never even tried
    summary = summarise(run, records)
    contract = row(summary, "twisted", P, "echo")
    assert (contract.status, contract.stage) == ("failed", "contract")
    assert contract.reason is not None and "binary message" in contract.reason
    assert row(summary, "twisted", P, "hello").status == "ok"
    assert summary.trust.finished


def test_a_contract_that_fails_the_server_fails_every_workload() -> None:
    """A check of the server as a whole concerns all its cells; a note is passed on without failing."""
    run, _ = synthetic_run(1, runtimes=[C], blocks=2, faults=False)
    stop = Check("stops on SIGTERM", "server", "fail", "exit within 5 s", "still there")
    note = Check("Date", "server", "note", "current", "none sent")
    failed = summarise(run, [Contract("asyncio", C, "t", [stop])])
    assert {(c.status, c.stage) for c in failed.cells} == {("failed", "contract")}
    noted = summarise(run, [Contract("asyncio", C, "t", [note])])
    assert {(c.status, *c.contract_notes) for c in noted.cells} == {("missing", "Date: none sent")}


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


SPOIL: list[Callable[[Sample], None]] = [
    fail,
    lambda s: setattr(s, "load", None),
    lambda s: setattr(s, "server", None),
    lambda s: setattr(s, "rejected", True),
    lambda s: setattr(s, "cell", Cell("unplanned", "node20", "upload")),
    lambda s: setattr(s, "block", 99),
    lambda s: s.flags.append(Flag("client-limited", "x")),
    lambda s: setattr(s.load, "rps", 0.0) if s.load else None,
    lambda s: setattr(s.load, "windows", []) if s.load else None,
    lambda s: setattr(s.load, "client", {}) if s.load else None,
    lambda s: setattr(s.load, "latency_us", {}) if s.load else None,
]


ODD = msgspec.msgpack.encode(synthetic_run(3, blocks=3, workloads=["hello", "echo"], windows=8))


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.integers(0, 1000), st.sampled_from(SPOIL)), max_size=30), st.integers(0, 40))
def test_whatever_is_in_the_journal_there_is_a_summary(
    spoilt: list[tuple[int, Callable[[Sample], None]]], cut: int
) -> None:
    """Any mixture of failures, gaps and oddities is summarised, counted consistently, and can be stored."""
    run, records = msgspec.msgpack.decode(ODD, type=tuple[Run, list[Record]])
    records = records[: len(records) - cut]
    measured = [r for r in records if isinstance(r, Sample)]
    for index, spoil in spoilt:
        spoil(measured[index % len(measured)])
    summary = summarise(run, [*records, Event("t", "finished")])
    assert msgspec.json.decode(msgspec.json.encode(summary), type=Summary) == summary
    assert summary.trust.cells == len(summary.cells)
    for cell in summary.cells:
        assert (cell.rps is None) == (cell.n == 0)
        assert cell.status in ("ok", "partial") if cell.n else cell.reason
        assert (cell.tier is not None) or cell.unranked
        assert cell.rps is None or math.isfinite(cell.rps.value)


def test_a_huge_run_is_summarised_within_its_limits() -> None:
    """30 stacks x 2 runtimes x 3 workloads x 5 blocks need little memory beyond the records; the time is reported."""
    run, records = synthetic_run(30, blocks=5, windows=12)
    tracemalloc.start()
    begin = time.perf_counter()
    summary = summarise(run, records)
    seconds = time.perf_counter() - begin
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"{len(records)} records in {seconds:.2f} s, {peak / 1e6:.0f} MB")
    assert len(summary.cells) == 30 * 2 * 3 - sum(1 for stack in run.stacks if not stack.keep_alive) * 2
    assert peak < 100e6


def test_further_loads_are_summarised(run_and_records: tuple[Run, list[Record]]) -> None:
    """Throughput by connections, latency by load, the knee: from counted processes, medians and means over them."""
    run, records = run_and_records
    for i, sample in enumerate(samples(records, "tornado")):
        load = sample.load
        assert load is not None
        sample.counts = [msgspec.structs.replace(load, connections=16, rps=load.rps / 2)]
        for key, value in (("fraction", 0.5), ("fraction", 0.85), ("rate", 1000.0)):
            achieved = value * 10_000 if key == "fraction" else value
            achieved *= 0.9 if value == 0.85 and i < 2 else 1.0
            latency: dict[str, float | None] = {"p50": 100.0 * (i + 1), "p99": 900.0 if i < 2 else None}
            offered = value * 10_000 if key == "fraction" else value
            sample.latency.append(
                msgspec.structs.replace(
                    load, mode="open", rps=achieved, offered_rps=offered, latency_us=latency, extra={key: value}
                )
            )
        sample.knee_rps = None if i == 0 else 9_000.0 + i
    fail(samples(records, "tornado")[4])
    cell = row(summarise(run, records), "tornado")
    assert [(point.connections, point.n) for point in cell.counts] == [(16, 4), (64, 4)]
    assert cell.rps is not None
    assert cell.counts[1].rps == pytest.approx(cell.rps.value) == pytest.approx(2 * cell.counts[0].rps)
    assert [(p.fraction, p.rate, p.n, p.served) for p in cell.latency] == [
        (0.5, None, 4, 1.0),
        (0.85, None, 4, 0.5),
        (None, 1000.0, 4, 1.0),
    ]
    assert cell.latency[0].latency_us["p50"] == 250.0
    assert cell.latency[0].latency_us["p99"] == 900.0
    assert cell.latency[0].latency_us["p99.9"] is None
    assert cell.knee_rps is not None and cell.knee_rps.blocks == [1, 2, 3]
    assert row(summarise(run, records), "asyncio").counts == []
