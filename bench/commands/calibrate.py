"""`nox -s calibrate`: what the instrument reaches here, whether others agree, whether its latencies are true."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from bench import environments, machine, prepare, probe
from bench.calibration import agreement, ceiling, null, programs, table, truth
from bench.calibration.plan import FULL, PARTS, QUICK, Setting, Size, Step, has_locust
from bench.environments import Made, Recipe
from bench.errors import UserError
from bench.paths import ENVIRONMENTS, RUNS, SERVERS
from bench.prepare import Choice
from bench.progress import Estimate, Terminal, clock
from bench.setting import Target
from results import calibration_store, store
from results.calibration import SCHEMA, Calibration
from results.calibration_store import CALIBRATIONS

REAL_SERVERS = ("tornado", "aiohttp")


def parts_of(only: Sequence[str] | None) -> list[str]:
    """The parts asked for, in their order. UserError for one that there is not."""
    unknown = [name for name in only or [] if name not in PARTS]
    if unknown or only == []:
        raise UserError(f"--only: no part {unknown[0] if unknown else ''!r}; there are: {', '.join(PARTS)}")
    return [part for part in PARTS if only is None or part in only]


def main(options: argparse.Namespace) -> int:
    """Calibrate; returns 0 when it was carried out. What it found is judged by `reports calibration --check`."""
    parts = parts_of(options.only)
    size = QUICK if options.quick else FULL
    terminal = Terminal()
    RUNS.mkdir(parents=True, exist_ok=True)
    with store.Lock(RUNS / ".lock", "another run in this checkout"), tempfile.TemporaryDirectory() as logs:
        record = describe(parts, "quick" if options.quick else "full", size)
        setting = setting_for(record, size, Path(logs), terminal)
        steps = prepared(setting, parts, terminal)
        setting.save()
        carry_out(setting, steps, terminal)
    table.show(record, Console() if sys.stdout.isatty() else Console(width=140))
    print(f"data: {os.path.relpath(calibration_store.path_of(record, CALIBRATIONS))}")
    return 0


def describe(parts: Sequence[str], name: str, size: Size) -> Calibration:
    """The record of everything known before the first measurement."""
    server, client = machine.cores()
    record = Calibration(
        schema=SCHEMA,
        id=calibration_store.new_id(),
        created_at=machine.now(),
        command=["nox", "-s", "calibrate", "--", *sys.argv[2:]],
        suite=machine.suite(),
        machine=machine.facts(),
        settings={
            "size": name,
            "seconds_a_load": size.seconds,
            "rounds_of_the_ceiling": size.rounds,
            "rounds_of_a_comparison": size.pairs,
            "seconds_of_an_open_loop_at_least": size.truth_s,
        },
        server_cores=server,
        client_cores=client[:1],  # wrk -t1 has one thread, and neither may have more than the other
        parts=list(parts),
    )
    if set(server) & set(client):
        record.remarks.append(
            "Server and client share a core, since there is no other: the figures show both, and are of no use."
        )
    return record


def setting_for(record: Calibration, size: Size, logs: Path, terminal: Terminal) -> Setting:
    """What the parts need. The null servers are compiled here."""
    setting = Setting(
        size=size,
        record=record,
        server_cores=record.server_cores,
        client_cores=record.client_cores,
        logs=logs,
        save=lambda: _save(record),
        say=lambda text: terminal.say(f"  {text}"),
    )
    setting.nulls, remarks = null.makers(ENVIRONMENTS)
    record.remarks += remarks
    return setting


def _save(record: Calibration) -> None:
    calibration_store.write(record, CALIBRATIONS)


def prepared(setting: Setting, parts: Sequence[str], terminal: Terminal) -> list[Step]:
    """Make what the parts need (environments), and return their steps."""
    record, wrk = setting.record, programs.wrk()
    record.versions["loadgen"] = f"on {sys.implementation.name} {sys.version.split()[0]}"
    if wrk is not None:
        record.versions["wrk"] = programs.wrk_version(wrk)
    steps: list[Step] = []
    if "ceiling" in parts:
        steps += ceiling.steps(setting)
    if "agreement" in parts:
        targets = _servers(record, terminal) if wrk is not None else {}
        steps += agreement.http_steps(setting, targets, wrk)
    if "echo" in parts:
        steps += agreement.echo_steps(setting, _echo_clients(record, terminal))
    if "truth" in parts:
        if has_locust():
            record.versions["locust"] = importlib.metadata.version("locust")
        steps += truth.steps(setting, wrk)
    return steps


def _servers(record: Calibration, terminal: Terminal) -> dict[str, Target]:
    """The real servers, on the newest CPython; one that cannot be had becomes a remark."""
    chosen = prepare.choose(Choice(list(REAL_SERVERS), None, ["cpython"], ["hello"]), SERVERS, terminal)
    prepare.install(chosen, ENVIRONMENTS, terminal)
    record.remarks += [f"{entry.stack}: {entry.reason}" for entry in chosen.missing if entry.stack]
    for environment in chosen.environments():
        if environment.stack in environment.packages:
            record.versions[environment.stack] = f"{environment.packages[environment.stack]} on {environment.runtime}"
    targets = chosen.targets()
    return {name: target for name in REAL_SERVERS for (stack, _), target in targets.items() if stack == name}


def _echo_clients(record: Calibration, terminal: Terminal) -> dict[str, Path | str]:
    """An interpreter for each echo client, of the version that runs the instrument; or why there is none."""
    here = probe.probe(Path(sys.executable), "the interpreter that runs this suite")
    if here is None:
        return dict.fromkeys(agreement.ECHO_PACKAGES, "the interpreter of this suite cannot be asked what it is")
    recipes = [Recipe(f"calibrate-{name}", (), here.id, packages) for name, packages in agreement.ECHO_PACKAGES.items()]
    terminal.begin(len(recipes), "environments of other clients")

    def progress(recipe: Recipe, made: Made) -> None:
        if made.environment.status == "failed":
            terminal.say(f"  cannot be installed: {recipe.name}: {made.environment.reason}")
        terminal.step(recipe.name)

    try:
        made = environments.make(recipes, {here.id: here}, ENVIRONMENTS, progress)
    finally:
        terminal.end()
    found: dict[str, Path | str] = {}
    for name in agreement.ECHO_PACKAGES:
        one = made[f"calibrate-{name}", here.id]
        found[name] = one.python or one.environment.reason or "unknown"
        if version := one.environment.packages.get(name):
            record.versions[name] = f"{version}, uvloop {one.environment.packages.get('uvloop')}"
    return found


def carry_out(setting: Setting, steps: Sequence[Step], terminal: Terminal) -> None:
    """Do the steps; what is measured is stored after each, and kept when a person interrupts."""
    record, left = setting.record, Estimate({"": sum(step.seconds for step in steps)})
    path = os.path.relpath(calibration_store.path_of(record, CALIBRATIONS))
    terminal.say(f"calibration {record.id}: {len(steps)} steps, about {clock(left.seconds())}; data in {path}")
    terminal.begin(len(steps), "calibrating", left=left)
    try:
        for step in steps:
            terminal.now(step.label)
            left.begin({"": step.seconds})
            step.work()
            left.end()
            setting.save()
            terminal.step(step.label)
        record.finished = True
    except KeyboardInterrupt:
        setting.save()
        again = f"python -m reports calibration {record.id}"
        terminal.say(f"interrupted; what was measured is kept. Its page: {again}")
        raise
    finally:
        terminal.end()
    setting.save()
