"""What a run measured and on which machine: what must be equal before two runs are put together or compared.

The **machine** is its processors, memory, kernel and hypervisor. The **specification** is what was measured and how:
the servers' sources, the interpreters' builds, the installed packages, the plan's settings. How many blocks there are
is not part of it: more blocks are more of the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from results.schema import Run

SAME_MACHINE = ("cpu_model", "cpus", "cpus_allowed", "memory_bytes", "architecture", "kernel", "hypervisor")
"""The facts that make a machine the same; others are its tuning or its state."""

STATE = ("load_average_1min", "uptime_s")
"""Facts of the moment: they differ between any two runs."""

NOT_SPECIFIED = {"blocks", "until", "reruns"}
"""Settings that say how often something is measured, not what."""


def machine(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts by which a machine is recognised; absent ones are None."""
    return {name: facts.get(name) for name in SAME_MACHINE}


def machine_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    """What makes it another machine, as phrases. A fact that one side does not tell is no difference."""
    yield from _facts(machine(a), machine(b), SAME_MACHINE)


def tuning_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    """What a person may have set otherwise on the same machine (the governor, limits, libraries), as phrases."""
    yield from _facts(a, b, sorted((a.keys() & b.keys()) - {*SAME_MACHINE, *STATE}))


def _facts(a: Mapping[str, Any], b: Mapping[str, Any], names: Iterable[str]) -> Iterator[str]:
    for name in names:
        if None not in (a[name], b[name]) and a[name] != b[name]:
            yield f"{name.replace('_', ' ')} is {a[name]} and {b[name]}"


def settings(run: Run) -> dict[str, Any]:
    """The plan's settings that are part of the specification."""
    return {name: value for name, value in sorted(run.plan.settings.items()) if name not in NOT_SPECIFIED}


def setting_differences(a: Run, b: Run) -> Iterator[str]:
    """The settings by which something else was measured, as phrases."""
    yield from _settings(settings(a), settings(b))


def precision_differences(a: Run, b: Run) -> Iterator[str]:
    """The settings by which the same was measured more or less often, as phrases."""
    mine, theirs = (
        {name: value for name, value in run.plan.settings.items() if name in NOT_SPECIFIED} for run in (a, b)
    )
    yield from _settings(mine, theirs)


def _settings(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(a.keys() | b.keys()):
        if a.get(name) != b.get(name):
            yield f"{name.replace('_', ' ')} is {_said(a.get(name))} and {_said(b.get(name))}"


def _said(value: object) -> str:
    return "not set" if value is None else str(value)


def spec_differences(a: Run, b: Run) -> Iterator[str]:
    """What makes it another specification, as phrases; stacks and runtimes that only one side has are named too."""
    yield from setting_differences(a, b)
    yield from _named("the sources of", {s.id: s.files for s in a.stacks}, {s.id: s.files for s in b.stacks})
    yield from _named("the build of", {r.id: r.build for r in a.runtimes}, {r.id: r.build for r in b.runtimes})
    packages = [{f"{e.stack} on {e.runtime}": e.packages for e in run.environments} for run in (a, b)]
    yield from _named("the packages of", *packages)
    cells = [{str(cell) for block in run.plan.blocks for cell in block} for run in (a, b)]
    for cell in sorted(cells[0] ^ cells[1]):
        yield f"only one of them measures {cell}"


def _named(what: str, a: Mapping[str, object], b: Mapping[str, object]) -> Iterator[str]:
    for name in sorted(a.keys() | b.keys()):
        if name not in a or name not in b:
            yield f"only one of them has {name}"
        elif a[name] != b[name]:
            yield f"{what} {name} differ"


def spec_hash(run: Run) -> str:
    """A specification in 16 digits of SHA-256 over its sorted JSON: equal for equal specifications."""
    parts = [
        settings(run),
        {stack.id: stack.files for stack in run.stacks},
        {runtime.id: runtime.build for runtime in run.runtimes},
        {f"{e.stack} on {e.runtime}": e.packages for e in run.environments},
        sorted({str(cell) for block in run.plan.blocks for cell in block}),
    ]
    return hashlib.sha256(msgspec.json.encode(parts, order="sorted")).hexdigest()[:16]
