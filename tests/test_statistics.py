"""Estimates: means, ratios, corrections and slopes are those of the textbooks, and keep their laws."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats

from results.statistics import geometric_mean, holm, mean_interval, paired_ratio, theil_sen
from results.tiers import rank

figures = st.floats(1e-3, 1e6)

blocks_of = st.dictionaries(st.integers(0, 9), figures, min_size=1, max_size=10)

scales = st.floats(1e-3, 1e3)


def close(a: float | None, b: float | None) -> bool:
    """Tell whether two figures are the same, or both absent."""
    return (a is None) == (b is None) and (a is None or b is None or math.isclose(a, b, rel_tol=1e-6))


# --- intervals --------------------------------------------------------------------------------------------------------


def test_the_interval_is_the_textbooks() -> None:
    """The mean of the logarithms and t times their standard error, as scipy has it."""
    values = [10_400.0, 10_900.0, 9_800.0, 10_100.0, 10_650.0]
    logs = np.log(values)
    low, high = stats.t.interval(0.95, 4, loc=logs.mean(), scale=stats.sem(logs))
    found = mean_interval(values)
    assert found == (
        pytest.approx(stats.gmean(values)),
        pytest.approx(math.exp(low)),
        pytest.approx(math.exp(high)),
        5,
        None,
    )


def test_one_process_has_no_interval_and_says_why() -> None:
    """With one process there is a figure, but nothing to judge its variation by."""
    found = mean_interval([123.0])
    assert (found.low, found.high, found.n) == (None, None, 1)
    assert found.value == pytest.approx(123.0)
    assert found.why is not None and "one process only" in found.why


def test_identical_figures_have_no_interval_and_say_why() -> None:
    """An interval of no width would claim certainty: it is left out, with the reason."""
    found = mean_interval([5.0, 5.0, 5.0])
    assert (found.low, found.high, found.n) == (None, None, 3)
    assert found.why is not None and "no variation" in found.why


@pytest.mark.parametrize("bad", [0.0, -1.0, math.nan, math.inf])
def test_what_is_not_a_positive_figure_is_refused(bad: float) -> None:
    """Logarithms of nothing are not guessed at."""
    for compute in (mean_interval, geometric_mean):
        with pytest.raises(ValueError, match="not a positive figure"):
            compute([1.0, bad])
    with pytest.raises(ValueError, match="not a positive figure"):
        paired_ratio({0: 1.0}, {0: bad})
    with pytest.raises(ValueError, match="not a positive figure"):
        rank({"a": {0: 1.0, 1: 2.0}, "b": {0: bad, 1: 1.0}})


def test_no_values_are_refused() -> None:
    """There is no mean of nothing."""
    with pytest.raises(ValueError, match="no values"):
        mean_interval([])
    with pytest.raises(ValueError, match="no values"):
        geometric_mean([])


@given(st.lists(figures, min_size=1, max_size=20), scales)
def test_the_unit_does_not_matter(values: list[float], scale: float) -> None:
    """In another unit, the same figure and interval come out in that unit."""
    a, b = mean_interval(values), mean_interval([value * scale for value in values])
    assert close(a.value * scale, b.value)
    assert close(a.low and a.low * scale, b.low)
    assert close(a.high and a.high * scale, b.high)


@given(st.lists(figures, min_size=2, max_size=20), st.randoms(use_true_random=False))
def test_the_order_of_processes_does_not_matter(values: list[float], random: object) -> None:
    """Estimates do not depend on the order in which processes ran."""
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert mean_interval(values) == mean_interval(shuffled)


@given(st.lists(figures, min_size=2, max_size=20))
def test_the_interval_holds_the_mean_which_lies_within_the_figures(values: list[float]) -> None:
    """low <= value <= high, and the geometric mean is between the smallest and the largest figure."""
    found = mean_interval(values)
    if found.low is not None and found.high is not None:
        assert found.low <= found.value <= found.high
    assert min(values) * (1 - 1e-9) <= found.value <= max(values) * (1 + 1e-9)


# --- ratios -----------------------------------------------------------------------------------------------------------


def test_the_ratio_is_the_textbooks_paired_t() -> None:
    """The same interval and p as scipy's paired t test of the logarithms."""
    a = {0: 15_100.0, 1: 14_800.0, 2: 15_600.0, 3: 14_300.0, 4: 15_000.0}
    b = {0: 10_300.0, 1: 10_200.0, 2: 10_500.0, 3: 10_000.0, 4: 10_050.0}
    expected = stats.ttest_rel(np.log(list(a.values())), np.log(list(b.values())))
    interval = expected.confidence_interval(0.95)
    found = paired_ratio(a, b)
    assert found is not None
    assert found.p == pytest.approx(expected.pvalue)
    assert (found.low, found.high) == (pytest.approx(math.exp(interval.low)), pytest.approx(math.exp(interval.high)))


@given(blocks_of, blocks_of)
def test_the_other_way_round_is_the_inverse(a: dict[int, float], b: dict[int, float]) -> None:
    """ratio(a, b) = 1 / ratio(b, a), the interval turned round, the same n and p."""
    one, other = paired_ratio(a, b), paired_ratio(b, a)
    if one is None or other is None:
        assert one is other
        return
    assert close(one.value, 1 / other.value)
    assert close(one.low, other.high and 1 / other.high)
    assert close(one.high, other.low and 1 / other.low)
    assert (one.n, one.p, one.why) == (other.n, other.p, other.why)


@given(blocks_of, blocks_of, scales, scales)
def test_a_ratio_scales(a: dict[int, float], b: dict[int, float], x: float, y: float) -> None:
    """ratio(x a, y b) = x/y ratio(a, b); the relative width of the interval stays."""
    one = paired_ratio(a, b)
    other = paired_ratio({k: v * x for k, v in a.items()}, {k: v * y for k, v in b.items()})
    if one is None or other is None:
        assert one is other
        return
    assert close(one.value * x / y, other.value)
    assert close(one.low and one.low * x / y, other.low)


@given(blocks_of, blocks_of, st.dictionaries(st.integers(0, 9), scales, min_size=10, max_size=10))
def test_a_drift_of_the_machine_drops_out(a: dict[int, float], b: dict[int, float], drift: dict[int, float]) -> None:
    """What makes a block faster or slower as a whole changes no ratio."""
    one = paired_ratio(a, b)
    other = paired_ratio({k: v * drift[k] for k, v in a.items()}, {k: v * drift[k] for k, v in b.items()})
    assert (one is None) == (other is None)
    if one is not None and other is not None:
        assert close(one.value, other.value)
        assert close(one.low, other.low)


@given(blocks_of, blocks_of)
def test_only_blocks_with_both_count(a: dict[int, float], b: dict[int, float]) -> None:
    """n is the number of common blocks; the others change nothing."""
    found = paired_ratio(a, b)
    common = a.keys() & b.keys()
    assert (found is None) == (not common)
    if found is not None:
        assert found.n == len(common)
        assert found == paired_ratio({k: a[k] for k in common}, {k: b[k] for k in common})


@given(blocks_of, blocks_of)
def test_the_interval_and_p_agree(a: dict[int, float], b: dict[int, float]) -> None:
    """The interval excludes 1 exactly when p is under 0.05."""
    found = paired_ratio(a, b)
    if found is None or found.p is None or found.low is None or found.high is None:
        return
    assume(abs(found.p - 0.05) > 1e-9)
    assert (found.p < 0.05) == (not found.low <= 1 <= found.high)


@pytest.mark.parametrize(("a", "why"), [({0: 2.0}, "one block"), ({0: 2.0, 1: 2.0}, "no variation")])
def test_a_ratio_without_an_interval_says_why(a: dict[int, float], why: str) -> None:
    """One common block, or no variation: a value, no interval, no p, and the reason."""
    found = paired_ratio(a, {0: 1.0, 1: 1.0})
    assert found is not None
    assert (found.value, found.low, found.high, found.p) == (pytest.approx(2.0), None, None, None)
    assert found.why is not None and why in found.why


# --- many comparisons -------------------------------------------------------------------------------------------------


def test_holm_is_the_textbooks() -> None:
    """An example worked by hand; what is absent neither counts nor changes."""
    assert holm([0.01, None, 0.04, 0.03, 0.005]) == [pytest.approx(0.03), None, 0.06, 0.06, pytest.approx(0.02)]
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.randoms(use_true_random=False))
def test_holm_keeps_the_order_and_never_helps(values: list[float], random: object) -> None:
    """Corrected values are between p and the Bonferroni value, in the same order, whatever the order of the list."""
    corrected = holm(list(values))
    for (p, c), (q, d) in itertools.combinations(zip(values, corrected, strict=True), 2):
        assert c is not None and d is not None
        assert p <= c <= min(1.0, p * len(values)) or c == 1.0
        assert (p >= q or c <= d) and (q >= p or d <= c)
    order = list(range(len(values)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert holm([values[i] for i in order]) == [corrected[i] for i in order]


# --- slopes -----------------------------------------------------------------------------------------------------------


def test_theil_sen_ignores_a_wild_point() -> None:
    """Bytes per idle connection: one reading that is wrong by far does not move the slope."""
    x, y = [0.0, 256.0, 512.0, 768.0, 1024.0], [1e6 + 300 * c for c in (0, 256, 512, 768, 1024)]
    y[2] += 5e6
    found = theil_sen(x, y)
    assert found.slope == pytest.approx(300)
    assert found.low is not None and found.high is not None and found.low <= 300 <= found.high


@given(st.floats(-100, 100), st.floats(-100, 100))
def test_theil_sen_finds_a_line(slope: float, intercept: float) -> None:
    """Points on a line give that line."""
    found = theil_sen([0, 1, 2, 5], [intercept + slope * x for x in (0, 1, 2, 5)])
    assert found.slope == pytest.approx(slope, abs=1e-9)
    assert found.intercept == pytest.approx(intercept, abs=1e-6)


@pytest.mark.parametrize(("x", "y"), [([1.0, 1.0], [1.0, 2.0]), ([1.0], [1.0]), ([], []), ([1.0, 2.0], [1.0])])
def test_theil_sen_refuses_what_has_no_slope(x: list[float], y: list[float]) -> None:
    """Two different x at least, and as many y."""
    with pytest.raises(ValueError, match=r"slope|y"):
        theil_sen(x, y)
