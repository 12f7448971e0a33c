"""Measure one cell once: a fresh server process, warm-up, load, stop. Whatever goes wrong is a result."""

from __future__ import annotations

import time

import msgspec

from bench import client as loads
from bench import further, guards, launch, limits, tree
from bench.client import Client, ClientError, ClientKilledError
from bench.machine import now
from bench.patience import START_TIMEOUT
from bench.setting import Bench, Target
from results.schema import Cell, Flag, Load, Sample, Server, Stage

ERRORS_ALLOWED = 0.001
INSTRUMENT = "instrument"
"""The flag of a sample in which the suite's own processes were ended from outside: nothing is known of the server."""


def measure(cell: Cell, target: Target, bench: Bench, block: int, attempt: int = 0, sentinel: bool = False) -> Sample:
    """Measure a cell once. Never raises for anything that the server does."""
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
            watch = _Watch(server, client, bench)
            for event in client.events():
                if server.exit is not None:
                    raise launch.StartError("the server is gone")
                match event["event"]:
                    case "connected":
                        watch.mark()
                    case "window":
                        watch.mark()
                        limits.check(server, bench)
                    case "measure":
                        stage = "measure"
                        bench.tell("measuring")
                        watch.span()
                    case "measured":
                        watch.span()
                    case "result":
                        sample.load = msgspec.convert(event["result"], Load)
            limits.check(server, bench)  # also what was taken since the last window
            watch.fill(sample, server.read(memory=True))
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
        _judge(sample)
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


class _Watch:
    """Reads the server's side at the client's events."""

    def __init__(self, server: launch.Server, client: Client, bench: Bench) -> None:
        self._server, self._client, self._bench = server, client, bench
        self._marks: list[tree.Reading] = []
        self._spans: list[tuple[tree.Reading, guards.Counters]] = []

    def mark(self) -> None:
        """A window begins or ends."""
        self._marks.append(self._server.read())

    def span(self) -> None:
        """The measured part begins or ends."""
        reading = self._server.read()
        own = time.process_time() + tree.cpu_s(tree.members(self._client.pid))
        self._spans.append((reading, guards.take(reading.at, reading.cpu_s + own)))

    def fill(self, sample: Sample, loaded: tree.Reading) -> None:
        """Put what was seen into the sample."""
        load, server = sample.load, sample.server
        if load is None or server is None or len(self._spans) != 2:
            return
        for window, before, after in zip(load.windows, self._marks, self._marks[1:], strict=False):
            window.server_cpu_s = after.cpu_s - before.cpu_s
        (first, before_), (last, after_) = self._spans
        # The readings lag the client's events by some milliseconds: take the rate between them, not the difference.
        server.cpu_s = (last.cpu_s - first.cpu_s) / (last.at - first.at) * load.duration_s
        if load.requests:
            server.cpu_us_per_request = server.cpu_s / load.requests * 1e6
        server.pss_load_bytes = loaded.pss_bytes
        server.processes, server.threads = loaded.processes, loaded.threads
        shared = bool(set(self._bench.server_cores) & set(self._bench.client_cores))
        sample.flags += guards.judge(before_, after_, load, shared)


def _judge(sample: Sample) -> None:
    """Decide whether the load succeeded: requests were answered, and hardly any wrongly."""
    load = sample.load
    assert load is not None
    wrong = sum(load.errors.values())
    sample.status = "ok"
    if load.requests == 0 or wrong > ERRORS_ALLOWED * (load.requests + wrong):
        kinds = ", ".join(f"{count} x {kind}" for kind, count in sorted(load.errors.items())) or "no answer at all"
        example = next(iter(load.examples.values()), "")
        sample.status, sample.stage = "failed", "measure"
        sample.reason = f"of {load.requests + wrong} requests {wrong} failed under load: {kinds}" + (
            f"; first: {example}" if example else ""
        )
    elif wrong:
        sample.flags.append(Flag("errors", f"{wrong} of {load.requests + wrong} requests failed"))
