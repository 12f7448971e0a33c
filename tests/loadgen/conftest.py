"""Servers for the tests of the instrument: the null server as a process, and scripted ones as threads."""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HELLO = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!"


class ScriptedServer:
    """Runs `script(sock, number)` in a thread for each connection; the socket is closed when the script returns."""

    def __init__(self, script: Callable[[socket.socket, int], None], host: str = "127.0.0.1") -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.script = script
        self.listener = socket.create_server((host, 0), family=family, backlog=256)
        self.port: int = self.listener.getsockname()[1]
        self.accepted = 0
        self.stopping = False
        self.open: set[socket.socket] = set()
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}/"

    def _accept(self) -> None:
        while not self.stopping:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            number, self.accepted = self.accepted, self.accepted + 1
            self.open.add(sock)
            threading.Thread(target=self._one, args=(sock, number), daemon=True).start()

    def _one(self, sock: socket.socket, number: int) -> None:
        with contextlib.suppress(OSError, ValueError), sock:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.script(sock, number)
        self.open.discard(sock)

    def stop_listening(self) -> None:
        """Refuse further connections."""
        self.stopping = True
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def close(self) -> None:
        """End it, with every connection."""
        self.stop_listening()
        for sock in list(self.open):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


def read_request(sock: socket.socket) -> bytes:
    """Read up to the end of a request's headers; raises OSError at the end of the stream."""
    data = b""
    while not data.endswith(b"\r\n\r\n"):
        piece = sock.recv(65536)
        if not piece:
            raise ConnectionError
        data += piece
    return data


def reset(sock: socket.socket) -> None:
    """Close with a RST."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    sock.close()


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts scripted servers; they end with the test."""
    with contextlib.ExitStack() as stack:

        def start(script: Callable[[socket.socket, int], None], host: str = "127.0.0.1") -> ScriptedServer:
            server = ScriptedServer(script, host)
            stack.callback(server.close)
            return server

        yield start


@pytest.fixture
def answering(serve: Callable[..., ScriptedServer]) -> Callable[..., ScriptedServer]:
    """A server whose every answer `answer(number of the request)` gives."""

    def start(answer: Callable[[int], bytes], host: str = "127.0.0.1") -> ScriptedServer:
        count = iter(range(1 << 62))

        def script(sock: socket.socket, _number: int) -> None:
            while True:
                read_request(sock)
                sock.sendall(answer(next(count)))

        return serve(script, host)

    return start


@contextlib.contextmanager
def null_server(host: str = "127.0.0.1") -> Iterator[int]:
    """The null server as a process of its own; gives its port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loadgen.nullserver", host, "0"], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        yield int(process.stdout.readline().split()[-1])
    finally:
        process.terminate()
        process.wait(10)
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture(scope="session")
def null_port() -> Iterator[int]:
    """The port of a null server that all tests share."""
    with null_server() as port:
        yield port


def loadgen(*args: object, timeout: float = 60) -> subprocess.CompletedProcess[str]:
    """Run `python -m loadgen` to its end."""
    return subprocess.run(
        [sys.executable, "-m", "loadgen", *map(str, args)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def wait_for(condition: Callable[[], bool], limit_s: float = 20) -> None:
    """Wait until a condition holds."""
    until = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.005)
