"""A process tree, read from outside."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench import tree

FAMILY = """
import os, subprocess, sys, threading, time
sleeper = [sys.executable, "-c", "import time; time.sleep(60)"]
parent = "import subprocess, sys; print('up', flush=True); subprocess.run(sys.argv[1:])"
started = threading.Event()

def of_thread():
    subprocess.Popen(sleeper)
    started.set()
    time.sleep(60)

threading.Thread(target=of_thread, daemon=True).start()
started.wait()
subprocess.Popen([sys.executable, "-c", parent, *sleeper]).wait()
"""


@pytest.fixture
def family() -> Iterator[int]:
    """A process with a child that a thread started, a child, and a grandchild."""
    process = subprocess.Popen([sys.executable, "-c", FAMILY], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        for _ in range(500):  # the grandchild comes a moment later
            if len(psutil.Process(process.pid).children(recursive=True)) == 3:
                break
            time.sleep(0.01)
        yield process.pid
    finally:
        for child in psutil.Process(process.pid).children(recursive=True):
            child.kill()
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()


def test_a_tree_has_everything_below_a_process(family: int) -> None:
    """Children of children and of threads too: the same that psutil finds among all processes."""
    everybody = psutil.Process(family).children(recursive=True)
    assert len(everybody) == 3
    assert {process.pid for process in tree.members(family)} == {family, *(child.pid for child in everybody)}


def test_a_kernel_without_lists_of_children_is_asked_by_psutil(family: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel keeps no lists, the answer is the same."""
    wanted = {process.pid for process in tree.members(family)}
    monkeypatch.setattr(Path, "glob", lambda *_: iter(()))
    assert {process.pid for process in tree.members(family)} == wanted
    assert len(wanted) == 4


def test_a_process_that_is_gone_has_no_members() -> None:
    """Nothing is an answer, not an error."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    assert tree.members(process.pid) == []
