"""The plan: which cells, in which order. Pure: the same input gives the same plan."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence

from bench import groups
from bench.catalog import Stack
from bench.profile import Profile
from results.schema import Cell, Missing, Plan

DEFAULT_WORKLOADS = ("hello", "json", "echo")

# What a cell costs beside its load, in seconds: start, first answer, connections, stop. From runs on two cores;
# only the estimate of the time left stands on it, and that is corrected by what the run itself takes.
OVERHEAD_S = {"cpython": 1.3, "pypy": 3.5}
CONTRACT_S = 2.5
TURNS = 1.2
"""What a measured part takes in turns: each ends only when all its answers have come, and is told to bench."""


def workloads_for(stacks: Iterable[Stack], wanted: Sequence[str] | None) -> list[str]:
    """Those asked for, or hello, json, echo, and `connect` where a stack keeps no connection open."""
    if wanted:
        return list(dict.fromkeys(wanted))
    closing = any(not stack.keep_alive for stack in stacks)
    return [*DEFAULT_WORKLOADS, *(["connect"] if closing else [])]


def cells(
    stacks: Iterable[Stack], runtimes: Iterable[str], workloads: Sequence[str]
) -> tuple[list[Cell], list[Missing]]:
    """Every cell that can be measured, and why the others cannot."""
    possible: list[Cell] = []
    missing: list[Missing] = []
    runtimes = list(runtimes)
    for stack in stacks:
        for runtime in runtimes:
            reason = stack.unsupported(runtime)
            if reason is not None:
                missing.append(Missing(reason, stack.id, runtime))
                continue
            for workload in workloads:
                if workload not in stack.workloads:
                    continue
                reason = stack.unsupported_workload(runtime, workload)
                if reason is not None:
                    missing.append(Missing(reason, stack.id, runtime, workload))
                else:
                    possible.append(Cell(stack.id, runtime, workload))
    return possible, missing


def make(possible: Sequence[Cell], profile: Profile, name: str, seed: int) -> Plan:
    """Blocks, each a shuffle of its own of all cells (a randomised complete block design)."""
    settings = {key: getattr(profile, key) for key in profile.__struct_fields__ if key != "summary"}
    blocks = [_block(possible, seed, number, profile.turn_s > 0) for number in range(profile.blocks)]
    return Plan(name, seed, blocks, settings)


def _block(possible: Iterable[Cell], seed: int, number: int, turns: bool) -> list[Cell]:
    """All cells in the order that the seed gives the block of this number; with turns, those of a group together."""
    rng = random.Random(f"{seed}/{number}")
    if turns:
        return groups.order(possible, rng)
    block = sorted(possible)
    rng.shuffle(block)
    return block


def extend(plan: Plan, more: int) -> Plan:
    """The plan with more blocks of the same cells: those that it would have had, had they been asked for at once."""
    cells_ = {cell for block in plan.blocks for cell in block}
    first = len(plan.blocks)
    turns = bool(plan.settings.get("turn_s"))
    added = [_block(cells_, plan.seed, number, turns) for number in range(first, first + more)]
    return Plan(plan.profile, plan.seed, plan.blocks + added, {**plan.settings, "blocks": first + more})


def expected_s(cell: Cell, profile: Profile) -> float:
    """How long a cell takes, in seconds, before anything of the run is known."""
    least, most = profile.warmup(cell.runtime)
    return OVERHEAD_S[cell.runtime[:4] if cell.runtime.startswith("pypy") else "cpython"] + (
        (least + most) / 2 + profile.measure_s * (TURNS if profile.turn_s else 1) + profile.after_s()
    )


def expected_by_runtime(cells_: Iterable[Cell], profile: Profile) -> dict[str, float]:
    """How long cells take together, in seconds: for each runtime, since one guess may be further off than another."""
    expected: dict[str, float] = defaultdict(float)
    for cell in cells_:
        expected[cell.runtime] += expected_s(cell, profile)
    return expected
