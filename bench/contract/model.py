"""What a check of the contract is made of: its outcome, what can go wrong, what it may know, its table."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from bench.contract.wire import Answer, Wire

Verdict = Literal["pass", "note", "fail", "skip"]

SHOWN = 100
"""So many characters of what a server sent are shown, at most."""


class Broken(Exception):  # noqa: N818 (it says what the server is, not what went wrong here)
    """The server did what it must not; the text says what, in words. A check that raises it has failed."""


class Silent(Broken):
    """Nothing came within the time allowed."""


class Gone(Broken):
    """The connection was refused, closed or reset."""


class Garbage(Broken):
    """What came is not HTTP, or not WebSocket."""


@dataclass(frozen=True)
class Outcome:
    """A verdict and what came, in one line."""

    verdict: Verdict
    got: str


def passed(got: str) -> Outcome:
    """The server does what the contract says."""
    return Outcome("pass", got)


def noted(got: str) -> Outcome:
    """The server differs in what servers may differ in: it is measured, and the report says so."""
    return Outcome("note", got)


def failed(got: str) -> Outcome:
    """The server breaks the contract: it is not measured."""
    return Outcome("fail", got)


def skipped(why: str) -> Outcome:
    """The check was not made."""
    return Outcome("skip", why)


def show(data: bytes | bytearray) -> str:
    """Bytes as a person reads them, on one line and not too long: non-printing ones are escaped."""
    text = repr(bytes(data[:SHOWN]))[1:]
    return text if len(data) <= SHOWN else f"{text}... ({len(data)} bytes)"


def one_line(text: str) -> str:
    """The text without line ends and other control characters, and not longer than three lines of a terminal."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= 240 else text[:237] + "..."


@dataclass(frozen=True)
class Spec:
    """What a workload asks for over HTTP, and what it must get."""

    workload: str
    path: str
    media_type: str
    body: str


@dataclass(frozen=True)
class Probe:
    """All that a check may know of the server. `timeout` is in seconds, for a whole check.

    `first` is the first answer to this workload's request: later answers are compared with it, so that a wrong body is
    one failed check and not twenty. `others` are the first answers to all HTTP workloads, by path.
    """

    host: str
    port: int
    keep_alive: bool
    timeout: float
    spec: Spec
    first: Answer | None = None
    others: tuple[tuple[Spec, Answer], ...] = ()

    def connect(self) -> Wire:
        """A new connection to the server. Raises Gone or Silent."""
        from bench.contract.wire import Wire  # noqa: PLC0415 (wire needs this module's exceptions)

        return Wire(self.host, self.port, self.timeout)


class Stage(enum.IntEnum):
    """When a check runs. Only those of a stage that says so run at once: the others are to be blamed alone."""

    ORDINARY = 1
    """At once: what any client does."""
    CROWD = 2
    """Many connections, for servers that take only so many."""
    HOSTILE = 3
    """What could bring a server down."""
    LATE = 4
    """At once: what needs time since the first answer."""

    @property
    def at_once(self) -> bool:
        """Whether its checks run side by side."""
        return self in {Stage.ORDINARY, Stage.LATE}


@dataclass(frozen=True)
class Case:
    """One check: what it is called, what the contract says in words, and the function that makes it."""

    name: str
    expected: str
    run: Callable[[Probe], Outcome]
    stage: Stage = Stage.ORDINARY
    only_if_keep_alive: bool | None = None
    """True: only for stacks that keep connections, False: only for those that do not, None: for all."""


class Cases(list[Case]):
    """A table of checks, in the order in which they are shown; functions enter it by decoration."""

    def case(
        self, name: str, expected: str, stage: Stage = Stage.ORDINARY, only_if_keep_alive: bool | None = None
    ) -> Callable[[Callable[[Probe], Outcome]], Callable[[Probe], Outcome]]:
        """Register the decorated function as a check."""

        def register(run: Callable[[Probe], Outcome]) -> Callable[[Probe], Outcome]:
            self.append(Case(name, expected, run, stage, only_if_keep_alive))
            return run

        return register
