"""A tree's memory: what it has, whoever else has the same files."""

import subprocess
import sys
import time
from contextlib import ExitStack

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import tree
from bench.memory import Mapped, of_tree

mapped = st.builds(Mapped, st.integers(0, 1 << 30), st.dictionaries(st.sampled_from("abc"), st.integers(0, 1 << 20)))


@given(st.lists(mapped, min_size=1), mapped)
def test_files_count_once_and_everything_else_for_each(processes: list[Mapped], more: Mapped) -> None:
    """A further process adds what is its own, and of files only what no other has; the order does not matter."""
    before, after = of_tree(processes), of_tree([*processes, more])
    assert before + more.own <= after <= before + more.own + sum(more.files.values())
    assert of_tree([more, *reversed(processes)]) == after
    same = Mapped(0, processes[0].files)
    assert of_tree([*processes, same]) == before


def memory_of(process: subprocess.Popen[bytes]) -> int:
    """What the suite says of it."""
    found = tree.read(process.pid, memory=True).pss_bytes
    assert found is not None
    return found


def test_another_process_on_the_same_interpreter_changes_nothing() -> None:
    """PSS as the kernel has it falls by the interpreter's pages; this does not."""
    code = "import asyncio, time\nprint('up', flush=True)\ntime.sleep(60)"
    with ExitStack() as stack:
        started = []
        figures = []
        for _ in range(3):
            process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
            stack.callback(process.stdout.close if process.stdout else lambda: None)
            stack.callback(process.wait)
            stack.callback(process.kill)
            assert process.stdout is not None
            assert process.stdout.readline() == b"up\n"
            time.sleep(0.2)  # until it sleeps
            started.append(process)
            figures.append(memory_of(started[0]))
    assert figures[2] == pytest.approx(figures[0], rel=0.01)
    assert figures[0] > 5e6


def test_workers_share_what_they_have_from_their_parent() -> None:
    """A child that was forked adds little: its parent's pages are divided between the two, and files count once."""
    code = """
import os, time
ballast = os.urandom(64 << 20)
if os.fork() == 0:
    time.sleep(60)
print('up', flush=True)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        time.sleep(0.1)
        reading = tree.read(process.pid, memory=True)
        alone = psutil.Process(process.pid).memory_info().rss
    finally:
        for child in psutil.Process(process.pid).children():
            child.kill()
        process.kill()
        process.wait()
        if process.stdout:
            process.stdout.close()
    assert reading.processes == 2
    assert reading.pss_bytes == pytest.approx(alone, rel=0.1)
    assert (reading.pss_bytes or 0) > 64e6
