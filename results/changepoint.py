"""When was a process steady? Change points in the cost per request over its windows, and the class that follows.

The classes are those of Barrett et al. (OOPSLA 2017): flat, warm-up, slowdown, no steady state. The segmentation is
the exact optimum of the penalised squared error of ln(cost): what PELT finds by pruning is found here by the plain
dynamic program, over many processes at once, since a process has tens of windows and a run has thousands of processes.
docs/statistics.md shows how the penalty was chosen (`python -m results.coverage --windows`).
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from results.schema import Window
from results.summary import WarmupClass

MIN_WINDOWS = 6
"""With fewer windows no class is given."""

PENALTY = 8.0
"""Cost of a change point, in units of variance x ln(windows)."""

TOLERANCE = 0.03
"""Segments whose means differ by less than this count as the same: the step that opens a tier, too."""

NOISE_FLOOR = 0.005
"""Spread of ln(cost) that is always allowed for: resolution of the clocks and counters."""

STEADY_SHARE = 0.25
"""The steady segment must cover at least this share of the windows, and two windows."""

MIN_SEGMENT = 2

Array = NDArray[np.float64]


class Steadiness(NamedTuple):
    """The class of a process. `start` is the index of the first steady window, None where there is no steady state.

    `after_s` and `after_requests` are what passed before it, from the first request on. `measured` tells whether the
    whole measured part was steady (None for class "unknown").
    """

    kind: WarmupClass
    start: int | None = None
    after_s: float | None = None
    after_requests: int | None = None
    measured: bool | None = None


def classify_many(processes: Sequence[Sequence[Window]]) -> list[Steadiness]:
    """Classify processes by their windows. The cost is the server's CPU time per request; wall time where it is absent.

    Windows without a request are left out. Fewer than MIN_WINDOWS of the rest: class "unknown".
    """
    results = [Steadiness("unknown")] * len(processes)
    by_length: dict[int, list[tuple[int, list[Window], list[float]]]] = defaultdict(list)
    for index, windows in enumerate(processes):
        used = [window for window in windows if window.requests > 0 and window.duration_s > 0]
        if len(used) >= MIN_WINDOWS:
            by_length[len(used)].append((index, used, _costs(used)))
    for group in by_length.values():
        logs = np.log(np.array([costs for _, _, costs in group]))
        for (index, used, _), (kind, start) in zip(group, classify_logs(logs), strict=True):
            results[index] = _located(used, kind, start)
    return results


def classify_logs(logs: Array, penalty: float = PENALTY) -> list[tuple[WarmupClass, int | None]]:
    """Classify rows of ln(cost), all of one length: (class, index of the first steady window or None)."""
    results: list[tuple[WarmupClass, int | None]] = []
    for chunk in np.array_split(logs, max(1, len(logs) // 2048 + 1)):
        cleaned = _without_outliers(chunk)
        previous = _segment(cleaned, penalty)
        for row, back in zip(cleaned, previous, strict=True):
            results.append(_class_of(row, back))
    return results


def _costs(windows: list[Window]) -> list[float]:
    cpu = [window.server_cpu_s for window in windows]
    if all(value is not None and value > 0 for value in cpu):
        return [value / window.requests for value, window in zip(cpu, windows, strict=True) if value is not None]
    return [window.duration_s / window.requests for window in windows]


def _located(windows: list[Window], kind: WarmupClass, start: int | None) -> Steadiness:
    if start is None:
        return Steadiness(kind, measured=False)
    after_s = windows[start].start_s if start else 0.0
    after_requests = sum(window.requests for window in windows[:start])
    measured = all(window.phase == "warm-up" for window in windows[:start])
    return Steadiness(kind, start, after_s, after_requests, measured)


def _spread(rows: Array) -> Array:
    """Return each row's standard deviation without its steps: from the median difference of neighbours."""
    differences = np.abs(np.diff(rows, axis=1))
    spread: Array = np.maximum(np.median(differences, axis=1) * 1.4826 / math.sqrt(2), NOISE_FLOOR)
    return spread


def _without_outliers(rows: Array) -> Array:
    """Pull single windows that stand out of both neighbourhoods (a collection, a neighbour) back to 3 deviations."""
    if rows.shape[1] < 5:
        return rows
    limit = 3 * _spread(rows)[:, None]
    local = np.median(np.lib.stride_tricks.sliding_window_view(rows, 5, axis=1), axis=2)
    cleaned = rows.copy()
    cleaned[:, 2:-2] = np.clip(rows[:, 2:-2], local - limit, local + limit)
    return cleaned


def _segment(rows: Array, penalty: float) -> NDArray[np.intp]:
    """Return, for each row and each end t, the start of the last segment of the best segmentation of [0, t)."""
    count, n = rows.shape
    centred = rows - rows.mean(axis=1, keepdims=True)
    zero = np.zeros((count, 1))
    s1 = np.concatenate([zero, np.cumsum(centred, axis=1)], axis=1)
    s2 = np.concatenate([zero, np.cumsum(centred**2, axis=1)], axis=1)
    price = penalty * _spread(rows) ** 2 * math.log(n)
    best = np.full((count, n + 1), np.inf)
    best[:, 0] = -price  # the first segment is free
    previous = np.zeros((count, n + 1), dtype=np.intp)
    for t in range(MIN_SEGMENT, n + 1):
        s = np.arange(0, t - MIN_SEGMENT + 1)
        error = (s2[:, t, None] - s2[:, s]) - (s1[:, t, None] - s1[:, s]) ** 2 / (t - s)
        total = best[:, s] + error + price[:, None]
        previous[:, t] = np.argmin(total, axis=1)
        best[:, t] = np.min(total, axis=1)
    return previous


def _class_of(row: Array, previous: NDArray[np.intp]) -> tuple[WarmupClass, int | None]:
    n = len(row)
    bounds = [n]
    while bounds[-1] > 0:
        bounds.append(int(previous[bounds[-1]]))
    bounds.reverse()
    segments = list(itertools.pairwise(bounds))
    means = [float(row[a:b].mean()) for a, b in segments]
    tolerance = math.log1p(TOLERANCE)
    first = len(segments) - 1
    while first > 0 and abs(means[first - 1] - means[-1]) < tolerance:
        first -= 1
    start = segments[first][0]
    if n - start < max(MIN_SEGMENT, math.ceil(STEADY_SHARE * n)):
        return "no steady state", None
    if start == 0:
        return "flat", 0
    steady = float(row[start:].mean())
    return ("slowdown" if min(means[:first]) < steady - tolerance else "warm-up"), start
