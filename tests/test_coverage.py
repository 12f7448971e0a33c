"""What the intervals promise: simulated experiments with a known truth, in which they hold it as often as they say."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from results import coverage


def within(rate: float, expected: float, experiments: int) -> bool:
    """Tell whether a simulated rate is within four standard errors, and one percent for the tails' skew."""
    return abs(rate - expected) <= 4 * math.sqrt(expected * (1 - expected) / experiments) + 0.01


@pytest.mark.parametrize("blocks", [3, 5, 10, 20])
@pytest.mark.parametrize("simulate", [coverage.paired_coverage, coverage.mean_coverage])
def test_95_percent_intervals_hold_the_truth_95_times_in_100(
    simulate: Callable[[int, int], float], blocks: int
) -> None:
    """For ratios and for single figures, with heavy tails and correlated windows."""
    assert within(simulate(1000, blocks), 0.95, 1000)


def test_1000_aa_experiments_tie() -> None:
    """One stack under two names: the interval contains 1 in 93-97 % of 1000 runs of 5 blocks, and they share a tier."""
    inside, ties = coverage.aa_ties(1000, 5)
    assert 0.93 <= inside <= 0.97
    assert ties >= 0.95


def test_pooling_windows_would_be_wrong_as_documented() -> None:
    """The check above can fail: intervals from pooled windows hold the truth far too seldom."""
    logs = coverage.windows_of_pairs(np.random.default_rng(1), 500, 5)
    assert coverage.contains(coverage.pooled(logs), math.log(coverage.RATIO)) < 0.7


def test_equal_stacks_are_seldom_put_in_tiers() -> None:
    """Seven equals, five blocks, a tenth of the processes lost: hardly ever a second tier."""
    significant, tiered = coverage.false_tiers(400, 5, 7, noisy=False, lost=0.1)
    assert tiered <= significant <= 0.08


def test_a_real_gap_is_found() -> None:
    """10 % slower among seven, five blocks of 3 % scatter: told apart in most runs."""
    assert coverage.found_gap(300, 5, 7, 0.10) >= 0.8
