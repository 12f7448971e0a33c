"""The events that a driving program reads, and how the client ends with it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from tests.loadgen.conftest import ROOT, loadgen, wait_for


def test_the_order_of_events(null_port: int) -> None:
    """connected, windows of the warm-up, measure, windows, measured, result; times grow and lie in the run."""
    before = time.monotonic()
    done = loadgen(f"http://127.0.0.1:{null_port}/", "-c", 2, "-d", 0.3, "--warmup", 0.2, "--window", 0.1, "--events")
    after = time.monotonic()
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [e["event"] for e in events] == [
        "connected", "window", "window", "measure", "window", "window", "window", "measured", "result"
    ]  # fmt: skip
    times = [e["t"] for e in events[:-1]]
    assert [before, *times, after] == sorted([before, *times, after])
    assert [e["window"]["phase"] for e in events if e["event"] == "window"] == ["warm-up"] * 2 + ["measure"] * 3
    assert events[3]["steady"] is None
    windows = events[-1]["result"]["windows"]
    assert [w["requests"] for w in windows] == [e["window"]["requests"] for e in events if e["event"] == "window"]
    assert done.returncode == 0


def test_a_rule_ends_the_warm_up(null_port: int) -> None:
    """With --warmup-max the verdict of the rule is told, at the latest when the cap is reached."""
    done = loadgen(
        f"http://127.0.0.1:{null_port}/", "-c", 2, "-d", 0.1, "--warmup", 0.1, "--warmup-max", 0.5, "--window", 0.1,
        "--events",
    )  # fmt: skip
    events = [json.loads(line) for line in done.stdout.splitlines()]
    measure = next(e for e in events if e["event"] == "measure")
    result = events[-1]["result"]
    assert measure["steady"] is False  # half a second can hold no two samples of two seconds each
    assert result["steady"] is False
    assert 0.4 < result["warmup_s"] < 5
    assert result["warmup_requests"] > 10


def test_a_minimum_of_requests(null_port: int) -> None:
    """The warm-up lasts until so many requests are done."""
    done = loadgen(
        f"http://127.0.0.1:{null_port}/", "-c", 2, "-d", 0.1, "--warmup-requests", 3000, "--window", 0.05, "--events"
    )
    result = json.loads(done.stdout.splitlines()[-1])["result"]
    assert result["warmup_requests"] >= 3000
    assert result["steady"] is None


def test_an_error_is_an_event(null_port: int) -> None:
    """What cannot be done is told on standard output too, and the exit code is 2."""
    done = loadgen(f"ws://127.0.0.1:{null_port}/", "--events", "-d", 1)
    event = json.loads(done.stdout.splitlines()[-1])
    assert event["event"] == "error"
    assert "not 101" in event["message"]
    assert done.returncode == 2


def test_it_ends_when_nobody_reads(null_port: int) -> None:
    """The pipe's other end closed: the client is gone at the next window, not after its hour."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "loadgen",
            f"http://127.0.0.1:{null_port}/",
            "-d",
            "3600",
            "--window",
            "0.1",
            "--events",
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(20) == 2


def test_it_ends_with_its_parent(null_port: int) -> None:
    """A parent killed without a word takes the client with it."""
    code = (
        "import subprocess,sys,time;"
        f"p=subprocess.Popen([sys.executable,'-m','loadgen','http://127.0.0.1:{null_port}/','-d','3600','--window','3000',"
        "'--events'],stdout=subprocess.PIPE);p.stdout.readline();print(p.pid,flush=True);time.sleep(600)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()

    def ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    try:
        wait_for(ended)
    except AssertionError:
        os.kill(pid, 9)
        raise
