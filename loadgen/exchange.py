"""What is exchanged with the server, whatever the protocol: prebuilt bytes out, verified bytes in."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

from loadgen.answers import Answer, Expected, Memory, Parser
from loadgen.http1 import ResponseParser, build_request
from loadgen.spec import Spec
from loadgen.target import Target
from loadgen.websocket import BINARY, TEXT, ExpectedEcho, Handshake, MessageParser, frame


class Verifier(Protocol):
    """What an answer must be."""

    def verify(self, answer: Answer) -> None:
        """Raise Failure where the answer is not as expected."""


@dataclass
class Exchange:
    """One workload: `request` holds `depth` requests, which `depth` answers follow.

    `verified` are the bytes of the last answer (or batch of them) that was verified, None before the first;
    `hot` are the same, or False where the connection must not be used again after them. (Not None: that is what the hot
    path has for "not read", which must equal no answer.)
    """

    request: bytes
    depth: int
    keep_alive: bool
    websocket: bool
    expected: Verifier
    parser: Callable[[], Parser]
    handshake: Callable[[], Handshake] | None = None
    memory: Memory = field(default_factory=Memory)
    verified: bytes | None = None
    hot: bytes | Literal[False] = False


def build(spec: Spec, target: Target) -> Exchange:
    """The exchange that a spec asks for."""
    if target.websocket:
        opcode = BINARY if spec.binary else TEXT
        limit = len(spec.message)
        return Exchange(
            request=frame(spec.message, opcode, secrets.token_bytes(4)) * spec.depth,
            depth=spec.depth,
            keep_alive=spec.keep_alive,
            websocket=True,
            expected=ExpectedEcho(opcode, spec.message),
            parser=lambda: MessageParser(limit),
            handshake=lambda: Handshake(target.authority, target.path, spec.headers),
        )
    expected = Expected(spec.expect_status, spec.expect_type, spec.expect_body)
    request = build_request(
        target.authority,
        target.path,
        method=spec.method,
        headers=spec.headers,
        body=spec.body,
        close=not spec.keep_alive,
    )
    return Exchange(
        request=request * spec.depth,
        depth=spec.depth,
        keep_alive=spec.keep_alive,
        websocket=False,
        expected=expected,
        # A wrong body may be longer than the right one and is to be shown: hence the room above the limit.
        parser=lambda: ResponseParser(spec.method, expected.limit + 4096),
    )
