"""A WebSocket of one Locust user: opened, asked for echoes, closed; a plain socket, which gevent makes cooperative.

Needs neither Locust nor gevent: where they patch the standard library the socket waits without holding up the others.
"""

from __future__ import annotations

import secrets
import socket
import time

from loadgen.answers import Answer
from loadgen.errors import Failure, from_oserror
from loadgen.websocket import TEXT, ExpectedEcho, Handshake, MessageParser, closing_frame, frame

CHUNK = 65536
LONGEST = 65536
"""Bytes of the longest message that is read before the server is called wrong; what is sent is far shorter."""


class EchoSocket:
    """One connection. Every method raises Failure when the server does anything but what it must."""

    def __init__(self, host: str, port: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._parser = MessageParser(limit=LONGEST)
        self._deadline = time.monotonic() + timeout_s
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout_s)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except TimeoutError:
            raise Failure("timeout", f"not connected within {timeout_s:g} s") from None
        except OSError as error:
            raise Failure("connect", f"cannot connect: {error.strerror or error}") from None

    def open(self, authority: str, path: str) -> None:
        """The opening handshake."""
        self._deadline = time.monotonic() + self._timeout_s
        handshake = Handshake(authority, path)
        self._send(handshake.request)
        rest = None
        while rest is None:
            rest = handshake.feed(self._receive())
        if rest:
            raise Failure("protocol", f"{len(rest)} bytes came with the handshake's answer before anything was sent")

    def echo(self, payload: bytes) -> None:
        """Send a text message and wait until it has come back as it was."""
        self._deadline = time.monotonic() + self._timeout_s
        expected = ExpectedEcho(TEXT, payload)
        self._send(frame(payload, TEXT, secrets.token_bytes(4)))
        answers = self._messages()
        if len(answers) != 1 or not self._parser.idle:
            raise Failure("protocol", "more came back than the one message that was sent")
        expected.verify(answers[0])

    def close(self) -> None:
        """The closing handshake; the socket is closed however it ends."""
        self._deadline = time.monotonic() + self._timeout_s
        try:
            self._send(closing_frame())
            while data := self._receive():
                try:
                    late = self._parser.feed(data)
                except Failure as failure:
                    if failure.kind == "closed":  # the close frame: just what is wanted
                        return
                    raise
                if late:
                    raise Failure("protocol", "a message that was not asked for")
            raise Failure("closed", "the server closed the connection without a WebSocket close")
        finally:
            self.drop()

    def drop(self) -> None:
        """Close the socket without a word."""
        self._socket.close()

    def _messages(self) -> list[Answer]:
        while True:
            data = self._receive()
            answers = self._parser.feed(data) if data else self._parser.eof()
            if self._parser.replies:
                self._send(self._parser.replies)
                self._parser.replies = b""
            if answers:
                return answers

    def _send(self, data: bytes) -> None:
        try:
            self._socket.settimeout(self._left())
            self._socket.sendall(data)
        except TimeoutError:
            raise self._too_late() from None
        except OSError as error:
            raise from_oserror(error) from None

    def _receive(self) -> bytes:
        try:
            self._socket.settimeout(self._left())
            return self._socket.recv(CHUNK)
        except TimeoutError:
            raise self._too_late() from None
        except OSError as error:
            raise from_oserror(error) from None

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:  # a server that sends a byte now and then must not hold a user for ever
            raise self._too_late()
        return left

    def _too_late(self) -> Failure:
        return Failure("timeout", f"no complete answer within {self._timeout_s:g} s")
