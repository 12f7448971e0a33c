"""What a person sees while a run goes on."""

import io

import pytest
from rich.console import Console

from bench import profile as profiles
from bench.paths import PROFILES
from bench.plan import expected_by_runtime, expected_s
from bench.progress import Estimate, Terminal, clock
from results.schema import Cell, Sample

PROFILE = profiles.load(PROFILES)["quick"]
FAST, SLOW = Cell("a", "cpython3.13", "hello"), Cell("a", "pypy3.11", "hello")


def guess(cells: list[Cell]) -> dict[str, float]:
    """How long they take, by runtime."""
    return expected_by_runtime(cells, PROFILE)


def test_seconds_are_said_as_people_say_them() -> None:
    """Seconds, then minutes, then hours."""
    assert [clock(s) for s in (-3, 45.4, 120, 3900, 7200)] == ["0 s", "45 s", "2 min", "65 min", "2 h 00 min"]


class Clock:
    """A clock that goes when it is told to."""

    def __init__(self) -> None:
        self.at = 100.0

    def __call__(self) -> float:
        """What it shows."""
        return self.at


def test_the_time_left_learns_per_runtime() -> None:
    """A runtime that takes twice as long as guessed doubles what is left of it, and of it alone."""
    now = Clock()
    estimate = Estimate(guess([FAST] * 50 + [SLOW] * 50), now)
    guessed = estimate.seconds()
    assert guessed == pytest.approx(50 * expected_s(FAST, PROFILE) + 50 * expected_s(SLOW, PROFILE))
    for _ in range(40):
        for cell, factor in ((FAST, 1), (SLOW, 2)):
            estimate.begin(guess([cell]))
            now.at += factor * expected_s(cell, PROFILE)
            estimate.end()
    rest = 10 * expected_s(FAST, PROFILE) + 20 * expected_s(SLOW, PROFILE)
    assert abs(estimate.seconds() / rest - 1) < 0.1
    estimate.begin(guess([FAST] * 10 + [SLOW] * 10))
    now.at += 1
    estimate.end()
    assert estimate.seconds() == pytest.approx(0, abs=1e-6)


def test_the_time_left_runs_while_cells_are_under_way() -> None:
    """It goes down by the clock while a group is measured, and stays at what the others need when the group is late."""
    now = Clock()
    estimate = Estimate(guess([SLOW] * 20), now)
    whole = estimate.seconds()
    estimate.begin(guess([SLOW] * 10))
    now.at += whole / 4
    assert estimate.seconds() == pytest.approx(whole * 3 / 4)
    now.at += whole
    assert estimate.seconds() == pytest.approx(whole / 2)


def test_a_terminal_shows_the_time_left_before_the_first_cell_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cells that are measured in turns are all done at once: until then the bar and the time left go by the clock."""
    out = io.StringIO()
    now = Clock()
    console = Console(file=out, width=80, force_terminal=True, color_system=None, get_time=now)
    terminal = Terminal(console)
    terminal.begin(20, "measuring", left=(estimate := Estimate(guess([SLOW] * 20), now)))
    bar = terminal._bar
    assert bar is not None
    bar.get_time = now
    whole = estimate.seconds()
    estimate.begin(guess([SLOW] * 20))
    lines = []
    for _ in range(2):
        out.truncate(0)
        bar.refresh()
        lines.append(out.getvalue())
        now.at += whole / 2
    terminal.end()
    assert f"{clock(whole)} left" in lines[0]
    assert f"{clock(whole / 2)} left" in lines[1]
    assert "0/20" in lines[1]


def test_without_a_terminal_lines_are_plain() -> None:
    """In a log there is no bar, no colour; failures are told as they happen, markup in them is only text."""
    out = io.StringIO()
    terminal = Terminal(Console(file=out, width=80))
    terminal.begin(2, "measuring", left=Estimate(guess([FAST, FAST])))
    failed = Sample(cell=FAST, block=0, at="", status="failed", stage="start", reason="[red]no[/red]")
    terminal.cell(failed)
    terminal.end()
    text = out.getvalue()
    assert "measuring: 2 to do, about" in text
    assert "failed: a / cpython3.13 / hello: start: [red]no[/red]" in text
    assert "\x1b" not in text
