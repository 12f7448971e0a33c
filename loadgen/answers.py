"""What an answer must be, and the memory of answers that were found to be so.

The first answer is parsed in full and verified against what was given (`Expected`) or, where nothing was given,
teaches what is expected. Its bytes are remembered; the same bytes again are the same answer. Different bytes are
parsed and verified once, then remembered too: a new Date header costs one parse a second.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from loadgen.errors import Failure

MAX_KNOWN = 256
MAX_KNOWN_BYTES = 16 << 20
MAX_ANSWER = 16 << 20
"""The longest body that is read, in bytes, where none is known."""


@dataclass(frozen=True)
class Answer:
    """A complete answer, parsed. `close` is true where the server will close the connection after it."""

    status: int
    content_type: str
    body: bytes
    close: bool = False


class Parser(Protocol):
    """An incremental parser of what comes back on one connection: the slow path."""

    replies: bytes
    """What the protocol itself must send back (a pong), to be taken and sent by the caller."""

    def feed(self, data: bytes) -> list[Answer]:
        """The answers completed by `data`. Raises Failure for what is not valid."""

    def eof(self) -> list[Answer]:
        """The answers completed by the end of the stream. Raises Failure where one was cut short."""

    @property
    def idle(self) -> bool:
        """Whether nothing is held back: what was fed so far ends exactly at the end of an answer."""


def show(body: bytes, limit: int = 60) -> str:
    """A body in a message: short, escaped."""
    return repr(body) if len(body) <= limit else f"{body[:limit]!r}... ({len(body):,} bytes)"


class Expected:
    """What an answer must be. Fields that are None are learned from the first answer."""

    def __init__(self, status: int | None = None, content_type: str | None = None, body: bytes | None = None) -> None:
        self.status = status
        self.content_type = content_type
        self.body = body
        self._learned = False

    @property
    def limit(self) -> int:
        """The longest body worth reading, in bytes."""
        return MAX_ANSWER if self.body is None else len(self.body)

    def verify(self, answer: Answer) -> None:
        """Raise Failure where the answer is not the expected one; the first good answer teaches what was not given."""
        if self.status is None:
            if not 200 <= answer.status < 300:
                raise Failure("status", f"expected 2xx, got {answer.status} with body {show(answer.body)}")
        elif answer.status != self.status:
            raise Failure("status", f"expected {self.status}, got {answer.status} with body {show(answer.body)}")
        if self.content_type is not None and answer.content_type != self.content_type:
            raise Failure("content-type", f"expected {self.content_type!r}, got {answer.content_type!r}")
        if self.body is not None and answer.body != self.body:
            raise Failure("body", f"expected {show(self.body)}, got {show(answer.body)}")
        if not self._learned:
            self._learned = True
            self.status, self.body = answer.status, answer.body
            if self.content_type is None:
                self.content_type = answer.content_type


class Memory:
    """Verified answers by their bytes, with whether the server closes after it. Bounded: it starts anew when full."""

    def __init__(self) -> None:
        self._known: dict[bytes, bool] = {}
        self._size = 0

    def remember(self, raw: bytes, close: bool) -> None:
        """Keep the bytes of a verified answer (or of a batch of them)."""
        if raw in self._known or len(raw) > MAX_KNOWN_BYTES:
            return
        if len(self._known) >= MAX_KNOWN or self._size + len(raw) > MAX_KNOWN_BYTES:
            self._known.clear()
            self._size = 0
        self._known[raw] = close
        self._size += len(raw)

    def get(self, raw: bytes) -> bool | None:
        """Whether the server closes after these bytes; None where they are not known."""
        return self._known.get(raw)

    def __len__(self) -> int:
        return len(self._known)
