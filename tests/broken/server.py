"""A server that fulfils the contract, but for one fault: `python tests/broken/server.py FAULT HOST PORT`.

`FAULT` is a name in faults.FAULTS; `none` is none. Raw sockets and a thread for each connection, so that one
fault cannot disturb another check.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from typing import NoReturn

from faults import FAULTS, Behaviour
from websocket import serve_echo

BIG = 32 * 1024
CLIENTS: set[socket.socket] = set()
CLOSING: Counter[str] = Counter()
LOCK = threading.Lock()


class ClosedError(Exception):
    """The connection is to end."""


def crash() -> NoReturn:
    """End the process as a segmentation fault would."""
    os._exit(139)


def hang() -> NoReturn:
    """Never answer."""
    while True:
        time.sleep(3600)


class Connection:
    """One client."""

    def __init__(self, behaviour: Behaviour, client: socket.socket) -> None:
        self.how, self.client = behaviour, client
        self.buffer = b""
        self.answered = 0
        self.tenth = False

    def head(self) -> bytes:
        """The next request's head."""
        while b"\r\n\r\n" not in self.buffer:
            if self.buffer and not self.how.reads_on and len(self.buffer) < BIG:
                hang()
            try:
                data = self.client.recv(65536)
            except ConnectionResetError:
                if self.buffer and self.how.half_request == "crash":
                    crash()
                raise
            if not data:
                raise ClosedError
            self.buffer += data
            if len(self.buffer) > BIG and self.buffer.startswith(b"GET"):
                if self.how.big_header == "hang":
                    hang()
                elif self.how.big_header == "crash":
                    crash()
                elif self.how.big_header == "drop":
                    raise ClosedError
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        return head

    @staticmethod
    def count(path: str) -> int:
        """How many GETs of this path came that announced the end of their connection."""
        with LOCK:
            CLOSING[path] += 1
            return CLOSING[path]

    def body(self, length: int) -> None:
        """Read a request's body."""
        if length > BIG and self.how.big_body == "hang":
            hang()
        while len(self.buffer) < length:
            data = self.client.recv(65536)
            if not data:
                raise ClosedError
            self.buffer += data
        self.buffer = self.buffer[length:]

    def serve(self) -> None:
        """Answer until the connection ends."""
        waiting: list[bytes] = []
        while True:
            head = self.head()
            line, *rest = head.decode("latin-1").split("\r\n")
            method, path, version = line.split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
            self.body(int(headers.get("content-length", 0)))
            if version == "HTTP/1.0" and self.how.http_1_0 == "ignored":
                hang()
            asked = headers.get("connection", "").lower()
            upgrades = asked == "upgrade" if self.how.exact_upgrade else "upgrade" in asked
            if path == "/ws" and self.how.upgrade and upgrades:
                serve_echo(self.how, self.client, headers["sec-websocket-key"])
                return
            self.answered += 1
            time.sleep(self.how.delay_s)
            close = headers.get("connection", "").lower() == "close" and self.how.honours_close
            close = close or (version == "HTTP/1.0" and self.how.http_1_0 != "left-open")
            close = close or self.answered == self.how.max_requests or self.how.framing == "close"
            self.tenth = method == "GET" and asked == "close" and self.count(path) == 10
            waiting.append(self.answer(method, path, version, close))
            close = close or (self.how.pipelines == "closes" and bool(self.buffer))
            if self.how.pipelines == "first":
                self.buffer = b""
            if close or self.how.pipelines != "reversed" or not self.buffer:
                self.client.sendall(b"".join(reversed(waiting)))
                waiting.clear()
            if close:
                return

    def answer(self, method: str, path: str, version: str, close: bool) -> bytes:
        """The answer to one request."""
        how = self.how
        status, body, kind = how.status if method == "GET" else 200, how.hello, how.hello_type
        if path == "/json":
            body, kind = how.json, how.json_type
        elif path != "/":
            status = how.unknown_path if path != "/ws" else how.plain_get
        if status in {200, 201} and method not in {"GET", "HEAD", "POST"}:
            status = how.wrong_method
        if (how.changes_body and self.answered >= 3) or (how.tenth_close and self.tenth):
            body = body.replace(b"H", b"J")
        lines = [f"HTTP/1.1 {status} Some"]
        if kind is not None:
            lines.append(f"Content-Type: {kind}")
        if (date := how.date()) is not None:
            lines.append(f"Date: {date}")
        if close:
            lines.append("Connection: close")
        framing = how.framing
        if version == "HTTP/1.0":
            framing = "chunked" if how.http_1_0 == "chunked" else "length"
        if framing in {"length", "both"}:
            lines.append(f"Content-Length: {len(body) + how.length_off}")
        if framing in {"chunked", "both", "bad-chunk"}:
            lines.append("Transfer-Encoding: chunked")
            size = b"%x" % len(body) if framing != "bad-chunk" else b"xyz"
            body = size + b"\r\n" + body + b"\r\n0\r\n\r\n"
        head = "\r\n".join([*lines, "", ""]).encode()
        return head if method == "HEAD" and not how.head_body else head + body


def serve(how: Behaviour, client: socket.socket, slots: threading.Semaphore | None) -> None:
    """Serve one connection to its end."""
    if slots is not None and not slots.acquire(blocking=False):
        client.close()
        return
    CLIENTS.add(client)
    try:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        Connection(how, client).serve()
    except (ClosedError, OSError):
        pass
    finally:
        client.close()
        CLIENTS.discard(client)
        if slots is not None:
            slots.release()


def wait_for_clients() -> None:
    """End when the last client has gone, as a server does that is too graceful."""
    while CLIENTS:
        time.sleep(0.01)
    os._exit(0)


def on_sigterm(how: Behaviour) -> None:
    """End in the way of this fault."""
    if how.on_sigterm == "orphan":
        subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    if how.on_sigterm == "wait":
        threading.Thread(target=wait_for_clients).start()
    elif how.on_sigterm != "ignore":
        os._exit(1 if how.on_sigterm == "fail" else 0)


def main() -> None:
    """Listen and serve."""
    name, host, port = sys.argv[1:]
    how = Behaviour(**FAULTS[name].change)
    signal.signal(signal.SIGTERM, lambda *_: on_sigterm(how))
    slots = threading.Semaphore(how.connections) if how.connections is not None else None
    with socket.create_server((host, int(port)), backlog=128) as server:
        while True:
            client, _ = server.accept()
            threading.Thread(target=serve, args=(how, client, slots), daemon=True).start()


if __name__ == "__main__":
    main()
