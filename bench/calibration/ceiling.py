"""The ceiling: what the instrument reaches against a server that does next to nothing, and what a request costs it."""

from __future__ import annotations

from bench.calibration import programs
from bench.calibration.null import TITLES, Make
from bench.calibration.plan import START_S, Setting, Step, rotated
from bench.calibration.quiet import Watch
from bench.client import EXPECT, PATHS
from bench.launch import StartError
from results.calibration import Ceiling, Shot

WORKLOADS = {"hello": "http", "echo": "ws"}
SETTLE_S = 0.2


def words(workload: str, host: str, port: int, connections: int, seconds: float) -> list[str]:
    """loadgen's command line for a closed loop that is preceded by a moment of it."""
    return [
        f"{WORKLOADS[workload]}://{host}:{port}{PATHS[workload]}",
        *EXPECT[workload],
        *("-c", str(connections), "-d", f"{seconds:g}", "--warmup", f"{SETTLE_S:g}"),
    ]


def steps(setting: Setting) -> list[Step]:
    """One step for each round, server and workload: a fresh server, all numbers of connections in turn."""
    size, found = setting.size, []
    kinds = list(setting.nulls) if size.both_servers else list(setting.nulls)[:1]
    entries = {
        (kind, workload, count): Ceiling(server=kind, workload=workload, connections=count)
        for kind in kinds
        for workload in WORKLOADS
        for count in size.counts
    }
    setting.record.ceiling += entries.values()

    def step(round_: int, kind: str, workload: str) -> Step:
        def work() -> None:
            mine = {str(count): entries[kind, workload, count] for count in size.counts}
            _one(setting, round_, setting.nulls[kind], workload, mine)

        seconds = START_S + len(size.counts) * (size.seconds + SETTLE_S + START_S)
        return Step(f"ceiling: {TITLES[kind]}, {workload}", seconds, work)

    for round_ in range(size.rounds):
        found += [step(round_, kind, workload) for kind in kinds for workload in WORKLOADS]
    return found


def _one(setting: Setting, round_: int, make: Make, workload: str, entries: dict[str, Ceiling]) -> None:
    try:
        with setting.start(make, workload) as server:
            for count in rotated(list(entries), round_):
                line = words(workload, server.host, server.port, int(count), setting.size.seconds)
                watch = Watch(server)
                shot, _ = programs.loadgen(line, setting.client_cores, round_)
                shot.flags = watch.flags()
                entries[count].shots.append(shot)
    except StartError as error:
        for entry in entries.values():
            entry.shots.append(Shot(round=round_, reason=f"the null server {error}"))
    figures = ", ".join(
        f"{count}: {entry.shots[-1].rps:,.0f}/s" if entry.shots[-1].rps else f"{count}: {entry.shots[-1].reason}"
        for count, entry in entries.items()
    )
    kind = next(iter(entries.values())).server
    setting.say(f"ceiling, {TITLES[kind]}, {workload}, round {round_ + 1}: {figures}")
