"""Tiers: what differs clearly is apart, what cannot be told apart is not, and equal stacks are seldom torn apart."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from results.tiers import critical_q, rank

figures = st.floats(1e-3, 1e6)


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
