"""What a load has of itself while it goes on: its loop, what happened so far, what the client itself spent."""

from __future__ import annotations

import time
from array import array
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from loadgen.errors import Kind
from loadgen.latency import Latencies
from loadgen.windows import Windows

Emit = Callable[[dict[str, object]], None]


class Loop(Protocol):
    """What a load needs of a loop (closed.py, open.py)."""

    samples: array[int]
    connects: Latencies
    errors: Counter[Kind]
    examples: dict[str, str]
    idle_ns: int
    closing_ns: int
    reopened: int
    gone: str | None
    ends_sharply: bool

    def connect_all(self, limit_s: float) -> None:
        """Open every connection."""

    def start(self, at: int) -> None:
        """Begin the load, which was to begin `at` (ns of the clock)."""

    def run_window(self, until: int) -> None:
        """Go on until `until`, in ns of the clock."""

    def measure(self, start: int, end: int) -> None:
        """The measured part lasts from `start` to `end`, in ns of the clock."""

    def rest(self, limit: int) -> None:
        """Send nothing more and wait for what is in flight, until `limit` at the latest."""

    def wake(self, limit: int) -> bool:
        """After a rest: have all connections open again, until `limit` at the latest; whether some are new."""

    def drain(self, end: int, limit: int) -> None:
        """Wait for what belongs to the measured part, which ended at `end`, until `limit` at the latest."""


@dataclass
class Course:
    """What happened: windows, and the counters of the measured part."""

    windows: Windows = field(default_factory=Windows)
    steady: bool | None = None
    first: int = 0
    measure_from: int = 0
    measure_to: int = 0
    warmup_requests: int = 0
    warmup_errors: int = 0
    warmup_windows: int = 0
    in_time: int = 0
    errors: dict[Kind, int] = field(default_factory=dict)
    examples: dict[str, str] = field(default_factory=dict)
    cpu_s: float = 0.0
    starved_ns: int | None = None
    idle_ns: int = 0
    closing_ns: int = 0
    overrun_ns: int = 0
    """In turns: how much later than asked the load stopped, since this process did not run."""
    reopened: int = 0
    connects: Latencies = field(default_factory=Latencies)
    stopped: str | None = None

    @property
    def duration_s(self) -> float:
        """Seconds of the measured part."""
        return (self.measure_to - self.measure_from) / 1e9

    @property
    def warmup_s(self) -> float:
        """Seconds of the warm-up."""
        return (self.measure_from - self.first) / 1e9


@dataclass
class Spent:
    """What the client used up to a moment: its CPU time in seconds, the rest in ns."""

    cpu_s: float
    starved_ns: int | None
    idle_ns: int
    closing_ns: int


class Meter:
    """What the client itself spends while it measures, summed over the stretches between `begin` and `end`."""

    def __init__(self, loop: Loop, course: Course) -> None:
        self._loop, self._course = loop, course
        self._before = self._read()

    def begin(self) -> None:
        """A stretch begins."""
        self._before = self._read()

    def end(self) -> None:
        """It is over: add it to the course."""
        course, before, after = self._course, self._before, self._read()
        course.cpu_s += after.cpu_s - before.cpu_s
        course.idle_ns += after.idle_ns - before.idle_ns
        course.closing_ns += after.closing_ns - before.closing_ns
        if before.starved_ns is not None and after.starved_ns is not None:
            course.starved_ns = (course.starved_ns or 0) + after.starved_ns - before.starved_ns

    def _read(self) -> Spent:
        return Spent(time.process_time(), waited_for_cpu_ns(), self._loop.idle_ns, self._loop.closing_ns)


def waited_for_cpu_ns() -> int | None:
    """How long this process was ready to run and had no core, in ns, since it began; None where Linux does not say."""
    try:
        return int(Path("/proc/self/schedstat").read_text().split()[1])
    except (OSError, IndexError, ValueError):
        return None
