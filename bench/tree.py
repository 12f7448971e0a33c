"""A process tree's CPU time and memory, read from outside."""

from __future__ import annotations

import time
from dataclasses import dataclass

import psutil


@dataclass(frozen=True)
class Reading:
    """A tree at one moment: CPU time since its start (s), proportional set size (bytes), processes, threads."""

    at: float
    cpu_s: float
    pss_bytes: int | None
    processes: int
    threads: int


def members(pid: int) -> list[psutil.Process]:
    """The process and everything below it; empty when it is gone."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


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
    pss: int | None = None
    threads = 0
    for process in processes:
        try:
            threads += process.num_threads()
            if memory:
                pss = (pss or 0) + process.memory_full_info().pss
        except psutil.Error:
            continue
    return Reading(at, used, pss, len(processes), threads)


def rss_bytes(processes: list[psutil.Process]) -> int:
    """Resident memory, shared pages counted for each: cheap, for noticing a leak."""
    total = 0
    for process in processes:
        try:
            total += process.memory_info().rss
        except psutil.Error:
            continue
    return total
