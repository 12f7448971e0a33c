"""From a spec to a result: the one entry for programs."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator

from loadgen import exchange, idle, phases, processes, result, target
from loadgen.arrivals import intended
from loadgen.closed import ClosedLoop
from loadgen.course import Emit
from loadgen.errors import UsageError
from loadgen.open import OpenLoop
from loadgen.phases import Conductor
from loadgen.pool import Pool
from loadgen.result import Json, Part
from loadgen.spec import Spec
from loadgen.target import Target

SPARE_FILES = 64
GOODBYE_S = 1.0


def run(spec: Spec, emit: Emit) -> Json:
    """Run a load and return its result as `--json` writes it.

    Raises UsageError for what cannot be asked for, CannotRunError where there is nothing to report.
    """
    spec.check()
    where = target.parse(spec.url, allow_remote=spec.allow_remote)
    raise_file_limit(-(-(spec.idle or spec.connections) // spec.processes) + SPARE_FILES)
    if spec.idle:
        if spec.processes > 1:
            return idle.merge(spec, processes.run(spec, lambda one, who, tell: hold(one, where, tell, who), emit))
        return hold(spec, where, emit)
    if spec.processes > 1:
        return result.build(spec, processes.run(spec, lambda one, who, tell: measure(one, where, tell, who), emit))
    return result.build(spec, [measure(spec, where, emit)])


def measure(spec: Spec, where: Target, emit: Emit, conductor: Conductor | None = None) -> Part:
    """The load that this process makes."""
    pin(spec.cpus)
    loop = loop_of(spec, where)
    try:
        course = phases.run(spec, loop, emit, conductor)
        loop.say_goodbye(GOODBYE_S)
        return result.part_of(course, loop)
    finally:
        loop.close_all()


def hold(spec: Spec, where: Target, emit: Emit, conductor: Conductor | None = None) -> Json:
    """The idle connections that this process holds."""
    pin(spec.cpus)
    return idle.run(spec, where, emit, conductor)


def loop_of(spec: Spec, where: Target) -> Pool:
    """The loop that a spec asks for, not yet connected."""
    talk = exchange.build(spec, where)
    rate = spec.rate
    if rate is None:
        return ClosedLoop(
            where, talk, spec.connections, timeout_s=spec.timeout_s, spin_us=spec.spin_us, quickack=spec.quickack
        )

    def schedule(start: int) -> Iterator[int]:
        return intended(start, rate, spec.arrivals, spec.seed)

    return OpenLoop(
        where, talk, spec.connections, schedule, timeout_s=spec.timeout_s, spin_us=spec.spin_us, quickack=spec.quickack
    )


def pin(cpus: tuple[int, ...]) -> None:
    """Run on these CPUs only, on any where none is given. Raises UsageError where that is not possible."""
    if not cpus:
        return
    try:
        os.sched_setaffinity(0, cpus)
    except (OSError, ValueError) as error:
        have = ",".join(map(str, sorted(os.sched_getaffinity(0))))
        raise UsageError(f"--cpu {','.join(map(str, cpus))}: {error}; this process may use CPUs {have}") from None


def raise_file_limit(need: int) -> None:
    """Raise the limit of open files to `need`. Raises UsageError naming the limit where that is not allowed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= need:
        return
    enough = hard == resource.RLIM_INFINITY or hard >= need
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard if enough else need))
    except (OSError, ValueError):  # only root may raise the hard limit, and up to fs.nr_open
        raise UsageError(
            f"{need} open files are needed, the hard limit is {hard}: raise it (ulimit -Hn {need} as root, or nofile "
            "in /etc/security/limits.conf), use fewer connections, or share them among --processes"
        ) from None
