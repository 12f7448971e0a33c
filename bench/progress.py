"""What a person sees while a run goes on: one bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections import defaultdict

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn

from bench.plan import expected_s
from bench.profile import Profile
from results.schema import Cell, Sample


class Estimate:
    """How long the rest takes: the plan's guess, corrected per runtime by what cells have taken so far."""

    def __init__(self, profile: Profile, left: list[Cell]) -> None:
        self._profile = profile
        self._left: dict[str, float] = defaultdict(float)
        self._guessed: dict[str, float] = defaultdict(float)
        self._taken: dict[str, float] = defaultdict(float)
        for cell in left:
            self._left[cell.runtime] += expected_s(cell, profile)

    def done(self, cell: Cell, seconds: float) -> None:
        """A cell has taken so long."""
        guess = expected_s(cell, self._profile)
        self._left[cell.runtime] -= guess
        self._guessed[cell.runtime] += guess
        self._taken[cell.runtime] += seconds

    def seconds(self) -> float:
        """Seconds left."""
        total = 0.0
        for runtime, left in self._left.items():
            guessed = self._guessed[runtime]
            # Ten guessed seconds are worth as much as ten seen ones until more has been seen.
            factor = (self._taken[runtime] + 10) / (guessed + 10)
            total += max(0.0, left) * factor
        return total


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
        self._estimate: Estimate | None = None
        self._last_plain = 0.0
        self._what = ""

    def say(self, text: str) -> None:
        """One line of plain text."""
        self.console.print(text, markup=False, highlight=False, soft_wrap=not self.console.is_terminal)

    def begin(self, total: int, what: str, done: int = 0, estimate: Estimate | None = None) -> None:
        """A stage of `total` steps begins."""
        self.end()
        self._what, self._estimate, self._done, self._total = what, estimate, done, total
        if self.console.is_terminal:
            self._bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}", markup=False),
                BarColumn(bar_width=None),
                MofNCompleteColumn(),
                TextColumn("{task.fields[left]}", markup=False),
                console=self.console,
                refresh_per_second=1,  # redrawing costs the client's core
                expand=True,
                transient=True,
            )
            self._task = self._bar.add_task(what, total=total, completed=done, left="")
            self._bar.start()
        else:
            left = f", about {clock(estimate.seconds())}" if estimate else ""
            self.say(f"{what}: {total - done} to do{left}")

    def now(self, text: str) -> None:
        """What is being done at this moment."""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, description=text[:46].ljust(46))

    def step(self, text: str = "") -> None:
        """One step is done."""
        self._done += 1
        left = f"{clock(self._estimate.seconds())} left" if self._estimate else ""
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, advance=1, left=left)
        elif self._estimate and time.monotonic() - self._last_plain > 15:
            self._last_plain = time.monotonic()
            self.say(
                f"{self._what}: {self._done} of {self._total}{', ' + left if left else ''}{'; ' + text if text else ''}"
            )

    def cell(self, sample: Sample, seconds: float) -> None:
        """A cell was measured."""
        if self._estimate:
            self._estimate.done(sample.cell, seconds)
        if sample.status == "failed":
            self.say(f"  failed: {sample.cell}: {sample.stage}: {sample.reason}")
        self.step(str(sample.cell))

    def end(self) -> None:
        """The stage is over."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
