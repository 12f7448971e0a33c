"""The course of a load: connect, warm up, measure. One function that drives a loop window by window."""

from __future__ import annotations

import gc
import time
from array import array
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from loadgen import turns
from loadgen.course import Course, Emit, Loop, Meter
from loadgen.errors import CannotRunError
from loadgen.latency import Latencies
from loadgen.spec import Spec
from loadgen.steady import sample_size, steady
from loadgen.windows import Phase, Window
from loadgen.wire import clock

DRAIN_S = 2.0
"""How long answers that were due in the measured part are waited for after it, in an open loop."""


class Conductor(Protocol):
    """Who decides when the load begins and when it is warm: this process, or the one that drives several."""

    def begin(self) -> int:
        """All connections are open; returns when the load begins, in ns of the clock."""

    def warm(self, course: Course) -> bool:
        """After a window of the warm-up: whether it is over. Sets `course.steady` where a rule was asked."""


def boundaries(start: int, end: int, window: int) -> Iterator[int]:
    """The ends of the windows between two times (ns); a last one under half a window joins the one before."""
    at = start
    while at < end:
        at = end if end - at < window * 3 // 2 else at + window
        yield at


def warm_enough(spec: Spec, elapsed_s: float, requests: int, times: list[float]) -> bool | None:
    """Whether the warm-up is over: True or False where it is and the rule says (not) steady, None while it goes on.

    Without --warmup-max there is no rule, and True means only that the minimum has been reached.
    """
    if elapsed_s >= spec.warmup_cap_s:
        return spec.warmup_max_s is None or steady(times, sample_size(spec.window_s))
    if elapsed_s < spec.warmup_s or requests < spec.warmup_requests:
        return None
    if spec.warmup_max_s is None:
        return True
    return steady(times, sample_size(spec.window_s)) or None


class Alone:
    """The conductor of a load that one process makes."""

    def __init__(self, spec: Spec) -> None:
        self.spec = spec
        self._times: list[float] = []

    def begin(self) -> int:
        """At once."""
        return clock()

    def warm(self, course: Course) -> bool:
        """As `warm_enough` says."""
        window = course.windows.all[-1]
        self._times.append(window.time_per_request)
        verdict = warm_enough(self.spec, (window.end - course.first) / 1e9, course.warmup_requests, self._times)
        if verdict is None:
            return False
        course.steady = verdict if self.spec.warmup_max_s is not None else None
        return True


def run(spec: Spec, loop: Loop, emit: Emit, conductor: Conductor | None = None) -> Course:
    """Connect, warm up, measure; `emit` gets the events as they happen.

    Raises CannotRunError where the server cannot be reached or is gone before the measured part. A server that dies
    in the measured part gives a course with errors, and `stopped` says so.
    """
    course = Course()
    course.windows.keep = conductor is not None
    conductor = conductor or Alone(spec)
    loop.connect_all(max(10.0, spec.timeout_s))
    with quiet_collector():
        course.first = course.measure_from = conductor.begin()
        emit({"event": "connected", "t": time.monotonic()})
        loop.start(course.first)
        _warm_up(spec, loop, course, conductor, emit)
        emit({"event": "measure", "t": time.monotonic(), "steady": course.steady})
        _measure(spec, loop, course, emit)
        course.windows.finish()
    return course


@contextmanager
def quiet_collector() -> Iterator[None]:
    """No garbage collection within a load: its pauses would be counted as latency."""
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.unfreeze()


def _window(loop: Loop, course: Course, phase: Phase, until: int, emit: Emit) -> Window:
    start = course.windows.all[-1].end if course.windows.all else course.first
    errors = loop.errors.total()
    loop.run_window(until)
    samples, loop.samples = loop.samples, array("Q")
    window = Window(phase, start, clock(), len(samples), loop.errors.total() - errors, samples)
    course.windows.add(window)
    emit({"event": "window", "t": time.monotonic(), "window": window.record(course.first)})
    return window


def _warm_up(spec: Spec, loop: Loop, course: Course, conductor: Conductor, emit: Emit) -> None:
    window_ns = int(spec.window_s * 1e9)
    # With nothing but a time the last window ends with it; otherwise the end is not known beforehand.
    if spec.warmup_max_s is None and not spec.warmup_requests:
        ends = boundaries(course.first, course.first + int(spec.warmup_s * 1e9), window_ns)
    else:
        ends = boundaries(course.first, 1 << 62, window_ns)
    for until in ends:
        window = _window(loop, course, "warm-up", until, emit)
        course.warmup_requests += window.requests
        course.warmup_windows += 1
        course.measure_from = window.end
        if loop.gone is not None:
            raise CannotRunError(f"in the warm-up: {loop.gone}")
        if conductor.warm(course):
            break
    course.warmup_errors = loop.errors.total()


def _measure(spec: Spec, loop: Loop, course: Course, emit: Emit) -> None:
    examples = dict(loop.examples)
    loop.examples.clear()
    before = Counter(loop.errors)
    reopened = loop.reopened
    loop.connects = Latencies()
    if spec.turn_s:
        turns.measure(spec, loop, course, emit)
    else:
        _in_one_piece(spec, loop, course, emit)
    course.reopened = loop.reopened - reopened
    course.connects = loop.connects
    loop.drain(course.measure_to, clock() + int(min(DRAIN_S, spec.timeout_s) * 1e9))
    course.windows.measured.record(loop.samples)
    course.errors = {kind: count for kind, count in (loop.errors - before).items() if count}
    course.examples = {kind: loop.examples.get(kind) or examples.get(kind, "") for kind in course.errors}


def _in_one_piece(spec: Spec, loop: Loop, course: Course, emit: Emit) -> None:
    meter = Meter(loop, course)
    end = course.measure_from + int(spec.duration_s * 1e9)
    loop.measure(course.measure_from, end)
    for until in boundaries(course.measure_from, end, int(spec.window_s * 1e9)):
        window = _window(loop, course, "measure", until, emit)
        course.in_time += window.requests
        course.measure_to = min(window.end, end) if loop.ends_sharply else window.end
        if loop.gone is not None:
            course.stopped = loop.gone
            break
    emit({"event": "measured", "t": time.monotonic()})
    meter.end()
