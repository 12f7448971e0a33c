"""Estimates with honest intervals: everything is computed on logarithms, over processes or blocks, never over samples.

Pure functions of numbers; none of them knows what a stack is. A block's number maps to the figure that was measured in
it, so that what was measured together is paired and what is missing stays missing. All figures must be positive and
finite (`ValueError` otherwise): requests per second, microseconds, ratios.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy import special, stats

LEVEL = 0.95

# Relative spread below which figures are taken for identical: the rounding of floats, not a measurement.
IDENTICAL = 1e-9


class Interval(NamedTuple):
    """A geometric mean and its interval; without one `low` and `high` are None and `why` says why."""

    value: float
    low: float | None
    high: float | None
    n: int
    why: str | None = None


class PairedRatio(NamedTuple):
    """A ratio a/b from `n` blocks that have both, its interval and two-sided p; None with `why` where there is none."""

    value: float
    low: float | None
    high: float | None
    n: int
    p: float | None
    why: str | None = None


def geometric_mean(values: Iterable[float]) -> float:
    """Return the geometric mean. ValueError if there are no values, or one is not positive."""
    logs = _logs(values)
    if not logs:
        raise ValueError("no values")
    return math.exp(math.fsum(logs) / len(logs))


def mean_interval(values: Sequence[float], level: float = LEVEL) -> Interval:
    """Return the geometric mean of processes' figures with its t interval: exp(mean ln y +- t(n-1) s/sqrt(n))."""
    logs = _logs(values)
    mean, half, n, why = _t_interval(logs, level, "process", "processes")
    if half is None:
        return Interval(math.exp(mean), None, None, n, why)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), n)


def paired_ratio(a: Mapping[int, float], b: Mapping[int, float], level: float = LEVEL) -> PairedRatio | None:
    """Return a/b by the paired t on the blocks' log ratios, or None if no block has both.

    d_b = ln a_b - ln b_b; ratio = exp(mean d +- t(n-1) s/sqrt(n)). Pairing takes the machine's drift out, since both
    were measured within one block. Blocks that lack one side are left out: `n` says how many remain.
    """
    blocks = sorted(a.keys() & b.keys())
    if not blocks:
        return None
    differences = [x - y for x, y in zip(_logs(a[k] for k in blocks), _logs(b[k] for k in blocks), strict=True)]
    mean, half, n, why = _t_interval(differences, level, "block with both", "blocks with both")
    if half is None:
        return PairedRatio(math.exp(mean), None, None, n, None, why)
    error = half / critical_t(n - 1, level)
    p = 2 * float(special.stdtr(n - 1, -abs(mean) / error))
    return PairedRatio(math.exp(mean), math.exp(mean - half), math.exp(mean + half), n, p)


def holm(values: Sequence[float | None]) -> list[float | None]:
    """Correct p-values that are read as one list, by Holm's method; None stays None and does not count.

    A corrected value under 0.05 is significant such that the chance of any false one in the list is at most 5 %,
    however the values depend on each other.
    """
    known = sorted((p, index) for index, p in enumerate(values) if p is not None)
    corrected: list[float | None] = [None] * len(values)
    highest = 0.0
    for position, (p, index) in enumerate(known):
        highest = max(highest, min(1.0, p * (len(known) - position)))
        corrected[index] = highest
    return corrected


class Slope(NamedTuple):
    """A Theil-Sen line, y = intercept + slope x, and the 95 % interval of its slope (None with fewer than 3 points)."""

    slope: float
    intercept: float
    low: float | None
    high: float | None


def theil_sen(x: Sequence[float], y: Sequence[float]) -> Slope:
    """Return the median of the slopes between all pairs of points: bytes per connection, and the like.

    It does not mind that up to 29 % of the points are wrong. ValueError with fewer than two different x.
    """
    if len(x) != len(y):
        raise ValueError(f"{len(x)} x for {len(y)} y")
    if len(set(x)) < 2:
        raise ValueError("a slope needs two different x")
    result = stats.theilslopes(np.asarray(y, dtype=float), np.asarray(x, dtype=float), LEVEL)
    low, high = (float(result.low_slope), float(result.high_slope)) if len(x) > 2 else (None, None)
    return Slope(float(result.slope), float(result.intercept), low, high)


@lru_cache(maxsize=4096)
def critical_t(df: int, level: float = LEVEL) -> float:
    """Return the two-sided critical value of Student's t."""
    return float(special.stdtrit(df, (1 + level) / 2))


def _t_interval(
    logs: Sequence[float], level: float, unit: str, units: str
) -> tuple[float, float | None, int, str | None]:
    """Return the mean, the half-width of its t interval, the count, and why there is no half-width."""
    n = len(logs)
    if not n:
        raise ValueError("no values")
    mean = math.fsum(logs) / n
    if n == 1:
        return mean, None, n, f"one {unit} only: nothing to judge the variation by"
    # fsum keeps the result independent of the order of the values.
    sd = math.sqrt(math.fsum((value - mean) ** 2 for value in logs) / (n - 1))
    if sd <= IDENTICAL:
        return mean, None, n, f"no variation at all over {n} {units}: not how measurements behave"
    return mean, critical_t(n - 1, level) * sd / math.sqrt(n), n, None


def _logs(values: Iterable[float]) -> list[float]:
    logs = []
    for value in values:
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"not a positive figure: {value}")
        logs.append(math.log(value))
    return logs
