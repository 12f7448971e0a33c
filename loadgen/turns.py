"""The measured part in turns: short stretches under load, between which this server rests and others have theirs.

What a neighbour on the host takes of the caches, the memory and the core's other half comes and goes within tenths of a
second. Servers that are measured alternately share it; servers measured one after the other do not. Every turn begins
and ends with nothing in flight, so that all of the server's work for its requests lies within the turn.

The program that gives the turns reads three events and answers the first two with a line on standard input:

- `rest`: nothing is in flight; the line gives the turn,
- `turn`: the connections are open, the load may begin; the line says that it does,
- `turned`: nothing is in flight any more; `outside` of the answers came before or after the measured stretch.

The course's clock stands still between the stretches: `measure_from` and `measure_to` are as far apart as what was
measured is long.
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

SETTLE = 0.2
"""How long the load runs before a turn's measured stretch, as a share of it: until all connections are under way."""

WAKE_S = 1.0
"""How long connections that the server closed in the meantime may take to be open again."""


def measure(spec: Spec, loop: Loop, course: Course, emit: Emit) -> None:
    """Measure in turns, a window after the other; the last one ends with a rest.

    Raises CannotRunError where standard input ends, since nobody gives turns any more.
    """
    per_window = max(1, round(spec.window_s / spec.turn_s))
    windows = max(1, round(spec.duration_s / spec.turn_s / per_window))
    meter = Meter(loop, course)
    course.measure_to = course.measure_from
    limit = int(spec.timeout_s * 1e9)
    loop.rest(clock() + limit)
    loop.samples = array("Q")
    for _ in range(windows):
        window = Window("measure", course.measure_to, course.measure_to, 0, 0, array("Q"))
        errors = loop.errors.total()
        for _ in range(per_window):
            if loop.gone is None:
                _turn(spec, loop, window, meter, emit)
        window.errors = loop.errors.total() - errors
        course.measure_to = window.end
        course.in_time += window.requests
        course.windows.add(window)
        emit({"event": "window", "t": time.monotonic(), "window": window.record(course.first)})
        if loop.gone is not None:
            course.stopped = loop.gone
            break
    _wait_for("rest", emit)
    emit({"event": "measured", "t": time.monotonic()})


def _turn(spec: Spec, loop: Loop, window: Window, meter: Meter, emit: Emit) -> None:
    """One turn; its stretch is added to the window."""
    assert window.samples is not None
    timeout, settle = int(spec.timeout_s * 1e9), int(SETTLE * spec.turn_s * 1e9)
    _wait_for("rest", emit)
    if loop.wake(clock() + int(WAKE_S * 1e9)):  # what it costs to take new connections in is not the turn's
        loop.start(clock())
        loop.run_window(clock() + settle)
        loop.rest(clock() + timeout)
        loop.samples = array("Q")
    _wait_for("turn", emit)
    loop.start(clock())
    loop.run_window(clock() + settle)
    outside, loop.samples = len(loop.samples), array("Q")
    begin = clock()
    meter.begin()
    loop.run_window(begin + int(spec.turn_s * 1e9))
    meter.end()
    window.end += clock() - begin
    window.requests += len(loop.samples)
    window.samples.extend(loop.samples)
    loop.samples = array("Q")
    loop.rest(clock() + timeout)
    outside += len(loop.samples)
    loop.samples = array("Q")
    emit({"event": "turned", "t": time.monotonic(), "outside": outside})


def _wait_for(event: str, emit: Emit) -> None:
    emit({"event": event, "t": time.monotonic()})
    if not sys.stdin.readline():
        raise CannotRunError("standard input has ended: nobody gives turns any more")
