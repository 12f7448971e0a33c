"""What on this machine makes results worse, and what would help. Advice only: nothing is changed."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from bench.hidden import Wander, look
from bench.machine import Fact, cores, facts

WANDERS = 0.10
"""Where the same work's time wanders by more than this, somebody else uses the caches or the cores."""

Weight = Literal["good", "note", "bad"]


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is, and what would help where it is not good."""

    what: str
    weight: Weight
    found: str
    remedy: str = ""


@dataclass(frozen=True)
class Observation:
    """What watching showed: shares of one core, except steal, which is of all cores."""

    busy: float
    steal: float
    busiest: tuple[tuple[str, float], ...]
    stall_us: float
    wander: Wander


def watch(seconds: float = 1.0) -> Observation:
    """Watch the machine for a while, and how late a sleeper is woken (99th percentile, in microseconds)."""
    processes = {}
    for process in psutil.process_iter(["name"]):
        try:
            times = process.cpu_times()
            processes[process.pid] = (process, times.user + times.system)
        except psutil.Error:
            continue
    before = psutil.cpu_times()
    began = time.monotonic()
    late = []
    while time.monotonic() - began < seconds:
        due = time.perf_counter() + 0.001
        time.sleep(0.001)
        late.append((time.perf_counter() - due) * 1e6)
    after = psutil.cpu_times()
    wall = time.monotonic() - began
    used = []
    for pid, (process, start) in processes.items():
        try:
            times = process.cpu_times()
            if pid != os.getpid():
                used.append((process.info["name"], (times.user + times.system - start) / wall))
        except psutil.Error:
            continue
    busy = sum(getattr(after, key) - getattr(before, key) for key in ("user", "system", "nice", "irq", "softirq"))
    steal = (getattr(after, "steal", 0) - getattr(before, "steal", 0)) / wall / (os.cpu_count() or 1)
    busiest = tuple(sorted((item for item in used if item[1] > 0.02), key=lambda item: -item[1])[:3])
    return Observation(busy / wall, steal, busiest, sorted(late)[int(len(late) * 0.99)], look())


def diagnose(machine: Mapping[str, Fact], seen: Observation, split: tuple[list[int], list[int]]) -> Iterator[Finding]:
    """Everything there is to say, from facts and from what was seen. Pure."""
    yield from _cores(machine, split)
    yield from _clock(machine)
    if seen.steal > 0.01:
        yield Finding(
            "steal", "bad", f"{seen.steal:.1%} of the processors", "use a machine that is not shared, or wait"
        )
    else:
        yield Finding("steal", "good", f"{seen.steal:.1%} of the processors")
    if seen.busy > 0.05:
        who = ", ".join(f"{name} {share:.0%}" for name, share in seen.busiest) or "kernel work"
        yield Finding("neighbours", "bad", f"{seen.busy:.0%} of a core is in use ({who})", "end these programs first")
    else:
        yield Finding("neighbours", "good", f"{seen.busy:.0%} of a core is in use")
    if seen.stall_us > 1000:
        yield Finding("wake-up", "note", f"a sleeper wakes {seen.stall_us:.0f} us late (p99)", "a quieter machine")
    else:
        yield Finding("wake-up", "good", f"a sleeper wakes {seen.stall_us:.0f} us late (p99)")
    yield from _hidden(seen.wander)
    if machine.get("hypervisor") not in {None, "none"}:
        yield Finding(
            "hypervisor", "note", f"a virtual machine ({machine['hypervisor']})", "quote ratios, not absolute figures"
        )
    yield from _limits(machine)


def _hidden(wander: Wander) -> Iterator[Finding]:
    found = (
        f"the same work takes up to {wander.reading:.0%} longer where it reads memory, {wander.computing:.0%} where not"
    )
    if wander.reading > WANDERS or wander.computing > WANDERS:
        remedy = "measure in turns (--turn-s, which all profiles but smoke do), or on a machine of your own"
        yield Finding("hidden guests", "note", found, remedy)
    else:
        yield Finding("hidden guests", "good", found)


def _cores(machine: Mapping[str, Fact], split: tuple[list[int], list[int]]) -> Iterator[Finding]:
    server, client = split
    if set(server) & set(client):
        yield Finding("cores", "bad", "server and client share one core", "allow two cores (taskset, cgroup, VM size)")
    else:
        yield Finding("cores", "good", f"server on {server}, client on {client}")
    if machine.get("smt") is True and machine.get("cpus") == 2:
        yield Finding("SMT", "bad", "both CPUs are threads of one core", "a machine with two real cores")
    quota = machine.get("cgroup_cpu_max")
    if isinstance(quota, str) and not quota.startswith("max"):
        yield Finding("cgroup", "bad", f"CPU time is limited ({quota})", "lift the container's CPU limit")


def _clock(machine: Mapping[str, Fact]) -> Iterator[Finding]:
    governor = machine.get("governor")
    if governor is None:
        yield Finding(
            "governor", "note", "the machine does not tell", "nothing to be done from inside a virtual machine"
        )
    elif governor == "performance":
        yield Finding("governor", "good", "performance")
    else:
        yield Finding("governor", "bad", str(governor), "as root: cpupower frequency-set -g performance")
    if machine.get("turbo") is True:
        yield Finding(
            "turbo", "note", "on: the clock depends on temperature", "turn boost off in /sys/devices/system/cpu"
        )


def _limits(machine: Mapping[str, Fact]) -> Iterator[Finding]:
    hard = machine.get("open_files_hard")
    if isinstance(hard, int) and hard != resource.RLIM_INFINITY and hard < 4096:
        yield Finding("open files", "bad", f"at most {hard}", "raise the hard limit: ulimit -Hn, limits.conf")
    else:
        yield Finding("open files", "good", "no limit" if hard == resource.RLIM_INFINITY else f"up to {hard}")
    backlog = machine.get("somaxconn")
    if isinstance(backlog, int) and backlog < 1024:
        yield Finding("somaxconn", "note", str(backlog), "as root: sysctl net.core.somaxconn=4096")
    free = psutil.disk_usage(str(Path(__file__).parent)).free
    if free < 2 * 2**30:
        yield Finding("disk", "bad", f"{free / 2**30:.1f} GiB free", "environments need about 2 GiB")
    else:
        yield Finding("disk", "good", f"{free / 2**30:.0f} GiB free")


def examine(look: Callable[[], Observation] = watch) -> list[Finding]:
    """Look at this machine."""
    return list(diagnose(facts(), look(), cores()))
