"""The WebSocket half of the broken server: an echo with a parser of its own, and the faults of its Behaviour."""

from __future__ import annotations

import contextlib
import os
import socket
import struct

from faults import Behaviour

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
HTTP = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
SHARED: list[bytes] = []


class EndedError(Exception):
    """The connection is to end."""


class Echo:
    """One open WebSocket."""

    def __init__(self, how: Behaviour, client: socket.socket) -> None:
        self.how, self.client = how, client
        self.buffer = b""
        self.parts: list[bytes] = []
        self.opcode = TEXT
        self.echoed = 0

    def send(self, opcode: int, payload: bytes) -> None:
        """Send a frame."""
        size = len(payload)
        flag = 0x80 if self.how.masks else 0
        if self.how.long_form or size > 65535:
            head = struct.pack(">BBQ", 0x80 | opcode, flag | 127, size)
        elif size > 125:
            head = struct.pack(">BBH", 0x80 | opcode, flag | 126, size)
        else:
            head = struct.pack(">BB", 0x80 | opcode, flag | size)
        self.client.sendall(head + (b"\0\0\0\0" if flag else b"") + payload)

    def fail(self, code: int) -> None:
        """Send a close with this code and end."""
        self.send(CLOSE, struct.pack(">H", code))
        raise EndedError

    def frame(self) -> tuple[bool, int, bytes] | None:
        """The next frame in the buffer, None when it is not whole."""
        data = self.buffer
        if len(data) < 2:
            return None
        masked, size, at = data[1] >> 7, data[1] & 127, 2
        if size == 126:
            size, at = int.from_bytes(data[2:4], "big"), 4
        elif size == 127:
            size, at = int.from_bytes(data[2:10], "big"), 10
        end = at + 4 * masked + size
        if len(data) < at or len(data) < end:
            return None
        payload = data[at + 4 * masked : end]
        if masked:
            mask = (data[at : at + 4] * (size // 4 + 1))[:size]
            payload = (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")
        elif self.how.wants_mask:
            self.fail(1002)
        self.buffer = data[end:]
        return bool(data[0] & 128), data[0] & 15, payload

    def serve(self) -> None:
        """Echo until the connection ends."""
        while True:
            try:
                data = self.client.recv(1 << 17)
            except ConnectionResetError:
                if 0 < len(self.buffer) < 20 and self.how.half_frame == "crash":
                    os._exit(139)
                raise
            if not data:
                return
            self.buffer += data
            taken = 0
            while (frame := self.frame()) is not None:
                self.take(*frame)
                taken += 1
                if taken == self.how.per_packet:
                    self.buffer = b""
            # A long frame never comes in one packet: only short ones are lost.
            if not self.how.whole_frames and len(self.buffer) < 1000:
                self.buffer = b""

    def take(self, fin: bool, opcode: int, payload: bytes) -> None:
        """Do what a frame asks for."""
        if opcode == PING:
            if self.how.pong != "none":
                self.send(PONG, payload if self.how.pong == "right" else b"other")
        elif opcode == PONG:
            if self.how.answers_pong:
                raise EndedError
        elif opcode == CLOSE:
            self.closing(payload)
        elif not fin and self.how.joins:
            self.opcode = opcode if opcode else self.opcode
            self.parts.append(payload)
        else:
            whole = b"".join(self.parts) + payload
            if opcode == CONTINUATION:
                opcode = self.opcode if self.how.joins else BINARY
            self.parts.clear()
            self.echo(opcode, whole, opcode == TEXT and fin)

    def echo(self, opcode: int, payload: bytes, text: bool) -> None:
        """Send a message back."""
        if text and self.how.wants_utf8:
            try:
                payload.decode()
            except UnicodeDecodeError:
                self.fail(1007)
        if self.how.longest is not None and len(payload) > self.how.longest:
            self.fail(1009)
        if payload or not self.how.drops_empty:
            if self.how.crossed and b" from " in payload:  # as the ten connections at once send it
                SHARED.append(payload)
                payload = SHARED[-2 if payload.endswith(b"3") and len(SHARED) > 1 else -1]
            self.send(self.how.opcode(opcode), self.how.payload(payload))
        self.echoed += 1
        if self.echoed == self.how.max_messages:
            raise EndedError

    def closing(self, payload: bytes) -> None:
        """The client wants to end."""
        if self.how.close == "ignore":
            return
        if self.how.close == "http-before":
            self.client.sendall(HTTP)
        if self.how.close == "ping":
            self.send(PING, b"")
        elif self.how.close != "drop":
            self.send(CLOSE, payload if self.how.close != "other" else struct.pack(">H", 1001))
        if self.how.close == "http-after":
            self.client.sendall(HTTP)
        if self.how.close == "left-open":
            while self.client.recv(1000):
                pass
        raise EndedError


def serve_echo(how: Behaviour, client: socket.socket, key: str) -> None:
    """Open the WebSocket and serve it to its end."""
    lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
    lines.append(f"Sec-WebSocket-Accept: {how.accept(key)}")
    if how.extension is not None:
        lines.append(f"Sec-WebSocket-Extensions: {how.extension}")
    client.sendall("\r\n".join([*lines, "", ""]).encode())
    echo = Echo(how, client)
    with contextlib.suppress(EndedError):
        echo.serve()
