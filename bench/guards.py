"""Was the machine quiet, was the client the limit? What makes a measured window doubtful, and why.

`take` reads counters; `judge` decides, purely, from two readings.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from results.schema import Flag, Load

STEAL = 0.01
NEIGHBOUR = 0.05
FREQUENCY = 0.05
CLIENT_BUSY = 0.70
LONG_WINDOW = 1.6  # a last window is up to one and a half times as long as the others
STANDSTILL = 0.05


@dataclass(frozen=True)
class Counters:
    """Counters of the whole machine at one moment, in seconds, all CPUs together.

    `busy_s` is the CPU time of each process by its pid, from the scheduler's clocks. /proc/stat would be one number,
    but a wrong one: many kernels charge a whole tick to whoever runs when it comes, and a server that is stalled by
    delayed acknowledgements is woken by just these ticks: gevent's pywsgi, 5 % busy, counted as 130 %.
    The kernel's CPU pressure is not among them: it also counts the threads of one server that wait for each other.
    """

    at: float
    busy_s: Mapping[int, float]
    steal_s: float
    throttled: int | None
    mhz: float | None
    ours_s: float


def take(at: float, ours_s: float) -> Counters:
    """Read the machine's counters. `ours_s` is the CPU time that the server, the client and bench have used so far."""
    steal = getattr(psutil.cpu_times(), "steal", 0.0)
    return Counters(at, _by_process(), steal, _throttled(), _mhz(), ours_s)


def _by_process() -> dict[int, float]:
    """CPU time of every process that is there now; a microsecond each."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - names, a hundred times, while something is measured
        if name.isdigit() and (pid := int(name)) not in _interrupt_threads():
            with contextlib.suppress(OSError):
                found[pid] = time.clock_gettime((~pid << 3) | 2)  # the clock id of clock_getcpuclockid(3)
    return found


@functools.cache
def _interrupt_threads() -> frozenset[int]:
    """The kernel's threads that handle the traffic of our own load when there is much of it."""
    found = set()
    for path in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if path.read_text(encoding="utf-8").startswith("ksoftirqd"):
                found.add(int(path.parent.name))
    return frozenset(found)


def _throttled() -> int | None:
    try:
        for line in Path("/sys/fs/cgroup/cpu.stat").read_text(encoding="utf-8").splitlines():
            if line.startswith("nr_throttled "):
                return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return None


def _mhz() -> float | None:
    try:
        text = Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_cur_freq").read_text(encoding="utf-8")
        return int(text) / 1000
    except (OSError, ValueError):
        return None


def together(stretches: Sequence[tuple[Counters, Counters]]) -> tuple[Counters, Counters]:
    """Two readings that are as far apart as those of all stretches (one or more) are in sum."""
    first, last = stretches[0][0], stretches[-1][1]
    throttled = [
        after.throttled - before.throttled
        for before, after in stretches
        if before.throttled is not None and after.throttled is not None
    ]
    return (
        Counters(0.0, {}, 0.0, 0 if throttled else None, first.mhz, 0.0),
        Counters(
            at=sum(after.at - before.at for before, after in stretches),
            busy_s={0: sum(_used(before, after) for before, after in stretches)},
            steal_s=sum(after.steal_s - before.steal_s for before, after in stretches),
            throttled=sum(throttled) if throttled else None,
            mhz=last.mhz,
            ours_s=sum(after.ours_s - before.ours_s for before, after in stretches),
        ),
    )


def _used(before: Counters, after: Counters) -> float:
    """CPU time (s) of all processes in between: of those that ended nothing, of those that began all."""
    return sum(max(0.0, now - before.busy_s.get(pid, 0.0)) for pid, now in after.busy_s.items())


def judge(before: Counters, after: Counters, load: Load | None, cores_shared: bool = False) -> list[Flag]:
    """Every reason to doubt what was measured between two readings.

    Shares are of one core over the wall time in between, except steal, which is of all cores.
    """
    wall = after.at - before.at
    if wall <= 0:
        return [Flag("clock", "the readings are not in order; nothing can be said of the machine")]
    flags = []
    steal = (after.steal_s - before.steal_s) / wall / (os.cpu_count() or 1)
    if steal > STEAL:
        flags.append(Flag("steal", f"the hypervisor took {steal:.1%} of the processors"))
    others = (_used(before, after) - (after.ours_s - before.ours_s)) / wall
    # The two readings of our own processes are some milliseconds apart.
    if others > NEIGHBOUR + 0.02 / wall:
        flags.append(Flag("neighbour", f"other processes used {others:.0%} of a core"))
    if before.throttled is not None and after.throttled is not None and after.throttled > before.throttled:
        flags.append(Flag("throttled", f"the cgroup's CPU limit was hit {after.throttled - before.throttled} times"))
    if before.mhz and after.mhz and abs(after.mhz / before.mhz - 1) > FREQUENCY:
        flags.append(Flag("frequency", f"the clock went from {before.mhz:.0f} to {after.mhz:.0f} MHz"))
    if cores_shared:
        flags.append(Flag("shared-core", "server and client had to share one core"))
    if load is not None:
        flags += [*_client(load), *_standstill(load)]
    return flags


def _client(load: Load) -> list[Flag]:
    """Was the client the limit? Time in which it waited for its core is time that it did not have to spare."""
    busy, starved = (_share(load.client.get(name)) for name in ("busy", "starved"))
    if busy >= CLIENT_BUSY:
        return [Flag("client-limited", f"the client worked {busy:.0%} of the time: the server may be faster")]
    if busy + starved >= CLIENT_BUSY:
        why = (
            f"the client worked {busy:.0%} of the time and waited for its core {starved:.0%}: the server may be faster"
        )
        return [Flag("client-limited", why)]
    return []


def _share(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _standstill(load: Load) -> list[Flag]:
    """Did one side stand still? The client ends its windows by the clock: one that is too long is its own doing.

    A window without an answer is the server's doing then, or that of whoever stopped it.
    """
    nominal = _share(load.settings.get("window_s"))
    windows = [window for window in load.windows if window.phase == "measure"]
    if nominal <= 0 or not windows:
        return []
    flags = []
    if "overrun_s" in load.extra:  # turns end with the last answer, and it is the client that tells what it overran
        lost = _share(load.extra["overrun_s"])
    else:
        lost = sum(window.duration_s - nominal for window in windows if window.duration_s > LONG_WINDOW * nominal)
    if lost > STANDSTILL * load.duration_s:
        flags.append(Flag("client-stopped", f"the client did not run for {lost:.2f} s"))
        flags.append(Flag("client-limited", f"the client did not run for {lost:.2f} s: the server may be faster"))
    silent = sum(window.duration_s for window in windows if window.requests == 0 and window.duration_s > nominal / 2)
    if silent and load.requests:
        flags.append(Flag("stalled", f"nothing was answered for {silent:.2f} s of {load.duration_s:.2f} s"))
    return flags
