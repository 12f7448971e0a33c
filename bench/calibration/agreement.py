"""Agreement: the same servers measured by other clients, in turn, within one process of the server.

Against wrk over HTTP, on the null server and on real ones; and for WebSocket echo against the clients of picows and
websockets. A round is a fresh server process, in which all clients follow one another, in another order each time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.calibration import ceiling, programs
from bench.calibration.null import TITLES
from bench.calibration.plan import START_S, Setting, Step, rotated
from bench.calibration.quiet import Watch
from bench.launch import Server, StartError
from bench.paths import ROOT
from bench.setting import Target
from results.calibration import OURS, Comparison, Shot, ratio

WRK = "wrk"
WRK_TARGET = 1.15
ECHO_TARGETS = {"picows": 1.0, "websockets": 3.0}
ECHO_PACKAGES = {"picows": ("picows", "uvloop"), "websockets": ("websockets", "uvloop")}

Shoot = Callable[[Server, int], Shot]


@dataclass(frozen=True)
class Subject:
    """A server that several clients measure; `target` is what is to be reached against it, where something is."""

    server: str
    title: str
    target: Target
    connections: int
    ratio_wanted: float | None = None


def subjects(setting: Setting, targets: Mapping[str, Target]) -> list[Subject]:
    """The null server at each number of connections, then the real ones at the first."""
    counts = setting.size.compared
    kind = next(iter(setting.nulls))
    null = Target(setting.nulls[kind], ROOT, ["hello", "echo"])
    return [Subject("null", TITLES[kind], null, count, WRK_TARGET) for count in counts] + [
        Subject(name, name, target, counts[0]) for name, target in targets.items()
    ]


def http_steps(setting: Setting, targets: Mapping[str, Target], wrk: str | None) -> list[Step]:
    """wrk and the instrument on each server. Without wrk the comparisons say so."""
    found: dict[int, list[Step]] = {}
    for subject in subjects(setting, targets):
        entry = Comparison(
            server=subject.server,
            title=subject.title,
            workload="hello",
            connections=subject.connections,
            other=WRK,
            target=subject.ratio_wanted,
        )
        setting.record.agreement.append(entry)
        if wrk is None:
            entry.reason, entry.hint = "wrk is not installed", programs.INSTALL_WRK
            continue
        clients = _http_clients(setting, subject, wrk)
        for round_ in range(setting.size.pairs):
            step = _step(setting, round_, subject, "hello", clients, {WRK: entry})
            found.setdefault(round_, []).append(step)
    return [step for round_ in sorted(found) for step in found[round_]]


def _http_clients(setting: Setting, subject: Subject, wrk: str) -> dict[str, Shoot]:
    seconds, cores, count = setting.size.seconds, setting.client_cores, subject.connections

    def ours(server: Server, round_: int) -> Shot:
        return programs.loadgen(ceiling.words("hello", server.host, server.port, count, seconds), cores, round_)[0]

    def theirs(server: Server, round_: int) -> Shot:
        return programs.run_wrk(wrk, f"http://{server.host}:{server.port}/", count, seconds, cores, round_)

    return {OURS: ours, WRK: theirs}


def echo_steps(setting: Setting, pythons: Mapping[str, Path | str]) -> list[Step]:
    """The echo clients and the instrument. `pythons` has an interpreter for each, or why there is none."""
    kind, size = next(iter(setting.nulls)), setting.size
    count, seconds, cores = size.echo_connections, size.seconds, setting.client_cores
    subject = Subject("null", TITLES[kind], Target(setting.nulls[kind], ROOT, ["hello", "echo"]), count)

    def ours(server: Server, round_: int) -> Shot:
        return programs.loadgen(ceiling.words("echo", server.host, server.port, count, seconds), cores, round_)[0]

    def other(name: str, python: Path) -> Shoot:
        return lambda server, round_: programs.run_echo(
            python, name, server.host, server.port, count, seconds, cores, round_
        )

    clients: dict[str, Shoot] = {OURS: ours}
    entries: dict[str, Comparison] = {}
    for name, wanted in ECHO_TARGETS.items():
        entry = Comparison(
            server="null", title=subject.title, workload="echo", connections=count, other=name, target=wanted
        )
        setting.record.echo.append(entry)
        python = pythons.get(name, "it was not installed")
        if isinstance(python, str):
            entry.reason = f"{name} cannot be installed: {python}"
        else:
            clients[name] = other(name, python)
            entries[name] = entry
    if not entries:
        return []
    return [_step(setting, round_, subject, "echo", clients, entries) for round_ in range(size.pairs)]


def _step(
    setting: Setting,
    round_: int,
    subject: Subject,
    workload: str,
    clients: Mapping[str, Shoot],
    entries: Mapping[str, Comparison],
) -> Step:
    size = setting.size
    each = max(size.seconds, 1.0 if workload == "hello" else size.seconds + 1.0) + START_S
    what = f"{subject.title}, {workload}, {subject.connections} connections"
    return Step(
        f"{' and '.join(clients)}: {subject.title}",
        START_S * 2 + size.warmup_s + len(clients) * each,
        lambda: _round(setting, round_, subject, workload, clients, entries, what),
    )


def _round(
    setting: Setting,
    round_: int,
    subject: Subject,
    workload: str,
    clients: Mapping[str, Shoot],
    entries: Mapping[str, Comparison],
    what: str,
) -> None:
    """One fresh server, warmed up by the instrument, then measured by each client in turn."""
    shots: dict[str, Shot] = {}
    try:
        with setting.start(subject.target.make, workload, subject.target.cwd) as server:
            warm = ceiling.words(workload, server.host, server.port, subject.connections, setting.size.warmup_s)
            programs.loadgen(warm, setting.client_cores)
            for name in rotated(list(clients), round_):
                watch = Watch(server)
                shots[name] = clients[name](server, round_)
                shots[name].flags = watch.flags()
    except StartError as error:
        failed = {name: Shot(round=round_, reason=f"{subject.title} {error}") for name in clients}
        shots = {**failed, **shots}
    for name, entry in entries.items():
        entry.ours.append(shots[OURS])
        entry.theirs.append(shots[name])
    words = ", ".join(
        f"{name} {shot.rps:,.0f}/s" if shot.rps and not shot.reason else f"{name}: {shot.reason}"
        for name, shot in shots.items()
    )
    so_far = ", ".join(f"{found.value:.3f} x {name}" for name, e in entries.items() if (found := ratio(e)))
    setting.say(f"{what}, round {round_ + 1}: {words}{'; so far ' + so_far if so_far else ''}")
