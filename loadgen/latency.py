"""Latency samples and what becomes of them: counts with three significant digits, percentiles, an HdrHistogram.

Samples are integers in nanoseconds. `quantise` keeps the top 11 bits, which is the resolution of an HdrHistogram with
three significant digits: counts of quantised values lose nothing that the histogram would have kept.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping

from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # it ships no types

HIGHEST_NS = 3_600_000_000_000
PERCENTILES = (50.0, 90.0, 99.0, 99.9)
MIN_TAIL = 20
"""A percentile is printed only where at least this many samples lie above it."""


def quantise(value: int) -> int:
    """The lowest value of the HdrHistogram bucket that `value` belongs to."""
    shift = value.bit_length() - 11
    return value >> shift << shift if shift > 0 else value


def middle(quantised: int) -> float:
    """The middle of the bucket that begins at `quantised`, which is off by at most 0.05 %."""
    shift = quantised.bit_length() - 11
    return quantised + ((1 << shift) - 1) / 2 if shift > 0 else float(quantised)


class Latencies:
    """A distribution: exact count, sum and extremes; values to three significant digits. Bounded in size."""

    __slots__ = ("count", "counts", "maximum", "minimum", "total")

    def __init__(self) -> None:
        self.counts: dict[int, int] = {}
        self.count = 0
        self.total = 0
        self.maximum = 0
        self.minimum: int | None = None

    def record(self, samples: Iterable[int]) -> None:
        """Add samples in nanoseconds."""
        distinct = Counter(samples)
        if not distinct:
            return
        counts = self.counts
        get = counts.get
        for value, times in distinct.items():
            shift = value.bit_length() - 11
            key = value >> shift << shift if shift > 0 else value
            counts[key] = get(key, 0) + times
            self.total += value * times
        self.count += distinct.total()
        self.maximum = max(self.maximum, *distinct)
        low = min(distinct)
        self.minimum = low if self.minimum is None else min(low, self.minimum)

    def add(self, value: int) -> None:
        """Add one sample in nanoseconds, at once: for what is recorded within a load beside the samples."""
        shift = value.bit_length() - 11
        key = value >> shift << shift if shift > 0 else value
        self.counts[key] = self.counts.get(key, 0) + 1
        self.count += 1
        self.total += value
        self.maximum = max(self.maximum, value)
        if self.minimum is None or value < self.minimum:
            self.minimum = value

    @classmethod
    def of_counts(cls, counts: Mapping[int, int]) -> Latencies:
        """From counts of quantised values alone: mean and extremes are then good to three digits as well."""
        found = cls()
        found.counts = dict(counts)
        found.count = sum(counts.values())
        found.total = round(sum(middle(value) * times for value, times in counts.items()))
        found.maximum = round(middle(max(counts, default=0)))
        found.minimum = min(counts, default=None)
        return found

    def merge(self, other: Latencies) -> None:
        """Add another distribution: exact, no sample moves to another bucket."""
        for key, times in other.counts.items():
            self.counts[key] = self.counts.get(key, 0) + times
        self.count += other.count
        self.total += other.total
        self.maximum = max(self.maximum, other.maximum)
        if other.minimum is not None:
            self.minimum = other.minimum if self.minimum is None else min(other.minimum, self.minimum)

    def mean_us(self) -> float | None:
        """The mean in microseconds, None without samples."""
        return self.total / self.count / 1000 if self.count else None

    def percentiles_us(self, percents: Iterable[float] = PERCENTILES) -> dict[float, float | None]:
        """Percentiles in microseconds; None where fewer than 20 samples lie above."""
        return percentiles_us(self.counts, self.count, percents)

    def summary_us(self) -> dict[str, float | None]:
        """The latency_us of a result: mean, p50, p90, p99, p99.9, max."""
        found = self.percentiles_us()
        return {
            "mean": self.mean_us(),
            **{f"p{p:g}": value for p, value in found.items()},
            "max": self.maximum / 1000 if self.count else None,
        }

    def histogram(self) -> HdrHistogram:
        """The same as an HdrHistogram, values in nanoseconds."""
        return to_histogram(self.counts)

    def encoded(self) -> str:
        """The HdrHistogram in its standard form: V2, compressed, base64."""
        encoded: bytes = self.histogram().encode()
        return encoded.decode("ascii")


def percentiles_us(
    counts: Mapping[int, int], count: int, percents: Iterable[float] = PERCENTILES
) -> dict[float, float | None]:
    """Percentiles of quantised counts (ns) in microseconds; None where count x (1 - p) < 20."""
    wanted = {p: count * p / 100 for p in percents}
    found: dict[float, float | None] = dict.fromkeys(wanted)
    todo = sorted((rank, p) for p, rank in wanted.items() if count * (100 - p) / 100 >= MIN_TAIL)
    if not todo:
        return found
    seen, at = 0, 0
    for key in sorted(counts):
        seen += counts[key]
        while at < len(todo) and seen >= todo[at][0]:
            found[todo[at][1]] = middle(key) / 1000
            at += 1
        if at == len(todo):
            break
    return found


def to_histogram(counts: Mapping[int, int]) -> HdrHistogram:
    """An HdrHistogram (1 ns to 1 hour, three digits) of counts by value in nanoseconds."""
    histogram = HdrHistogram(1, HIGHEST_NS, 3)
    for value, times in counts.items():
        histogram.record_value(min(max(value, 1), HIGHEST_NS), times)
    return histogram


def estimate_us(samples: array[int], percents: tuple[float, ...] = (50.0, 99.0)) -> tuple[float | None, ...]:
    """Mean and percentiles (us) from at most some 4096 evenly spread samples: cheap enough for within a load."""
    step = len(samples) // 4096 + 1
    some = sorted(samples[::step])
    n = len(some)
    if not n:
        return (None,) * (1 + len(percents))
    mean = sum(some) / n / 1000
    # The rule of 20 is applied to the whole window: the sample is only a cheaper way to read it.
    return (
        mean,
        *(
            some[min(n - 1, int(n * p / 100))] / 1000 if len(samples) * (100 - p) / 100 >= MIN_TAIL else None
            for p in percents
        ),
    )
