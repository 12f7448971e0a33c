"""Which cells are measured together, in turns: those that a reader compares. Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from results.schema import Cell

T = TypeVar("T")

MEMBERS = 12
"""Members of a group at most: each keeps a server process, and rests while the others have their turns, at this number
still for less than the two seconds after which the first of them (gunicorn) close an idle connection."""


@dataclass(frozen=True)
class Job:
    """A block and a cell that remain to be measured."""

    block: int
    cell: Cell


def order(possible: Iterable[Cell], rng: random.Random) -> list[Cell]:
    """All cells in random order, but those of a runtime and workload next to each other in groups of random members."""
    drawn = sorted(possible)
    rng.shuffle(drawn)
    drawn.sort(key=_kind)  # a stable sort: within a kind the order stays random
    drawn_groups = [group for _, same in itertools.groupby(drawn, key=_kind) for group in _divided(list(same))]
    rng.shuffle(drawn_groups)
    return [cell for group in drawn_groups for cell in group]


def groups(jobs: Sequence[Job], turns: bool) -> list[list[Job]]:
    """The jobs of a block in groups that are measured together: one cell each where there are no turns."""
    if not turns:
        return [[job] for job in jobs]
    same_kind = itertools.groupby(jobs, key=lambda job: (job.block, *_kind(job.cell)))
    return [group for _, same in same_kind for group in _divided(list(same))]


def _divided(members: Sequence[T]) -> Iterator[list[T]]:
    """Groups as even in size as can be: thirteen make seven and six, not twelve and a loner."""
    count = -(-len(members) // MEMBERS)
    for number in range(count):
        yield list(members[len(members) * number // count : len(members) * (number + 1) // count])


def _kind(cell: Cell) -> tuple[str, str]:
    return cell.runtime, cell.workload
