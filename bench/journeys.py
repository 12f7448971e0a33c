"""Locust as a process of its own, on the client's core: start it, follow its events, make a sample of what it tells.

Nothing of Locust is imported here: it hands the process that imports it to gevent.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from bench import launch
from bench.errors import UserError
from bench.machine import now
from bench.paths import ROOT
from bench.setting import Target
from bench.watch import Watch, judge_answers
from results.schema import Cell, Load, Sample, Server

USERS = {"hello": "HelloUser", "json": "JsonUser", "echo": "EchoUser", "mixed": "MixedUser"}
"""The journeys, and the class of loadgen/locustfile.py that makes each."""

DEFAULT_THINK = {"mixed": (0.5, 1.5)}
RAMP_S = 5.0
"""Seconds until all users are there, where no rate is given."""

FAREWELL_S = 10.0
"""Locust may take so long to end after it has told what it has."""


@dataclass(frozen=True)
class Journey:
    """What is asked of Locust. `duration_s` begins when all users are there; `think` is MIN and MAX seconds."""

    name: str
    users: int
    spawn_rate: float
    duration_s: float
    think: tuple[float, float]

    def settings(self) -> dict[str, float | int | str | bool | None]:
        """For the record."""
        return {
            "engine": "locust",
            "journey": self.name,
            "users": self.users,
            "spawn_rate": self.spawn_rate,
            "think": think_words(self.think),
            "duration_s": self.duration_s,
        }


def think_words(think: tuple[float, float]) -> str:
    """MIN-MAX, as Locust's side reads it."""
    return f"{think[0]:g}-{think[1]:g}"


def parse_think(text: str) -> tuple[float, float]:
    """Read "0.5-1.5" or "1" (seconds). UserError when it is neither."""
    low, dash, high = text.partition("-")
    try:
        found = float(low), float(high if dash else low)
    except ValueError:
        found = (-1.0, -1.0)
    if not 0 <= found[0] <= found[1] <= 3600:
        raise UserError(f"--think: {text!r} is not MIN-MAX seconds, like 0.5-1.5")
    return found


def choose(name: str, users: int, spawn_rate: float | None, duration_s: float, think: str | None) -> Journey:
    """Check what was asked for. UserError names the option that makes no sense."""
    if name not in USERS:
        raise UserError(f"--journey: no journey {name!r}; there are: {', '.join(USERS)}")
    if not 1 <= users <= 100_000:
        raise UserError(f"--users: {users} is not from 1 to 100,000")
    if spawn_rate is None:
        spawn_rate = max(1.0, users / RAMP_S)
    if not 0.01 <= spawn_rate <= 100_000:
        raise UserError(f"--spawn-rate: {spawn_rate:g} users per second is not from 0.01 to 100,000")
    if not 1 <= duration_s <= 86_400:
        raise UserError(f"--duration: {duration_s:g} s is not from 1 to 86,400")
    return Journey(
        name, users, spawn_rate, duration_s, parse_think(think) if think else DEFAULT_THINK.get(name, (0.0, 0.0))
    )


def steps_served(journey: str, workloads: Sequence[str]) -> list[str]:
    """The steps of a journey that a stack serves, in order; empty where it cannot be made with it at all.

    A stack that closes every connection serves `connect` in place of hello: Locust then opens one for each request.
    """
    pages = "hello" in workloads or "connect" in workloads
    served = {"hello": pages, "json": "json" in workloads, "echo": "echo" in workloads}
    if journey == "mixed":
        return [step for step, there in served.items() if there]
    return [journey] if served[journey] else []


def arguments(journey: Journey, steps: Sequence[str], host: str, port: int, events: int, web: int | None) -> list[str]:
    """Locust's command line; with `web` its page is served on that port of loopback, and stays after the test."""
    return [
        *("-f", "loadgen/locustfile.py", "--host", f"http://{host}:{port}", "--events", str(events)),
        *("--users", str(journey.users), "--spawn-rate", f"{journey.spawn_rate:g}"),
        *("--hold", f"{journey.duration_s:g}"),
        *("--think", think_words(journey.think), "--steps", ",".join(steps)),
        *(("--headless",) if web is None else ("--autostart", "--web-host", "127.0.0.1", "--web-port", str(web))),
        *("--only-summary", "--loglevel", "WARNING", "--exit-code-on-error", "0"),
        USERS[journey.name],
    ]


class LocustError(Exception):
    """Locust ended without a result; one line."""


class Locust:
    """A running Locust. Use as a context manager: leaving it ends the process."""

    def __init__(self, make: Callable[[int], list[str]], cores: Sequence[int], log: Path) -> None:
        self._log = log
        self._home = tempfile.TemporaryDirectory(prefix="anemometer-locust-")
        reader, writer = os.pipe()
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    [sys.executable, "-m", "locust", *make(writer)],
                    cwd=ROOT,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    pass_fds=[writer],
                    start_new_session=True,  # a terminal's Ctrl-C is for bench alone
                )
        except BaseException:
            os.close(reader)
            self._home.cleanup()
            raise
        finally:
            os.close(writer)
        self._events = os.fdopen(reader, encoding="utf-8")
        self.pid = self._process.pid
        with contextlib.suppress(ProcessLookupError):
            os.sched_setaffinity(self.pid, cores)  # long before it has threads or users

    def _environment(self) -> dict[str, str]:
        """The user's own settings for Locust (LOCUST_..., ~/.locust.conf) are not for a measurement."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("LOCUST_")}
        return {**kept, "HOME": self._home.name, "PYTHONUNBUFFERED": "1"}

    def __enter__(self) -> Locust:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._events.close()
        self._home.cleanup()
        if self._log.exists() and not self._log.stat().st_size:
            self._log.unlink()  # it had nothing to complain about

    def events(self) -> Iterator[dict[str, Any]]:
        """Events as they come, until Locust ends. Raises LocustError where it never told of anything."""
        seen = False
        for line in self._events:
            seen = True
            yield json.loads(line)
        self._process.wait()
        if not seen:
            raise LocustError(f"Locust ended at once ({self._process.returncode}): {self._last_words()}")

    def ask_to_end(self) -> None:
        """Let it stop its users and tell what it has."""
        if self._process.poll() is None:
            self._process.terminate()

    def _last_words(self) -> str:
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1].strip()[:300] if lines else f"it said nothing; see {self._log.name}"


@dataclass(frozen=True)
class Place:
    """Where a journey is made: cores of both sides, the folder for logs, who is told of progress, the page's port."""

    server_cores: Sequence[int]
    client_cores: Sequence[int]
    logs: Path
    tell: Callable[[dict[str, Any]], None]
    web: int | None = None


def travel(
    cell: Cell, target: Target, journey: Journey, steps: Sequence[str], place: Place, store: Callable[[Sample], None]
) -> None:
    """Start the stack, let Locust at it, store a sample for each test that it makes (one, unless its page is used).

    Nothing that the server or Locust does is raised: it becomes a failed sample.
    """
    log = place.logs / f"{cell.stack}-{cell.runtime}-{cell.workload}.log".replace("@", "-on-").replace("+", "-with-")
    try:
        with launch.start(target.make, target.cwd, target.workloads, place.server_cores, log) as server:
            with Locust(
                lambda events: arguments(journey, steps, server.host, server.port, events, place.web),
                place.client_cores,
                log.with_suffix(".locust.log"),
            ) as locust:
                _Follower(cell, journey, place, server, locust, store).follow()
            server.stop()
    except launch.StartError as error:
        store(Sample(cell=cell, block=0, at=now(), status="failed", stage="start", reason=str(error)))
    except LocustError as error:
        store(Sample(cell=cell, block=0, at=now(), status="failed", stage="measure", reason=str(error)))


class _Follower:
    """Reads the server's side at Locust's events, and makes the samples."""

    def __init__(
        self,
        cell: Cell,
        journey: Journey,
        place: Place,
        server: launch.Server,
        locust: Locust,
        store: Callable[[Sample], None],
    ) -> None:
        self._cell, self._journey, self._place = cell, journey, place
        self._server, self._locust, self._store = server, locust, store
        self._rest = server.read(memory=True)
        self._tests = 0
        self._at = now()
        self._watch = Watch(server, locust.pid, place.server_cores, place.client_cores)
        self._gone_at: float | None = None
        self._told_at: float | None = None

    def follow(self) -> None:
        """Until Locust ends; without its page that is when its test has ended."""
        for event in self._locust.events():
            match event["event"]:
                case "ramp":
                    self._at = now()
                    self._watch.reset()
                case "measure":
                    self._at = now()
                    self._watch.span()
                    self._watch.mark()
                case "window":
                    self._watch.mark()
                case "measured":
                    self._watch.span()
                case "result":
                    self._sample(msgspec.convert(event["result"], Load))
            self._place.tell(event)
            self._watch_server()
            if self._told_at is not None and time.monotonic() - self._told_at > FAREWELL_S:
                break  # leaving kills it
        if not self._tests:
            raise LocustError(self._explain("Locust ended without a result"))

    def _watch_server(self) -> None:
        """When the server is gone Locust goes on for a moment, so that what its users see of that is counted."""
        if self._server.exit is None:
            return
        if self._gone_at is None:
            self._gone_at = time.monotonic()
        elif time.monotonic() - self._gone_at > 1.0:
            self._locust.ask_to_end()

    def _sample(self, load: Load) -> None:
        load.settings = {**self._journey.settings(), **load.settings, "users": load.connections}
        if self._tests:  # begun on Locust's page, which does not tell how fast the users were to come
            load.settings["spawn_rate"] = None
        sample = Sample(cell=self._cell, block=self._tests, at=self._at, status="ok", load=load)
        sample.server = Server(
            argv=list(self._server.command.argv),
            env=self._server.command.env,
            start_s=self._server.start_s,
            pss_rest_bytes=self._rest.pss_bytes,
            log=self._server.log.name,
        )
        if self._server.exit is None:
            self._watch.fill(sample)
            judge_answers(sample, load)
        else:
            wrong = sum(load.errors.values())
            sample.status, sample.stage = "failed", "measure"
            sample.reason = self._explain("") + f"; {load.requests:,} requests were answered, {wrong:,} failed"
        self._tests += 1
        self._told_at = time.monotonic() if self._place.web is None else None
        self._store(sample)

    def _explain(self, otherwise: str) -> str:
        """A server that has ended is the better explanation of whatever Locust saw."""
        if self._server.exit is None:
            return otherwise
        said = self._server.last_words()
        return f"the server ended in the middle ({self._server.exit}){': ' + said if said else ''}"
