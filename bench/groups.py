"""Which cells are measured together, in turns: those that a reader compares. Pure."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from results.schema import Cell

MEMBERS = 18
"""About as many members has a group at most. Each keeps a server process, and rests while the others have their turns:
at this number for about the two seconds after which the first of them (gunicorn) close an idle connection."""


@dataclass(frozen=True)
class Job:
    """A block and a cell that remain to be measured."""

    block: int
    cell: Cell


def order(possible: Iterable[Cell], rng: random.Random) -> list[Cell]:
    """All cells in random order, but those of a workload together, in the groups that `groups` finds again."""
    drawn = sorted(possible)
    rng.shuffle(drawn)
    drawn.sort(key=_workload)  # a stable sort: within a workload the order stays random
    alike = [list(_divided(list(same))) for _, same in itertools.groupby(drawn, key=_workload)]
    rng.shuffle(alike)
    return [cell for divided in alike for group in divided for cell in group]


def groups(jobs: Sequence[Job], turns: bool) -> list[list[Job]]:
    """The jobs of a block in groups that are measured together: one cell each where there are no turns."""
    if not turns:
        return [[job] for job in jobs]
    alike = itertools.groupby(jobs, key=lambda job: (job.block, _workload(job.cell)))
    return [
        [Job(block, cell) for cell in group]
        for (block, _), same in alike
        for group in _divided([job.cell for job in same])
    ]


def _divided(cells: Sequence[Cell]) -> Iterator[list[Cell]]:
    """Groups of whole stacks, with all their runtimes, and of as even a number of stacks as can be."""
    stacks = list(dict.fromkeys(cell.stack for cell in cells))
    count = min(-(-len(cells) // MEMBERS), len(stacks))
    for number in range(count):
        members = stacks[len(stacks) * number // count : len(stacks) * (number + 1) // count]
        yield [cell for cell in cells if cell.stack in members]


def _workload(cell: Cell) -> str:
    return cell.workload
