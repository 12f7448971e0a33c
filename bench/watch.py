"""The server's side of a load, read at the client's events: what its process tree used, and what may be doubted.

The clients differ (loadgen, Locust); what is read of the server, and when too much went wrong, does not.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from dataclasses import dataclass

from bench import guards, tree
from bench.launch import Server
from results.schema import Flag, Load, Sample

ERRORS_ALLOWED = 0.001
"""Of all requests; with more of them wrong a measurement has failed."""


@dataclass(frozen=True)
class Moment:
    """The server's tree and the machine, read together."""

    reading: tree.Reading
    counters: guards.Counters


class Watch:
    """Reads a process tree at the client's events.

    In one piece: `mark` at each border of a window, `span` where the measured part begins and ends. In turns: `turn`
    and `turned` around each, `window` after those of a window.
    """

    def __init__(
        self, server: Server, client_pid: int, server_cores: Sequence[int], client_cores: Sequence[int]
    ) -> None:
        self._server, self._client_pid = server, client_pid
        self._shared = bool(set(server_cores) & set(client_cores))
        self.reset()

    def reset(self) -> None:
        """Another measurement begins."""
        self._last: tree.Reading | None = None
        self._cpu_s: list[float] = []
        self._spans: list[Moment] = []
        self._begun: Moment | None = None
        self._turns: list[tuple[Moment, Moment]] = []
        self._turns_told = 0
        self._loaded: tree.Reading | None = None

    def mark(self) -> None:
        """A window begins or ends."""
        reading = self._server.read()
        if self._last is not None:
            self._cpu_s.append(reading.cpu_s - self._last.cpu_s)
        self._last = reading

    def span(self) -> None:
        """The measured part begins or ends."""
        self._spans.append(self._now())

    def turn(self) -> None:
        """A turn begins: the server has nothing to do yet."""
        self._begun = self._now()

    def turned(self) -> None:
        """It is over: the server has nothing more to do."""
        assert self._begun is not None
        self._turns.append((self._begun, self._now()))

    def window(self) -> None:
        """A window ends: by the clock, or after some turns."""
        if not self._turns:
            self.mark()
            return
        self._cpu_s.append(sum(_cpu_s(*turn) for turn in self._turns[self._turns_told :]))
        self._turns_told = len(self._turns)

    def loaded(self) -> None:
        """The measured part has just ended: what the server has now is its memory under load."""
        self._loaded = self._server.read(memory=True)

    def fill(self, sample: Sample) -> None:
        """Put what was seen into a sample that has its load and its server; nothing where the end was not seen."""
        load, server = sample.load, sample.server
        if load is None or server is None or not (self._turns or len(self._spans) == 2):
            return
        loaded = self._loaded or self._server.read(memory=True)
        measured_s = 0.0
        for window, cpu_s in zip(load.windows, self._cpu_s, strict=False):
            window.server_cpu_s = cpu_s
            if window.phase == "measure":
                measured_s += cpu_s
        if self._turns:
            server.cpu_s = measured_s
            stretches = self._turns
        else:
            first, last = self._spans
            # The readings lag the client's events by some milliseconds: take the rate between them, not the difference.
            used, between = last.reading.cpu_s - first.reading.cpu_s, last.reading.at - first.reading.at
            server.cpu_s = used / between * load.duration_s
            stretches = [(first, last)]
        if load.requests:
            server.cpu_us_per_request = server.cpu_s / load.requests * 1e6
        server.pss_load_bytes = loaded.pss_bytes
        server.processes, server.threads = loaded.processes, loaded.threads
        counters = guards.together([(begun.counters, ended.counters) for begun, ended in stretches])
        sample.flags += [*guards.judge(*counters, load, self._shared), *self._restless()]

    def _restless(self) -> list[Flag]:
        """Whether the server worked while others had their turns: for nothing that was counted, and on their core."""
        rests = [(before[1], after[0]) for before, after in itertools.pairwise(self._turns)]
        wall = sum(after.reading.at - before.reading.at for before, after in rests)
        share = sum(_cpu_s(*rest) for rest in rests) / wall if wall else 0.0
        if share <= guards.NEIGHBOUR:
            return []
        return [Flag("restless", f"the server used {share:.0%} of a core while it had no load and others had theirs")]

    def _now(self) -> Moment:
        reading = self._server.read()
        own = time.process_time() + tree.cpu_s(tree.members(self._client_pid))
        return Moment(reading, guards.take(reading.at, reading.cpu_s + own))


def _cpu_s(before: Moment, after: Moment) -> float:
    return after.reading.cpu_s - before.reading.cpu_s


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
