"""`nox -s bench`: prepare, carry out, summarise."""

from __future__ import annotations

import argparse
import contextlib
import os
import secrets
import shlex
import sys
from functools import partial
from pathlib import Path

import msgspec

from bench import catalog, live, machine, plan, prepare
from bench import profile as profiles
from bench.errors import UserError
from bench.paths import ENVIRONMENTS, PROFILES, ROOT, RUNS, SERVERS
from bench.prepare import Choice, Prepared
from bench.profile import Profile
from bench.progress import Terminal, clock
from bench.run import Experiment, execute, remaining
from bench.setting import Target
from results import adaptive, schema, spec, store
from results.locust import made_by_locust
from results.salvage import salvage
from results.schema import Event, Plan

ADAPTIVE_BLOCKS = 30
"""The most blocks that an adaptive run has where nothing else is asked for."""


def main(options: argparse.Namespace) -> int:
    """Measure; returns 0 when the plan was carried out, whatever became of its cells."""
    terminal = Terminal()
    store.make_folder(RUNS)
    with store.Lock(RUNS / ".lock", "another run in this checkout"):
        if options.resume:
            return _resume(options.resume, options.add_blocks or 0, options.salvage, options.live, terminal)
        if options.add_blocks is not None:
            raise UserError("--add-blocks: say with --resume to which run they are to be added")
        if options.salvage:
            raise UserError("--salvage: say with --resume which run is to be repaired")
        return _begin(options, terminal)


def _begin(options: argparse.Namespace, terminal: Terminal) -> int:
    overrides = {name: getattr(options, name) for name in profiles.overridable()}
    if options.until and overrides["blocks"] is None:
        overrides["blocks"] = ADAPTIVE_BLOCKS
    if options.until and overrides["blocks"] < adaptive.FIRST:
        raise UserError(f"--blocks: --until needs at least {adaptive.FIRST}, in which the spread is measured")
    profile = profiles.choose(profiles.load(PROFILES), options.profile, overrides)
    choice = Choice(options.servers, options.stacks, options.runtimes, options.workloads)
    if options.aa:
        if options.servers or options.stacks:
            raise UserError("--aa: takes the place of --servers and --stacks; give only one of them")
        choice = Choice(None, _twice(options.aa), options.runtimes, options.workloads)
    prepared = prepare.choose(choice, SERVERS, terminal)
    live_report = options.live
    seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
    if options.dry_run:
        show(plan.make(prepared.cells, profile, options.profile, seed), profile, prepared, terminal)
        return 0
    prepare.install(prepared, ENVIRONMENTS, terminal)
    if not prepared.cells:
        raise UserError("nothing can be measured: no environment could be made")
    folder = store.new_folder()
    command = ["nox", "-s", "bench", "--", *sys.argv[2:]]
    run = prepare.describe(prepared, folder.name, options.profile, profile, seed, command)
    if options.until:
        run.plan.settings["until"] = options.until
    store.write_run(folder, run)
    return _carry_out(run, profile, prepared, folder, terminal, live_report)


def _twice(name: str) -> list[str]:
    """The ids of a stack and of its second name; an implementation's name means its recommended stack."""
    catalogue = catalog.load(SERVERS)
    implementations = {stack.implementation for stack in catalogue.values()}
    if name in implementations and name not in catalogue:
        [first, *_] = catalog.select(catalogue, [name])
    else:
        [first] = catalog.select(catalogue, None, [name])
    return [first.id, catalog.again(first).id]


def _resume(name: str, more: int, repair: bool, live_report: bool, terminal: Terminal) -> int:
    if more < 0:
        raise UserError(f"--add-blocks: {more} is too small")
    folder = store.resolve(name)
    for number in salvage(folder, machine.now()) if repair else []:
        terminal.say(f"line {number} of the journal was damaged; what it said is measured again")
    loaded = store.load(folder)
    run = loaded.run
    if made_by_locust(run):
        raise UserError(f"--resume: run {run.run_id} is one of Locust's, which cannot be resumed: make it again")
    for complaint in loaded.complaints:
        terminal.say(complaint)
    if not more and not remaining(run.plan, loaded.records):
        terminal.say(f"run {run.run_id} is complete; nothing is left to be measured")
        return 0
    different = list(spec.machine_differences(run.machine, machine.facts()))
    if different:
        raise UserError(f"--resume: run {run.run_id} was begun on another machine: {'; '.join(different)}")
    settings = {key: value for key, value in run.plan.settings.items() if key != "until"}
    profile = msgspec.convert({"summary": "", **settings}, Profile)
    prepared = prepare.choose(
        Choice(stacks=[stack.id for stack in run.stacks], runtimes=[runtime.id for runtime in run.runtimes]),
        SERVERS,
        terminal,
    )
    planned = {cell for block in run.plan.blocks for cell in block}
    prepared.cells = [cell for cell in prepared.cells if cell in planned] or sorted(planned)
    _refuse_changes(run, prepared)
    prepare.install(prepared, ENVIRONMENTS, terminal)
    for environment in prepared.environments():
        before = next(
            (e for e in run.environments if (e.stack, e.runtime) == (environment.stack, environment.runtime)), None
        )
        if before is not None and before.hash != environment.hash:
            raise UserError(
                f"--resume: the packages of {environment.stack} on {environment.runtime} have changed since; "
                "begin a new run"
            )
    if more:
        run.plan = plan.extend(run.plan, more)
        with store.Journal(folder) as journal:
            store.write_run(folder, run)
            journal.append(Event(machine.now(), "blocks-added", str(more)))
    return _carry_out(run, profile, prepared, folder, terminal, live_report)


def _refuse_changes(run: schema.Run, prepared: Prepared) -> None:
    """A run measures one thing: a server or an interpreter that has changed needs a new run."""
    now = {stack.id: stack.record().files for stack in prepared.stacks}
    for stack in run.stacks:
        current = now.get(stack.id, {})
        changed = [name for name in {*stack.files, *current} if stack.files.get(name) != current.get(name)]
        if changed:
            raise UserError(f"--resume: servers/{min(changed)} has changed since; begin a new run")
    versions = {interpreter.id: interpreter.info.build for interpreter in prepared.interpreters}
    for runtime in run.runtimes:
        if versions.get(runtime.id) != runtime.build:
            raise UserError(f"--resume: {runtime.id} is not the interpreter that it was; begin a new run")


def _carry_out(
    run: schema.Run, profile: Profile, prepared: Prepared, folder: Path, terminal: Terminal, live_report: bool
) -> int:
    null_runtime = f"cpython{sys.version_info.major}.{sys.version_info.minor}"
    experiment = Experiment(
        plan=run.plan,
        profile=profile,
        targets=prepared.targets(),
        keep_alive={stack.id: stack.keep_alive for stack in prepared.stacks},
        null=Target(_null_server, ROOT, ["hello", "json", "echo", "connect"]),
        null_runtime=null_runtime,
        folder=folder,
        after_block=partial(_rebuild, folder, terminal, len(run.plan.blocks) - 1) if live_report else _nothing,
    )
    terminal.say(f"run {folder.name}: {_size(run.plan)}; logs and data in {os.path.relpath(folder)}")
    again = shlex.join(["nox", "-s", "bench", "--", "--resume", folder.name])
    with store.Journal(folder) as journal:
        if journal.recovered:
            terminal.say(journal.recovered)
        records = store.load(folder).records
        try:
            execute(experiment, records, journal, terminal)
        except KeyboardInterrupt:
            with contextlib.suppress(store.StoreError):  # it is a label; the samples are stored
                journal.append(Event(machine.now(), "interrupted"))
            terminal.say(f"interrupted; nothing stored is lost. Go on with: {again}")
            raise
        except store.StoreError as error:
            raise store.StoreError(f"{error}; nothing stored is lost; then go on with: {again}") from error
    return 0


def _nothing(_block: int) -> None:
    """Without a live report nothing is done after a block."""


def _rebuild(folder: Path, terminal: Terminal, last: int, block: int) -> None:
    if block == last:
        return  # the whole run's report comes at its end
    terminal.now("building the report")
    problem = live.rebuild(folder)
    if problem:
        terminal.say(f"the report was not rebuilt: {problem}")


def _null_server(host: str, port: int) -> list[str]:
    return [sys.executable, "-m", "loadgen.nullserver", host, str(port)]


def _size(plan_: Plan) -> str:
    cells = len(plan_.blocks[0]) if plan_.blocks else 0
    return f"{cells} cells x {len(plan_.blocks)} blocks, profile {plan_.profile}, seed {plan_.seed}"


def show(plan_: Plan, profile: Profile, prepared: Prepared, terminal: Terminal) -> None:
    """Print a plan: its cells in order, what is missing, how long it takes."""
    for number, block in enumerate(plan_.blocks):
        print(f"block {number + 1}")
        for cell in block:
            print(f"  {cell}")
    for missing in prepared.missing:
        print(f"missing: {missing.stack or ''} {missing.runtime or ''} {missing.workload or ''}: {missing.reason}")
    pairs = {(cell.stack, cell.runtime) for block in plan_.blocks for cell in block}
    seconds = sum(plan.expected_s(cell, profile) for block in plan_.blocks for cell in block)
    seconds += len(pairs) * plan.CONTRACT_S / 2
    print(f"{_size(plan_)}; about {clock(seconds)} once the environments are made")
