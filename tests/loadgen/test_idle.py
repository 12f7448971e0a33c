"""Idle connections."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from loadgen import engine
from loadgen.spec import Spec
from tests.loadgen.conftest import HELLO, ScriptedServer, read_request

Serve = Callable[..., ScriptedServer]


def run(url: str, idle: int, **options: Any) -> dict[str, Any]:
    """Hold connections for a moment."""
    return engine.run(Spec(url=url, idle=idle, duration_s=0.2, timeout_s=1.0, **options), lambda event: None)


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_all_are_opened_held_and_answer(null_port: int, scheme: str) -> None:
    """A thousand connections: each answers at the end."""
    found = run(f"{scheme}://127.0.0.1:{null_port}/{'ws' if scheme == 'ws' else ''}", 1000)
    assert found["opened"] == found["requests"] == 1000
    assert found["lost"] == 0
    assert found["errors"] == {}


def test_what_the_server_closes_is_counted(serve: Serve) -> None:
    """Every third connection is closed while it is idle."""

    def script(sock: socket.socket, number: int) -> None:
        if number % 3:
            read_request(sock)
            sock.sendall(HELLO)
            sock.recv(1)

    found = run(serve(script).url, 30)
    assert found["requests"] == 20
    assert found["errors"] == {"closed": 10}


def test_a_connection_that_no_longer_answers_is_counted(serve: Serve) -> None:
    """Open, and dead: found by asking."""

    def script(sock: socket.socket, number: int) -> None:
        read_request(sock)
        if number != 4:
            sock.sendall(HELLO)
        sock.recv(1)

    found = run(serve(script).url, 10)
    assert found["requests"] == 9
    assert found["errors"] == {"timeout": 1}


def test_pings_are_answered(serve: Serve) -> None:
    """A server that pings idle connections and drops those that do not answer."""
    from loadgen.nullserver import echo, respond

    def script(sock: socket.socket, number: int) -> None:
        sock.sendall(respond(read_request(sock))[0])
        sock.sendall(b"\x89\x00")
        if sock.recv(6)[0] == 0x8A:
            sock.sendall(echo(sock.recv(65536))[0])
            sock.recv(1)

    found = run(serve(script).url.replace("http", "ws") + "ws", 10)
    assert found["errors"] == {}
    assert found["requests"] == 10
