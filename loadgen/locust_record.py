"""What Locust counted, as a load's result and as events for the program that started it.

The figures are those of all users together, from the moment when the last of them was there. Percentiles are Locust's
own: whole milliseconds up to 100, two digits above.
"""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Callable

import gevent  # type: ignore[import-untyped]  # it ships no types that mypy may read
from locust import __version__
from locust.env import Environment
from locust.stats import StatsEntry

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}
BEYOND = 20
"""A percentile is only told where at least so many requests lie beyond it."""

TICK_S = 1.0
BROKEN_PIPE = 2


def latency_us(entry: StatsEntry) -> dict[str, float | None]:
    """Locust's mean, percentiles and maximum of an entry, in microseconds; None where there were too few requests.

    Failed requests are among them: Locust keeps one distribution for all.
    """
    number = entry.num_requests - entry.num_none_requests
    if number <= entry.num_failures:
        return dict.fromkeys(("mean", *PERCENTILES, "max"))
    found: dict[str, float | None] = {"mean": entry.avg_response_time * 1000}
    for name, share in PERCENTILES.items():
        enough = number * (1 - share) >= BEYOND - 1e-9
        found[name] = entry.get_response_time_percentile(share) * 1000.0 if enough else None
    return {**found, "max": entry.max_response_time * 1000.0}


class Events:
    """Writes one JSON object a line to a file descriptor; without one it writes nothing."""

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def __call__(self, event: str, **fields: object) -> None:
        """Write an event. Where nobody reads any more the process ends: whoever started it is gone."""
        if self._descriptor is None:
            return
        line = json.dumps({"event": event, "t": time.monotonic(), **fields}, separators=(",", ":")) + "\n"
        try:
            os.write(self._descriptor, line.encode())
        except OSError:
            os._exit(BROKEN_PIPE)


class Record:
    """Follows Locust's tests: each is a ramp, until all users are there, and then what is measured."""

    def __init__(
        self, environment: Environment, emit: Events, hold_s: float, settings: Callable[[], dict[str, object]]
    ) -> None:
        self._environment, self._emit, self._hold_s, self._settings = environment, emit, hold_s, settings
        self._phase = "idle"
        self._began = self._cpu_s = self._window_at = 0.0
        self._window_counts = (0, 0)
        self._windows: list[dict[str, object]] = []
        self._kinds: Counter[str] = Counter()
        self._examples: dict[str, str] = {}
        self._ticker = gevent.spawn(self._tick)
        self._end: gevent.Greenlet | None = None
        events = environment.events
        events.test_start.add_listener(self._on_start)
        events.spawning_complete.add_listener(self._on_all_there)
        events.test_stopping.add_listener(self._on_stopping)
        events.user_error.add_listener(self._on_user_error)

    def failed(self, kind: str, message: str) -> str:
        """Count a failure. Returns the text for Locust's own table: one for each kind, or it would grow without end."""
        self._kinds[kind] += 1
        return f"{kind}: {self._examples.setdefault(kind, message)}"

    def _on_start(self, **_: object) -> None:
        self._begin("ramp")
        self._emit("ramp")

    def _on_all_there(self, **_: object) -> None:
        if self._phase != "ramp":  # somebody changed the number of users on Locust's page
            return
        self._environment.stats.reset_all()
        self._begin("measure")
        self._emit("measure", steady=False)
        if self._hold_s:
            self._end = gevent.spawn_later(self._hold_s, self._finish, True)

    def _begin(self, phase: str) -> None:
        self._phase = phase
        self._began = self._window_at = time.monotonic()
        self._cpu_s = time.process_time()
        self._window_counts = (0, 0)
        self._windows = []
        self._kinds.clear()
        self._examples.clear()
        self._ticker = gevent.spawn(self._tick)  # so that windows begin with the phase

    def _on_stopping(self, **_: object) -> None:
        self._finish(False)

    def _on_user_error(self, exception: BaseException, **_: object) -> None:
        self.failed("user", f"a user stopped with {exception!r}")

    def _tick(self) -> None:
        while True:
            gevent.sleep(TICK_S)
            if gevent.getcurrent() is not self._ticker:  # a new phase has begun, with a ticker of its own
                return
            self._tell()

    def _tell(self) -> None:
        """The state of things, and the window that ends here while it is measured."""
        now = time.monotonic()
        total = self._environment.stats.total
        runner = self._environment.runner
        done, wrong = total.num_requests - total.num_failures, total.num_failures
        since = (done - self._window_counts[0], wrong - self._window_counts[1])
        length = now - self._window_at
        live: dict[str, object] = {
            "phase": self._phase,
            "users": runner.user_count if runner else 0,
            "elapsed_s": now - self._began,
            "rps": since[0] / length if length > 0 else 0.0,
            "errors": wrong,
            "p50_ms": total.get_current_response_time_percentile(0.5) if done else None,
        }
        if self._phase == "measure":
            window = {
                "start_s": self._window_at - self._began,
                "duration_s": length,
                "phase": "measure",
                "requests": since[0],
                "errors": since[1],
            }
            self._windows.append(window)
            live["window"] = window
        self._window_at, self._window_counts = now, (done, wrong)
        self._emit("window" if self._phase == "measure" else "tick", **live)

    def _finish(self, in_full: bool) -> None:
        """Tell the result of a test, once: when its time is over, or when it is stopped before that."""
        if self._phase == "idle":
            return
        now, cpu_s = time.monotonic(), time.process_time()
        all_there = self._phase == "measure"
        if all_there and now - self._window_at >= TICK_S / 2:
            self._tell()
        self._phase = "idle"
        self._emit("measured")
        self._emit("result", result=self._result(now - self._began, cpu_s - self._cpu_s, all_there and in_full))
        if self._end is not None and self._end is not gevent.getcurrent():
            self._end.kill(block=False)
        self._end = None
        runner, options = self._environment.runner, self._environment.parsed_options
        if in_full and runner is not None:
            if options is not None and options.headless:
                gevent.spawn(runner.quit)
            else:
                gevent.spawn(runner.stop)  # the page stays, to look at and to begin another test

    def _result(self, duration_s: float, cpu_s: float, complete: bool) -> dict[str, object]:
        stats, runner = self._environment.stats, self._environment.runner
        total = stats.total
        done = total.num_requests - total.num_failures
        steps = [
            {
                "name": entry.name,
                "requests": entry.num_requests - entry.num_failures,
                "errors": entry.num_failures,
                "rps": (entry.num_requests - entry.num_failures) / duration_s,
                "latency_us": latency_us(entry),
            }
            for entry in stats.entries.values()
            if entry.num_requests
        ]
        return {
            "requests": done,
            "errors": dict(sorted(self._kinds.items())),
            "duration_s": duration_s,
            "rps": done / duration_s,
            "latency_us": latency_us(total),
            "client": {
                "cpu_s": cpu_s,
                "cpu_us_per_request": cpu_s / total.num_requests * 1e6 if total.num_requests else None,
                "busy": min(1.0, cpu_s / duration_s),
            },
            "windows": self._windows,
            "examples": dict(self._examples),
            "connections": runner.target_user_count if runner else 0,
            "mode": "closed",
            "engine": "locust",
            "settings": {**self._settings(), "locust": __version__},
            "extra": {"complete": complete},
            "steps": steps,
        }
