"""Stored histograms read for drawing: those of a cell's processes pooled, and the percentiles of what was pooled.

Pooling is for pictures only: figures and intervals come from each process's own percentiles, never from here.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from hdrh.histogram import HdrHistogram  # type: ignore[import-untyped]  # it ships no types

TAIL = 20
"""Answers that must lie beyond a percentile for it to be drawn."""

Counts = npt.NDArray[np.int64]


class Shape(NamedTuple):
    """What a histogram's counters stand for: those of one shape can be added."""

    unit: int
    halves: int
    counters: int


class Pool(NamedTuple):
    """Counters of several processes together. At least half of the processes have `typical` answers or more."""

    shape: Shape
    counts: Counts
    typical: int

    def quantiles(self, shares: Sequence[float]) -> list[float]:
        """Return the value (ns) at each share of the answers, such as 0.99, as far as enough answers lie beyond."""
        known = np.array([share for share in shares if self.typical * (1 - share) >= TAIL - 1e-6])
        below = np.cumsum(self.counts)
        places = np.searchsorted(below, known * below[-1] - 1e-6)
        return [_middle(int(place), self.shape) for place in places]


def _middle(index: int, shape: Shape) -> float:
    """Return the middle of a counter's values: a bucket has 2**halves counters, the first one twice as many."""
    bucket = max((index >> shape.halves) - 1, 0)
    width = 1 << (bucket + shape.unit)
    return (index - (bucket << shape.halves)) * width + (width - 1) / 2


def decode(text: str) -> tuple[Shape, Counts] | None:
    """Return the counters of an encoded histogram; None if it holds nothing or cannot be read."""
    try:
        found = HdrHistogram.decode(text)
    except Exception:  # whatever base64, zlib, ctypes and the library itself raise at what is not a histogram
        return None
    if not found.total_count:
        return None
    shape = Shape(found.unit_magnitude, found.sub_bucket_half_count_magnitude, found.counts_len)
    return shape, np.frombuffer(found.encoder.get_counts(), np.uint64).astype(np.int64)


def pool(texts: Iterable[str]) -> Pool | None:
    """Pool encoded histograms, each decoded once; those of another shape than the first are left out."""
    found = [each for text in texts if (each := decode(text)) is not None]
    if not found:
        return None
    shape = found[0][0]
    alike = [counts for other, counts in found if other == shape]
    return Pool(shape, np.sum(alike, axis=0), statistics.median_high(int(counts.sum()) for counts in alike))
