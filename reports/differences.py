"""What keeps two runs from being compared, and what a reader of their comparison must know.

Another machine, or settings by which something else was measured, and a ratio of two figures means nothing: refused.
Sources, interpreters and packages belong to the specification too, but they are what one compares: told. So is what
changes only the precision, like the number of blocks, and what a person may have set on the same machine.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reports.names import runtime_name
from results.schema import Run
from results.spec import machine_differences, precision_differences, setting_differences, tuning_differences

NAMED = 3
"""So many of a kind are named, the others counted."""


@dataclass(frozen=True)
class Differences:
    """Sentences: those for which a comparison is refused, and those that are only told."""

    refused: list[str]
    told: list[str]


def differences(a: Run, b: Run) -> Differences:
    """Return what differs between two runs, A's side first."""
    refused = [
        *listed("the machines differ", machine_differences(a.machine, b.machine)),
        *listed("they were measured differently", setting_differences(a, b)),
    ]
    told = [
        *listed("the machines differ", tuning_differences(a.machine, b.machine)),
        *listed("their precision differs", precision_differences(a, b)),
        *listed("the source differs", _sources(a, b)),
        *_interpreters(a, b),
        *listed("packages differ", dict.fromkeys(_packages(a, b))),
    ]
    commits = [str(run.suite.get("commit") or "not known") for run in (a, b)]
    if commits[0] != commits[1]:
        told.append(f"the suite's commits differ: {commits[0][:12]} and {commits[1][:12]}")
    return Differences(refused, told)


def listed(what: str, phrases: Iterable[str]) -> Iterator[str]:
    """One sentence of all phrases of a kind; none where there are none."""
    found = list(phrases)
    if found:
        more = f" (and {len(found) - NAMED} more)" if len(found) > NAMED else ""
        yield f"{what}: {'; '.join(found[:NAMED])}{more}"


def _sources(a: Run, b: Run) -> Iterator[str]:
    theirs = {stack.id: stack.files for stack in b.stacks}
    for stack in a.stacks:
        if stack.id in theirs and stack.files != theirs[stack.id]:
            yield stack.title


def _interpreters(a: Run, b: Run) -> Iterator[str]:
    theirs = {runtime.id: runtime for runtime in b.runtimes}
    for mine in a.runtimes:
        other = theirs.get(mine.id)
        if other is not None and (mine.version, mine.build) != (other.version, other.build):
            yield f"{runtime_name(mine.id)} is {mine.version} ({mine.build}) and {other.version} ({other.build})"


def _packages(a: Run, b: Run) -> Iterator[str]:
    """The packages of environments that both have. Most stand in several environments: the same phrase comes again."""
    theirs = {(e.stack, e.runtime): e.packages for e in b.environments if e.status == "ok"}
    for environment in a.environments:
        other = theirs.get((environment.stack, environment.runtime))
        if environment.status != "ok" or other is None:
            continue
        for name in sorted(environment.packages.keys() | other.keys()):
            if environment.packages.get(name) != other.get(name):
                yield f"{name} is {_version(environment.packages.get(name))} and {_version(other.get(name))}"


def _version(version: str | None) -> str:
    return version or "not installed"
