"""What a run measured and on which machine: what must be equal before two runs are put together or compared.

The **machine** is its processors, memory, kernel and hypervisor. The **specification** is what was measured and how:
the servers' sources, the interpreters' builds, the installed packages, the plan's settings. How many blocks there are
is not part of it: more blocks are more of the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from results.schema import Run

SAME_MACHINE = ("cpu_model", "cpus", "cpus_allowed", "memory_bytes", "architecture", "kernel", "hypervisor")
"""The facts that make a machine the same; others, like its load, are its state."""

NOT_SPECIFIED = {"blocks", "until", "reruns"}
"""Settings that say how often something is measured, not what."""


def machine(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts by which a machine is recognised; absent ones are None."""
    return {name: facts.get(name) for name in SAME_MACHINE}


def machine_differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[str]:
    """What makes it another machine, as phrases. A fact that one side does not tell is no difference."""
    one, other = machine(a), machine(b)
    for name in SAME_MACHINE:
        if None not in (one[name], other[name]) and one[name] != other[name]:
            yield f"{name.replace('_', ' ')} is {one[name]} and {other[name]}"


def settings(run: Run) -> dict[str, Any]:
    """The plan's settings that are part of the specification."""
    return {name: value for name, value in sorted(run.plan.settings.items()) if name not in NOT_SPECIFIED}


def spec_differences(a: Run, b: Run) -> Iterator[str]:
    """What makes it another specification, as phrases; stacks and runtimes that only one side has are named too."""
    mine, theirs = settings(a), settings(b)
    for name in sorted(mine.keys() | theirs.keys()):
        if mine.get(name) != theirs.get(name):
            yield f"{name.replace('_', ' ')} is {mine.get(name)} and {theirs.get(name)}"
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
