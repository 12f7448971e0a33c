"""How a figure is written: two or three significant digits, thousands apart, units chosen once for each column."""

from __future__ import annotations

import math
from collections.abc import Iterable

NONE = "\N{EN DASH}"
"""Stands where there is no figure."""


def significant(value: float | None, digits: int = 3) -> str:
    """Write a number with so many significant digits and thousands apart: 12345 -> 12,300, 0.01234 -> 0.0123."""
    if value is None or not math.isfinite(value):
        return NONE
    if value == 0:
        return "0"
    exponent = math.floor(math.log10(abs(value)))
    rounded = round(value, digits - 1 - exponent)
    if rounded and math.floor(math.log10(abs(rounded))) > exponent:  # 999.7 became 1000: one decimal fewer
        exponent += 1
    decimals = max(0, digits - 1 - exponent)
    return f"{rounded:,.{decimals}f}"


def axis_number(value: float) -> str:
    """Write a tick: 0.5, 20, 10,000; no digits that say nothing."""
    return f"{value:,.10f}".rstrip("0").rstrip(".") if value < 10 else f"{value:,.0f}"


def percent(value: float | None, digits: int = 2) -> str:
    """Write a share (0.05) as percent: 5.0 %."""
    return NONE if value is None else f"{significant(value * 100, digits)}\N{NO-BREAK SPACE}%"


def give_or_take(half_width: float | None) -> str:
    """Write half an interval's width on the ratio scale: 0.02 as +-2.0 %, 1.8 as a factor of 2.8 either way."""
    if half_width is None:
        return ""
    if half_width > 0.3:  # in percent it would seem to reach below zero
        return f"\N{MULTIPLICATION SIGN}\N{DIVISION SIGN}\N{NO-BREAK SPACE}{significant(1 + half_width, 2)}"
    return f"\N{PLUS-MINUS SIGN}{percent(half_width)}"


def times(value: float | None, digits: int = 3) -> str:
    """Write a ratio: 1.92 -> 1.92x (with the multiplication sign)."""
    return NONE if value is None else f"{significant(value, digits)}\N{MULTIPLICATION SIGN}"


def interval(low: float | None, high: float | None, digits: int = 3) -> str:
    """Write an interval with as many decimals at both ends as the narrower end needs; empty without one."""
    if low is None or high is None:
        return ""
    return f"{significant(low, digits)}\N{EN DASH}{significant(high, digits)}"


def milliseconds(us: float | None) -> str:
    """Microseconds as milliseconds, three digits."""
    return significant(None if us is None else us / 1000)


def mebibytes(count: float | None) -> str:
    """Bytes as MiB, three digits."""
    return significant(None if count is None else count / 2**20)


def duration(us: float) -> str:
    """Microseconds with the unit that suits: 850 us, 1.2 ms, 3.4 s."""
    if us < 1000:
        return f"{significant(us, 2)}\N{NO-BREAK SPACE}\N{MICRO SIGN}s"
    if us < 1_000_000:
        return f"{significant(us / 1000, 2)}\N{NO-BREAK SPACE}ms"
    return f"{significant(us / 1e6, 2)}\N{NO-BREAK SPACE}s"


def count(number: int, singular: str, plural: str | None = None) -> str:
    """1 process, 2 processes."""
    return f"{number:,} {singular if number == 1 else plural or singular + 's'}"


def spoken(words: Iterable[str], joint: str = "and") -> str:
    """A list in words: a, b and c; where one has a comma of its own: a; b, c; and d."""
    parts = list(words)
    if len(parts) < 2:
        return "".join(parts)
    if any("," in part for part in parts):
        return f"{'; '.join(parts[:-1])}; {joint} {parts[-1]}"
    return f"{', '.join(parts[:-1])} {joint} {parts[-1]}"
