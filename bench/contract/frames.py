"""WebSocket frames (RFC 6455, section 5): made by hand, so that also wrong ones can be made, and read strictly.

Nothing here does I/O.
"""

from __future__ import annotations

import base64
import enum
import hashlib
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass

from bench.contract.model import Garbage, show

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
LIMIT_BYTES = 1 << 20
"""No message of the contract is longer."""


class Opcode(enum.IntEnum):
    """What a frame is."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10

    @property
    def control(self) -> bool:
        """Whether it is a close, a ping or a pong."""
        return self >= Opcode.CLOSE


@dataclass(frozen=True)
class Frame:
    """A frame as it came, unmasked."""

    opcode: Opcode
    payload: bytes
    fin: bool = True


@dataclass(frozen=True)
class Message:
    """A whole message (TEXT, BINARY) or a control frame. `frames` is in how many frames it came."""

    opcode: Opcode
    payload: bytes
    frames: int = 1

    def __str__(self) -> str:
        if self.opcode == Opcode.CLOSE:
            return f"close {close_code(self.payload)}"
        return f"{self.opcode.name.lower()} {show(self.payload)}"


def new_key() -> str:
    """A Sec-WebSocket-Key, different each time."""
    return base64.b64encode(os.urandom(16)).decode()


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept that belongs to a key."""
    digest = hashlib.sha1(key.encode() + GUID, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def encode(opcode: int, payload: bytes, fin: bool = True, mask: bytes | None = b"\x37\xfa\x21\x3d") -> bytes:
    """A frame as a client sends it; without a mask (None) as only a server may."""
    flag = 0x80 if mask is not None else 0
    size = len(payload)
    first = bytes([(0x80 if fin else 0) | opcode])
    if size < 126:
        head = first + bytes([flag | size])
    elif size < 65536:
        head = first + bytes([flag | 126]) + struct.pack(">H", size)
    else:
        head = first + bytes([flag | 127]) + struct.pack(">Q", size)
    if mask is None:
        return head + payload
    repeated = (mask * (size // 4 + 1))[:size]
    masked = (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(size, "big")
    return head + mask + masked


def close_payload(code: int, reason: str = "") -> bytes:
    """The payload of a close frame."""
    return struct.pack(">H", code) + reason.encode()


def close_code(payload: bytes) -> int | None:
    """The code in a close frame's payload, None when it has none."""
    return int.from_bytes(payload[:2], "big") if len(payload) >= 2 else None


class Reader:
    """Takes what a server sent, in any pieces, and gives messages. Raises Garbage for what a server must not send.

    What follows a close frame is no frame: it is kept, unread, in `after_close`. Whether a text message is UTF-8 is
    left to the caller, who knows what it must be, byte for byte.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._parts: list[Frame] = []
        self._closed = False

    @property
    def after_close(self) -> bytes:
        """What came after a close frame, when nothing more must."""
        return bytes(self._buffer) if self._closed else b""

    @property
    def pending(self) -> bytes:
        """What has come of a frame that is not whole yet."""
        return b"" if self._closed else bytes(self._buffer)

    def feed(self, data: bytes) -> Iterator[Message]:
        """Messages that are whole with these bytes."""
        self._buffer += data
        while not self._closed and (frame := self._frame()) is not None:
            message = self._take(frame)
            if message is not None:
                yield message

    def _frame(self) -> Frame | None:
        buffer = self._buffer
        if len(buffer) < 2:
            return None
        one, two = buffer[0], buffer[1]
        fin, size, start = bool(one & 0x80), two & 0x7F, 2
        if one & 0x70:
            raise Garbage(f"a frame with reserved bits set: {show(buffer)}")
        try:
            opcode = Opcode(one & 0x0F)
        except ValueError:
            raise Garbage(f"a frame with the unknown opcode {one & 0x0F}: {show(buffer)}") from None
        if two & 0x80:
            raise Garbage("a masked frame: only clients mask")
        if opcode.control and (size > 125 or not fin):
            raise Garbage(f"a {opcode.name.lower()} frame that is {'longer than 125 bytes' if fin else 'fragmented'}")
        if size >= 126:
            start, least = (4, 126) if size == 126 else (10, 65536)
            if len(buffer) < start:
                return None
            size = int.from_bytes(buffer[2:start], "big")
            if size < least:
                raise Garbage(f"a length of {size} in {start - 2} bytes: not the shortest form")
        if size > LIMIT_BYTES:
            raise Garbage(f"a frame of {size} bytes")
        if len(buffer) < start + size:
            return None
        payload = bytes(buffer[start : start + size])
        del buffer[: start + size]
        return Frame(opcode, payload, fin)

    def _take(self, frame: Frame) -> Message | None:
        if frame.opcode.control:
            if frame.opcode == Opcode.CLOSE:
                _check_close(frame.payload)
                self._closed = True
            return Message(frame.opcode, frame.payload)
        if bool(self._parts) != (frame.opcode == Opcode.CONTINUATION):
            raise Garbage(
                "a new message before the last fragment of another" if self._parts else "a continuation of no message"
            )
        self._parts.append(frame)
        if not frame.fin:
            return None
        message = Message(self._parts[0].opcode, b"".join(part.payload for part in self._parts), len(self._parts))
        self._parts.clear()
        return message


def valid_utf8(data: bytes) -> bool:
    """Whether the bytes are UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _check_close(payload: bytes) -> None:
    code = close_code(payload)
    if code is None:
        if payload:
            raise Garbage("a close frame with half a code")
        return
    if not ((1000 <= code <= 1014 and code not in {1004, 1005, 1006}) or 3000 <= code <= 4999):
        raise Garbage(f"a close frame with the code {code}, which must not be sent")
    if not valid_utf8(payload[2:]):
        raise Garbage("a close frame with a reason that is not UTF-8")
