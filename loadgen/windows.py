"""The windows of a load, and the distributions that they add up to.

Samples of a window stay raw while the load goes on, since counting them would delay requests; they are counted at the
end, or when so many have come together that memory must be kept flat.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from typing import Literal

from loadgen.latency import Latencies, estimate_us

Phase = Literal["warm-up", "measure"]

MAX_RAW_SAMPLES = 4_000_000
"""Raw samples held at most (8 bytes each) before the oldest windows are counted."""


@dataclass
class Window:
    """One window: times in ns of the clock, `samples` latencies in ns until they are counted."""

    phase: Phase
    start: int
    end: int
    requests: int
    errors: int
    samples: array[int] | None
    mean_us: float | None = None
    p50_us: float | None = None
    p99_us: float | None = None

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return (self.end - self.start) / 1e9

    @property
    def time_per_request(self) -> float:
        """Seconds per request, infinite where there was none."""
        return self.duration_s / self.requests if self.requests else float("inf")

    def record(self, first: int) -> dict[str, float | int | str | None]:
        """The window as a result has it; `first` is when the load began."""
        return {
            "start_s": (self.start - first) / 1e9,
            "duration_s": self.duration_s,
            "phase": self.phase,
            "requests": self.requests,
            "errors": self.errors,
            "mean_us": self.mean_us,
            "p50_us": self.p50_us,
            "p99_us": self.p99_us,
        }

    def estimate(self) -> None:
        """Fill in the latencies from a part of the samples: for display while the load goes on."""
        if self.samples is not None:
            self.mean_us, self.p50_us, self.p99_us = estimate_us(self.samples)


class Windows:
    """All windows of a load, and the distribution of the measured ones."""

    def __init__(self) -> None:
        self.all: list[Window] = []
        self.keep = False
        """Whether to keep each window's distribution (for merging with other processes'): that costs memory."""
        self.measured = Latencies()
        self.latencies: list[Latencies] = []
        self._next = 0
        self._raw = 0

    def add(self, window: Window) -> None:
        """Take a finished window. Counts the oldest ones where too many raw samples have come together."""
        window.estimate()
        self.all.append(window)
        self._raw += window.requests
        while self._raw > MAX_RAW_SAMPLES:
            self._count_one()

    def finish(self) -> None:
        """Count what is left."""
        while self._next < len(self.all):
            self._count_one()

    def _count_one(self) -> None:
        window = self.all[self._next]
        self._next += 1
        self._raw -= window.requests
        latencies = Latencies()
        if window.samples is not None:
            latencies.record(window.samples)
            window.samples = None
        if self.keep:
            self.latencies.append(latencies)
        window.mean_us = latencies.mean_us()
        found = latencies.percentiles_us((50.0, 99.0))
        window.p50_us, window.p99_us = found[50.0], found[99.0]
        if window.phase == "measure":
            self.measured.merge(latencies)
