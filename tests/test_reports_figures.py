"""How figures are written: digits, units, lists in words."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports import figures


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (12345, "12,300"),
        (0.012345, "0.0123"),
        (999.7, "1,000"),
        (9.996, "10.0"),
        (1, "1.00"),
        (0, "0"),
        (-4.567, "-4.57"),
    ],
)
def test_a_number_is_written_with_three_significant_digits(value: float, text: str) -> None:
    """Three significant digits, thousands apart, no digit lost or gained by rounding up to a power of ten."""
    assert figures.significant(value) == text


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_is_not_a_number_is_a_dash(value: float | None) -> None:
    """An absent figure is a dash, never 0 and never nan."""
    assert figures.significant(value) == figures.NONE


@given(st.floats(min_value=1e-6, max_value=1e9))
def test_what_is_written_is_within_half_a_unit_of_the_third_digit(value: float) -> None:
    """Reading the text back gives the value within 0.5 %."""
    assert float(figures.significant(value).replace(",", "")) == pytest.approx(value, rel=0.0051)


def test_the_unit_of_a_duration_suits_its_size() -> None:
    """Microseconds, milliseconds and seconds are chosen by size."""
    space = "\N{NO-BREAK SPACE}"
    assert figures.duration(850) == f"850{space}\N{MICRO SIGN}s"
    assert figures.duration(1234) == f"1.2{space}ms"
    assert figures.duration(3_400_000) == f"3.4{space}s"


def test_lists_are_read_aloud() -> None:
    """Names are joined as one says them."""
    assert figures.spoken([]) == ""
    assert figures.spoken(["a"]) == "a"
    assert figures.spoken(["a", "b", "c"]) == "a, b and c"
    assert figures.spoken(["gevent, TCP_NODELAY", "gevent"]) == "gevent, TCP_NODELAY; and gevent"


def test_ticks_have_no_idle_digits() -> None:
    """0.5 and 20 and 10,000, not 0.50 or 20.0."""
    assert [figures.axis_number(value) for value in (0.5, 20.0, 10_000.0)] == ["0.5", "20", "10,000"]


def test_a_wide_interval_is_a_factor() -> None:
    """Half a width of 180 % is a factor of 2.8 either way, not a figure that reaches below zero."""
    assert figures.give_or_take(0.021) == "\N{PLUS-MINUS SIGN}2.1\N{NO-BREAK SPACE}%"
    assert figures.give_or_take(1.8) == "\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}\N{NO-BREAK SPACE}2.8"
    assert figures.give_or_take(None) == ""
