"""Estimates, tiers, change points: their laws, their edges, and that their intervals hold what they promise."""

import itertools
import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from results import coverage
from results.changepoint import MIN_WINDOWS, classify_logs, classify_many
from results.schema import Window
from results.statistics import geometric_mean, holm, mean_interval, paired_ratio, theil_sen
from results.tiers import critical_q, rank

figures = st.floats(1e-3, 1e6)
blocks_of = st.dictionaries(st.integers(0, 9), figures, min_size=1, max_size=10)
scales = st.floats(1e-3, 1e3)


def close(a: float | None, b: float | None) -> bool:
    """Tell whether two figures are the same, or both absent."""
    return (a is None) == (b is None) and (a is None or b is None or math.isclose(a, b, rel_tol=1e-6))


# --- intervals ------------------------------------------------------------------------------------------------------


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


# --- ratios ---------------------------------------------------------------------------------------------------------


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


# --- many comparisons -----------------------------------------------------------------------------------------------


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


# --- slopes ---------------------------------------------------------------------------------------------------------


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


# --- tiers ----------------------------------------------------------------------------------------------------------


def runs(
    rng: np.random.Generator, speeds: dict[str, float], blocks: int, sd: float = 0.01
) -> dict[str, dict[int, float]]:
    """Return figures that scatter by `sd` around speeds, in blocks that drift together."""
    drift = rng.normal(0, 0.05, blocks)
    return {
        name: {b: speed * math.exp(drift[b] + rng.normal(0, sd)) for b in range(blocks)}
        for name, speed in speeds.items()
    }


def test_what_differs_clearly_is_in_different_tiers() -> None:
    """Equals share a tier and a rank interval; what is far slower is below."""
    found = rank(runs(np.random.default_rng(1), {"a": 100, "b": 100.2, "c": 80, "d": 79.9, "e": 40}, 6))
    assert [set(tier) for tier in found.tiers] == [{"a", "b"}, {"c", "d"}, {"e"}]
    assert found.ranks == {"a": (1, 2), "b": (1, 2), "c": (3, 4), "d": (3, 4), "e": (5, 5)}
    assert found.df == 4 * 5


def test_a_significant_but_tiny_difference_opens_no_tier() -> None:
    """2 % slower is told apart with little scatter, but under 3 % is not worth a tier."""
    found = rank(runs(np.random.default_rng(2), {"a": 100, "b": 98}, 10, sd=0.001))
    assert found.tiers == [["a", "b"]]
    assert found.ranks == {"a": (1, 1), "b": (2, 2)}


def test_a_balanced_ranking_is_scipys_tukey_within_blocks() -> None:
    """With the block effects taken out by hand and their degrees of freedom, the critical ratio is the textbook's."""
    data = runs(np.random.default_rng(3), {"a": 100, "b": 99, "c": 95}, 5, sd=0.02)
    y = np.log([[data[name][b] for b in range(5)] for name in "abc"])
    residual = y - y.mean(1, keepdims=True) - y.mean(0) + y.mean()
    variance = (residual**2).sum() / 8
    expected = math.exp(stats.studentized_range.ppf(0.95, 3, 8) * math.sqrt(variance / 5))
    found = rank(data)
    assert found.residual_sd == pytest.approx(math.sqrt(variance))
    assert found.critical_ratio == pytest.approx(expected)


def test_missing_blocks_are_not_confused_with_slowness() -> None:
    """A stack measured only in the machine's slow blocks is judged against the others in those blocks."""
    data = runs(np.random.default_rng(4), {"a": 100, "b": 100, "c": 100, "d": 100}, 8, sd=0.005)
    slow = {name: {b: v * (0.5 if b >= 4 else 1.0) for b, v in blocks.items()} for name, blocks in data.items()}
    slow["d"] = {b: v for b, v in slow["d"].items() if b >= 4}
    found = rank(slow)
    assert found.tiers == [found.order]
    assert found.means["d"] == pytest.approx(found.means["a"], rel=0.02)


def test_one_process_or_no_common_block_is_not_ranked() -> None:
    """What cannot be compared says why, and does not disturb the others."""
    data = runs(np.random.default_rng(5), {"a": 100, "b": 50}, 4)
    alone = rank(data)
    data |= {"once": {0: 70.0}, "apart": {10: 60.0, 11: 61.0}, "never": {}}
    found = rank(data)
    assert found.unranked == {
        "once": "one process only",
        "apart": "shares no block with the others",
        "never": "not measured",
    }
    assert (found.tiers, found.ranks) == (alone.tiers, alone.ranks)


def test_a_stack_alone_is_the_first_of_one() -> None:
    """Nothing to compare with: tier 1, rank 1 to 1, no critical ratio."""
    found = rank({"a": {0: 1.0, 1: 2.0}})
    assert (found.tiers, found.ranks, found.critical_ratio) == ([["a"]], {"a": (1, 1)}, None)


@pytest.mark.parametrize(
    "data",
    [{}, {"a": {0: 1.0}}, {"a": {0: 1.0, 1: 1.0}, "b": {0: 2.0, 1: 2.0}}],
    ids=["nothing", "one process", "no variation"],
)
def test_where_nothing_can_be_said_nothing_is(data: dict[str, dict[int, float]]) -> None:
    """No tiers, no ranks, and the reason."""
    found = rank(data)
    assert (found.tiers, found.ranks) == ([], {})
    assert found.why


ranked = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=3), st.dictionaries(st.integers(0, 4), figures, max_size=5), max_size=6
)


@settings(deadline=None)  # scipy needs a tenth of a second for a new pair of k and df
@given(ranked, st.floats(0.5, 2))
def test_rankings_are_sound(data: dict[str, dict[int, float]], scale: float) -> None:
    """Each stack is ranked in one tier or unranked with a reason; rank intervals are possible; units do not matter."""
    found = rank(data)
    tiered = [name for tier in found.tiers for name in tier]
    assert sorted(tiered) == sorted(set(tiered))
    assert set(tiered) | found.unranked.keys() == set(data)
    assert not set(tiered) & found.unranked.keys()
    assert set(found.ranks) == set(tiered)
    assert all(1 <= low <= high <= len(tiered) for low, high in found.ranks.values())
    means = [found.means[name] for name in found.order]
    assert means == sorted(means, reverse=True)
    scaled = rank({name: {b: v * scale for b, v in blocks.items()} for name, blocks in data.items()})
    assert scaled.unranked.keys() == found.unranked.keys()


def test_many_degrees_of_freedom_are_rounded_to_the_strict_side() -> None:
    """The kept critical values are never smaller than the exact ones, and within a thousandth."""
    for k, df in ((2, 4), (7, 24), (20, 171), (100, 891)):
        exact = stats.studentized_range.ppf(0.95, k, df)
        assert exact <= critical_q(k, df) * (1 + 1e-9)
        assert critical_q(k, df) == pytest.approx(exact, rel=1e-3)


# --- steadiness -----------------------------------------------------------------------------------------------------


def windows(costs: list[float], warm: int = 4, cpu: bool = True) -> list[Window]:
    """Return windows of half a second with these costs in microseconds per request."""
    return [
        Window(
            0.5 * i,
            0.5,
            "warm-up" if i < warm else "measure",
            round(0.5e6 / cost),
            0,
            server_cpu_s=round(0.5e6 / cost) * cost / 1e6 if cpu else None,
        )
        for i, cost in enumerate(costs)
    ]


NOISE = [1.0, 1.01, 0.99, 1.005, 0.995, 1.0, 1.008, 0.992]


def noisy(costs: list[float]) -> list[float]:
    """Return costs with a little scatter that is the same each time."""
    return [cost * NOISE[i % len(NOISE)] for i, cost in enumerate(costs)]


@pytest.mark.parametrize("cpu", [True, False])
def test_the_four_classes(cpu: bool) -> None:
    """Level is flat; ending cheaper is warm-up; ending dearer is slowdown; changing to the end is no steady state."""
    shapes = {
        "flat": [50.0] * 16,
        "warm-up": [120.0, 80.0, 60.0, *[50.0] * 13],
        "slowdown": [*[50.0] * 6, *[60.0] * 10],
        "no steady state": [*[50.0] * 14, *[70.0] * 2],
    }
    found = classify_many([windows(noisy(shape), cpu=cpu) for shape in shapes.values()])
    assert [result.kind for result in found] == list(shapes)


def test_time_and_requests_to_steady() -> None:
    """They count from the first request to the first steady window, and tell whether the measured part was steady."""
    costs = [*[100.0] * 4, *[50.0] * 12]
    early, late = classify_many([windows(noisy(costs), warm=4), windows(noisy(costs), warm=2)])
    assert early.kind == late.kind == "warm-up"
    assert early.after_s == 2.0
    assert early.after_requests == sum(window.requests for window in windows(noisy(costs))[:4])
    assert early.measured is True
    assert late.measured is False


def test_a_single_outlier_is_no_change() -> None:
    """One window with a neighbour's hiccup leaves a process flat."""
    costs = noisy([50.0] * 16)
    costs[9] *= 1.6
    assert classify_many([windows(costs)])[0].kind == "flat"


def test_too_few_windows_have_no_class() -> None:
    """Fewer than the least number of windows with requests: unknown, and no word on being steady."""
    found = classify_many([windows([50.0] * (MIN_WINDOWS - 1)), [], [Window(0, 1, "measure", 0, 5)] * 20])
    assert {(result.kind, result.measured) for result in found} == {("unknown", None)}


@settings(deadline=None)
@given(st.lists(st.floats(1, 1000), min_size=MIN_WINDOWS, max_size=40), scales)
def test_classes_do_not_depend_on_the_unit(costs: list[float], scale: float) -> None:
    """A machine twice as fast has the same classes, and each start lies within the windows."""
    logs = np.log([costs])
    (kind, start), (other, _) = classify_logs(logs)[0], classify_logs(logs + math.log(scale))[0]
    assert kind == other
    assert (start is None) == (kind == "no steady state")
    assert start is None or 0 <= start <= len(costs) - 2


def test_the_penalty_does_what_the_documentation_says() -> None:
    """Flat processes are called flat and a JIT's warm-up is found, in correlated noise as well."""
    for length, correlation in ((12, 0.0), (20, 0.3)):
        flat, step, jit = coverage.steadiness_rates(400, length, correlation, 8.0)
        assert flat >= 0.94
        assert step >= 0.85
        assert jit >= 0.99


# --- what the intervals promise -------------------------------------------------------------------------------------


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
