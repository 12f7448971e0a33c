"""Carry out a plan: contract checks, then block after block, each record stored before the next begins."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import wait as futures_wait
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import msgspec

from bench import client, contract, launch, machine, patience, turns
from bench.groups import Job, groups
from bench.measure import INSTRUMENT, measure
from bench.plan import expected_by_runtime
from bench.profile import Profile
from bench.progress import Estimate, Terminal
from bench.setting import Bench, Target
from results import adaptive
from results.schema import Cell, Check, Contract, Event, Plan, Record, Sample
from results.store import StoreError, final_samples

TRANSIENT = {"steal", "neighbour", "throttled", "frequency", "client-stopped"}
"""Flags that a repetition may do without: the machine's doing, not the stack's."""


ROOM_BYTES = 1 << 20
"""Free space without which nothing more is measured: what a server cannot write into its log would be its failure."""


class Journal(Protocol):
    """Where records go: results.store.Journal, or a list in tests."""

    def append(self, record: Record) -> None:
        """Store a record for good."""


def remaining(plan: Plan, records: Iterable[Record]) -> list[Job]:
    """What the plan holds and the journal does not: failed contracts are not measured, everything else once.

    In an adaptive plan that changes once, after the first stage: then each cell's spread says how many blocks it needs.
    """
    records = list(records)
    have = set(final_samples(records))
    barred = barred_cells(records)
    wanted = adaptive.wanted(plan, records)
    return [
        Job(number, cell)
        for number, block in enumerate(plan.blocks)
        for cell in block
        if number < wanted[cell]
        and (number, cell) not in have
        and (cell.stack, cell.runtime, cell.workload) not in barred
    ]


def barred_cells(records: Iterable[Record]) -> dict[tuple[str, str, str], str]:
    """Cells whose contract failed, and why."""
    barred: dict[tuple[str, str, str], str] = {}
    for record in records:
        if isinstance(record, Contract):
            for workload, reason in contract.failed(record.checks).items():
                barred[record.stack, record.runtime, workload] = reason
    return barred


def check_one(
    target: Target, keep_alive: bool, cores: Sequence[int], log: Path, start_s: float = launch.READY_S
) -> tuple[list[Check], list[str]]:
    """The contract check of one stack on one runtime, in a server of its own, and the argv it was started with."""
    argv: list[str] = []

    def make(host: str, port: int) -> list[str]:
        argv[:] = target.make(host, port)
        return argv

    log.unlink(missing_ok=True)
    try:
        with launch.start(make, target.cwd, target.workloads, cores, log, start_s) as server:
            return contract.check(server, list(target.workloads), keep_alive=keep_alive), argv
    except launch.StartError as error:
        # One for each workload, since a check of the server as a whole fails those that were checked: here none were.
        why = str(error)
        return [Check("start", name, "fail", f"answers within {start_s:.3g} s", why) for name in target.workloads], argv


def check_all(
    wanted: Sequence[tuple[str, str]],
    targets: Mapping[tuple[str, str], Target],
    keep_alive: Mapping[str, bool],
    logs: Path,
    store: Callable[[Contract], None],
    terminal: Terminal,
    start_s: float = launch.READY_S,
) -> None:
    """Check every (stack, runtime), two at a time: no time is taken here, so they may share the cores.

    An interrupt, or a record that cannot be stored, ends the servers; what is checked at that moment is not stored.
    """
    cores = sorted({*machine.cores()[0], *machine.cores()[1]})
    lock = threading.Lock()
    stopping = threading.Event()
    terminal.begin(len(wanted), "contract")

    def one(key: tuple[str, str]) -> None:
        stack, runtime = key
        at = machine.now()
        log = logs / f"contract-{stack}-{runtime}.log"
        checks, argv = check_one(targets[key], keep_alive[stack], cores, log, start_s)
        with lock:
            if stopping.is_set():
                return
            store(Contract(stack, runtime, at, checks, argv))
            terminal.now(f"contract {stack} on {runtime}")
            for workload, reason in contract.failed(checks).items():
                terminal.say(f"  contract broken: {stack} / {runtime} / {workload}: {reason}")
            terminal.step(f"{stack} on {runtime}")

    pool = ThreadPoolExecutor(max_workers=2)
    futures = [pool.submit(one, key) for key in wanted]
    try:
        for future in futures:
            future.result()
    except BaseException:
        stopping.set()
        pool.shutdown(wait=False, cancel_futures=True)
        while futures_wait(futures, 0.1).not_done:  # again and again: one may just be starting its server
            launch.end_all()
        raise
    finally:
        pool.shutdown()
        terminal.end()


def require_room(folder: Path) -> None:
    """Raise StoreError where a run's disk is full: before a cell, so that none is measured in vain."""
    disk = os.statvfs(folder)
    free = disk.f_bavail * disk.f_frsize
    if free < ROOM_BYTES:
        raise StoreError(f"only {free >> 10} KiB are free for {folder}: make room on that disk")


@dataclass(frozen=True)
class Experiment:
    """A plan and all that carrying it out needs. `null` starts the null server, by which the machine is watched."""

    plan: Plan
    profile: Profile
    targets: Mapping[tuple[str, str], Target]
    keep_alive: Mapping[str, bool]
    null: Target
    null_runtime: str
    folder: Path
    after_block: Callable[[int], None] = field(default=lambda _: None)


def execute(experiment: Experiment, records: Sequence[Record], journal: Journal, terminal: Terminal) -> None:
    """Do what remains of the plan. Raises only for what concerns the run itself (disk full, interrupt)."""
    known = list(records)

    def store(record: Record) -> None:
        journal.append(record)
        known.append(record)

    store(Event(machine.now(), "resumed" if records else "started"))
    logs = experiment.folder / "logs"
    logs.mkdir(exist_ok=True)
    checked = {(record.stack, record.runtime) for record in known if isinstance(record, Contract)}
    planned = dict.fromkeys((cell.stack, cell.runtime) for block in experiment.plan.blocks for cell in block)
    to_check = [key for key in planned if key not in checked]
    require_room(experiment.folder)
    if to_check:
        check_all(
            to_check, experiment.targets, experiment.keep_alive, logs, store, terminal, experiment.profile.start_s
        )

    server_cores, client_cores = machine.cores()
    bench = Bench(experiment.profile, server_cores, client_cores, logs)
    try:
        for stage in _stages(experiment.plan, known):
            _blocks(stage, known, experiment, bench, store, terminal)
    finally:
        terminal.end()
    store(Event(machine.now(), "finished"))


def _stages(plan: Plan, known: Sequence[Record]) -> Iterator[list[Job]]:
    """What remains, until nothing does: an adaptive plan has a second stage that depends on the first."""
    while jobs := remaining(plan, known):
        yield jobs


def _blocks(
    jobs: Sequence[Job],
    known: Sequence[Record],
    experiment: Experiment,
    bench: Bench,
    store: Callable[[Record], None],
    terminal: Terminal,
) -> None:
    """Carry out jobs block by block, with the null server around each block."""
    total = sum(len(block) for block in experiment.plan.blocks)
    if adaptive.width(experiment.plan) is not None:
        total = len(jobs)
    estimate = Estimate(expected_by_runtime((job.cell for job in jobs), experiment.profile))
    terminal.begin(total, "measuring", total - len(jobs), estimate)
    for number, block in itertools.groupby(jobs, key=lambda job: job.block):
        _watch_machine(experiment, bench, number, "open", store)
        seeded = replace(bench, seed=experiment.plan.seed * 1000 + number)  # the same arrivals for all cells of a block

        def told(job: Job, seeded: Bench = seeded) -> Bench:
            place = f"{job.block + 1}/{len(experiment.plan.blocks)}"
            return replace(seeded, tell=lambda doing: terminal.now(f"{place} {doing}: {job.cell}"))

        for group in groups(list(block), experiment.profile.turn_s > 0):
            estimate.begin(expected_by_runtime((job.cell for job in group), experiment.profile))
            _measure_group(group, experiment, told, known, store, terminal.cell)
            estimate.end()
        _watch_machine(experiment, bench, number, "close", store)
        store(Event(machine.now(), "block-finished", str(number)))
        experiment.after_block(number)


def again(sample: Sample, reruns: int) -> bool:
    """Whether a sample is to be rejected and taken again.

    It is, at most `reruns` times, when the machine disturbed it; and once in any case when a process of the suite's own
    was killed: nothing is known of the server then.
    """
    flags = {flag.name for flag in sample.flags}
    return bool(flags & TRANSIENT and sample.attempt < reruns) or (INSTRUMENT in flags and sample.attempt == 0)


def _measure_group(
    group: Sequence[Job],
    experiment: Experiment,
    told: Callable[[Job], Bench],
    known: Sequence[Record],
    store: Callable[[Record], None],
    show: Callable[[Sample], None],
) -> None:
    """Measure the cells of a group in turns, then again, in turns too, those whose sample must be rejected.

    What is rejected is kept.
    """
    members: list[Job] = []
    for job in group:
        why = patience.given_up(known, job.cell.stack, job.cell.runtime)
        if why is None:
            members.append(job)
        else:
            sample = Sample(job.cell, job.block, machine.now(), "failed", stage="start", reason=why)
            store(sample)
            show(sample)
    for attempt in itertools.count():
        rejected: list[Job] = []

        def take(job: Job, sample: Sample, rejected: list[Job] = rejected) -> None:
            sample.rejected = again(sample, experiment.profile.reruns)
            store(sample)
            if sample.rejected:
                rejected.append(job)
            else:
                show(sample)

        if not members:
            break
        require_room(experiment.folder)
        _in_turns(members, experiment, told, attempt, take)
        members = rejected


def _in_turns(
    members: Sequence[Job],
    experiment: Experiment,
    told: Callable[[Job], Bench],
    attempt: int,
    take: Callable[[Job, Sample], None],
) -> None:
    """Measure all members, each in a thread of its own that works only while it has the turn; one alone needs none.

    An interrupt, or a sample that cannot be stored, ends the clients and the servers; what is being measured then is
    lost, as it is in one that is measured alone.
    """
    if len(members) == 1:
        [job] = members
        take(job, measure(job.cell, _target(experiment, job), told(job), job.block, attempt))
        return
    ring = turns.Ring(len(members))

    def one(number: int, job: Job) -> Sample:
        try:
            ring.wait(number)
            next_turn = partial(ring.next, number)
            return measure(job.cell, _target(experiment, job), told(job), job.block, attempt, next_turn=next_turn)
        finally:
            ring.leave(number)

    pool = ThreadPoolExecutor(max_workers=len(members))
    futures = [pool.submit(one, number, job) for number, job in enumerate(members)]
    try:
        for job, future in zip(members, futures, strict=True):
            take(job, future.result())
    except BaseException:
        ring.cancel()
        while futures_wait(futures, 0.1).not_done:  # again and again: one may just be starting its server
            client.end_all()
            launch.end_all()
        raise
    finally:
        pool.shutdown()


def _target(experiment: Experiment, job: Job) -> Target:
    return experiment.targets[job.cell.stack, job.cell.runtime]


def _watch_machine(
    experiment: Experiment, bench: Bench, block: int, when: str, store: Callable[[Record], None]
) -> None:
    """Measure the null server: it shows the machine's drift, and the ceiling of the client for each workload."""
    seconds = experiment.profile.sentinel_s
    profile = msgspec.structs.replace(
        experiment.profile,
        measure_s=max(seconds, experiment.profile.window_s),
        turn_s=0.0,
        warmup_s=seconds / 4,
        warmup_max_s=seconds / 4,
        warmup_requests=100,
        connection_counts=[],
        latency_fractions=[],
        latency_rates=[],
        knee_steps=0,
    )
    workloads = ["hello"]
    if block == 0 and when == "open":
        workloads = sorted({cell.workload for blocks in experiment.plan.blocks for cell in blocks} | {"hello"})
    for workload in workloads:
        cell = Cell("null", experiment.null_runtime, workload)
        sample = measure(cell, experiment.null, replace(bench, profile=profile), block, sentinel=True)
        store(sample)
