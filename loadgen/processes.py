"""One load from several processes: connections and rate are divided, the start is common, histograms merge exactly.

Each process runs the same loop on a core of its own. Their windows end at common times; the parent merges them, decides
when the warm-up is over, and tells all the same number of windows, so that they measure the same stretch of time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe, wait
from typing import Any, TypeVar

from loadgen.course import Course, Emit
from loadgen.errors import CannotRunError, UsageError
from loadgen.events import die_with_parent
from loadgen.phases import warm_enough
from loadgen.spec import Spec
from loadgen.wire import clock

START_IN_NS = 50_000_000
"""The load begins so long after the last process is connected: time for all of them to hear of it."""
AHEAD = 2
"""The warm-up ends so many windows after the one that decided it: time for all of them to hear of that."""

T = TypeVar("T")
Measure = Callable[[Spec, "Follower", Emit], T]
"""What each process does; its outcome is sent to the parent."""


def divide(spec: Spec, cpus: list[int]) -> list[Spec]:
    """A spec for each process. Poisson arrivals of rate r divided by n are n independent ones of rate r / n."""
    n = spec.processes
    each, more = divmod(spec.connections, n)
    idle, rest = divmod(spec.idle, n)
    return [
        dataclasses.replace(
            spec,
            processes=1,
            connections=each + (i < more),
            idle=idle + (i < rest),
            first=idle * i + min(i, rest),
            rate=spec.rate / n if spec.rate is not None else None,
            seed=spec.seed + i,
            cpus=(cpus[i % len(cpus)],),
        )
        for i in range(n)
    ]


class Follower:
    """The conductor of one of several processes: it does as the parent says."""

    def __init__(self, spec: Spec, pipe: Connection) -> None:
        self.pipe = pipe
        self.ruled = spec.warmup_max_s is not None or spec.warmup_requests > 0
        self.measure_at: int | None = None
        self.steady: bool | None = None

    def begin(self) -> int:
        """Say that all connections are open, and wait for the common start."""
        self.pipe.send(("connected", None))
        start: int = self.pipe.recv()
        time.sleep(max(0, start - clock() - 1_000_000) / 1e9)
        while clock() < start:
            pass
        return start

    def warm(self, course: Course) -> bool:
        """Whether the window is reached that the parent named; without a rule, time alone ends the warm-up."""
        if not self.ruled:
            return False
        if self.measure_at is None and self.pipe.poll(0):
            self.measure_at, self.steady = self.pipe.recv()
        course.steady = self.steady
        return self.measure_at is not None and course.warmup_windows >= self.measure_at


def run(spec: Spec, measure: Measure[T], emit: Emit) -> list[T]:
    """Run `measure` in as many processes as the spec asks for; what they found.

    Raises CannotRunError where one of them has no result; the others are ended then.
    """
    cpus = list(spec.cpus) or sorted(os.sched_getaffinity(0))
    children: list[tuple[int, Connection]] = []
    try:
        for one in divide(spec, cpus):
            children.append(_fork(one, measure))
        return _Leader(spec, [pipe for _, pipe in children], emit).run()
    finally:
        for pid, pipe in children:
            pipe.close()
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _fork(spec: Spec, measure: Measure[T]) -> tuple[int, Connection]:
    ours, theirs = Pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        theirs.close()
        return pid, ours
    code = 1
    try:
        die_with_parent()
        ours.close()
        try:
            part = measure(spec, Follower(spec, theirs), lambda event: theirs.send(("event", event)))
            theirs.send(("part", part))
        except (CannotRunError, UsageError) as error:
            theirs.send(("error", str(error)))
        code = 0
    except (EOFError, OSError, KeyboardInterrupt):
        pass  # the parent has ended, or is ending
    finally:
        # Never back into the parent's code: this is a copy of it.
        os._exit(code)


class _Leader:
    """The parent's side: merges what comes, and decides."""

    def __init__(self, spec: Spec, pipes: list[Connection], emit: Emit) -> None:
        self.spec = spec
        self.pipes = pipes
        self.emit = emit
        self.windows: list[list[dict[str, Any]]] = [[] for _ in pipes]
        self.merged = 0
        self.times: list[float] = []
        self.requests = 0
        self.decided = spec.warmup_max_s is None and not spec.warmup_requests
        self.said: Counter[str] = Counter()

    def run(self) -> list[Any]:
        connected = 0
        parts: dict[int, Any] = {}
        open_pipes = list(self.pipes)
        while len(parts) < len(self.pipes):
            for ready in wait(open_pipes):
                assert isinstance(ready, Connection)
                index = self.pipes.index(ready)
                try:
                    kind, what = ready.recv()
                except EOFError:
                    raise CannotRunError(
                        f"load process {index + 1} of {len(self.pipes)} ended without a word"
                    ) from None
                if kind == "error":
                    raise CannotRunError(what)
                if kind == "part":
                    parts[index] = what
                    open_pipes.remove(ready)
                elif kind == "connected":
                    connected += 1
                    if connected == len(self.pipes):
                        start = clock() + START_IN_NS
                        for pipe in self.pipes:
                            pipe.send(start)
                else:
                    self._event(index, what)
        return [parts[i] for i in range(len(self.pipes))]

    def _event(self, index: int, event: dict[str, Any]) -> None:
        if event["event"] == "window":
            self.windows[index].append(event)
            while all(len(windows) > self.merged for windows in self.windows):
                self._merge([windows[self.merged] for windows in self.windows])
                self.merged += 1
        else:
            # "connected", "measure", "measured": told when the last process says so, in order with the windows.
            self.said[event["event"]] += 1
            if self.said[event["event"]] == len(self.pipes):
                self.emit(event)

    def _merge(self, events: list[dict[str, Any]]) -> None:
        several = [event["window"] for event in events]
        window = merge_estimates(several)
        self.emit({"event": "window", "t": max(event["t"] for event in events), "window": window})
        if self.decided:
            return
        self.requests += window["requests"]
        self.times.append(window["duration_s"] / window["requests"] if window["requests"] else float("inf"))
        verdict = warm_enough(self.spec, window["start_s"] + window["duration_s"], self.requests, self.times)
        if verdict is not None:
            self.decided = True
            for pipe in self.pipes:
                pipe.send((self.merged + 1 + AHEAD, verdict if self.spec.warmup_max_s is not None else None))


def merge_estimates(several: list[dict[str, Any]]) -> dict[str, Any]:
    """One window out of those of several processes. Latencies are means weighted by requests: for display only."""
    requests = sum(window["requests"] for window in several)
    merged = dict(several[0]) | {"requests": requests, "errors": sum(window["errors"] for window in several)}
    for key in ("mean_us", "p50_us", "p99_us"):
        known = [window for window in several if window[key] is not None]
        weight = sum(window["requests"] for window in known)
        merged[key] = sum(window[key] * window["requests"] for window in known) / weight if weight else None
    return merged
