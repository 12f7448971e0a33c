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

from results.schema import Cell, Check, Contract, Event, Flag, Record, Run, Sample
from results.summarise import summarise
from results.summary import Summary
from tests.summaries import C, P, fail, ratio, row, samples
from tests.synthetic import synthetic_run
from tests.synthetic.stacks import true_rps


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


@settings(max_examples=60)
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
