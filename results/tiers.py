"""Tiers instead of ranks: which stacks of a ranking can be told apart at all.

Two stacks differ significantly if Tukey's HSD says so (on ln y = stack + block, residual variance pooled over all of
them) *and* the 95 % interval of their own blocks' log ratios excludes 1. The second is there because stacks are not
equally noisy: with the pooled variance alone a noisy one is told apart from its equals in up to a quarter of all runs.
docs/statistics.md has the figures, and what it costs: little from 5 blocks on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from results.statistics import IDENTICAL, LEVEL

STEP = 0.03
"""A stack opens a new tier only if it is at least this much slower than the tier's leader, however significant."""


class Tiers(NamedTuple):
    """The outcome of a ranking. `order` is best (highest) first; `ranks` maps a name to its rank interval, from 1.

    `unranked` maps a name to the reason. `residual_sd` is of ln y, on `df` degrees of freedom; `critical_ratio` is the
    smallest ratio of two stacks with all blocks that Tukey's method calls significant. `why` says why there is none.
    """

    order: list[str]
    tiers: list[list[str]]
    ranks: dict[str, tuple[int, int]]
    means: dict[str, float]
    unranked: dict[str, str]
    residual_sd: float | None = None
    df: int | None = None
    critical_ratio: float | None = None
    why: str | None = None

    def tier_of(self, name: str) -> int:
        """Return the number of a name's tier, from 1; KeyError if it is not ranked."""
        for number, tier in enumerate(self.tiers, 1):
            if name in tier:
                return number
        raise KeyError(name)


def rank(figures: Mapping[str, Mapping[int, float]], level: float = LEVEL, own_blocks: bool = True) -> Tiers:
    """Rank stacks by their figures per block, higher is better.

    Blocks may be missing (then it is Tukey-Kramer on least-squares means). A stack with a single process is not
    ranked, nor one that shares no block, directly or through others, with the rest. `own_blocks=False` is
    Tukey's method alone, for comparison.
    """
    unranked = {name: "one process only" for name, blocks in figures.items() if len(blocks) == 1}
    unranked |= {name: "not measured" for name, blocks in figures.items() if not blocks}
    group = _connected({name: blocks for name, blocks in figures.items() if len(blocks) > 1})
    unranked |= {name: "shares no block with the others" for name in figures if name not in group | unranked.keys()}
    names = sorted(group)
    if not names:
        return Tiers([], [], {}, {}, unranked, why="no stack has two processes")
    y = _matrix([figures[name] for name in names])
    means, variances, residual_variance, df = _fit(y)
    # Ties are broken by name, so that the same figures always give the same order.
    order = sorted(range(len(names)), key=lambda i: (-means[i], names[i]))
    fitted = {names[i]: math.exp(means[i]) for i in order}
    if len(names) == 1:
        return Tiers(names, [names], {names[0]: (1, 1)}, fitted, unranked)
    if df < 1 or residual_variance <= IDENTICAL**2:
        why = "too few blocks to judge the variation by" if df < 1 else "no variation at all over the blocks"
        unranked |= dict.fromkeys(names, why)
        return Tiers([names[i] for i in order], [], {}, fitted, unranked, why=why)
    critical = critical_q(len(names), df, level) / math.sqrt(2) * math.sqrt(residual_variance)
    limits = critical * np.sqrt(variances)
    # [i, j]: i is significantly faster than j
    faster = means[:, None] - means[None, :] > limits
    if own_blocks:
        faster &= _faster_by_own_blocks(y, level)
    ranks = {names[i]: (1 + int(faster[:, i].sum()), len(names) - int(faster[i, :].sum())) for i in range(len(names))}
    tiers: list[list[int]] = []
    for i in order:
        leader = tiers[-1][0] if tiers else None
        if leader is None or (faster[leader, i] and means[i] - means[leader] <= math.log1p(-STEP)):
            tiers.append([i])
        else:
            tiers[-1].append(i)
    off_diagonal = ~np.eye(len(names), dtype=bool)
    return Tiers(
        order=[names[i] for i in order],
        tiers=[[names[i] for i in tier] for tier in tiers],
        ranks=ranks,
        means=fitted,
        unranked=unranked,
        residual_sd=math.sqrt(residual_variance),
        df=df,
        critical_ratio=math.exp(float(np.min(limits[off_diagonal]))),
    )


def critical_q(k: int, df: int, level: float = LEVEL) -> float:
    """Return the critical value of the studentized range of `k` means.

    scipy needs a tenth of a second for each, so they are kept, and many degrees of freedom are rounded down to two
    digits: that makes the test a hair stricter (under 0.1 %), never laxer.
    """
    if df > 100:
        unit = 10 ** (int(math.log10(df)) - 1)
        df = df // unit * unit
    return _critical_q(k, df, level)


@lru_cache(maxsize=4096)
def _critical_q(k: int, df: int, level: float) -> float:
    return float(stats.studentized_range.ppf(level, k, df))


Matrix = NDArray[np.float64]


def _matrix(rows: list[Mapping[int, float]]) -> Matrix:
    """Return ln y, stacks by blocks, with NaN where there is no figure."""
    blocks = sorted(set().union(*rows))
    y = np.full((len(rows), len(blocks)), np.nan)
    for i, row in enumerate(rows):
        for block, value in row.items():
            if not (value > 0 and math.isfinite(value)):
                raise ValueError(f"not a positive figure: {value}")
            y[i, blocks.index(block)] = math.log(value)
    return y


def _fit(y: Matrix) -> tuple[Matrix, Matrix, float, int]:
    """Fit ln y = stack + block by least squares.

    Returns the stacks' means (over all blocks), the variances of their differences in units of the residual variance,
    the residual variance, and its degrees of freedom.
    """
    k, b = y.shape
    present = np.isfinite(y).astype(float)
    known = np.nan_to_num(y)
    # Normal equations of [stacks | blocks]; rank k + b - 1, the pseudo-inverse takes care of the one too many.
    normal = np.block([[np.diag(present.sum(1)), present], [present.T, np.diag(present.sum(0))]])
    inverse = np.linalg.pinv(normal, hermitian=True)
    effects = inverse @ np.concatenate([known.sum(1), known.sum(0)])
    stack, block_effects = effects[:k], effects[k:]
    residuals = (known - stack[:, None] - block_effects[None, :]) * present
    df = int(present.sum()) - (k + b - 1)
    variance = float((residuals**2).sum()) / df if df > 0 else 0.0
    own = np.diag(inverse)[:k]
    variances = np.maximum(own[:, None] + own[None, :] - 2 * inverse[:k, :k], 0.0)
    return stack + block_effects.mean(), variances, variance, df


def _faster_by_own_blocks(y: Matrix, level: float) -> NDArray[np.bool_]:
    """Tell for each pair whether the first is faster by the paired t on their common blocks (False with under two)."""
    differences = y[:, None, :] - y[None, :, :]
    common = np.isfinite(differences)
    n = common.sum(2)
    enough = n >= 2
    mean = np.where(common, differences, 0.0).sum(2) / np.maximum(n, 1)
    squares = np.where(common, differences - mean[:, :, None], 0.0) ** 2
    error = np.sqrt(squares.sum(2) / np.maximum(n * (n - 1), 1))
    limit = special.stdtrit(np.maximum(n - 1, 1), (1 + level) / 2) * error
    faster: NDArray[np.bool_] = enough & (mean > limit)
    return faster


def _connected(figures: Mapping[str, Mapping[int, float]]) -> set[str]:
    """Return the largest set of names that blocks connect, the alphabetically first of several."""
    left = set(figures)
    best: set[str] = set()
    while left:
        start = min(left)
        group, blocks = {start}, set(figures[start])
        grown = True
        while grown:
            new = {name for name in left - group if blocks & figures[name].keys()}
            grown = bool(new)
            group |= new
            blocks |= {block for name in new for block in figures[name]}
        left -= group
        if len(group) > len(best):
            best = group
    return best
