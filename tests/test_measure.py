"""Measuring one cell: real servers that fail at each stage; whatever happens is a sample."""

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import machine, measure
from bench import profile as profiles
from bench.paths import PROFILES, SERVERS
from bench.profile import Profile
from bench.setting import Bench, Target
from results.schema import Cell, Sample

FAULTY = Path(__file__).with_name("faulty.py")
CELL = Cell("fixture", "cpython3.13", "hello")
SHORT = {
    "measure_s": 0.4,
    "window_s": 0.2,
    "warmup_s": 0.2,
    "warmup_max_s": 0.2,
    "warmup_requests": 50,
    "connections": 8,
}


def profile(**changes: Any) -> Profile:
    """A profile for fixtures."""
    return profiles.choose(profiles.load(PROFILES), "smoke", {**SHORT, **changes})


def take(tmp_path: Path, fault: str, limit: int = 0, **changes: float) -> Sample:
    """Measure a faulty server once."""
    make = lambda host, port: [sys.executable, str(FAULTY), fault, str(limit), host, str(port)]  # noqa: E731
    server_cores, client_cores = machine.cores()
    return measure.measure(
        CELL,
        Target(make, tmp_path, ["hello"]),
        Bench(profile(**changes), server_cores, client_cores, tmp_path),
        block=0,
    )


def test_a_good_server_gives_a_whole_sample(tmp_path: Path) -> None:
    """Throughput, CPU time, memory, start, stop, windows: all there, all plausible."""
    sample = take(tmp_path, "none")
    assert (sample.status, sample.stage, sample.reason) == ("ok", None, None)
    load, server = sample.load, sample.server
    assert load and server
    assert load.requests > 50
    assert load.errors == {}
    assert load.rps == pytest.approx(load.requests / load.duration_s, rel=0.01)
    assert server.cpu_s and 0 < server.cpu_s <= load.duration_s * 1.1
    assert server.cpu_us_per_request == pytest.approx(server.cpu_s / load.requests * 1e6)
    assert server.pss_rest_bytes and server.pss_load_bytes
    assert server.exit == "exit 0"
    assert {window.phase for window in load.windows} == {"warm-up", "measure"}
    assert all(window.server_cpu_s is not None for window in load.windows)


@pytest.mark.parametrize(
    ("fault", "limit", "stage", "says"),
    [
        ("crash", 0, "start", "fatal: the fixture crashed"),
        ("crash", 40, "warm-up", "killed by SIGABRT.*fatal: the fixture crashed"),
        ("exit", 40, "warm-up", r"ended in the middle \(exit 0\)"),
        ("wrong", 40, "measure", "failed under load: .*bod"),
    ],
)
def test_a_server_that_fails_is_a_sample_with_stage_and_reason(
    tmp_path: Path, fault: str, limit: int, stage: str, says: str
) -> None:
    """Crashing at start or in warm-up, ending, answering wrongly only under load."""
    sample = take(tmp_path, fault, limit)
    assert sample.status == "failed"
    assert sample.stage == stage
    assert sample.reason
    assert re.search(says, sample.reason), sample.reason


def test_a_crash_in_the_measured_part_is_told_as_that(tmp_path: Path) -> None:
    """The stage is where it happened; the server's last words are the reason and its log is kept."""
    sample = take(tmp_path, "crash", 20000, measure_s=60, warmup_requests=20)
    assert (sample.status, sample.stage) == ("failed", "measure")
    assert sample.reason and "killed by SIGABRT" in sample.reason
    assert sample.server and sample.server.log and (tmp_path / sample.server.log).is_file()


def test_a_server_that_hangs_under_load_does_not_hang_the_suite(tmp_path: Path) -> None:
    """The client gives up after its time-out, and what happened is told."""
    sample = take(tmp_path, "hang", 500, warmup_requests=20)
    assert sample.status == "failed"
    assert sample.reason


def test_a_leak_without_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that takes too much memory is ended, and the reason says how much it had."""
    monkeypatch.setattr(Bench, "memory_limit_bytes", 300 << 20)
    sample = take(tmp_path, "leak", 20, measure_s=60)
    assert sample.status == "failed"
    assert sample.reason and "MiB of memory" in sample.reason


def test_children_left_over_are_flagged(tmp_path: Path) -> None:
    """A server whose child outlives it is measured, but says so."""
    sample = take(tmp_path, "fork")
    assert sample.status == "ok"
    assert "stop" in {flag.name for flag in sample.flags}


@pytest.mark.parametrize("workload", ["hello", "echo"])
def test_further_loads_are_taken_from_the_same_process(tmp_path: Path, workload: str) -> None:
    """Other numbers of connections, latency in open loop at own and common rates, the knee: each says what it is."""
    folder = SERVERS / "asyncio"
    make = lambda host, port: [sys.executable, "app.py", host, str(port)]  # noqa: E731
    server_cores, client_cores = machine.cores()
    more = profile(connection_counts=[2], latency_fractions=[0.3], latency_rates=[500.0], latency_s=0.5, knee_steps=2)
    bench = Bench(more, server_cores, client_cores, tmp_path, seed=5)
    sample = measure.measure(Cell("asyncio", "x", workload), Target(make, folder, [workload]), bench, block=0)
    assert (sample.status, sample.reason) == ("ok", None)
    assert [load.connections for load in sample.counts] == [2]
    fraction, rate = sample.latency
    assert fraction.mode == rate.mode == "open"
    assert sample.load and fraction.offered_rps
    best = max(sample.load.rps, sample.counts[0].rps)
    assert fraction.extra["fraction"] == 0.3
    assert fraction.offered_rps == pytest.approx(0.3 * best, rel=0.25), "Poisson arrivals scatter"
    assert rate.extra["rate"] == 500
    assert rate.settings["seed"] == 5


@pytest.mark.parametrize("workload", ["hello", "json", "echo", "connect"])
def test_every_workload_is_measured(tmp_path: Path, workload: str) -> None:
    """The baseline server of the standard library under each workload."""
    folder = SERVERS / "asyncio"
    make = lambda host, port: [sys.executable, "app.py", host, str(port)]  # noqa: E731
    server_cores, client_cores = machine.cores()
    bench = Bench(profile(), server_cores, client_cores, tmp_path)
    sample = measure.measure(Cell("asyncio", "x", workload), Target(make, folder, [workload]), bench, block=0)
    assert (sample.status, sample.reason) == ("ok", None)
    assert sample.load and sample.load.requests > 50
