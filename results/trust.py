"""How far a run can be believed: what was done, what failed, how the sentinel moved."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict
from collections.abc import Sequence

from results import adaptive, locust
from results.schema import Cell, Record, Run, Sample
from results.summary import CellSummary, SentinelBlock, Trust

SENTINEL_MOVED = 0.05
"""A block in which the sentinel moves more than this from the run's median is flagged."""

NO_CLAIMS = {"smoke"}
"""Profiles that only show that everything works."""


def judge(run: Run, records: Sequence[Record], cells: Sequence[CellSummary]) -> Trust:
    """Count what there is, and decide whether any claim may be made from it."""
    processes = [process for cell in cells for process in cell.processes]
    measured = {(process.block, cell.cell) for cell in cells for process in cell.processes}
    impossible = {cell.cell for cell in cells if cell.stage in ("environment", "contract") and not cell.processes}
    # In an adaptive run a cell's own spread says in how many of the plan's blocks it is measured.
    wanted = {cell.cell: cell.planned for cell in cells}
    planned = [
        {(number, cell) for cell in block if cell not in impossible and number < wanted.get(cell, 0)}
        for number, block in enumerate(run.plan.blocks[: max(wanted.values(), default=0)])
    ]
    outstanding = [block - measured for block in planned]
    sentinel = sentinels(records)
    most = max((cell.n for cell in cells), default=0)
    why = None
    if run.plan.profile in NO_CLAIMS:
        why = f"the {run.plan.profile} profile only shows that everything works: no claim is made from it"
    elif locust.made_by_locust(run):
        why = locust.NO_RANKING
    elif most < 2:
        why = "no cell was measured in two blocks: the variation between processes is not known"
    flags = Counter(name for cell in cells for name, count in cell.flags.items() for _ in range(count))
    return Trust(
        claims=why is None,
        why=why,
        finished=not any(outstanding),
        blocks_planned=len(planned),
        blocks_done=sum(1 for left in outstanding if not left),
        processes_planned=sum(len(block) for block in planned),
        processes_done=len(processes),
        processes_failed=sum(1 for process in processes if not process.counted),
        processes_flagged=sum(1 for process in processes if process.flags),
        processes_rejected=sum(cell.rejected for cell in cells),
        processes_not_steady=sum(1 for process in processes if process.counted and process.steady is False),
        cells=len(cells),
        cells_failed=sum(1 for cell in cells if cell.status == "failed"),
        cells_partial=sum(1 for cell in cells if cell.status == "partial"),
        cells_missing=sum(1 for cell in cells if cell.status == "missing"),
        cells_censored=sum(1 for cell in cells if cell.censored),
        flags=dict(sorted(flags.items())),
        sentinel=sentinel,
        blocks_moved=[block.block for block in sentinel if block.flagged],
        until=adaptive.width(run.plan),
    )


def sentinels(records: Sequence[Record]) -> list[SentinelBlock]:
    """Return the sentinel's figures by block. Of several sentinel cells the one measured most often is watched."""
    figures: dict[Cell, dict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        if isinstance(record, Sample) and record.sentinel and record.status == "ok" and record.load is not None:
            figures[record.cell][record.block].append(record.load.rps)
    if not figures:
        return []
    watched = figures[max(figures, key=lambda cell: (sum(map(len, figures[cell].values())), cell))]
    median = statistics.median(value for values in watched.values() for value in values)
    blocks = []
    for block, values in sorted(watched.items()):
        moved = max(abs(value / median - 1) for value in values) if median > 0 else None
        blocks.append(SentinelBlock(block, values, moved, moved is not None and moved > SENTINEL_MOVED))
    return blocks
