"""Facts about the machine and the suite: one small function per fact; an absent fact is left out, not invented."""

from __future__ import annotations

import os
import platform
import resource
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import psutil

from bench.paths import ROOT

Fact = str | int | float | bool | list[str | int] | None


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(encoding="utf-8").strip()
    except OSError:
        return None


def _cpu_model() -> Fact:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or None


def _hypervisor() -> Fact:
    flags = _read("/proc/cpuinfo") or ""
    if " hypervisor" not in flags:
        return "none"
    return _read("/sys/class/dmi/id/sys_vendor") or "yes"


def _distribution() -> Fact:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME")
    except OSError:
        return None


def _governor() -> Fact:
    return _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")


def _turbo() -> Fact:
    no_turbo = _read("/sys/devices/system/cpu/intel_pstate/no_turbo")
    boost = _read("/sys/devices/system/cpu/cpufreq/boost")
    if no_turbo is not None:
        return no_turbo == "0"
    return None if boost is None else boost == "1"


def _smt() -> Fact:
    active = _read("/sys/devices/system/cpu/smt/active")
    return None if active is None else active == "1"


def _siblings() -> Fact:
    found = {
        _read(str(path)) for path in Path("/sys/devices/system/cpu").glob("cpu[0-9]*/topology/thread_siblings_list")
    }
    return sorted(item for item in found if item) or None


def _cgroup_cpu() -> Fact:
    return _read("/sys/fs/cgroup/cpu.max")


def _cgroup_memory() -> Fact:
    return _read("/sys/fs/cgroup/memory.max")


def _integer(path: str) -> Callable[[], Fact]:
    def fact() -> Fact:
        text = _read(path)
        return int(text) if text and text.lstrip("-").isdigit() else text

    return fact


def _port_range() -> Fact:
    text = _read("/proc/sys/net/ipv4/ip_local_port_range")
    return [int(part) for part in text.split()] if text else None


def _load() -> Fact:
    return round(os.getloadavg()[0], 2)


def _uptime() -> Fact:
    text = _read("/proc/uptime")
    return round(float(text.split()[0])) if text else None


FACTS: dict[str, Callable[[], Fact]] = {
    "cpu_model": _cpu_model,
    "cpus": os.cpu_count,
    "cpus_allowed": lambda: sorted(os.sched_getaffinity(0)),
    "cpu_siblings": _siblings,
    "smt": _smt,
    "governor": _governor,
    "turbo": _turbo,
    "hypervisor": _hypervisor,
    "architecture": platform.machine,
    "memory_bytes": lambda: psutil.virtual_memory().total,
    "swap_bytes": lambda: psutil.swap_memory().total,
    "kernel": platform.release,
    "distribution": _distribution,
    "libc": lambda: " ".join(platform.libc_ver()),
    "cgroup_cpu_max": _cgroup_cpu,
    "cgroup_memory_max": _cgroup_memory,
    "aslr": _integer("/proc/sys/kernel/randomize_va_space"),
    "autogroup": _integer("/proc/sys/kernel/sched_autogroup_enabled"),
    "somaxconn": _integer("/proc/sys/net/core/somaxconn"),
    "port_range": _port_range,
    "open_files_soft": lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[0],
    "open_files_hard": lambda: resource.getrlimit(resource.RLIMIT_NOFILE)[1],
    "load_average_1min": _load,
    "uptime_s": _uptime,
}


def facts() -> dict[str, Fact]:
    """All facts that this machine tells."""
    found: dict[str, Fact] = {}
    for name, fact in FACTS.items():
        try:
            value = fact()
        except (OSError, ValueError):
            continue
        if value is not None and value != "":
            found[name] = value
    return found


def suite() -> dict[str, str | bool | None]:
    """The suite's own version: git commit, whether it is dirty, and the client's interpreter."""

    def git(*words: str) -> str | None:
        done = subprocess.run(["git", "-C", str(ROOT), *words], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    try:
        commit, changes = git("rev-parse", "HEAD"), git("status", "--porcelain")
    except FileNotFoundError:
        commit = changes = None
    return {
        "commit": commit,
        "dirty": None if changes is None else bool(changes),
        "client_python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def now() -> str:
    """The time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def cores() -> tuple[list[int], list[int]]:
    """Cores for the server and for the client: disjoint where there are two.

    The server gets one core; SMT siblings of it are left idle where the machine has enough others.
    """
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) == 1:
        return allowed, allowed
    server = allowed[0]
    text = _read(f"/sys/devices/system/cpu/cpu{server}/topology/thread_siblings_list") or str(server)
    siblings = set(_expand(text))
    others = [core for core in allowed[1:] if core not in siblings] or allowed[1:]
    return [server], others


def _expand(text: str) -> list[int]:
    """A kernel list of CPUs, "0,4-6", as numbers."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found += range(int(first), int(last or first) + 1)
    return found
