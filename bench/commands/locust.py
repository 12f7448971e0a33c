"""`nox -s locust`: users who think and wait, made by Locust. Its figures stay apart from the native client's."""

from __future__ import annotations

import argparse
import os
import resource
import socket
import sys
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status

from bench import catalog, journeys, launch, machine, prepare
from bench import profile as profiles
from bench.catalog import Stack
from bench.errors import UserError
from bench.journeys import Journey, Place
from bench.paths import ENVIRONMENTS, PROFILES, RUNS, SERVERS
from bench.prepare import Choice, Prepared
from bench.progress import Terminal
from bench.setting import Target
from results import export, store
from results.schema import Cell, Event, Missing, Plan, Run, Sample
from results.summarise import summarise
from results.table import print_summary

WORKLOADS = ("hello", "json", "echo", "connect")
PLAIN_EVERY_S = 10.0
USUAL_PORT = 8089
FILES_BESIDE = 200
"""Open files that a process needs beside one for each user."""


def main(options: argparse.Namespace) -> int:
    """Make the journeys; returns 1 when a server failed under one, or could not be installed or started."""
    terminal = Terminal()
    journey = journeys.choose(options.journey, options.users, options.spawn_rate, options.duration, options.think)
    if not options.names:
        raise UserError("name what is to be visited: nox -s locust -- tornado")
    _allow_files(journey.users)
    servers, stacks = catalog.split(catalog.load(SERVERS), options.names)
    prepared = prepare.choose(
        Choice(servers or None, stacks or None, options.runtimes or ["cpython"], list(WORKLOADS)), SERVERS, terminal
    )
    if options.web and len({(cell.stack, cell.runtime) for cell in prepared.cells}) != 1:
        raise UserError("--web shows one stack on one runtime: name one, and one with --runtimes")
    RUNS.mkdir(parents=True, exist_ok=True)
    with store.Lock(RUNS / ".lock", "another run in this checkout"):
        prepare.install(prepared, ENVIRONMENTS, terminal)
        folder = store.new_folder(suffix=store.LOCUST_SUFFIX)
        run = describe(prepared, folder.name, journey)
        store.write_run(folder, run)
        return _carry_out(run, journey, prepared, folder, terminal, options.web)


def _allow_files(users: int) -> None:
    """Raise the soft limit on open files, for the server and Locust alike. UserError where the hard one is too low."""
    need = users + FILES_BESIDE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and need > hard:
        raise UserError(f"--users: {users} users need {need} open files, {hard} are allowed: raise it with ulimit -Hn")
    if soft != resource.RLIM_INFINITY and need > soft:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard))


def served(prepared: Prepared) -> dict[tuple[str, str], list[str]]:
    """The workloads that each stack serves on each runtime, in the order asked for."""
    found: dict[tuple[str, str], list[str]] = {}
    for cell in prepared.cells:
        found.setdefault((cell.stack, cell.runtime), []).append(cell.workload)
    return found


def describe(prepared: Prepared, run_id: str, journey: Journey) -> Run:
    """The run's record. Its plan has no cells: those are the native client's."""
    profile = profiles.load(PROFILES)["smoke"]  # only for the plan, which is replaced
    command = ["nox", "-s", "locust", "--", *sys.argv[2:]]
    run = prepare.describe(prepared, run_id, "locust", profile, 0, command)
    run.plan = Plan("locust", 0, [], {**journey.settings()})
    possible = served(prepared)
    # What is missing under one workload only may still be visited: its journey leaves that step out.
    run.missing = [entry for entry in run.missing if entry.workload is None]
    run.missing += [
        Missing(f"it serves nothing of the {journey.name} journey", *key)
        for key, workloads in possible.items()
        if not journeys.steps_served(journey.name, workloads)
    ]
    return run


def _carry_out(run: Run, journey: Journey, prepared: Prepared, folder: Path, terminal: Terminal, web: bool) -> int:
    server_cores, client_cores = machine.cores()
    targets, titles = prepared.targets(), {stack.id: stack for stack in prepared.stacks}
    samples: list[Sample] = []
    with store.Journal(folder) as journal:

        def keep(sample: Sample) -> None:
            journal.append(sample)
            samples.append(sample)

        journal.append(Event(machine.now(), "started"))
        try:
            for (stack, runtime), workloads in served(prepared).items():
                steps = journeys.steps_served(journey.name, workloads)
                if not steps:
                    continue
                port = _web_port() if web else None
                with _Show(terminal, titles[stack], runtime, journey, port) as show:
                    place = Place(server_cores, client_cores, folder / "logs", show.event, port)
                    cell = Cell(stack, runtime, journey.name)
                    target = Target(targets[stack, runtime].make, targets[stack, runtime].cwd, workloads)
                    journeys.travel(cell, target, journey, steps, place, keep)
        except KeyboardInterrupt:
            journal.append(Event(machine.now(), "interrupted"))
            if not (web and samples):  # with the page Ctrl-C is how one leaves
                raise
        else:
            journal.append(Event(machine.now(), "finished"))
    return _conclude(run, folder)


def _conclude(run: Run, folder: Path) -> int:
    """Print the summary and write it into the run's folder."""
    summary = summarise(run, store.load(folder).records)
    export.write_summary(folder, summary)
    print_summary(summary, Console() if sys.stdout.isatty() else Console(width=120))
    print(f"data and logs: {os.path.relpath(folder)}")
    bad = [row for row in summary.locust if row.status != "ok"]
    for row in bad:
        print(f"{row.status}: {row.stack} on {row.runtime}: {row.reason}", file=sys.stderr)
    return 1 if bad or not summary.locust else 0


def _web_port() -> int:
    """Locust's usual port where it is free, else another."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((launch.HOST, USUAL_PORT))
        except OSError:
            return launch.free_port()
    return USUAL_PORT


class _Show:
    """What a person sees of a journey: one line that changes on a terminal, a line now and then elsewhere."""

    def __init__(self, terminal: Terminal, stack: Stack, runtime: str, journey: Journey, web: int | None) -> None:
        self._terminal, self._journey = terminal, journey
        self._what = f"{stack.id} on {runtime}"
        think = f", thinking {journeys.think_words(journey.think)} s" if journey.think[1] else ""
        terminal.say(
            f"{self._what}: {journey.users} users, {journey.name} journey{think}, "
            f"{journey.duration_s:g} s once all are there ({journey.spawn_rate:g} a second)"
        )
        if web is not None:
            terminal.say(f"Locust's page: http://127.0.0.1:{web} (Ctrl-C ends it)")
        self._status: Status | None = None
        self._said = time.monotonic()

    def __enter__(self) -> _Show:
        if self._terminal.console.is_terminal:
            self._status = self._terminal.console.status(f"{self._what}: starting", refresh_per_second=1)
            self._status.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._status is not None:
            self._status.stop()

    def event(self, event: dict[str, Any]) -> None:
        """Show one of Locust's events."""
        if event["event"] not in ("tick", "window"):
            return
        text = f"{self._what}: {line(event, self._journey)}"
        if self._status is not None:
            self._status.update(text)
        elif time.monotonic() - self._said >= PLAIN_EVERY_S and event["phase"] != "idle":
            self._said = time.monotonic()
            self._terminal.say(text)


def line(event: dict[str, Any], journey: Journey) -> str:
    """An event in words."""
    if event["phase"] == "idle":
        return "no test is running"
    rate, wrong, p50 = event["rps"], event["errors"], event["p50_ms"]
    figures = f"{rate:,.0f} requests/s" + (f", p50 {p50} ms" if p50 is not None else "")
    errors = f", {wrong:,} failed" if wrong else ""
    if event["phase"] == "ramp":
        return f"{event['users']:,} of {journey.users:,} users are there; {figures}{errors}"
    return f"{max(0.0, journey.duration_s - event['elapsed_s']):.0f} s left; {figures}{errors}"
