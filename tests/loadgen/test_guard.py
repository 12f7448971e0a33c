"""The verdict on the client."""

from loadgen.guard import Facts, judge


def test_a_client_with_time_to_spare_is_not_the_limit() -> None:
    """Under 70 % busy, on time, and its figures agree."""
    verdict = judge(Facts(0.4, 1000, in_flight=63.9, expected_in_flight=64, lateness_p99_us=30, p50_us=200))
    assert not verdict.limited
    assert "40%" in verdict.text
    assert "30 us" in verdict.text


def test_a_busy_client_is_the_limit() -> None:
    """From 70 % on."""
    verdict = judge(Facts(0.7, 1000))
    assert verdict.limited
    assert "busy 70%" in verdict.text


def test_a_client_without_its_core_is_the_limit() -> None:
    """A neighbour on its core delays requests that its own figures know nothing of."""
    assert judge(Facts(0.1, 1000, starved=0.2)).limited
    assert not judge(Facts(0.1, 1000, starved=0.01)).limited


def test_a_late_client_is_the_limit() -> None:
    """Over a millisecond, or over a tenth of the median where that is more."""
    assert judge(Facts(0.1, 1000, lateness_p99_us=1500, p50_us=200)).limited
    assert not judge(Facts(0.1, 1000, lateness_p99_us=1500, p50_us=20_000)).limited
    assert judge(Facts(0.1, 1000, lateness_p99_us=2500, p50_us=20_000)).limited


def test_figures_that_contradict_one_another() -> None:
    """wrk's kind of error: a median of half the cycle."""
    verdict = judge(Facts(0.1, 1000, in_flight=31.0, expected_in_flight=64))
    assert verdict.limited
    assert "31.0" in verdict.text


def test_nothing_measured() -> None:
    """No request, no verdict."""
    assert not judge(Facts(0.0, 0)).limited
