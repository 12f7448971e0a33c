"""One connection's state, as the pool keeps it."""

from __future__ import annotations

import socket
from enum import IntEnum

from loadgen.answers import Parser
from loadgen.websocket import Handshake

BACKOFF_FIRST_S = 0.001
BACKOFF_MOST_S = 1.0


class State(IntEnum):
    """Where a connection stands."""

    DEAD = 0
    """Not open; due to be opened again."""
    CONNECTING = 1
    HANDSHAKE = 2
    READY = 3
    """Open, nothing in flight."""
    BUSY = 4
    """A request (or a batch) is in flight."""
    CLOSING = 5
    """The last answer has come; the server is to close."""


class Connection:
    """A place for a connection: sockets come and go, the place stays.

    `opened` is when connect() began, in ns, and `fresh` says that the next request counts from then, since it had to
    wait for its connection. `need` is how many answers are outstanding; `expect` and `offset` say how much of which
    known answer has come, byte for byte; `parser` is there once something else came; `raw` is what it was fed.
    `out` is what could not be sent yet. `since` is when the last request was sent (or, where the server is to close,
    when its answer had come); `intended` and `freed` belong to the open loop: when the request was due, and when the
    connection was free for it. `fails` counts failures without a success in between.
    """

    __slots__ = (
        "expect",
        "fails",
        "fd",
        "freed",
        "fresh",
        "handshake",
        "index",
        "intended",
        "need",
        "offset",
        "opened",
        "out",
        "parser",
        "raw",
        "since",
        "sock",
        "state",
    )

    def __init__(self, index: int) -> None:
        self.index = index
        self.sock: socket.socket | None = None
        self.fd = -1
        self.fails = 0
        self.opened = 0
        self.fresh = False
        self.since = 0
        self.freed = 0
        self.intended = 0
        self.reset()
        self.state = State.DEAD

    def reset(self) -> None:
        """Forget all that belongs to one socket."""
        self.handshake: Handshake | None = None
        self.clean()
        self.out: memoryview | None = None

    def clean(self) -> None:
        """Forget all that belongs to one answer."""
        self.parser: Parser | None = None
        self.expect: bytes | None = None
        self.offset = 0
        self.raw: bytearray | None = None
        self.need = 0


def backoff_s(fails: int) -> float:
    """Seconds to wait before a connection is opened again after `fails` failures in a row: doubles up to one second."""
    return min(BACKOFF_MOST_S, BACKOFF_FIRST_S * 2.0 ** min(max(fails - 1, 0), 20))
