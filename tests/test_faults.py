"""Servers that keep their contract and fail afterwards, in whole runs: a row says so, and the others are measured."""

import os
import re
from pathlib import Path

import pytest

from bench.folder_lock import locked
from tests.broken_run import SHORT, Place, place

FAULTS = ["start-crash", "warm-crash", "measure-crash", "load-wrong", "load-hang", "leak", "fork", "port-once"]


@pytest.fixture(scope="module", params=[(), ("--turn-s", "0.05")], ids=["in one piece", "in turns"])
def faults(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """One run over all of them, and a good server; where tests run in several processes, the first makes it for all."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / f"faults{len(request.param)}"
    with locked(root.with_suffix(".lock")):
        if root.exists():
            return Place(root.resolve())
        made = place(root, [*FAULTS, "good"])
        done = made.call("bench", "run", *SHORT, *request.param)
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return made


@pytest.mark.parametrize(
    ("stack", "stages", "says"),
    [
        ("start-crash", {"start"}, r"ended at once \(exit 1\): fatal: no such luck"),
        ("warm-crash", {"warm-up"}, r"killed by SIGABRT\): fatal: the fixture crashed"),
        ("measure-crash", {"warm-up", "measure"}, r"killed by SIGSEGV"),
        ("load-hang", {"warm-up", "measure"}, r"of (\d+) requests \1 failed under load: \1 x timeout|no answer|gone"),
        ("load-wrong", {"measure"}, r"failed under load: .*W0rld"),
        ("leak", {"warm-up", "measure"}, r"took \d{3} MiB of memory; it may take 128 MiB"),
    ],
)
def test_a_failure_is_a_row_with_its_reason(faults: Place, stack: str, stages: set[str], says: str) -> None:
    """Crashes at start, in warm-up and under load, wrong answers, hangs, leaks: stage and reason are told."""
    row = faults.row(stack)
    assert (row.status, row.rps) == ("failed", None)
    assert row.stage in stages
    assert row.reason and re.search(says, row.reason), row.reason


def test_the_others_are_measured(faults: Place) -> None:
    """A good server among broken ones is measured, and the run is finished: nothing is left to be done."""
    assert faults.row("good").status == "ok"
    assert faults.summary().trust.finished


def test_children_that_outlive_their_server_are_ended_and_flagged(faults: Place) -> None:
    """It is measured, and its row says that a process was left over."""
    row = faults.row("fork")
    assert row.status == "ok"
    assert row.flags["stop"] == 1
    assert all("1 left over" in flag.detail for p in row.processes for flag in p.flags if flag.name == "stop")


def test_a_port_taken_between_check_and_start_costs_nothing(faults: Place) -> None:
    """The server that finds its port taken is started again on another: it is measured."""
    assert faults.row("port-once").status == "ok"
    starts = faults.root / "servers" / "port-once" / "starts"
    assert starts.stat().st_size == 3, "contract, a taken port, and another"


def test_no_process_is_left(faults: Place) -> None:
    """Whatever the servers did."""
    assert faults.left_over() == {}


def test_the_table_and_the_page_say_what_happened(faults: Place) -> None:
    """`python -m results` prints every reason; the report's page holds it too."""
    printed = faults.call("results", "latest")
    assert printed.returncode == 0, printed.stderr
    page = faults.root / "page.html"
    made = faults.call("reports", "latest", "--out", str(page))
    assert made.returncode == 0, made.stderr
    text = " ".join(printed.stdout.split())
    for words in ("fatal: no such luck", "killed by SIGABRT", "killed by SIGSEGV", "W0rld", "MiB of memory"):
        assert words in text
        assert words in page.read_text(encoding="utf-8")


def test_a_server_that_hangs_at_its_start_costs_a_bounded_time(tmp_path: Path) -> None:
    """Two time-outs, then it is given up on that runtime, with the reason in every later sample."""
    made = place(tmp_path, ["start-hang", "good"])
    done = made.call("bench", "run", *SHORT, "--blocks", "2", "--start-s", "3", "--workloads", "hello,json")
    assert done.returncode == 0, done.stderr
    hung = [sample for sample in made.samples("start-hang") if not sample.rejected]
    assert len(hung) == 4
    assert all((sample.status, sample.stage) == ("failed", "start") for sample in hung)
    reasons = [sample.reason or "" for sample in hung]
    assert sum("(waited 3 s)" in reason and "not started again" not in reason for reason in reasons) == 2
    given_up = "not started again: it did not come up 2 times: does not listen"
    assert sum(reason.startswith(given_up) for reason in reasons) == 2
    starts = made.root / "servers" / "start-hang" / "starts"
    assert starts.stat().st_size == 3, "contract, and two time-outs"
    assert (made.row("good").status, made.row("good", "json").status) == ("ok", "ok")
    assert made.left_over() == {}
