"""From the records of a run to its summary: pure, so that the same records always give the same summary."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from results import adaptive, locust
from results.changepoint import Steadiness, classify_many
from results.further import count_points, latency_points, median_of_most
from results.inference import findings, rank_cells, runtime_ratios
from results.salvage import complaints as repairs
from results.schema import SCHEMA, Cell, Contract, Environment, Missing, Record, Run, Sample, Stack, Stage
from results.statistics import mean_interval
from results.store import final_samples
from results.summary import PERCENTILES, CellSummary, Estimate, Process, Summary
from results.trust import judge

CLIENT_BUSY = 0.70
"""A client at least this busy may have been the limit: the cell is censored."""

NULL = "null"
"""The stack's id of the null server, which answers with constant bytes."""

CLIENT_LIMITED = "client-limited"
"""The flag by which the experiment says that the client, not the server, was the limit."""

HEADROOM = 2.0
"""The client must reach this many times a cell's figure against a server that does nothing."""


def summarise(run: Run, records: Iterable[Record], complaints: Sequence[str] = ()) -> Summary:
    """Summarise a run. Finished or not, whatever failed: what is there is counted, what is not there is said."""
    records, journeys = locust.split(run, records)
    finals = final_samples(records)
    steadiness = _steadiness(finals)
    by_cell: dict[Cell, list[Sample]] = defaultdict(list)
    for (_, cell), sample in sorted(finals.items(), key=lambda item: item[0][0]):
        by_cell[cell].append(sample)
    rejected = Counter(
        record.cell for record in records if isinstance(record, Sample) and record.rejected and not record.sentinel
    )
    planned = adaptive.wanted(run.plan, records)
    facts = _Facts(run, records)
    cells = [
        _cell(facts, cell, by_cell.get(cell, []), steadiness, (planned.get(cell, 0), rejected[cell]))
        for cell in facts.all_cells(planned, by_cell)
    ]
    trust = judge(run, records, cells)
    rankings = rank_cells(cells, trust.claims, trust.why)
    baseline = baseline_runtime(run)
    ratios = runtime_ratios(cells, baseline, trust.claims, trust.why)
    return Summary(
        schema=SCHEMA,
        run_id=run.run_id,
        created_at=run.created_at,
        profile=run.plan.profile,
        seed=run.plan.seed,
        workloads=_in_order(cell.workload for cell in cells),
        runtimes=[runtime.id for runtime in run.runtimes],
        baseline=baseline,
        cells=cells,
        rankings=rankings,
        runtime_ratios=ratios,
        findings=findings(cells, rankings, ratios) if trust.claims else [],
        trust=trust,
        missing=[entry for entry in run.missing if entry.stack is None or entry.runtime is None],
        complaints=[*complaints, *repairs(records)],
        locust=locust.rows(run, journeys),
    )


def baseline_runtime(run: Run) -> str | None:
    """Return the runtime that ratios divide by: the first CPython that is not free-threaded; None if there is none."""
    for runtime in run.runtimes:
        if runtime.id.startswith("cpython") and not runtime.free_threaded:
            return runtime.id
    return None


class _Facts:
    """What is known of stacks and runtimes beside the samples, looked up by key."""

    def __init__(self, run: Run, records: Sequence[Record]) -> None:
        self.run = run
        self.stacks: dict[str, Stack] = {stack.id: stack for stack in run.stacks}
        self.environments: dict[tuple[str, str], Environment] = {
            (entry.stack, entry.runtime): entry for entry in run.environments
        }
        self.contracts: dict[tuple[str, str], Contract] = {
            (record.stack, record.runtime): record for record in records if isinstance(record, Contract)
        }
        self.missing: dict[Cell, Missing] = {}
        workloads = _in_order(cell.workload for block in run.plan.blocks for cell in block)
        for entry in run.missing:
            if entry.stack is None or entry.runtime is None:
                continue
            stack = self.stacks.get(entry.stack)
            affected = workloads if stack is None else [name for name in workloads if name in stack.workloads]
            for workload in affected if entry.workload is None else [entry.workload]:
                self.missing[Cell(entry.stack, entry.runtime, workload)] = entry
        self.workloads = workloads
        self.adaptive = adaptive.width(run.plan) is not None
        self.ceilings = ceilings(records)

    def all_cells(self, planned: Iterable[Cell], measured: Iterable[Cell]) -> list[Cell]:
        """Return every cell there is something to say about, in the run's order of workloads, stacks, runtimes."""
        cells = set(planned) | set(measured) | set(self.missing)
        for (stack, runtime), environment in self.environments.items():
            if environment.status == "failed" and stack in self.stacks:
                serves = [name for name in self.workloads if name in self.stacks[stack].workloads]
                cells |= {Cell(stack, runtime, workload) for workload in serves}
        order = {name: i for i, name in enumerate(self.stacks)}
        runtimes = {runtime.id: i for i, runtime in enumerate(self.run.runtimes)}
        workloads = {name: i for i, name in enumerate(self.workloads)}
        last = 1 << 30
        return sorted(
            cells,
            key=lambda c: (
                workloads.get(c.workload, last),
                order.get(c.stack, last),
                runtimes.get(c.runtime, last),
                c,
            ),
        )

    def contract_notes(self, cell: Cell) -> list[str]:
        """Return what the contract check noted of a cell without failing it."""
        contract = self.contracts.get((cell.stack, cell.runtime))
        checks = contract.checks if contract is not None else []
        return [f"{c.name}: {c.got}" for c in checks if c.verdict == "note" and c.workload in (cell.workload, "server")]

    def broken_contract(self, cell: Cell) -> str | None:
        """Return the contract's failed checks for a cell as a sentence, or None."""
        contract = self.contracts.get((cell.stack, cell.runtime))
        if contract is None:
            return None
        # A failed check of the server as a whole fails every workload.
        failed = [c for c in contract.checks if c.verdict == "fail" and c.workload in (cell.workload, "server")]
        if not failed:
            return None
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        return f"{failed[0].name}: expected {failed[0].expected}, got {failed[0].got}{more}"


def _steadiness(finals: dict[tuple[int, Cell], Sample]) -> dict[tuple[int, Cell], Steadiness]:
    keys = [key for key, sample in finals.items() if sample.load is not None]
    windows = [sample.load.windows for sample in finals.values() if sample.load is not None]
    return dict(zip(keys, classify_many(windows), strict=True))


def _process(sample: Sample, steadiness: Steadiness | None) -> Process:
    load, server = sample.load, sample.server
    process = Process(
        block=sample.block,
        at=sample.at,
        status=sample.status,
        counted=sample.status == "ok" and load is not None and load.rps > 0,
        attempt=sample.attempt,
        stage=sample.stage,
        reason=sample.reason,
        flags=sample.flags,
    )
    if sample.status == "ok" and not process.counted:
        process.status, process.stage, process.reason = "failed", "measure", "no request was answered"
    if server is not None:
        process.cpu_us_per_request = server.cpu_us_per_request
        process.pss_rest_bytes = server.pss_rest_bytes
        process.pss_load_bytes = server.pss_load_bytes
        process.start_s = server.start_s
    if load is not None:
        busy = load.client.get("busy")
        process.rps = load.rps
        process.latency_us = load.latency_us
        process.client_busy = float(busy) if isinstance(busy, (int, float)) else None
        process.requests = load.requests
        process.errors = load.errors
    process.censored = (process.client_busy or 0.0) >= CLIENT_BUSY or any(
        f.name == CLIENT_LIMITED for f in sample.flags
    )
    if steadiness is not None:
        process.warmup = steadiness.kind
        process.steady = steadiness.measured
        process.steady_after_s = steadiness.after_s
        process.steady_after_requests = steadiness.after_requests
    return process


def _cell(
    facts: _Facts,
    cell: Cell,
    samples: list[Sample],
    steadiness: dict[tuple[int, Cell], Steadiness],
    counts: tuple[int, int],
) -> CellSummary:
    planned, rejected = counts
    stack = facts.stacks.get(cell.stack)
    environment = facts.environments.get((cell.stack, cell.runtime))
    processes = [_process(sample, steadiness.get((sample.block, cell))) for sample in samples]
    counted = [process for process in processes if process.counted]
    row = CellSummary(
        stack=cell.stack,
        runtime=cell.runtime,
        workload=cell.workload,
        title=stack.title if stack else cell.stack,
        family=stack.family if stack else "",
        status="ok",
        planned=planned,
        processes=processes,
        rejected=rejected,
        notes=stack.notes if stack else [],
        contract_notes=facts.contract_notes(cell),
        packages=environment.packages if environment else {},
        lines_of_code=stack.lines_of_code if stack else None,
        keep_alive=stack.keep_alive if stack else True,
        workers=stack.workers if stack else 1,
        engine=next((sample.load.engine for sample in samples if sample.load is not None), "native"),
    )
    _set_status(row, facts, environment)
    row.rps = _estimate(counted, lambda process: process.rps)
    if facts.adaptive and row.rps is not None:
        row.rps = _two_stage(row.rps)
    row.cpu_us_per_request = _estimate(counted, lambda process: process.cpu_us_per_request)
    row.latency_us = {
        name: median_of_most([process.latency_us.get(name) for process in counted])
        for name in ("mean", *PERCENTILES, "max")
    }
    final = [sample for sample, process in zip(samples, processes, strict=True) if process.counted]
    row.counts, row.latency = count_points(final), latency_points(final)
    row.knee_rps = _knee(final)
    row.pss_rest_bytes = _median(process.pss_rest_bytes for process in counted)
    row.pss_load_bytes = _median(process.pss_load_bytes for process in counted)
    row.start_s = _median(process.start_s for process in counted)
    row.client_busy = max((p.client_busy for p in counted if p.client_busy is not None), default=None)
    _set_censored(row, counted, facts.ceilings.get(cell.workload))
    row.flags = dict(sorted(Counter(name for p in processes for name in {flag.name for flag in p.flags}).items()))
    errors: Counter[str] = Counter()
    for process in processes:
        errors.update(process.errors)
    row.errors = {kind: count for kind, count in sorted(errors.items()) if count}
    row.warmup = dict(sorted(Counter(process.warmup for process in counted).items()))
    row.steady = sum(1 for process in counted if process.steady)
    row.steady_after_s = _median(process.steady_after_s for process in counted)
    row.steady_after_requests = _median(process.steady_after_requests for process in counted)
    return row


def _set_status(row: CellSummary, facts: _Facts, environment: Environment | None) -> None:
    failed = [process for process in row.processes if not process.counted]
    counted = len(row.processes) - len(failed)
    outstanding = max(0, row.planned - len(row.processes))
    if counted:
        reasons = []
        if failed:
            what, stage = _commonest(failed)
            row.stage = stage
            reasons.append(f"{len(failed)} of {len(row.processes)} processes failed: {what}")
        if outstanding:
            reasons.append(f"{outstanding} of {row.planned} not measured yet")
        row.status = "partial" if reasons else "ok"
        row.reason = "; ".join(reasons) or None
        return
    contract = facts.broken_contract(row.cell)
    missing = facts.missing.get(row.cell)
    if failed:
        row.status = "failed"
        row.reason, row.stage = _commonest(failed)
    elif environment is not None and environment.status == "failed":
        row.status, row.stage, row.reason = "failed", "environment", environment.reason or "could not be installed"
    elif contract is not None:
        row.status, row.stage, row.reason = "failed", "contract", contract
    elif missing is not None:
        row.status, row.reason, row.hint = "missing", missing.reason, missing.hint
    else:
        row.status, row.reason = "missing", "not measured yet"


def _commonest(failed: list[Process]) -> tuple[str, Stage | None]:
    """Return the reason and stage that most of the failures share, the first of several."""
    (reason, stage), _ = Counter(
        (process.reason or "no reason was given", process.stage) for process in failed
    ).most_common(1)[0]
    return reason, stage


def _set_censored(row: CellSummary, counted: list[Process], ceiling: float | None) -> None:
    # One process in which the client was busy is enough: its figure is a lower bound, and pulls the mean with it.
    censored = [process for process in counted if process.censored]
    flagged = [flag.detail for process in censored for flag in process.flags if flag.name == CLIENT_LIMITED]
    if censored:
        busy = f"the client was busy {row.client_busy or 0:.0%} of its core, the limit is {CLIENT_BUSY:.0%}"
        why = flagged[0] if flagged else busy
        row.censored_why = f"{why} ({len(censored)} of {len(counted)} processes)"
    elif ceiling is not None and row.rps is not None and row.rps.value * HEADROOM > ceiling:
        row.censored_why = f"the client reaches {ceiling:,.0f}/s with a server that does nothing: less than twice this"
    row.censored = row.censored_why is not None


def ceilings(records: Iterable[Record]) -> dict[str, float]:
    """Return for each workload the most that the client reached against the null server, in requests per second.

    Only where the client, not the null server, was the limit: else it says nothing about the client.
    """
    found: dict[str, list[float]] = defaultdict(list)
    for record in records:
        if isinstance(record, Sample) and record.sentinel and record.cell.stack == NULL and record.load is not None:
            busy = record.load.client.get("busy")
            if record.status == "ok" and isinstance(busy, (int, float)) and busy >= CLIENT_BUSY:
                found[record.cell.workload].append(record.load.rps)
    return {workload: statistics.median(values) for workload, values in found.items()}


def _estimate(counted: list[Process], figure: Callable[[Process], float | None]) -> Estimate | None:
    pairs = [(value, p.block) for p in counted if (value := figure(p)) is not None and value > 0]
    return _estimated([value for value, _ in pairs], [block for _, block in pairs])


def _estimated(values: list[float], blocks: list[int]) -> Estimate | None:
    if not values:
        return None
    interval = mean_interval(values)
    return Estimate(interval.value, interval.low, interval.high, values, blocks, interval.why)


def _two_stage(estimate: Estimate) -> Estimate:
    """The same mean with Stein's interval: in an adaptive run the number of blocks came from the data."""
    found = adaptive.interval(dict(zip(estimate.blocks, estimate.values, strict=True)))
    return Estimate(found.value, found.low, found.high, estimate.values, estimate.blocks, found.why)


def _knee(samples: Sequence[Sample]) -> Estimate | None:
    found = [(s.knee_rps, s.block) for s in samples if s.knee_rps is not None and s.knee_rps > 0]
    return _estimated([value for value, _ in found], [block for _, block in found])


def _median(values: Iterable[float | None]) -> float | None:
    present = [value for value in values if value is not None]
    return statistics.median(present) if present else None


def _in_order(names: Iterable[str]) -> list[str]:
    """Return names once each, in a fixed order: the usual workloads first, then the rest by name."""
    usual = ("hello", "json", "echo", "connect")
    found = set(names)
    return [name for name in usual if name in found] + sorted(found.difference(usual))
