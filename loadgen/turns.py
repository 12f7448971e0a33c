"""The measured part in turns: short stretches under load, between which this server rests and others have theirs.

What a neighbour on the host takes of the caches, the memory and the core's other half comes and goes within tenths of a
second. Servers that are measured alternately share it; servers measured one after the other do not. Every turn begins
and ends with nothing in flight: it lasts until the last answer has come, so that all the server's work for its requests
lies within it, and so does every pause of the server, whenever it comes.

The program that gives the turns reads three events and answers the first two with a line on standard input:

- `rest`: nothing is in flight; the line gives the turn,
- `turn`: the connections are open, the load may begin; the line says that it does,
- `turned`: nothing is in flight any more.

The course's clock stands still between the turns: `measure_from` and `measure_to` are as far apart as the turns are
long together.
"""

from __future__ import annotations

import sys
import time
from array import array

from loadgen.course import Course, Emit, Loop, Meter
from loadgen.errors import CannotRunError
from loadgen.spec import Spec
from loadgen.windows import Window
from loadgen.wire import clock

WAKE_S = 1.0
"""How long connections that the server closed in the meantime may take to be open again."""

PATIENCE = 1.3
"""How long answers are waited for at the end of a turn, in time-outs: they are looked for eight times in one."""


def measure(spec: Spec, loop: Loop, course: Course, emit: Emit) -> None:
    """Measure in turns, a window after the other; the last one is followed by a rest.

    Raises CannotRunError where standard input ends, since nobody gives turns any more.
    """
    per_window = max(1, round(spec.window_s / spec.turn_s))
    windows = max(1, round(spec.duration_s / spec.turn_s / per_window))
    turn = _Turn(spec, loop, course, emit)
    course.measure_to = course.measure_from
    turn.rest()
    for _ in range(windows):
        window = Window("measure", course.measure_to, course.measure_to, 0, 0, array("Q"))
        errors = loop.errors.total()
        for _ in range(per_window):
            if loop.gone is None:
                turn.take(window)
        window.errors = loop.errors.total() - errors
        course.measure_to = window.end
        course.in_time += window.requests
        course.windows.add(window)
        emit({"event": "window", "t": time.monotonic(), "window": window.record(course.first)})
        if loop.gone is not None:
            course.stopped = loop.gone
            break
    emit({"event": "measured", "t": time.monotonic()})
    turn.wait_for("rest")


def lead_ns(spec: Spec, course: Course) -> int:
    """How long the first round of a turn takes, in ns: its latencies are those of a server that fills up.

    By Little's law, from the last window of the warm-up; half of a turn at most.
    """
    last = course.windows.all[-1].time_per_request if course.windows.all else 0.0
    return int(min(0.5 * spec.turn_s, spec.connections * spec.depth * last) * 1e9)


class _Turn:
    """One turn after the other, each added to a window."""

    def __init__(self, spec: Spec, loop: Loop, course: Course, emit: Emit) -> None:
        self._loop, self._course, self._emit = loop, course, emit
        self._length, self._lead = int(spec.turn_s * 1e9), lead_ns(spec, course)
        self._patience = int(PATIENCE * spec.timeout_s * 1e9)
        self._impatient = self._patience // 10
        self._meter = Meter(loop, course)

    def take(self, window: Window) -> None:
        """Have a turn."""
        assert window.samples is not None
        loop = self._loop
        self.wait_for("rest")
        if loop.wake(clock() + int(WAKE_S * 1e9)):  # what it costs to take new connections in is not the turn's
            loop.start(clock())
            self._run(clock() + self._length // 5)
            self.rest()
        self.wait_for("turn")
        self._meter.begin()
        begin = clock()
        loop.start(begin)
        self._run(begin + self._lead)
        window.requests += len(self._taken())
        self._run(begin + self._length)
        self.rest(keep=True)
        window.end += clock() - begin
        self._meter.end()
        samples = self._taken()
        window.requests += len(samples)
        window.samples.extend(samples)
        self._emit({"event": "turned", "t": time.monotonic()})

    def rest(self, keep: bool = False) -> None:
        """Send nothing more, and wait for what is in flight; what has come is forgotten unless it is to be kept."""
        began = clock()
        self._loop.rest(began + self._patience)
        if clock() - began >= self._patience:  # an answer that never comes costs the others this only once
            self._patience = self._impatient
        if not keep:
            self._taken()

    def wait_for(self, event: str) -> None:
        """Tell that this is waited for, and wait for the line that gives it."""
        self._emit({"event": event, "t": time.monotonic()})
        if not sys.stdin.readline():
            raise CannotRunError("standard input has ended: nobody gives turns any more")

    def _run(self, until: int) -> None:
        """Load until a time. What the loop takes longer than that is its own doing: this process did not run."""
        self._loop.run_window(until)
        self._course.overrun_ns += max(0, clock() - until)

    def _taken(self) -> array[int]:
        samples, self._loop.samples = self._loop.samples, array("Q")
        return samples
