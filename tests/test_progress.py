"""What a person sees while a run goes on."""

import io

import pytest
from rich.console import Console

from bench import profile as profiles
from bench.paths import PROFILES
from bench.plan import expected_s
from bench.progress import Estimate, Terminal, clock
from results.schema import Cell, Sample

PROFILE = profiles.load(PROFILES)["quick"]
FAST, SLOW = Cell("a", "cpython3.13", "hello"), Cell("a", "pypy3.11", "hello")


def test_seconds_are_said_as_people_say_them() -> None:
    """Seconds, then minutes, then hours."""
    assert [clock(s) for s in (-3, 45.4, 120, 3900, 7200)] == ["0 s", "45 s", "2 min", "65 min", "2 h 00 min"]


def test_the_time_left_learns_per_runtime() -> None:
    """A runtime that takes twice as long as guessed doubles what is left of it, and of it alone."""
    estimate = Estimate(PROFILE, [FAST] * 50 + [SLOW] * 50)
    guessed = estimate.seconds()
    assert guessed == pytest.approx(50 * expected_s(FAST, PROFILE) + 50 * expected_s(SLOW, PROFILE))
    for _ in range(40):
        estimate.done(FAST, expected_s(FAST, PROFILE))
        estimate.done(SLOW, 2 * expected_s(SLOW, PROFILE))
    rest = 10 * expected_s(FAST, PROFILE) + 20 * expected_s(SLOW, PROFILE)
    assert abs(estimate.seconds() / rest - 1) < 0.1
    for _ in range(10):
        estimate.done(FAST, 1)
        estimate.done(SLOW, 1)
    assert estimate.seconds() == pytest.approx(0, abs=1e-6)


def test_without_a_terminal_lines_are_plain() -> None:
    """In a log there is no bar, no colour; failures are told as they happen, markup in them is only text."""
    out = io.StringIO()
    terminal = Terminal(Console(file=out, width=80))
    terminal.begin(2, "measuring", estimate=Estimate(PROFILE, [FAST, FAST]))
    failed = Sample(cell=FAST, block=0, at="", status="failed", stage="start", reason="[red]no[/red]")
    terminal.cell(failed, 3)
    terminal.end()
    text = out.getvalue()
    assert "measuring: 2 to do, about" in text
    assert "failed: a / cpython3.13 / hello: start: [red]no[/red]" in text
    assert "\x1b" not in text
