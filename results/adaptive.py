"""Adaptive runs: how many blocks a cell needs for an interval of the wanted width, without cheating.

Looking at an interval after every block and stopping when it is narrow enough makes intervals that are too narrow:
one stops when the spread happens to look small. Stein's two-stage procedure (C. Stein, "A two-sample test for a linear
hypothesis whose power is independent of the variance", Annals of Mathematical Statistics 16, 1945) looks once: the
spread s of the first `FIRST` blocks alone decides how many there will be, n = max(FIRST, ceil((t s / d)^2)), and the
interval is mean of all n +- t s / sqrt(n) with the t and s of the first stage. For normal errors its coverage is exact,
whatever the spread; what comes later can move the interval, but not narrow it. All on logarithms, so d = ln(1 + width).
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from results.schema import Cell, Plan, Record, Sample
from results.statistics import LEVEL, Interval, critical_t
from results.store import final_samples

FIRST = 5
"""Blocks of the first stage: every cell is measured in them."""


def spread(first: Mapping[int, float]) -> float | None:
    """Standard deviation of the logarithms of the first stage's figures; None with fewer than two."""
    logs = [math.log(value) for block, value in first.items() if block < FIRST]
    if len(logs) < 2:
        return None
    mean = math.fsum(logs) / len(logs)
    return math.sqrt(math.fsum((x - mean) ** 2 for x in logs) / (len(logs) - 1))


def needed(figures: Mapping[int, float], width: float, level: float = LEVEL) -> int:
    """How many blocks a cell needs, from its figures by block, for an interval of +- `width` (0.03 is 3 %)."""
    s = spread(figures)
    if s is None:
        return FIRST
    n0 = sum(block < FIRST for block in figures)
    return max(FIRST, math.ceil((critical_t(n0 - 1, level) * s / math.log1p(width)) ** 2))


def interval(figures: Mapping[int, float], level: float = LEVEL) -> Interval:
    """The geometric mean of all figures, with Stein's interval: t and s from the first stage, n from all of it."""
    logs = [math.log(value) for value in figures.values()]
    mean, n = math.fsum(logs) / len(logs), len(logs)
    s = spread(figures)
    if s is None:
        return Interval(math.exp(mean), None, None, n, "needs at least two processes in the first stage")
    half = critical_t(sum(block < FIRST for block in figures) - 1, level) * s / math.sqrt(n)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), n)


def width(plan: Plan) -> float | None:
    """The half-width that an adaptive plan aims for, or None where the plan is not adaptive."""
    value = plan.settings.get("until")
    return float(value) if isinstance(value, int | float) else None


def wanted(plan: Plan, records: Iterable[Record]) -> Mapping[Cell, int]:
    """How many blocks each cell is to have: all of the plan's; in an adaptive one FIRST, until that stage is done.

    A cell that failed in the first stage is tried in no further block: what fails is not made precise by repetition.
    """
    target = width(plan)
    planned = {cell for block in plan.blocks for cell in block}
    if target is None:
        return Counter(cell for block in plan.blocks for cell in block)
    by_cell: dict[Cell, dict[int, Sample]] = defaultdict(dict)
    for (block, cell), sample in final_samples(records).items():
        by_cell[cell][block] = sample
    counts: dict[Cell, int] = {}
    for cell in planned:
        own = by_cell[cell]
        stage = [own[block] for block in range(FIRST) if block in own]
        good = {block: rps for block, sample in own.items() if (rps := _rps(sample)) is not None}
        if len(stage) < min(FIRST, len(plan.blocks)) or any(sample.status != "ok" for sample in stage):
            counts[cell] = FIRST
        else:
            counts[cell] = min(len(plan.blocks), needed(good, target))
    return counts


def _rps(sample: Sample) -> float | None:
    return sample.load.rps if sample.status == "ok" and sample.load is not None and sample.load.rps > 0 else None
