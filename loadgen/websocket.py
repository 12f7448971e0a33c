"""WebSocket from the client's side: frames, the opening handshake, and the slow path that parses what comes back.

The hot path sends one prebuilt masked frame again and again and compares what comes with the bytes of a verified echo.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Sequence

import h11
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage
from wsproto.utilities import LocalProtocolError, RemoteProtocolError

from loadgen.answers import Answer, show
from loadgen.errors import Failure
from loadgen.http1 import MAX_HEAD

TEXT, BINARY, CLOSE = 0x1, 0x2, 0x8
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def header_size(length: int) -> int:
    """Bytes of an unmasked frame's header for a payload of `length` bytes, in its shortest form."""
    return 2 if length < 126 else 4 if length < 65536 else 10


def frame(payload: bytes, opcode: int, mask: bytes | None = None) -> bytes:
    """One final frame: masked with the four bytes of `mask` as clients must, or unmasked as servers do."""
    bit = 0x80 if mask is not None else 0
    length = len(payload)
    if length < 126:
        head = bytes((0x80 | opcode, bit | length))
    elif length < 65536:
        head = bytes((0x80 | opcode, bit | 126)) + length.to_bytes(2, "big")
    else:
        head = bytes((0x80 | opcode, bit | 127)) + length.to_bytes(8, "big")
    if mask is None:
        return head + payload
    pad = (mask * (length // 4 + 1))[:length]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return head + mask + masked.to_bytes(length, "big")


def closing_frame() -> bytes:
    """A masked close frame with code 1000."""
    return frame((1000).to_bytes(2, "big"), CLOSE, secrets.token_bytes(4))


class Handshake:
    """The opening handshake of one connection: `request` goes out, `feed` reads what comes back."""

    def __init__(self, authority: str, path: str, headers: Sequence[tuple[str, str]] = ()) -> None:
        key = base64.b64encode(secrets.token_bytes(16))
        self._accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        self._conn = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        fields = [
            ("Host", authority),
            ("Upgrade", "websocket"),
            ("Connection", "Upgrade"),
            ("Sec-WebSocket-Key", key.decode()),
            ("Sec-WebSocket-Version", "13"),
            *headers,
        ]
        self.request: bytes = self._conn.send(h11.Request(method="GET", target=path, headers=fields)) or b""
        self._conn.send(h11.EndOfMessage())

    def feed(self, data: bytes) -> bytes | None:
        """None while more is needed; else the bytes after the handshake. Raises Failure where it was refused."""
        try:
            self._conn.receive_data(data)
            while True:
                event = self._conn.next_event()
                if event is h11.NEED_DATA:
                    return None
                if isinstance(event, h11.Response):
                    raise Failure("status", f"the WebSocket handshake was answered with {event.status_code}, not 101")
                if isinstance(event, h11.InformationalResponse) and event.status_code == 101:
                    self._check(event)
                    return bytes(self._conn.trailing_data[0])
                if isinstance(event, h11.ConnectionClosed):
                    raise Failure("closed", "the server closed the connection in the WebSocket handshake")
        except h11.RemoteProtocolError as error:
            if not data:
                raise Failure("closed", "the server closed the connection in the WebSocket handshake") from None
            raise Failure("protocol", f"the WebSocket handshake is not valid HTTP/1.1: {error}") from None

    def _check(self, event: h11.InformationalResponse) -> None:
        fields = dict(event.headers)
        if fields.get(b"sec-websocket-accept", b"").strip() != self._accept:
            got = fields.get(b"sec-websocket-accept", b"").decode("latin-1")
            raise Failure("protocol", f"Sec-WebSocket-Accept is {got!r}, not the {self._accept.decode()!r} of the key")
        if b"websocket" not in fields.get(b"upgrade", b"").lower():
            raise Failure("protocol", "the handshake's answer lacks 'Upgrade: websocket'")
        if b"sec-websocket-extensions" in fields:
            raise Failure("protocol", "the server chose a WebSocket extension that was not offered")


class MessageParser:
    """Parses what comes on an open WebSocket with wsproto, and answers pings.

    `idle` compares the bytes fed with the sizes of the frames seen: it is true only where every byte is accounted for,
    so that a connection returns to the hot path exactly at a frame's end.
    """

    def __init__(self, limit: int) -> None:
        self._conn = Connection(ConnectionType.CLIENT)
        self.limit = limit
        self._fed = 0
        self._seen = 0
        self._frame = 0
        self._message = bytearray()
        self._open = False
        self.replies = b""

    @property
    def idle(self) -> bool:
        """Whether every byte fed belongs to a complete message or control frame."""
        return not self._open and self._fed == self._seen

    def feed(self, data: bytes) -> list[Answer]:
        """The messages completed by `data`. Raises Failure for invalid frames, too long messages and a close."""
        if not data:
            return []
        self._fed += len(data)
        answers: list[Answer] = []
        try:
            self._conn.receive_data(data)
            for event in self._conn.events():
                self._one(event, answers)
        except (RemoteProtocolError, LocalProtocolError) as error:
            raise Failure("protocol", f"not valid WebSocket: {error}") from None
        return answers

    def eof(self) -> list[Answer]:
        """Always a failure: a WebSocket never ends without a close frame."""
        raise Failure("closed", "the server closed the connection without a WebSocket close")

    def _one(self, event: object, answers: list[Answer]) -> None:
        if isinstance(event, TextMessage | BytesMessage):
            opcode = TEXT if isinstance(event, TextMessage) else BINARY
            data = event.data.encode() if isinstance(event, TextMessage) else bytes(event.data)
            self._message += data
            self._frame += len(data)
            self._open = True
            if len(self._message) > self.limit:
                raise Failure("body", f"a message longer than the {self.limit:,} bytes that were sent")
            if event.frame_finished:
                self._seen += header_size(self._frame) + self._frame
                self._frame = 0
            if event.message_finished:
                answers.append(Answer(opcode, "", bytes(self._message)))
                self._message.clear()
                self._open = False
        elif isinstance(event, Ping | Pong):
            self._seen += 2 + len(event.payload)
            if isinstance(event, Ping):
                self.replies += self._conn.send(event.response())
        elif isinstance(event, CloseConnection):
            if self._conn.state is not ConnectionState.REMOTE_CLOSING:  # wsproto's word for what it cannot parse
                raise Failure("protocol", f"not valid WebSocket: {event.reason}")
            reason = f" {show(event.reason.encode())}" if event.reason else ""
            raise Failure("closed", f"the server closed the WebSocket with code {int(event.code)}{reason}")


class ExpectedEcho:
    """What an echo must be: the message that was sent, with the same opcode."""

    def __init__(self, opcode: int, payload: bytes) -> None:
        self.opcode = opcode
        self.payload = payload

    @property
    def limit(self) -> int:
        """The longest message worth reading, in bytes."""
        return len(self.payload)

    def verify(self, answer: Answer) -> None:
        """Raise Failure where the message is not the one that was sent."""
        if answer.status != self.opcode:
            names = {TEXT: "text", BINARY: "binary"}
            raise Failure("body", f"sent a {names[self.opcode]} message, got a {names[answer.status]} one back")
        if answer.body != self.payload:
            raise Failure("body", f"expected {show(self.payload)}, got {show(answer.body)}")
