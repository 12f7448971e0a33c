"""Idle connections."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from loadgen import engine, idle
from loadgen.spec import Spec
from tests.loadgen.conftest import HELLO, ScriptedServer, read_request

Serve = Callable[..., ScriptedServer]


def run(url: str, count: int, **options: Any) -> dict[str, Any]:
    """Hold connections for a moment."""
    return engine.run(Spec(url=url, idle=count, duration_s=0.2, timeout_s=1.0, **options), lambda event: None)


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_all_are_opened_held_and_answer(null_port: int, scheme: str) -> None:
    """A thousand connections: each answers at the end."""
    found = run(f"{scheme}://127.0.0.1:{null_port}/{'ws' if scheme == 'ws' else ''}", 1000)
    assert found["opened"] == found["requests"] == 1000
    assert found["lost"] == 0
    assert found["errors"] == {}


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_several_processes_share_them(null_port: int, scheme: str) -> None:
    """Each holds its part, all at the same time; the result is that of the whole."""
    found = run(f"{scheme}://127.0.0.1:{null_port}/{'ws' if scheme == 'ws' else ''}", 500, processes=3)
    assert found["connections"] == found["opened"] == found["requests"] == 500
    assert found["settings"]["processes"] == 3 and found["settings"]["idle"] == 500
    assert (found["lost"], found["errors"]) == (0, {})
    assert found["client"]["bytes_per_connection"] > 0


def test_what_they_found_is_added_up() -> None:
    """Errors of each kind with the first example, the slowest opening, memory by what each held."""

    def part(opened: int, seconds: float, errors: dict[str, int], memory: float) -> dict[str, Any]:
        return {
            "opened": opened, "opened_s": seconds, "lost": 1, "requests": opened - 1, "errors": errors,
            "examples": {kind: f"{kind} {opened}" for kind in errors}, "client": {"bytes_per_connection": memory},
        }  # fmt: skip

    parts = [part(10, 0.5, {"closed": 1}, 4.0), part(30, 0.7, {"closed": 2, "reset": 1}, 8.0)]
    found = idle.merge(Spec(url="http://127.0.0.1/", idle=41, processes=2), parts)
    assert (found["connections"], found["opened"], found["lost"], found["requests"]) == (41, 40, 2, 38)
    assert (found["opened_s"], found["client"]) == (0.7, {"bytes_per_connection": 7.0})
    assert found["errors"] == {"closed": 3, "reset": 1}
    assert found["examples"] == {"closed": "closed 10", "reset": "reset 30"}


def test_the_limit_of_open_files_is_each_process_own(monkeypatch: pytest.MonkeyPatch, null_port: int) -> None:
    """More processes need fewer files each; what is missing is said before anything is opened."""
    asked: list[int] = []
    monkeypatch.setattr(engine, "raise_file_limit", asked.append)
    run(f"http://127.0.0.1:{null_port}/", 101, processes=2)
    assert asked == [51 + engine.SPARE_FILES]


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
