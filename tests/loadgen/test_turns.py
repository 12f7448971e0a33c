"""Turns: load only while it has the turn, nothing in flight at its borders, every answer accounted for."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen.result import whole, within_turns
from tests.loadgen.conftest import HELLO, ROOT, ScriptedServer, loadgen, read_request, reset

Serve = Callable[..., ScriptedServer]
IDLE_S, REST_S = 0.5, 0.8
"""When the servers below close an idle connection; and a rest that is longer. Neither is a stall of a busy machine."""

WORDS = ("-c", 4, "-d", 0.2, "--window", 0.1, "--turn", 0.05, "--warmup", 0.1, "--events", "--timeout", 1)


@contextmanager
def in_turns(url: str, *words: object) -> Iterator[subprocess.Popen[str]]:
    """A load generator that waits for its turns."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loadgen", url, *map(str, (*WORDS, *words))],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def follow(
    process: subprocess.Popen[str], at_rest: Callable[[int], None] = lambda number: None
) -> list[dict[str, Any]]:
    """Give every turn that is asked for, after `at_rest(how many rests there were)`; all events, up to the result."""
    assert process.stdin is not None
    assert process.stdout is not None
    events: list[dict[str, Any]] = []
    rests = 0
    for line in process.stdout:
        events.append(json.loads(line))
        if events[-1]["event"] == "rest":
            at_rest(rests)
            rests += 1
        if events[-1]["event"] in ("rest", "turn"):
            process.stdin.write("\n")
            process.stdin.flush()
    return events


def in_rounds(sock: socket.socket, _number: int) -> None:
    """Answer each request 40 ms after it came."""
    while True:
        read_request(sock)
        time.sleep(0.04)
        sock.sendall(HELLO)


def test_the_order_of_events(null_port: int) -> None:
    """Each turn is asked for, begun and ended; a window has two of them here; the end is a rest, then the result."""
    with in_turns(f"http://127.0.0.1:{null_port}/") as process:
        events = follow(process)
    turn = ["rest", "turn", "turned"]
    window = [*turn, *turn, "window"]
    expected = ["connected", "window", "measure", *window, *window, "measured", "rest", "result"]
    assert [event["event"] for event in events] == expected


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_the_result_is_of_the_measured_stretches_alone(null_port: int, scheme: str) -> None:
    """What is measured lasts as long as its windows, without the rests; rate, windows and requests agree."""
    path = "ws" if scheme == "ws" else ""
    with in_turns(f"{scheme}://127.0.0.1:{null_port}/{path}") as process:
        result = follow(process, lambda _: time.sleep(1.0))[-1]["result"]
    windows = [window for window in result["windows"] if window["phase"] == "measure"]
    assert result["errors"] == {}
    assert 0.2 <= result["duration_s"] < 2, "four rests of a second are not in it"
    assert result["duration_s"] == pytest.approx(sum(window["duration_s"] for window in windows))
    assert result["requests"] == sum(window["requests"] for window in windows)
    assert result["rps"] == pytest.approx(result["requests"] / result["duration_s"])
    assert windows[1]["start_s"] == pytest.approx(windows[0]["start_s"] + windows[0]["duration_s"])
    assert result["client"]["busy"] <= 1
    assert result["settings"]["turn_s"] == 0.05


def test_nothing_is_sent_at_rest_and_every_answer_is_accounted_for(serve: Serve) -> None:
    """A server counts what it is asked: nothing while the load rests, and in turns just what the events tell."""
    asked = 0
    lock = threading.Lock()

    def script(sock: socket.socket, _number: int) -> None:
        nonlocal asked
        while True:
            read_request(sock)
            with lock:
                asked += 1
            sock.sendall(HELLO)

    seen: list[int] = []

    def at_rest(_: int) -> None:
        seen.append(asked)
        time.sleep(0.05)
        assert asked == seen[-1], "the load went on while it was to rest"

    with in_turns(serve(script).url) as process:
        events = follow(process, at_rest)
    assert events[-1]["result"]["requests"] == seen[-1] - seen[0]
    assert events[-1]["result"]["errors"] == {}


def test_a_turn_lasts_until_the_last_answer(serve: Serve) -> None:
    """A server that answers in rounds is not counted by how many of them end within a fixed time."""
    with in_turns(serve(in_rounds).url) as process:
        result = follow(process)[-1]["result"]
    assert result["requests"] == 4 * 4 * 2, "in each of four turns of 50 ms each connection has two requests of 40 ms"
    assert result["rps"] == pytest.approx(4 / 0.04, rel=0.3)
    assert result["rps"] < 4 / 0.04


def test_under_connect_nothing_is_open_at_rest(serve: Serve) -> None:
    """A server of one connection at a time would wait for its request, and be killed for that (gunicorn's sync)."""
    now_open = 0
    lock = threading.Lock()

    def script(sock: socket.socket, _number: int) -> None:
        nonlocal now_open
        with lock:
            now_open += 1
        try:
            read_request(sock)
            sock.sendall(HELLO.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))
        finally:
            with lock:
                now_open -= 1

    seen: list[int] = []

    def at_rest(_: int) -> None:
        time.sleep(0.3)
        seen.append(now_open)

    with in_turns(serve(script).url, "--no-keepalive") as process:
        result = follow(process, at_rest)[-1]["result"]
    assert seen == [0] * 5
    assert result["errors"] == {}
    assert result["requests"] > 20


def test_a_connection_that_the_server_closed_at_rest_is_opened_again(serve: Serve) -> None:
    """An idle connection may be closed (keep-alive ends): that is no failure, and the new ones are not the turn's."""

    def script(sock: socket.socket, _number: int) -> None:
        sock.settimeout(IDLE_S)
        while True:
            read_request(sock)  # an idle connection ends by the time-out
            sock.sendall(HELLO)

    with in_turns(serve(script).url) as process:
        result = follow(process, lambda _: time.sleep(REST_S))[-1]["result"]
    assert result["errors"] == {}
    assert result["requests"] > 20
    assert result["extra"]["reopened"] >= 4 * 4, "four connections before each of four turns"


@pytest.mark.parametrize("sharply", [False, True])
def test_a_request_that_crosses_the_servers_close_is_sent_again(serve: Serve, sharply: bool) -> None:
    """The server closes at the moment at which the first request after a rest comes: RFC 9112 has it sent again."""

    def script(sock: socket.socket, _number: int) -> None:
        while True:
            begun = time.monotonic()
            read_request(sock)
            if time.monotonic() - begun > IDLE_S:
                if sharply:
                    reset(sock)
                return
            sock.sendall(HELLO)

    with in_turns(serve(script).url) as process:
        result = follow(process, lambda _: time.sleep(REST_S))[-1]["result"]
    assert result["errors"] == {}
    assert result["requests"] > 20
    assert result["extra"]["reopened"] >= 16


def test_a_server_that_closes_in_the_middle_of_a_turn_still_fails(serve: Serve) -> None:
    """Only the first request of a connection after a rest is sent again: all others are failures."""

    def script(sock: socket.socket, _number: int) -> None:
        for _ in range(20):
            read_request(sock)
            sock.sendall(HELLO)
        read_request(sock)

    with in_turns(serve(script).url) as process:
        result = follow(process)[-1]["result"]
    assert result["errors"].get("closed", 0) > 0


def test_without_anybody_who_gives_turns_it_ends(null_port: int) -> None:
    """Standard input at its end is an error with a reason, not a load without turns."""
    done = loadgen(f"http://127.0.0.1:{null_port}/", *WORDS)
    assert done.returncode == 2
    assert "nobody gives turns" in json.loads(done.stdout.splitlines()[-1])["message"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--turn", 0.2, "--window", 0.1), "--turn 0.2"),
        (("--turn", 0.001), "--turn 0.001"),
        (("--turn", 0.05, "--rate", 100), "closed loop"),
        (("--turn", 0.05, "--processes", 2), "one process"),
    ],
)
def test_what_turns_do_not_go_with(null_port: int, words: tuple[object, ...], says: str) -> None:
    """Turns that are longer than a window, an open loop and several processes are refused."""
    done = loadgen(f"http://127.0.0.1:{null_port}/", "-q", *words)
    assert done.returncode == 2
    assert says in done.stderr


@pytest.mark.parametrize("how", ["reset", "answer"])
def test_a_server_may_end_an_idle_connection_as_it_likes(serve: Serve, how: str) -> None:
    """By a reset, or by saying 408 first: at rest neither is a failure."""

    def script(sock: socket.socket, _number: int) -> None:
        sock.settimeout(IDLE_S)
        try:
            while True:
                read_request(sock)
                sock.sendall(HELLO)
        except TimeoutError:
            if how == "reset":
                reset(sock)
            else:
                sock.sendall(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    with in_turns(serve(script).url) as process:
        result = follow(process, lambda _: time.sleep(REST_S))[-1]["result"]
    assert result["errors"] == {}
    assert result["requests"] > 20


def test_an_answer_that_never_comes_costs_the_others_one_time_out(serve: Serve) -> None:
    """Of four connections one is never answered: each turn counts it as an error, and only the first waits for it."""

    def script(sock: socket.socket, number: int) -> None:
        while True:
            read_request(sock)
            if number == 0:
                time.sleep(60)
            sock.sendall(HELLO)

    began = time.monotonic()
    with in_turns(serve(script).url, "--warmup", 0) as process:
        result = follow(process)[-1]["result"]
    assert result["errors"] == {"timeout": 1}
    assert time.monotonic() - began < 6


def test_what_takes_longer_than_half_of_a_turn_is_not_told(serve: Serve) -> None:
    """A turn of 50 ms says nothing of answers that take 40: they would have been cut short by its end."""
    with in_turns(serve(in_rounds).url) as process:
        result = follow(process)[-1]["result"]
    assert all(value is None for value in result["latency_us"].values())
    assert result["histogram"] is None
    assert "contradict" not in result["client"]["verdict"]


summaries = st.fixed_dictionaries({name: st.none() | st.floats(1, 1e6) for name in ("mean", "p50", "p99", "max")})


@given(summaries, st.floats(0.01, 1))
def test_turns_tell_no_latency_that_they_could_not_see(summary: dict[str, float | None], turn_s: float) -> None:
    """What is told is as it was, and under half of a turn; the distribution is told where no percentile is left out."""
    shown = within_turns(summary, turn_s)
    assert all(
        value is None or (value == summary[name] and value <= turn_s / 2 * 1e6)
        for name, value in shown.items()
        if name != "mean"
    )
    assert shown["mean"] is None or shown["max"] is not None
    if summary["p50"] is not None or summary["p99"] is not None:
        assert whole(shown, summary) == all(shown[name] == summary[name] for name in ("p50", "p99"))
