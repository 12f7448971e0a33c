"""The closed loop against real servers: what is counted as done, what as an error, and how it ends."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from loadgen import engine
from loadgen.errors import CannotRunError
from loadgen.pool import spins
from loadgen.spec import Spec
from results import schema
from tests.loadgen.conftest import HELLO, ScriptedServer, read_request, reset

Serve = Callable[..., ScriptedServer]


def run(url: str, **options: Any) -> dict[str, Any]:
    """A short load."""
    defaults: dict[str, Any] = {"connections": 4, "duration_s": 0.2, "window_s": 0.1, "timeout_s": 2.0}
    return engine.run(Spec(url=url, **(defaults | options)), lambda event: None)


@pytest.mark.parametrize("path", ["/", "/json"])
def test_http_result_is_a_load_record(null_port: int, path: str) -> None:
    """The result decodes as the record that is stored, and every figure in it is there."""
    found = run(f"http://127.0.0.1:{null_port}{path}", warmup_s=0.1)
    load = msgspec.convert(found, schema.Load)
    assert load.requests > 100
    assert load.errors == {}
    assert load.rps == pytest.approx(load.requests / load.duration_s)
    assert set(load.latency_us) == {"mean", "p50", "p90", "p99", "p99.9", "max"}
    assert load.latency_us["mean"] is not None
    assert load.latency_us["mean"] > 1
    assert {"cpu_s", "cpu_us_per_request", "busy"} <= set(load.client)
    assert [w.phase for w in load.windows] == ["warm-up", "measure", "measure"]
    assert sum(w.requests for w in load.windows if w.phase == "measure") == load.requests
    assert load.histogram is not None


def test_requests_in_flight_obey_littles_law(null_port: int) -> None:
    """Rate times mean latency is the number of connections, and less only where the client was kept from running."""
    found = [run(f"http://127.0.0.1:{null_port}/", connections=7)["client"]["in_flight"] for _ in range(5)]
    assert max(found) == pytest.approx(7, rel=0.05)


@pytest.mark.parametrize("binary", [False, True])
def test_websocket_echo(null_port: int, binary: bool) -> None:
    """Messages come back as they were."""
    found = run(f"ws://127.0.0.1:{null_port}/ws", binary=binary)
    assert found["requests"] > 100
    assert found["errors"] == {}


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 1 << 20])
def test_websocket_sizes(null_port: int, size: int) -> None:
    """Each way of writing a length works, and messages larger than any socket buffer."""
    found = run(f"ws://127.0.0.1:{null_port}/ws", message=b"x" * size, connections=2)
    assert found["requests"] > 3
    assert found["errors"] == {}


def test_a_connection_for_each_request(null_port: int) -> None:
    """Connect time is kept apart, and there are as many connections as requests."""
    found = run(f"http://127.0.0.1:{null_port}/", keep_alive=False)
    assert found["errors"] == {}
    assert found["extra"]["connects"] == pytest.approx(found["requests"], abs=8)
    assert found["extra"]["connect_mean_us"] > 0


def test_a_server_that_ignores_connection_close_is_not_waited_for(answering: Serve) -> None:
    """After a few connections that the server keeps open, the client closes by itself at once."""
    server = answering(lambda n: HELLO)
    found = run(server.url, keep_alive=False, duration_s=0.9)
    assert found["errors"] == {}
    assert found["requests"] > 100


def test_a_server_that_closes_each_connection(serve: Serve) -> None:
    """`Connection: close` in an answer is no error: the connection is opened again."""

    def script(sock: socket.socket, number: int) -> None:
        read_request(sock)
        sock.sendall(HELLO.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))

    found = run(serve(script).url)
    assert found["errors"] == {}
    assert found["requests"] > 20
    assert found["extra"]["reopened"] >= found["requests"] - 4


def test_a_body_that_ends_with_the_connection(serve: Serve) -> None:
    """HTTP/1.0 without a length: the end of the stream ends the body."""

    def script(sock: socket.socket, number: int) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nHello, ")
        sock.sendall(b"World!")

    found = run(serve(script).url, expect_body=b"Hello, World!")
    assert found["errors"] == {}
    assert found["requests"] > 20


def test_a_new_date_is_verified_and_no_error(answering: Serve) -> None:
    """Answers that differ in a header are parsed, verified and counted."""
    server = answering(lambda n: HELLO.replace(b"\r\n\r\n", b"\r\nDate: %d\r\n\r\n" % (n // 50)))
    found = run(server.url)
    assert found["errors"] == {}
    assert found["requests"] > 100


def test_an_answer_in_pieces(serve: Serve) -> None:
    """An answer that comes in pieces, cut at a different byte each time, is one answer."""

    def script(sock: socket.socket, number: int) -> None:
        at = number
        while True:
            read_request(sock)
            at = at % (len(HELLO) - 1) + 1
            sock.sendall(HELLO[:at])
            sock.sendall(HELLO[at:])

    found = run(serve(script).url)
    assert found["errors"] == {}
    assert found["requests"] > 100


@pytest.mark.parametrize(
    ("bad", "kind", "words"),
    [
        (HELLO.replace(b"World!", b"World?"), "body", "expected b'Hello, World!', got b'Hello, World?'"),
        (HELLO.replace(b"200 OK", b"503 Busy"), "status", "expected 200, got 503"),
        (HELLO.replace(b"text/plain", b"text/html"), "content-type", "expected 'text/plain', got 'text/html'"),
        (HELLO.replace(b"13", b"1x"), "protocol", "not valid HTTP"),
        (HELLO + b"!", "protocol", "begins with b'!'"),
        (HELLO + b"H", "protocol", "more bytes"),
        (HELLO + HELLO, "protocol", "2 answers"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "protocol", "not valid HTTP"),
        (HELLO.replace(b"13", b"14") + b"!", "body", "got b'Hello, World!!'"),
    ],
)
def test_a_wrong_answer_is_an_error_of_its_kind(answering: Serve, bad: bytes, kind: str, words: str) -> None:
    """Each fifth answer is wrong in one way: found, never counted as done, with the first one told."""
    sent = {"bad": 0, "good": 0}
    lock = threading.Lock()

    def answer(n: int) -> bytes:
        with lock:
            sent["bad" if n % 5 == 4 else "good"] += 1
        return bad if n % 5 == 4 else HELLO

    found = run(answering(answer).url)
    assert set(found["errors"]) <= {kind, "closed", "reset"}
    assert found["errors"][kind] >= 1
    assert words in found["examples"][kind]
    assert found["requests"] <= sent["good"]
    # Those in flight when the load ended were sent, and not counted.
    assert found["errors"][kind] <= sent["bad"] <= found["errors"][kind] + 4


def test_a_connection_closed_in_flight_is_an_error(serve: Serve) -> None:
    """A server that drops connections after three requests, unannounced: each loses one request."""

    def script(sock: socket.socket, number: int) -> None:
        for _ in range(3):
            read_request(sock)
            sock.sendall(HELLO)
        read_request(sock)

    found = run(serve(script).url)
    assert set(found["errors"]) == {"closed"}
    assert found["requests"] > 10


def test_a_reset_in_flight_is_an_error(serve: Serve) -> None:
    """The same with a RST."""

    def script(sock: socket.socket, number: int) -> None:
        read_request(sock)
        sock.sendall(HELLO)
        read_request(sock)
        reset(sock)

    found = run(serve(script).url)
    assert set(found["errors"]) == {"reset"}


def test_a_silent_server_times_out(serve: Serve) -> None:
    """No answer: each request times out, and the load ends when it was to end."""

    def script(sock: socket.socket, number: int) -> None:
        read_request(sock)
        sock.sendall(HELLO)
        read_request(sock)
        sock.recv(1)

    found = run(serve(script).url, timeout_s=0.2, duration_s=0.8)
    assert set(found["errors"]) == {"timeout"}
    assert "0.2 s" in found["examples"]["timeout"]


def test_a_server_that_is_gone_ends_the_load(serve: Serve) -> None:
    """A server that dies while it is measured: errors, a word about it, few attempts, and an early end."""
    served = threading.Semaphore(0)

    def script(sock: socket.socket, number: int) -> None:
        for _ in range(50):
            read_request(sock)
            sock.sendall(HELLO)
        served.release()

    server = serve(script)

    def stop() -> None:
        served.acquire()
        server.close()

    threading.Thread(target=stop, daemon=True).start()
    found = run(server.url, duration_s=30.0, window_s=0.25)
    assert "server is gone" in found["extra"]["stopped"]
    assert found["duration_s"] < 20
    assert found["errors"]["connect"] < 100
    assert found["requests"] >= 50


def test_nothing_listens() -> None:
    """A refused connection before the load is no result."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(CannotRunError, match=f"connection refused.*port {port}"):
        run(f"http://127.0.0.1:{port}/")


def test_expectations_are_checked(null_port: int) -> None:
    """What was given is compared, and a wrong first answer teaches nothing."""
    url = f"http://127.0.0.1:{null_port}/"
    assert run(url, expect_status=200, expect_body=b"Hello, World!", expect_type="text/plain")["errors"] == {}
    assert set(run(url, expect_body=b"Goodbye")["errors"]) == {"body"}
    assert set(run(url, expect_status=404)["errors"]) == {"status"}
    assert set(run(url + "nothing")["errors"]) == {"status"}
    assert run(url + "nothing", expect_status=404)["errors"] == {}


def test_a_wrong_echo_is_an_error(serve: Serve) -> None:
    """A server that echoes text as binary."""
    from loadgen.nullserver import echo, respond

    def script(sock: socket.socket, number: int) -> None:
        sock.sendall(respond(read_request(sock))[0])
        while data := sock.recv(65536):
            reply, _ = echo(data)
            sock.sendall(b"\x82" + reply[1:])

    found = run(serve(script).url.replace("http", "ws") + "ws")
    assert set(found["errors"]) == {"body"}
    assert "got a binary one" in found["examples"]["body"]
    assert found["requests"] == 0


def test_a_ping_is_answered(serve: Serve) -> None:
    """A server that pings before each echo and wants its pong gets it."""
    from loadgen.nullserver import echo, respond

    def script(sock: socket.socket, number: int) -> None:
        sock.sendall(respond(read_request(sock))[0])
        while data := sock.recv(65536):
            sock.sendall(b"\x89\x02hi")
            pong = sock.recv(65536)
            if len(pong) != 8 or pong[0] != 0x8A or echo(pong)[0][2:] != b"hi":
                return
            sock.sendall(echo(data)[0])

    found = run(serve(script).url.replace("http", "ws") + "ws")
    assert found["errors"] == {}
    assert found["requests"] > 20


def test_a_refused_handshake_is_told(null_port: int) -> None:
    """An ordinary answer instead of 101."""
    with pytest.raises(CannotRunError, match="answered with 200, not 101"):
        run(f"ws://127.0.0.1:{null_port}/")


def test_waiting_adapts_to_how_busy_the_client_is() -> None:
    """Spins while it has time; sleeps at once while it has none; between the two it stays as it is."""
    assert spins(True, 0.5)
    assert not spins(True, 0.7)
    assert not spins(False, 0.5)
    assert spins(False, 0.3)


def test_websockets_are_closed_with_a_handshake(null_port: int) -> None:
    """Each connection says goodbye, and hears the server's."""
    found = run(f"ws://127.0.0.1:{null_port}/ws", connections=6)
    assert found["extra"]["close_handshakes"] == 6


def test_quick_acknowledgements(serve: Serve) -> None:
    """A server that sends head and body apart, with Nagle's algorithm, waits for delayed ACKs; not for quick ones."""

    def script(sock: socket.socket, number: int) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 0)
        while True:
            read_request(sock)
            sock.sendall(HELLO[:-13])
            sock.sendall(HELLO[-13:])

    url = serve(script).url
    slow, quick = (run(url, connections=1, duration_s=0.8, quickack=on)["requests"] for on in (False, True))
    assert quick > 2 * slow
