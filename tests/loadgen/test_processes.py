"""One load from several processes."""

from __future__ import annotations

import socket
from typing import Any

import msgspec
import pytest

from loadgen import engine
from loadgen.errors import CannotRunError
from loadgen.processes import divide
from loadgen.spec import Spec
from results import schema

# The tests' own servers have threads; the forked processes use none of them, nor any lock that they may hold.
pytestmark = pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")


def run(url: str, **options: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A short load from two processes, and its events."""
    events: list[dict[str, Any]] = []
    defaults: dict[str, Any] = {"connections": 5, "duration_s": 0.3, "window_s": 0.1, "processes": 2}
    return engine.run(Spec(url=url, **(defaults | options)), events.append), events


def test_connections_and_rate_are_divided() -> None:
    """Nothing is lost in the division, and no process has another's arrivals."""
    parts = divide(Spec("http://x", connections=7, processes=3, rate=300.0, seed=4), [0, 1])
    assert [part.connections for part in parts] == [3, 2, 2]
    assert [part.rate for part in parts] == [100.0] * 3
    assert [part.seed for part in parts] == [4, 5, 6]
    assert [part.cpus for part in parts] == [(0,), (1,), (0,)]


def test_parts_make_one_result(null_port: int) -> None:
    """One record, of which windows and histogram hold all requests."""
    found, events = run(f"http://127.0.0.1:{null_port}/", warmup_s=0.1)
    load = msgspec.convert(found, schema.Load)
    assert load.errors == {}
    assert load.client["processes"] == 2
    assert sum(window.requests for window in load.windows if window.phase == "measure") == load.requests
    assert [event["event"] for event in events] == [
        "connected", "window", "measure", "window", "window", "window", "measured"
    ]  # fmt: skip


def test_an_open_loop_keeps_its_rate(null_port: int) -> None:
    """Two processes with half the rate each."""
    found, _ = run(f"http://127.0.0.1:{null_port}/", rate=400.0, arrivals="constant")
    assert abs(found["extra"]["due"] - 120) <= 4
    assert found["requests"] == found["extra"]["due"]


def test_the_parent_ends_the_warm_up_of_all(null_port: int) -> None:
    """The same number of warm-up windows in each."""
    found, events = run(f"http://127.0.0.1:{null_port}/", warmup_requests=500, warmup_max_s=1.0)
    assert found["steady"] is False  # a second holds no two samples
    assert found["warmup_requests"] >= 500
    assert [event["event"] for event in events].count("measure") == 1


def test_nothing_listens() -> None:
    """One message, no child left behind."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(CannotRunError, match="connection refused"):
        run(f"http://127.0.0.1:{port}/")
