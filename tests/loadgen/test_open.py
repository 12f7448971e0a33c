"""The open loop: when requests are sent, what their latency counts from, and what was never sent."""

from __future__ import annotations

import itertools
import socket
import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen import engine
from loadgen.arrivals import intended
from loadgen.spec import Spec
from results import schema
from tests.loadgen.conftest import HELLO, ScriptedServer, read_request

Serve = Callable[..., ScriptedServer]


def run(url: str, **options: Any) -> dict[str, Any]:
    """A short open loop."""
    defaults: dict[str, Any] = {"connections": 16, "duration_s": 0.5, "window_s": 0.1, "timeout_s": 2.0, "rate": 400.0}
    return engine.run(Spec(url=url, **(defaults | options)), lambda event: None)


@given(st.integers(0, 10**15), st.floats(1, 1e5), st.integers(0, 1000))
def test_constant_arrivals_do_not_drift(start: int, rate: float, seed: int) -> None:
    """The n-th request is due n / rate after the start, to the nanosecond."""
    times = list(itertools.islice(intended(start, rate, "constant", seed), 200))
    assert all(abs(t - start - (i + 1) * 1e9 / rate) <= 1 for i, t in enumerate(times))


def test_poisson_arrivals_have_their_rate_and_spread() -> None:
    """Gaps with the mean of 1 / rate and a standard deviation as large; the same seed gives the same times."""
    times = list(itertools.islice(intended(0, 1000.0, "poisson", 5), 20_000))
    gaps = [b - a for a, b in itertools.pairwise(times)]
    assert statistics.fmean(gaps) == pytest.approx(1e6, rel=0.03)
    assert statistics.stdev(gaps) == pytest.approx(1e6, rel=0.05)
    assert times[:100] == list(itertools.islice(intended(0, 1000.0, "poisson", 5), 100))
    assert times[:100] != list(itertools.islice(intended(0, 1000.0, "poisson", 6), 100))


@pytest.mark.parametrize("arrivals", ["poisson", "constant"])
def test_what_is_due_is_sent_and_answered(null_port: int, arrivals: str) -> None:
    """Every request that came due was sent and answered, and the record says so."""
    found = run(f"http://127.0.0.1:{null_port}/", arrivals=arrivals, warmup_s=0.1)
    load = msgspec.convert(found, schema.Load)
    assert load.mode == "open"
    assert load.offered_rps == 400
    assert load.errors == {}
    assert found["extra"]["unsent"] == 0
    assert found["extra"]["unanswered"] == 0
    assert load.requests == found["extra"]["due"] == found["extra"]["sent"]
    if arrivals == "constant":
        assert abs(load.requests - 200) <= 1


def test_websocket(null_port: int) -> None:
    """Messages, at their times."""
    found = run(f"ws://127.0.0.1:{null_port}/ws")
    assert found["errors"] == {}
    assert found["requests"] == found["extra"]["due"]


def test_a_connection_for_each_request(null_port: int) -> None:
    """Connections are opened when requests are due."""
    found = run(f"http://127.0.0.1:{null_port}/", keep_alive=False)
    assert found["errors"] == {}
    assert found["requests"] == found["extra"]["due"]
    assert found["extra"]["connects"] >= found["requests"] - 1


def test_a_stall_is_charged_to_every_request_that_it_delayed(serve: Serve) -> None:
    """A server that stalls 0.4 s once: of the 200 requests due in it, those due early waited longest.

    A client that counts from sending would see one slow request for each connection.
    """
    lock = threading.Lock()
    stalled = threading.Event()

    def script(sock: socket.socket, number: int) -> None:
        count = 0
        while True:
            read_request(sock)
            count += 1
            with lock:
                if count == 40 and not stalled.is_set():
                    stalled.set()
                    time.sleep(0.4)
            sock.sendall(HELLO)

    found = run(serve(script).url, connections=2, rate=500.0, arrivals="constant", duration_s=1.2)
    assert found["errors"] == {}
    assert found["extra"]["unsent"] == 0
    assert found["requests"] == found["extra"]["due"]
    # 200 of 600 requests came due within the stall, evenly: a third of all waited, on average half of it.
    assert found["latency_us"]["max"] >= 390_000
    assert found["latency_us"]["p90"] >= 200_000
    assert found["extra"]["service_p90_us"] < found["latency_us"]["p90"]


def test_a_rate_that_cannot_be_sent(serve: Serve) -> None:
    """One connection, 10 ms for each answer, 1000 a second asked for: most are never sent, and that is told."""

    def script(sock: socket.socket, number: int) -> None:
        while True:
            read_request(sock)
            time.sleep(0.01)
            sock.sendall(HELLO)

    found = run(serve(script).url, connections=1, rate=1000.0, arrivals="constant", timeout_s=0.3)
    extra = found["extra"]
    assert found["rps"] <= 100
    assert extra["unsent"] > 300
    assert extra["due"] == extra["sent"] + extra["unsent"]
    assert abs(extra["due"] - 500) <= 1


def test_a_dropped_connection_loses_its_request_only(serve: Serve) -> None:
    """The connection is opened again, the loss is counted, the other requests are answered."""

    def script(sock: socket.socket, number: int) -> None:
        for _ in range(20):
            read_request(sock)
            sock.sendall(HELLO)
        read_request(sock)

    found = run(serve(script).url, connections=4)
    assert set(found["errors"]) == {"closed"}
    assert found["requests"] + found["errors"]["closed"] == found["extra"]["sent"]


def test_a_server_that_closes_idle_connections(serve: Serve) -> None:
    """Closing a connection that has nothing in flight is no error."""

    def script(sock: socket.socket, number: int) -> None:
        read_request(sock)
        sock.sendall(HELLO)
        sock.shutdown(socket.SHUT_WR)

    found = run(serve(script).url, connections=8, rate=50.0, duration_s=0.6)
    # A request may be sent in the moment in which the server closes: that one is lost.
    assert set(found["errors"]) <= {"closed", "reset"}
    assert found["requests"] >= 10
    assert found["extra"]["reopened"] >= 10


def test_a_ping_on_a_waiting_connection_is_answered(serve: Serve) -> None:
    """The server pings each connection before anything was sent on it."""
    from loadgen.nullserver import echo, respond

    pongs = []

    def script(sock: socket.socket, number: int) -> None:
        sock.sendall(respond(read_request(sock))[0])
        sock.sendall(b"\x89\x02hi")
        while data := sock.recv(65536):
            if data[0] == 0x8A:
                pongs.append(echo(data)[0])
                data = data[8:]
            if data:
                sock.sendall(echo(data)[0])

    found = run(serve(script).url.replace("http", "ws") + "ws", connections=4)
    assert found["errors"] == {}
    assert found["requests"] == found["extra"]["due"]
    assert len(pongs) == 4
