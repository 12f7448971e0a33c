"""Measure one cell once: a fresh server process, warm-up, load, stop. Whatever goes wrong is a result."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from bench import client as loads
from bench import further, launch, limits
from bench.client import Client, ClientError, ClientKilledError
from bench.machine import now
from bench.patience import START_TIMEOUT
from bench.setting import Bench, Target
from bench.watch import Watch, judge_answers
from results.schema import Cell, Flag, Load, Sample, Server, Stage

INSTRUMENT = "instrument"
"""The flag of a sample in which the suite's own processes were ended from outside: nothing is known of the server."""


def measure(
    cell: Cell,
    target: Target,
    bench: Bench,
    block: int,
    attempt: int = 0,
    sentinel: bool = False,
    next_turn: Callable[[], None] = lambda: None,
) -> Sample:
    """Measure a cell once. Never raises for anything that the server does.

    With turns, `next_turn` lets the others have theirs and returns when this cell's comes round.
    """
    sample = Sample(cell=cell, block=block, at=now(), status="failed", attempt=attempt, sentinel=sentinel)
    name = f"{cell.stack}-{cell.runtime}-{cell.workload}-{block}-{attempt}".replace("@", "-on-").replace("+", "-with-")
    log = bench.logs / f"{name}{'-sentinel' if sentinel else ''}.log"
    log.unlink(missing_ok=True)
    stage: Stage = "start"
    server: launch.Server | None = None
    try:
        bench.tell("starting")
        server = launch.start(target.make, target.cwd, [cell.workload], bench.server_cores, log, bench.profile.start_s)
        rest = server.read(memory=True)
        sample.server = Server(
            argv=list(server.command.argv),
            env=server.command.env,
            start_s=server.start_s,
            pss_rest_bytes=rest.pss_bytes,
        )
        words = loads.first(server.host, server.port, cell.workload, cell.runtime, bench.profile)
        with Client(words, bench.client_cores) as client:
            stage = "warm-up"
            bench.tell("warming up")
            watch = Watch(server, client.pid, bench.server_cores, bench.client_cores)
            for event in client.events():
                if server.exit is not None:
                    raise launch.StartError("the server is gone")
                match event["event"]:
                    case "connected":
                        watch.mark()
                    case "window":
                        watch.window()
                        limits.check(server, bench)
                    case "measure":
                        stage = "measure"
                        bench.tell("in turns" if bench.profile.turn_s else "measuring")
                        watch.span()
                    case "rest":
                        next_turn()
                        client.go_on()
                    case "turn":
                        watch.turn()
                        client.go_on()
                    case "turned":
                        watch.turned()
                    case "measured":
                        watch.span()
                        watch.loaded()
                    case "result":
                        sample.load = msgspec.convert(event["result"], Load)
            limits.check(server, bench)  # also what was taken since the last window
            watch.fill(sample)
        if server.exit is not None:
            raise launch.StartError("the server is gone")
        stage = "after"
        further.measure(sample, server, bench)
        stage = "stop"
        stopped = server.stop()
        sample.server.stop_s, sample.server.exit = stopped.seconds, stopped.exit
        if not stopped.clean or stopped.orphans:
            sample.flags.append(
                Flag("stop", f"{stopped.exit} after {stopped.seconds:.1f} s, {stopped.orphans} left over")
            )
        assert sample.load is not None
        judge_answers(sample, sample.load)
    except (launch.StartError, ClientError, limits.LimitError) as error:
        sample.stage, sample.reason = stage, _reason(error, server)
        if isinstance(error, launch.StartTimeoutError):
            sample.flags.append(Flag(START_TIMEOUT, str(error)))
        if isinstance(error, ClientKilledError):
            sample.flags.append(Flag(INSTRUMENT, str(error)))
        elif server is not None and server.exit == launch.KEEPER_DIED:
            sample.flags.append(Flag(INSTRUMENT, f"the server ended because {launch.KEEPER_DIED}"))
    finally:
        if server is not None:
            server.close()
        if sample.server is not None:
            sample.server.exit = sample.server.exit or (server.exit if server else None)
            sample.server.log = log.name if log.exists() else None
    return sample


def _reason(error: Exception, server: launch.Server | None) -> str:
    """One line; a server that has ended is the better explanation of whatever the client saw."""
    if server is not None and server.exit is not None:
        said = server.last_words()
        return f"the server ended in the middle ({server.exit}){': ' + said if said else ''}"
    return str(error)
