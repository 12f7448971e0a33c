"""The ways in which a load can fail: of the user's making (UsageError), the server's (Failure), or both (CannotRun)."""

from __future__ import annotations

import errno
from typing import Literal, get_args

Kind = Literal["connect", "reset", "timeout", "status", "content-type", "body", "protocol", "closed"]

KINDS: tuple[Kind, ...] = get_args(Kind)

MEANING: dict[Kind, str] = {
    "connect": "a connection could not be opened",
    "reset": "the server reset a connection while a request was in flight",
    "timeout": "no complete answer within the time-out",
    "status": "another status than expected",
    "content-type": "another content type than expected",
    "body": "another body than expected",
    "protocol": "the answer is not valid HTTP or WebSocket",
    "closed": "the server closed a connection while a request was in flight",
}


class UsageError(Exception):
    """What was asked for cannot be done; the message is one line that says what to change."""


class CannotRunError(Exception):
    """There is no result: the server cannot be reached, or answers wrongly from the first request on."""


class Failure(Exception):  # noqa: N818 - it is what happened to a request, counted like a result
    """One request that failed: its kind, and a sentence with what was expected and what came."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message


def from_oserror(error: OSError) -> Failure:
    """The failure that an error of a socket in use stands for."""
    if error.errno in (errno.ECONNRESET, errno.EPIPE, errno.ECONNABORTED):
        return Failure("reset", "the server reset the connection")
    if error.errno == errno.ETIMEDOUT:
        return Failure("timeout", "the kernel gave the connection up")
    return Failure("reset", f"socket error: {error.strerror or error}")
