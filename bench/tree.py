"""A process tree's CPU time and memory, read from outside."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.memory import Mapped, of_tree
from bench.memory import read as read_memory


@dataclass(frozen=True)
class Reading:
    """A tree at one moment: CPU time since its start (s), processes, threads.

    `pss_bytes` is its proportional set size as bench/memory.py has it, None where it was not asked for.
    """

    at: float
    cpu_s: float
    pss_bytes: int | None
    processes: int
    threads: int


def members(pid: int) -> list[psutil.Process]:
    """The process and everything below it; empty when it is gone."""
    found = []
    pids = [pid]
    for each in pids:  # it grows meanwhile
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(each)
            found.append(process)
            pids += _children(process)
    return found


def _children(process: psutil.Process) -> list[int]:
    """Those that the process has started, by the kernel's own lists: one a thread.

    psutil looks at every process of the machine instead, which takes milliseconds of each turn.
    """
    children: list[int] = []
    lists = list(Path(f"/proc/{process.pid}/task").glob("*/children"))
    for of_thread in lists:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the thread has just ended
            children += map(int, of_thread.read_text(encoding="ascii").split())
    if not lists:  # a kernel without CONFIG_PROC_CHILDREN
        return [child.pid for child in process.children()]
    return children


def cpu_s(processes: list[psutil.Process]) -> float:
    """CPU time of processes and of the children they have already reaped, in seconds.

    The kernel's per-process CPU clock counts nanoseconds and includes threads that have ended; /proc/PID/stat counts
    ticks of 10 ms, 0.5 % of a window of 2 s, and is used only for reaped children.
    """
    total = 0.0
    for process in processes:
        try:
            total += time.clock_gettime((~process.pid << 3) | 2)  # the clock id of clock_getcpuclockid(3)
            times = process.cpu_times()
            total += times.children_user + times.children_system
        except (OSError, psutil.Error):
            continue
    return total


def read(pid: int, memory: bool = False) -> Reading:
    """Read a tree; memory costs some milliseconds, so only when asked for."""
    processes = members(pid)
    at = time.monotonic()
    used = cpu_s(processes)
    mapped: list[Mapped] = []
    threads = 0
    for process in processes:
        try:
            threads += process.num_threads()
            if memory:
                mapped.append(read_memory(process))
        except (OSError, psutil.Error):
            continue
    return Reading(at, used, of_tree(mapped) if mapped else None, len(processes), threads)


def rss_bytes(processes: list[psutil.Process]) -> int:
    """Resident memory, shared pages counted for each: cheap, for noticing a leak."""
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total
