"""The WebSocket of a Locust user, over real sockets: against the asyncio server, and against servers with one fault."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from bench.launch import free_port
from bench.paths import SERVERS
from loadgen.errors import Failure
from loadgen.locust_echo import EchoSocket
from loadgen.nullserver import respond
from loadgen.websocket import BINARY, CLOSE, TEXT, frame

PING = 0x9
Behaviour = Callable[[socket.socket, bytes], None]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    """The asyncio server's."""
    number = free_port()
    app = SERVERS / "asyncio" / "app.py"
    with subprocess.Popen([sys.executable, str(app), "127.0.0.1", str(number)], cwd=app.parent) as process:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", number)).close()
                break
            except OSError:
                assert time.monotonic() < deadline
        yield number
        process.terminate()


@pytest.fixture
def serve() -> Iterator[Callable[[Behaviour], int]]:
    """Start a server that takes one connection, shakes hands, and then does as it is told."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(behave: Behaviour) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def work() -> None:
            connection, _ = listener.accept()
            with connection:
                request = b""
                while b"\r\n\r\n" not in request:
                    request += connection.recv(65536)
                with contextlib.suppress(OSError):  # the client has seen enough
                    behave(connection, respond(request)[0])

        threads.append(threading.Thread(target=work))
        threads[-1].start()
        return int(listener.getsockname()[1])

    yield start
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    for listener in listeners:
        listener.close()


def talk(port: int, timeout_s: float = 5.0, close: bool = False) -> None:
    """Open, one echo, and the end."""
    connection = EchoSocket("127.0.0.1", port, timeout_s)
    try:
        connection.open(f"127.0.0.1:{port}", "/ws")
        connection.echo(b"anybody there?")
        if close:
            connection.close()
    finally:
        connection.drop()


def answering(*frames: bytes) -> Behaviour:
    """Take one message, send these frames, and wait until the client has gone."""

    def behave(connection: socket.socket, handshake: bytes) -> None:
        connection.sendall(handshake)
        connection.recv(65536)
        connection.sendall(b"".join(frames))
        while connection.recv(65536):
            pass

    return behave


def test_many_messages_on_one_connection(port: int) -> None:
    """Messages of every header's size come back, and the connection ends with a close handshake."""
    connection = EchoSocket("127.0.0.1", port, 10)
    connection.open(f"127.0.0.1:{port}", "/ws")
    for size in (0, 1, 125, 126, 65535):
        connection.echo(b"x" * size)
    connection.close()


def test_a_ping_is_answered_on_the_way(serve: Callable[[Behaviour], int]) -> None:
    """A server may ask whether the client lives before it answers."""
    heard: list[bytes] = []

    def behave(connection: socket.socket, handshake: bytes) -> None:
        connection.sendall(handshake)
        connection.recv(65536)
        connection.sendall(frame(b"alive?", PING))
        heard.append(connection.recv(65536))
        connection.sendall(frame(b"anybody there?", TEXT))

    talk(serve(behave))
    assert heard[0][0] == 0x8A  # a pong
    assert len(heard[0]) == 2 + 4 + len(b"alive?")


@pytest.mark.parametrize(
    ("frames", "kind"),
    [
        ([frame(b"anybody else?!", TEXT)], "body"),
        ([frame(b"anybody there?", BINARY)], "body"),
        ([frame(b"anybody there?", TEXT) * 2], "protocol"),
        ([frame(b"anybody there?", TEXT, b"mask")], "protocol"),
        ([frame((1011).to_bytes(2, "big"), CLOSE)], "closed"),
        ([b"HTTP/1.1 200 OK\r\n\r\n"], "protocol"),
    ],
)
def test_a_wrong_echo_has_its_kind(serve: Callable[[Behaviour], int], frames: list[bytes], kind: str) -> None:
    """Another text, binary for text, twice, masked, a close, no WebSocket at all."""
    with pytest.raises(Failure) as caught:
        talk(serve(answering(*frames)))
    assert caught.value.kind == kind


def test_silence_ends_with_the_time_out(serve: Callable[[Behaviour], int]) -> None:
    """A server that never answers holds a user for the time-out only."""
    with pytest.raises(Failure) as caught:
        talk(serve(answering()), timeout_s=0.3)
    assert caught.value.kind == "timeout"


def test_a_byte_now_and_then_is_not_an_answer(serve: Callable[[Behaviour], int]) -> None:
    """The time-out is for the whole message, however often something comes."""
    gone = threading.Event()

    def behave(connection: socket.socket, handshake: bytes) -> None:
        connection.sendall(handshake)
        connection.recv(65536)
        for number in range(100):
            if gone.wait(0.05):
                return
            connection.sendall(frame(b"anybody there?", TEXT)[number % 10 :][:1] if number < 10 else b"")

    number = serve(behave)
    began = time.monotonic()
    try:
        with pytest.raises(Failure) as caught:
            talk(number, timeout_s=0.3)
    finally:
        gone.set()
    assert caught.value.kind == "timeout"
    assert time.monotonic() - began < 4


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"", "closed"),
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "status"),
        (b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "protocol"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: AAAA\r\n\r\n",
            "protocol",
        ),
    ],
)
def test_a_refused_handshake_has_its_kind(serve: Callable[[Behaviour], int], answer: bytes, kind: str) -> None:
    """Closed, 404, no HTTP, the wrong key."""
    with pytest.raises(Failure) as caught:
        talk(serve(lambda connection, _: connection.sendall(answer)))
    assert caught.value.kind == kind


def test_a_close_without_its_frame_is_told(serve: Callable[[Behaviour], int]) -> None:
    """A server that drops the connection instead of saying good-bye has not kept the protocol."""

    def behave(connection: socket.socket, handshake: bytes) -> None:
        connection.sendall(handshake)
        connection.recv(65536)
        connection.sendall(frame(b"anybody there?", TEXT))
        connection.recv(65536)

    with pytest.raises(Failure, match="without a WebSocket close"):
        talk(serve(behave), close=True)


def test_nobody_listens() -> None:
    """A refused connection is of the kind connect."""
    with pytest.raises(Failure) as caught:
        EchoSocket("127.0.0.1", free_port(), 5)
    assert caught.value.kind == "connect"
