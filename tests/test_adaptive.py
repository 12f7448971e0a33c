"""Adaptive runs: Stein's two-stage procedure, proved by simulation on the code that is used."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import adaptive
from results.schema import Cell, Load, Plan, Sample

A, B = Cell("a", "r", "hello"), Cell("b", "r", "hello")


def sample(cell: Cell, block: int, rps: float, status: str = "ok") -> Sample:
    """A process that did so many requests per second."""
    load = Load(requests=1, errors={}, duration_s=1, rps=rps, latency_us={}, client={})
    return Sample(cell, block, "", status, load=load if status == "ok" else None)  # type: ignore[arg-type]


def test_coverage_is_what_it_says_whatever_the_spread() -> None:
    """Over 4000 simulated cells of each spread, the 95 % interval holds the truth in 94 to 96 %."""
    rng = np.random.default_rng(11)
    for sd in (0.01, 0.03, 0.06):
        hits = narrow = 0
        for _ in range(4000):
            logs = list(rng.normal(0, sd, adaptive.FIRST))
            n = adaptive.needed(dict(enumerate(np.exp(logs))), 0.03)
            logs += list(rng.normal(0, sd, n - adaptive.FIRST))
            found = adaptive.interval(dict(enumerate(np.exp(logs))))
            assert found.low is not None and found.high is not None
            hits += found.low <= 1 <= found.high
            narrow += math.sqrt(found.high / found.low) - 1 <= 0.03 + 1e-9
        assert 0.94 <= hits / 4000 <= 0.96
        assert narrow == 4000, "the width asked for is kept"


@given(st.lists(st.floats(10, 1e6), min_size=5, max_size=5), st.floats(0.005, 0.2))
def test_a_narrower_interval_needs_no_fewer_blocks(values: list[float], width: float) -> None:
    """And never fewer than the first stage."""
    figures = dict(enumerate(values))
    assert adaptive.FIRST <= adaptive.needed(figures, width) <= adaptive.needed(figures, width / 2)


def test_only_the_first_stage_decides() -> None:
    """Later figures move the mean, but neither the number of blocks nor the width."""
    first = {0: 100.0, 1: 101.0, 2: 99.0, 3: 100.5, 4: 99.5}
    calm, wild = {**first, 5: 100.0}, {**first, 5: 150.0}
    assert adaptive.needed(calm, 0.01) == adaptive.needed(wild, 0.01)
    a, b = adaptive.interval(calm), adaptive.interval(wild)
    assert a.low and a.high and b.low and b.high
    assert a.high / a.low == pytest.approx(b.high / b.low)


def test_time_is_spent_on_those_that_need_it() -> None:
    """A quiet cell stops after the first stage, a noisy one goes on to the cap, a failed one is not repeated."""
    plan = Plan("p", 1, [[A, B]] * 30, {"until": 0.03})
    records = [sample(A, block, 100 + block % 2 * 0.1) for block in range(5)]
    assert adaptive.wanted(plan, records) == {A: 5, B: 5}
    records += [sample(B, block, 100 + block * 20) for block in range(5)]
    assert adaptive.wanted(plan, records) == {A: 5, B: 30}
    failed = [*records[:5], *(sample(B, block, 0, "failed") for block in range(5))]
    assert adaptive.wanted(plan, failed) == {A: 5, B: 5}


def test_without_a_target_every_block_is_wanted() -> None:
    """A plan that is not adaptive is carried out as it stands."""
    assert adaptive.wanted(Plan("p", 1, [[A]] * 7), []) == {A: 7}
