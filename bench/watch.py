"""The server's side of a load, read at the client's events: what its process tree used, and what may be doubted.

The clients differ (loadgen, Locust); what is read of the server, and when too much went wrong, does not.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from bench import guards, tree
from bench.launch import Server
from results.schema import Flag, Load, Sample

ERRORS_ALLOWED = 0.001
"""Of all requests; with more of them wrong a measurement has failed."""


class Watch:
    """Reads a process tree. `mark` at each border of a window, `span` where the measured part begins and ends."""

    def __init__(
        self, server: Server, client_pid: int, server_cores: Sequence[int], client_cores: Sequence[int]
    ) -> None:
        self._server, self._client_pid = server, client_pid
        self._shared = bool(set(server_cores) & set(client_cores))
        self._marks: list[tree.Reading] = []
        self._spans: list[tuple[tree.Reading, guards.Counters]] = []

    def reset(self) -> None:
        """Another measurement begins."""
        self._marks, self._spans = [], []

    def mark(self) -> None:
        """A window begins or ends."""
        self._marks.append(self._server.read())

    def span(self) -> None:
        """The measured part begins or ends."""
        reading = self._server.read()
        own = time.process_time() + tree.cpu_s(tree.members(self._client_pid))
        self._spans.append((reading, guards.take(reading.at, reading.cpu_s + own)))

    def fill(self, sample: Sample) -> None:
        """Put what was seen into a sample that has its load and its server; nothing where the end was not seen."""
        load, server = sample.load, sample.server
        if load is None or server is None or len(self._spans) != 2:
            return
        loaded = self._server.read(memory=True)
        for window, before, after in zip(load.windows, self._marks, self._marks[1:], strict=False):
            window.server_cpu_s = after.cpu_s - before.cpu_s
        (first, before_), (last, after_) = self._spans
        # The readings lag the client's events by some milliseconds: take the rate between them, not the difference.
        server.cpu_s = (last.cpu_s - first.cpu_s) / (last.at - first.at) * load.duration_s
        if load.requests:
            server.cpu_us_per_request = server.cpu_s / load.requests * 1e6
        server.pss_load_bytes = loaded.pss_bytes
        server.processes, server.threads = loaded.processes, loaded.threads
        sample.flags += guards.judge(before_, after_, load, self._shared)


def judge_answers(sample: Sample, load: Load) -> None:
    """Decide whether a load succeeded: requests were answered, and hardly any wrongly. Some errors are a flag."""
    wrong = sum(load.errors.values())
    asked = load.requests + wrong
    sample.status = "ok"
    if load.requests == 0 or wrong > ERRORS_ALLOWED * asked:
        kinds = ", ".join(f"{count:,} x {kind}" for kind, count in sorted(load.errors.items())) or "no answer at all"
        first = next(iter(load.examples.values()), "")
        sample.status, sample.stage = "failed", "measure"
        sample.reason = f"of {asked:,} requests {wrong:,} failed under load: {kinds}" + (
            f"; first: {first}" if first else ""
        )
    elif wrong:
        sample.flags.append(Flag("errors", f"{wrong:,} of {asked:,} requests failed"))
