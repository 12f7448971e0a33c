"""bench.contract, against a server that is right and against the same server with each of its faults."""

from __future__ import annotations

import os
import socket
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bench import launch
from bench.contract import check, failed
from bench.contract.echo import ECHO
from bench.contract.first import JUDGEMENTS
from bench.contract.http import BOTH, ONCE
from bench.launch import Stopped
from results.schema import Check
from tests.broken.faults import FAULTS, Fault

BROKEN = Path(__file__).with_name("broken") / "server.py"
TIMEOUT_S = 1.5
"""Long for a right answer on loopback, and short enough to wait for one that never comes."""
FOUND = {place for fault in FAULTS.values() for place in fault.finds}
ORDER = ["hello", "json", "connect", "echo", "server"]


@contextmanager
def broken(fault: str, log: Path) -> Iterator[launch.Server]:
    """The broken server, listening."""
    port = launch.free_port()
    argv = [sys.executable, str(BROKEN), fault, launch.HOST, str(port)]
    with launch.Server(launch.Command(argv, BROKEN.parent), port, sorted(os.sched_getaffinity(0)), log) as server:
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection((launch.HOST, port)).close()
                break
            except ConnectionRefusedError:
                assert server.alive() and time.monotonic() < deadline, log.read_text()
                time.sleep(0.01)
        yield server


def verdicts(checks: Sequence[Check]) -> dict[str, str]:
    """What did not pass: workload/name to verdict."""
    return {f"{each.workload}/{each.name}": each.verdict for each in checks if each.verdict not in {"pass", "skip"}}


def explain(checks: Sequence[Check]) -> str:
    """What did not pass, for a failing test."""
    return "\n".join(f"{c.verdict} {c.workload}/{c.name}: {c.got}" for c in checks if c.verdict != "pass")


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_is_found_by_its_check_and_by_no_other(name: str, tmp_path: Path) -> None:
    """The checks named by the fault do not pass, with its verdict; all others do."""
    fault: Fault = FAULTS[name]
    with broken(name, tmp_path / "log") as server:
        checks = check(server, fault.workloads, keep_alive=fault.keep_alive, timeout=TIMEOUT_S)
    assert checks == sorted(checks, key=lambda each: ORDER.index(each.workload))
    assert verdicts(checks) == {**dict.fromkeys(fault.finds, fault.verdict), **fault.also}, explain(checks)
    concerned = {place.partition("/")[0] for place in fault.finds if fault.verdict == "fail"}
    assert set(failed(checks)) == (set(fault.workloads) if "server" in concerned else concerned)


def test_every_check_is_proved_by_a_fault() -> None:
    """No check is without a fault that it finds: one that always passes would be noticed."""
    for http_workload in ("hello", "json"):
        names = [*(each.name for each in JUDGEMENTS), *(each.name for each in BOTH)]
        assert {f"{http_workload}/{name}" for name in names} <= FOUND
    assert {f"server/{each.name}" for each in ONCE} | {f"echo/{each.name}" for each in ECHO} <= FOUND
    assert {"echo/handshake", "echo/accept key", "server/stays up", "server/stops", "server/no orphans"} <= FOUND


def test_the_connect_workload_is_checked_with_hello_for_its_request(tmp_path: Path) -> None:
    """A stack that closes every connection is measured by a connection per request."""
    with broken("closes", tmp_path / "log") as server:
        checks = check(server, ["connect"], keep_alive=False, timeout=TIMEOUT_S)
    assert verdicts(checks) == {}, explain(checks)
    assert {each.workload for each in checks} == {"connect", "server"}
    assert {each.name for each in checks if each.verdict == "skip"} == {"keep-alive", "pipelining"}


def test_a_wrong_answer_does_not_hide_what_else_is_wrong(tmp_path: Path) -> None:
    """Later answers are compared with the first: all other checks are still made."""
    with broken("wrong-byte", tmp_path / "log") as server:
        checks = check(server, ["hello"], timeout=TIMEOUT_S)
    assert [each.name for each in checks if each.verdict == "skip"] == []
    assert failed(checks) == {"hello": "body: 'Hello, world!' (expected: Hello, World!)"}


class Mean:
    """A target that sends the same bytes to everybody, whatever they ask, again and again if told so."""

    def __init__(self, data: bytes, again: bool) -> None:
        self._listener = socket.create_server((launch.HOST, 0), backlog=64)
        self.host, self.port = self._listener.getsockname()
        self._data, self._again = data, again
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client, suppress(OSError):
            while client.recv(65536):
                client.sendall(self._data)
                while self._again:
                    client.sendall(self._data)

    def alive(self) -> bool:
        """It never ends by itself."""
        return True

    def stop(self) -> Stopped:
        """At once."""
        self._listener.close()
        return Stopped(0.0, True, "exit 0", 0)


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
OPEN = b"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: "


@pytest.mark.parametrize(
    ("data", "again"),
    [
        (b"", False),
        (b"\0\xff\x80 garbage\r\n\r\n", False),
        (b"HTTP/1.1 999999 \r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 200 OK\r\nX-Endless: 1\r\n" + b"X-Header: 1\r\n" * 1000, True),
        (b"x" * 100_000, True),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + b"ffff\r\n" + b"x" * 0xFFFF + b"\r\n", True),
        (HEAD + b"Content-Length: 99999999999999999999\r\n\r\n", False),
        (HEAD + b"Content-Length: -1\r\n\r\n", False),
        (HEAD + b"Content-Length: 13\r\nContent-Length: 14\r\n\r\nHello, World!", False),
        (HEAD + b"Date: 99999999999\r\nContent-Length: 13\r\n\r\nHello, World!", False),
        (b"HTTP/1.1 100 Continue\r\n\r\n", True),
        (OPEN + b"x\r\n\r\n", True),
        (OPEN + b"\xff\xff\r\n\r\n\xff\xff\xff", False),
    ],
    ids=range(14),
)
def test_no_server_makes_the_check_raise_or_hang(data: bytes, again: bool) -> None:
    """Mute servers, garbage, endless heads and bodies: each ends in failed checks, in words, for every workload."""
    target = Mean(data, again)
    checks = check(target, ["hello", "json", "echo"], timeout=0.2)
    assert set(failed(checks)) == {"hello", "json", "echo"}
    assert all(each.got.isprintable() for each in checks)


def test_a_port_on_which_nobody_listens_fails_every_workload() -> None:
    """The connection is refused: that is said, once for each workload."""
    target = Mean(b"", False)
    target.stop()
    target.port = launch.free_port()
    checks = check(target, ["hello", "echo"], timeout=1, stop=False)
    assert {each.workload: each.got for each in checks if each.verdict == "fail"} == dict.fromkeys(
        ["hello", "echo"], "no connection: Connection refused"
    )
