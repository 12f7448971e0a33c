"""The rule that ends a warm-up."""

import math
import random

from hypothesis import given
from hypothesis import strategies as st

from loadgen.steady import sample_size, steady


def test_needs_two_samples() -> None:
    """Fewer than two samples of windows say nothing."""
    assert not steady([1.0] * 7, 4)
    assert steady([1.0] * 8, 4)


def test_sample_is_at_least_four_windows_and_two_seconds() -> None:
    """Short windows are noisy, so a sample lasts two seconds; long ones are few, so it has four."""
    assert sample_size(1.0) == 4
    assert sample_size(0.25) == 8
    assert sample_size(5.0) == 4


def test_a_warming_server_is_not_steady() -> None:
    """A JIT's steps (as tornado's on PyPy) are not steady while they are within the windows looked at."""
    slow, fast = [1 / 8700] * 4, [1 / 14000] * 4
    assert not steady(slow + fast, 4)
    assert steady(slow + fast + fast, 4)


def test_a_slowing_server_is_not_steady() -> None:
    """A slow-down of a quarter is seen as well."""
    assert not steady([1.0] * 4 + [1.25] * 4, 4)


def test_a_stalled_window_is_not_steady() -> None:
    """A window without a request has no time per request."""
    assert not steady([1.0] * 7 + [math.inf], 4)


def test_little_noise_is_steady_nearly_always() -> None:
    """With 1 % of noise a steady server is called steady within a few windows."""
    rng = random.Random(1)
    ended = 0
    for _ in range(200):
        times = [1.0 * rng.lognormvariate(0, 0.01) for _ in range(16)]
        ended += any(steady(times[:n], 4) for n in range(8, 17))
    assert ended >= 198


@given(st.lists(st.floats(1e-6, 10), min_size=8, max_size=40), st.floats(1e-3, 1e3))
def test_the_unit_does_not_matter(times: list[float], factor: float) -> None:
    """The verdict is the same in seconds and in microseconds, but for the rounding of values that lie on a limit."""
    assert steady(times, 4) in (
        steady([t * factor for t in times], 4),
        steady([t * factor * 1.0000001 for t in times], 4),
    )
