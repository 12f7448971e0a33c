"""How runtimes, workloads and stacks are called in a report, and where in the page they are."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_KINDS = {"cpython": "CPython", "pypy": "PyPy", "node": "Node"}
_RUNTIME = re.compile(r"(cpython|pypy|node)-?(\d[\w.]*)?")


class WorkloadName(NamedTuple):
    """A workload in words: its heading, what goes to and fro, and what is counted."""

    heading: str
    what: str
    unit: str
    units: str


WORKLOADS = {
    "hello": WorkloadName(
        "hello", "GET / answered with 13 bytes of text, connections kept open", "request", "requests"
    ),
    "json": WorkloadName(
        "json",
        "GET /json answered with an object serialised anew each time, connections kept open",
        "request",
        "requests",
    ),
    "echo": WorkloadName("echo", "a WebSocket message there and back", "message", "messages"),
    "connect": WorkloadName("connect", "hello with a new connection for each request", "request", "requests"),
}


def workload_name(workload: str) -> WorkloadName:
    """Return a workload's words; an unknown one is called by its own name."""
    return WORKLOADS.get(workload) or WorkloadName(workload, "", "request", "requests")


def runtime_kind(runtime: str) -> str:
    """Return cpython, pypy, node or other: what decides colour and shape."""
    found = _RUNTIME.fullmatch(runtime)
    return found[1] if found else "other"


def runtime_name(runtime: str) -> str:
    """Return a runtime's name for people: cpython3.13 -> CPython 3.13."""
    found = _RUNTIME.fullmatch(runtime)
    return f"{_KINDS[found[1]]} {found[2] or ''}".strip() if found else runtime


def short_versions(runtimes: Iterable[str]) -> dict[str, str]:
    """Map each runtime that shares its kind, and so colour and shape, with another one to its version."""
    ids = list(runtimes)
    kinds = [runtime_kind(runtime) for runtime in ids]
    found = (
        (runtime, _RUNTIME.fullmatch(runtime))
        for runtime, kind in zip(ids, kinds, strict=True)
        if kinds.count(kind) > 1
    )
    return {runtime: match[2] if match and match[2] else runtime for runtime, match in found}


def anchors(ids: Iterable[str]) -> dict[str, str]:
    """Give each stack a place in the page: letters, digits and dashes only, the same for the same list of ids."""
    taken: dict[str, str] = {}
    for name in ids:
        slug = "stack-" + (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60] or "x")
        unique, number = slug, 2
        while unique in taken.values():
            unique, number = f"{slug}-{number}", number + 1
        taken[name] = unique
    return taken
