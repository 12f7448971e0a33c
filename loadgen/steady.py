"""Is the server warm? Pure functions over the windows of a warm-up.

The rule is pyperf's: two adjacent samples of windows, of which the later may differ from the earlier only a little in
mean, quartiles and spread. pyperf compares the two median absolute deviations (MAD) within 10 % of each other, which
two samples of a handful of windows seldom meet even where nothing changes; so a difference in spread that is small
beside the value itself (2 % of the median) passes too. docs/loadgen.md has the simulation.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

MEAN_LOW, MEAN_HIGH = -0.50, 0.10
QUARTILE = 0.05
SPREAD = 0.10
SPREAD_FLOOR = 0.02
MIN_WINDOWS = 4
MIN_SAMPLE_S = 2.0


def sample_size(window_s: float) -> int:
    """How many windows one of the two samples needs: at least four, and at least two seconds."""
    return max(MIN_WINDOWS, math.ceil(MIN_SAMPLE_S / window_s))


def steady(times: Sequence[float], size: int) -> bool:
    """Whether the last 2 x `size` values (time per request of a window, any unit) come from a steady state.

    False while there are too few values, or where a window had no request (infinite or zero time).
    """
    if size < 2 or len(times) < 2 * size:
        return False
    before, after = times[-2 * size : -size], times[-size:]
    if any(not math.isfinite(t) or t <= 0 for t in (*before, *after)):
        return False
    mean_after = statistics.fmean(after)
    if not MEAN_LOW <= (statistics.fmean(before) - mean_after) / mean_after <= MEAN_HIGH:
        return False
    low_before, median_before, high_before = statistics.quantiles(before, n=4, method="inclusive")
    low_after, median_after, high_after = statistics.quantiles(after, n=4, method="inclusive")
    if abs(low_before - low_after) > QUARTILE * low_after or abs(high_before - high_after) > QUARTILE * high_after:
        return False
    spread_before, spread_after = _mad(before, median_before), _mad(after, median_after)
    return abs(spread_before - spread_after) <= max(SPREAD * spread_after, SPREAD_FLOOR * median_after)


def _mad(values: Sequence[float], median: float) -> float:
    return statistics.median(abs(v - median) for v in values)
