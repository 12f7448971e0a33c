"""The knee: bisection, and what counts as served in time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.further import in_time, knee
from results.schema import Load


def load(**changes: object) -> Load:
    """An open loop that was served in time, but for what is changed."""
    facts: dict = {"requests": 5000, "errors": {}, "duration_s": 1.0, "rps": 5000.0, "latency_us": {"p99": 900.0}}
    return Load(client={}, mode="open", offered_rps=5000.0, **{**facts, **changes})


def test_served_in_time_means_rate_and_latency_and_no_errors() -> None:
    """99 % of what was offered, p99 within its limit and known, at most 0.1 % errors."""
    assert in_time(load(), 50)
    assert in_time(load(rps=4951.0), 50)
    assert not in_time(load(rps=4949.0), 50)
    assert not in_time(load(latency_us={"p99": 50001.0}), 50)
    assert not in_time(load(latency_us={"p99": None}), 50)
    assert not in_time(load(errors={"time-out": 6}), 50)
    assert in_time(load(errors={"time-out": 5}), 50)


@given(st.floats(100, 1e6), st.floats(0.11, 0.99), st.integers(1, 12))
def test_bisection_closes_in_from_below(capacity: float, share: float, steps: int) -> None:
    """The knee found is never above the true one, and as near to it as the number of probes promises."""
    true = capacity * share
    found = knee(lambda rate: rate <= true, capacity, steps)
    if found is not None:
        assert found <= true
        assert true / found <= 10 ** (1 / 2**steps) * 1.0001
    else:
        assert true < capacity * 0.1 * 10 ** (1 / 2**steps) * 1.0001


def test_a_server_that_serves_nothing_in_time_has_no_knee() -> None:
    """None, not a number."""
    assert knee(lambda _: False, 1000, 5) is None
    assert knee(lambda _: True, 1000, 10) == pytest.approx(1000, rel=0.01)
