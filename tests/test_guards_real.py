"""Guards with the condition really there: busy neighbours on either core, a stopped client, a stopped server."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from bench import guards, machine, measure
from bench import profile as profiles
from bench.paths import PROFILES, SERVERS
from bench.run import again
from bench.setting import Bench, Target
from results.schema import Cell, Flag, Load, Sample, Window
from tests.broken_run import SHORT, place, stored, until

MEASURE_S = 2.0
STOPPED_S = 0.8
CHANGES = {
    "measure_s": MEASURE_S,
    "window_s": 0.1,
    "warmup_s": 0.2,
    "warmup_max_s": 0.2,
    "warmup_requests": 10,
    "connections": 8,
}


def below() -> set[psutil.Process]:
    """Every process below this one: also servers that other tests of this session keep."""
    return set(psutil.Process().children(recursive=True))


def find(part: str, others: set[psutil.Process]) -> int:
    """The new process whose command line holds a text and that has no children of its own."""
    [process] = [p for p in below() - others if part in " ".join(p.cmdline()) and not p.children()]
    return process.pid


def stopped_while_measured(tmp_path: Path, part: str) -> Sample:
    """Measure the baseline and stop one process for a while in the measured part."""
    server_cores, client_cores = machine.cores()
    make = lambda host, port: [sys.executable, "app.py", host, str(port)]  # noqa: E731
    threads: list[threading.Thread] = []
    others = below()

    def hold() -> None:
        pid = find(part, others)
        time.sleep(0.3)
        os.kill(pid, signal.SIGSTOP)
        time.sleep(STOPPED_S)
        os.kill(pid, signal.SIGCONT)

    def tell(doing: str) -> None:
        if doing == "measuring":
            threads.append(threading.Thread(target=hold))
            threads[0].start()

    profile = profiles.choose(profiles.load(PROFILES), "smoke", CHANGES)
    bench = replace(Bench(profile, server_cores, client_cores, tmp_path), tell=tell)
    sample = measure.measure(Cell("a", "x", "hello"), Target(make, SERVERS / "asyncio", ["hello"]), bench, block=0)
    threads[0].join()
    assert (sample.status, sample.reason) == ("ok", None)
    return sample


def details(sample: Sample) -> dict[str, str]:
    """The flags of a sample."""
    return {flag.name: flag.detail for flag in sample.flags}


def noticed(tmp_path: Path, part: str, flag: str) -> dict[str, str]:
    """Stop a process until the flag is raised, three times at most: on a busy machine the signal may come too late."""
    found: dict[str, str] = {}
    for _ in range(3):
        found = details(stopped_while_measured(tmp_path, part))
        if flag in found:
            break
    return found


def test_a_client_that_is_stopped_is_noticed(tmp_path: Path) -> None:
    """SIGSTOP of the load generator: the figure is a lower bound, the server is not said to have stalled."""
    found = noticed(tmp_path, "-m loadgen", "client-stopped")
    assert "the client did not run for" in found["client-stopped"]
    assert "client-limited" in found
    assert "stalled" not in found


def test_a_server_that_is_stopped_is_noticed(tmp_path: Path) -> None:
    """SIGSTOP of the server: the sample says for how long nothing was answered; the client did run."""
    found = noticed(tmp_path, "app.py", "stalled")
    assert found["stalled"].startswith("nothing was answered for 0.")
    assert "client-stopped" not in found


@contextmanager
def burners(core: int, count: int) -> Iterator[None]:
    """Processes that do nothing but take a core, each in a session of its own: the scheduler shares among sessions."""
    code = f"import os; os.sched_setaffinity(0, [{core}])\nwhile os.getppid() == {os.getpid()}: pass"
    busy = [subprocess.Popen([sys.executable, "-c", code], start_new_session=True) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_busy_neighbours_in_a_whole_run(tmp_path: Path) -> None:
    """On the server's core they move the null server, and its block is flagged; on the client's, the cell is a bound.

    Such a cell is printed as ">= x" and not ranked; the windows in which others used the machine are flagged.
    """
    server_cores, client_cores = machine.cores()
    if set(server_cores) & set(client_cores):
        pytest.skip("server and client share the only core")
    made = place(tmp_path, ["good"])
    process = made.begin("bench", "run", *SHORT, "--profile", "quick", "--blocks", "5")

    def finished(block: int) -> Callable[[], bool]:
        wanted = f'"name":"block-finished","detail":"{block}"'.encode()
        return lambda: any(wanted in line for line in stored(made))

    until(finished(0), process)
    with burners(server_cores[0], 4):
        until(finished(1), process)
    until(finished(2), process)
    with burners(client_cores[0], 8):
        until(finished(3), process)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 0, said

    summary = made.summary()
    row = made.row("good")
    by_block = {one.block: {flag.name for flag in one.flags} for one in row.processes}
    assert "neighbour" in by_block[1]
    assert 1 in summary.trust.blocks_moved
    assert {"neighbour", "client-limited"} <= by_block[3]
    assert row.censored and row.censored_why
    assert (row.tier, row.rank_low, row.rank_high) == (None, None, None)
    for words in (["latest"], ["latest", "--full"]):
        printed = made.call("results", *words)
        assert printed.returncode == 0
        assert ">= " in printed.stdout
        text = " ".join(printed.stdout.split())
        assert "limited by the client: a lower bound, not ranked" in text
        assert "The sentinel moved by more than 5 % in block" in text
    assert made.left_over() == {}


def load(windows: list[tuple[float, int]], **client: float) -> Load:
    """What a client reports: windows of 0.1 s as (duration, requests)."""
    made = [Window(0.0, seconds, "measure", count, 0) for seconds, count in windows]
    total = sum(seconds for seconds, _ in windows)
    requests = sum(count for _, count in windows)
    return Load(requests, {}, total, requests / total, {}, dict(client), made, settings={"window_s": 0.1})


@pytest.mark.parametrize(
    ("report", "expected"),
    [
        (load([(0.1, 9)] * 20), set()),
        (load([(0.1, 9)] * 19 + [(0.15, 9)]), set()),
        (load([(0.1, 9)] * 19 + [(0.6, 9)]), {"client-stopped", "client-limited"}),
        (load([(0.1, 9)] * 19 + [(0.1, 0)]), {"stalled"}),
        (load([(0.1, 9)] * 10, busy=0.4, starved=0.2), set()),
        (load([(0.1, 9)] * 10, busy=0.4, starved=0.35), {"client-limited"}),
        (load([(0.1, 9)] * 10, busy=0.75), {"client-limited"}),
    ],
)
def test_what_a_load_says_of_the_client(report: Load, expected: set[str]) -> None:
    """Long windows are the client's, empty ones the server's; waiting for the core counts as work."""
    quiet = guards.Counters(at=0, busy_s={}, steal_s=0, throttled=0, mhz=None, ours_s=0)
    later = replace(quiet, at=2, busy_s={1: 2.0}, ours_s=2.0)
    assert {flag.name for flag in guards.judge(quiet, later, report)} == expected


@pytest.mark.parametrize(
    ("flag", "attempt", "reruns", "expected"),
    [
        ("neighbour", 0, 2, True),
        ("neighbour", 1, 2, True),
        ("neighbour", 2, 2, False),
        ("neighbour", 0, 0, False),
        ("client-stopped", 0, 1, True),
        ("stalled", 0, 2, False),
        ("client-limited", 0, 2, False),
        ("instrument", 0, 0, True),
        ("instrument", 1, 2, False),
    ],
)
def test_repetitions_are_bounded(flag: str, attempt: int, reruns: int, expected: bool) -> None:
    """What the machine did is measured again as often as the profile says; what the stack did is a result."""
    sample = Sample(Cell("a", "x", "hello"), 0, "", "ok", attempt, flags=[Flag(flag, "")])
    assert again(sample, reruns) is expected
