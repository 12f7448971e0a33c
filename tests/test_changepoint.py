"""Steadiness: the classes of warm-up curves, their laws and their edges."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from results import coverage
from results.changepoint import MIN_WINDOWS, classify_logs, classify_many
from results.schema import Window

scales = st.floats(1e-3, 1e3)


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
