"""What a person sees while a run goes on: one bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping

from rich.console import Console
from rich.progress import MofNCompleteColumn, Progress, ProgressColumn, SpinnerColumn, Task, TaskID, TextColumn
from rich.progress_bar import ProgressBar
from rich.text import Text

from results.schema import Sample

PLAIN_S = 15
"""Where there is no terminal, a line at most so often."""

DESCRIPTION = 46
"""Letters of what is being done, so that the bar still fits into 80 columns and does not jump."""


class Estimate:
    """How long the rest takes: a guess in seconds for each kind of work, corrected by what it has taken so far."""

    def __init__(self, left: Mapping[str, float], now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._left = dict(left)
        self._guessed: dict[str, float] = defaultdict(float)
        self._taken: dict[str, float] = defaultdict(float)
        self._under_way: Mapping[str, float] = {}
        self._begun = now()

    def begin(self, guess: Mapping[str, float]) -> None:
        """What is guessed to take so long is done from now on, all of it together."""
        self._under_way, self._begun = guess, self._now()

    def end(self) -> None:
        """What was under way is done. Each kind had its share of the time, as far as is known."""
        taken, guessed = self._now() - self._begun, sum(self._under_way.values())
        for kind, guess in self._under_way.items():
            self._left[kind] -= guess
            self._guessed[kind] += guess
            self._taken[kind] += taken * guess / guessed
        self._under_way = {}

    def seconds(self) -> float:
        """Seconds left, at this moment."""
        passed = min(self._now() - self._begun, self._corrected(self._under_way))
        return max(0.0, self._corrected(self._left) - passed)

    def _corrected(self, guess: Mapping[str, float]) -> float:
        # Ten guessed seconds are worth as much as ten seen ones until more has been seen.
        return sum(seconds * (self._taken[kind] + 10) / (self._guessed[kind] + 10) for kind, seconds in guess.items())


def clock(seconds: float) -> str:
    """Seconds as people say them: 45 s, 12 min, 1 h 05 min."""
    if seconds < 90:
        return f"{max(0, round(seconds))} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


class Terminal:
    """Shows progress; silent about what is as it should be, one line for what is not."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(stderr=True)
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._left: Estimate | None = None
        self._last_plain = 0.0
        self._what = ""

    def say(self, text: str) -> None:
        """One line of plain text."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=not self.console.is_terminal)

    def begin(self, total: int, what: str, done: int = 0, left: Estimate | None = None) -> None:
        """A stage of `total` steps begins."""
        self.end()
        self._what, self._left, self._done, self._total = what, left, done, total
        if self.console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                _Bar(done, left),
                MofNCompleteColumn(),
                _TimeLeft(left),
                console=self.console,
                refresh_per_second=1,  # redrawing costs the client's core
                expand=True,
                transient=True,
            )
            self._task = self._bar.add_task(what, total=total, completed=done)
            self._bar.start()
        else:
            about = f", about {clock(left.seconds())}" if left else ""
            self.say(f"{what}: {total - done} to do{about}")
            self._last_plain = time.monotonic()

    def now(self, text: str) -> None:
        """What is being done at this moment."""
        if self._bar is not None and self._task is not None:
            fitting = text if len(text) <= DESCRIPTION else f"{text[: DESCRIPTION - 1]}…"
            self._bar.update(self._task, description=fitting.ljust(DESCRIPTION))
        else:
            self._plain(text)

    def step(self, text: str = "") -> None:
        """One step is done."""
        self._done += 1
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=1)
        else:
            self._plain(text)

    def _plain(self, text: str) -> None:
        if self._left and time.monotonic() - self._last_plain > PLAIN_S:
            self._last_plain = time.monotonic()
            self.say(f"{self._what}: {self._done} of {self._total}, {clock(self._left.seconds())} left; {text}")

    def cell(self, sample: Sample) -> None:
        """A cell was measured."""
        if sample.status == "failed":
            self.say(f"  failed: {sample.cell}: {sample.stage}: {sample.reason}")
        self.step(str(sample.cell))

    def end(self) -> None:
        """The stage is over."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None


class _Bar(ProgressColumn):
    """How much of the stage is over: by time where that is known, since cells that take turns are all done at once."""

    def __init__(self, done: int, left: Estimate | None) -> None:
        super().__init__()
        self._done, self._left = done, left

    def render(self, task: Task) -> ProgressBar:
        """The bar at this moment."""
        total = task.total or 1
        if self._left is None:
            return ProgressBar(total, task.completed)
        passed = task.elapsed or 0.0
        share = passed / (passed + self._left.seconds()) if passed else 0.0
        return ProgressBar(total, self._done + (total - self._done) * share)


class _TimeLeft(ProgressColumn):
    """The time left, as it runs."""

    def __init__(self, left: Estimate | None) -> None:
        super().__init__()
        self._left = left

    def render(self, task: Task) -> Text:
        """The text at this moment."""
        return Text(f"{clock(self._left.seconds())} left" if self._left and not task.finished else "")
