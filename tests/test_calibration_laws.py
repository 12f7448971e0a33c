"""Latencies known in advance: what is worked out on paper is what the rule does, found by simulating it."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.calibration import truth
from bench.calibration.laws import NS, Fixed, Law, Mixture, Stall, connections, duration_s, parse


def simulated(law: Law, rate: float, cycles: int = 3) -> list[float]:
    """Latencies (s), sorted, of evenly spaced requests over whole cycles, after one that only warms up."""
    length = law.cycle_s or 400 / rate
    due = law.due()
    count = round(rate * length)
    found = []
    for number in range(count * (cycles + 1)):
        arrival = int((number + 0.5) * NS / rate)
        at = due(arrival)[1]
        if number >= count:
            found.append((at - arrival) / NS)
    return sorted(found)


def quantile(ordered: list[float], p: float) -> float:
    """The latency that a share p does not exceed."""
    return ordered[min(len(ordered) - 1, max(0, math.ceil(p * len(ordered)) - 1))]


stalls = st.builds(Stall, st.floats(0.2, 0.6), st.floats(0.02, 0.3), st.sampled_from([20_000.0, 50_000.0, 100_000.0]))


@settings(max_examples=60)
@given(stalls, st.floats(300, 6_000), st.floats(0.01, 0.999))
def test_a_stall_on_paper_is_what_its_queue_does(law: Stall, rate: float, p: float) -> None:
    """Quantiles agree with a simulation to within what a few requests more or less make."""
    if rate >= law.pace or law.drain_s(rate) > law.serve_s:
        with pytest.raises(ValueError, match="no fixed distribution"):
            law.quantile(p, rate)
        return
    rate = round(rate * law.cycle_s) / law.cycle_s  # a whole number of requests in each cycle
    assert law.quantile(p, rate) == pytest.approx(quantile(simulated(law, rate), p), abs=4 / rate + 3 / law.pace)


@given(st.integers(2, 50), st.floats(0.0005, 0.01), st.floats(0.02, 0.5), st.sampled_from([0.5, 0.9, 0.99, 0.999]))
def test_a_mixture_on_paper_is_what_it_counts(every: int, fast: float, slow: float, p: float) -> None:
    """Exactly one of N is slow, so quantiles that are not at the step are exact."""
    law = Mixture(fast, slow, every)
    due = law.due()
    ordered = sorted(due(0)[1] / NS for _ in range(every * 1000))
    if abs(p - (1 - 1 / every)) > 1e-6:
        assert law.quantile(p, 1000) == pytest.approx(quantile(ordered, p), abs=1e-8)


def test_the_stall_of_the_example_is_the_one_worked_out_by_hand() -> None:
    """At 1,000 per second, a second of service and half of stall: p90 350 ms, p99 485, p99.9 498.5."""
    law = Stall(1.0, 0.5, 1e9)
    assert [round(law.quantile(p, 1000) * 1000, 1) for p in (0.5, 0.9, 0.99, 0.999)] == [0.0, 350.0, 485.0, 498.5]


@given(
    st.one_of(
        st.builds(Fixed, st.floats(0.001, 1)),
        stalls,
        st.builds(Mixture, st.just(0.002), st.just(0.02), st.integers(2, 99)),
    )
)
def test_a_law_reads_what_it_writes(law: Law) -> None:
    """The command line carries a law without loss."""
    assert parse(law.spec()) == law


@pytest.mark.parametrize(
    "text", ["", "fixed", "fixed:", "fixed:0", "fixed:nan", "fixed:1,2", "mixture:0.1,0.2,1.5", "stall:1,2", "other:1"]
)
def test_what_is_no_law_is_refused(text: str) -> None:
    """A spec that makes no sense is a ValueError."""
    with pytest.raises(ValueError):
        parse(text)


@given(st.one_of(st.just(Fixed(0.01)), stalls, st.just(Mixture(0.002, 0.02, 20))), st.floats(100, 50_000))
def test_answers_of_a_lane_are_due_in_order(law: Law, rate: float) -> None:
    """Within a lane nothing overtakes: the server may keep each in a queue."""
    due, lanes = law.due(), [[0] for _ in range(law.lanes)]
    for number in range(300):
        arrival = int(number * NS / rate)
        lane, at = due(arrival)
        assert at > arrival
        lanes[lane].append(at)
    assert all(a <= b for lane in lanes for a, b in pairwise(lane))


@pytest.mark.parametrize("law", truth.LAWS)
@pytest.mark.parametrize("rate", [1_000, 5_000, 20_000])
def test_a_calibration_asks_what_has_an_answer(law: Law, rate: int) -> None:
    """At each rate there are enough connections, enough requests above p99.9, and whole cycles."""
    assert connections(law, rate, 10**6) >= law.in_flight(rate)
    assert connections(law, rate, 7) == 7
    seconds = duration_s(law, rate, 1.5)
    assert seconds * rate * 0.001 >= 20
    assert not law.cycle_s or seconds / law.cycle_s == pytest.approx(round(seconds / law.cycle_s))
    assert list(truth.expected_us(law, rate).values()) == sorted(truth.expected_us(law, rate).values())
