"""Is one row faster than another? The one rule that the table, its "compare with" and the words all use.

Two conditions must hold, as for the tiers, so that the two never contradict each other. First, over all rows: within a
ranking Tukey's HSD; across rankings (another runtime, another kind of connection) the difference of the blocks' mean
logarithms against the rankings' pooled deviations, with Bonferroni's correction for all rows of the workload that the
chosen row is held against; where a ranking has one stack only, and so nothing to pool, the paired t of these two with
the same correction. Second, over the two rows alone: the paired t of their own blocks. The wider of the two is shown.
The page's script does the same sum from the numbers of `comparison_data`; it never computes a quantile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations_with_replacement
from statistics import stdev
from typing import Literal

from results.statistics import critical_t
from results.summary import CellSummary, Ranking, Summary

Verdict = Literal["same", "faster", "slower", "undecided", "none"]


@dataclass(frozen=True)
class Comparison:
    """A row over another, a/b: the ratio with its simultaneous interval, and what may be said. `why` if nothing."""

    verdict: Verdict
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""


def comparable(cell: CellSummary) -> bool:
    """Tell whether a cell can be compared at all: ranked, not censored, with more than one process."""
    return cell.rps is not None and cell.ranking is not None and cell.tier is not None and not cell.censored


def logs(cell: CellSummary) -> dict[int, float]:
    """Return ln(requests per second) by block."""
    if cell.rps is None:
        return {}
    return {block: math.log(value) for block, value in zip(cell.rps.blocks, cell.rps.values, strict=True) if value > 0}


def family_size(summary: Summary, workload: str) -> int:
    """Return how many rows of a workload one row is compared with at once."""
    return max(1, sum(1 for cell in summary.cells if cell.workload == workload and comparable(cell)) - 1)


def critical_value(a: Ranking, b: Ranking, per_side: tuple[int, int], rows: int, level: float) -> float | None:
    """Return the half-width (in ln) that a difference across two rankings must exceed. None if not known.

    `per_side` are the numbers of processes; degrees of freedom by Welch and Satterthwaite.
    """
    if not a.residual_sd or not b.residual_sd or not a.df or not b.df:
        return None
    first, second = a.residual_sd**2 / per_side[0], b.residual_sd**2 / per_side[1]
    df = max(1, math.floor((first + second) ** 2 / (first**2 / a.df + second**2 / b.df)))
    return critical_t(df, 1 - (1 - level) / rows) * math.sqrt(first + second)


def paired_critical(n: int, rows: int, level: float) -> float:
    """Return what the standard error of n blocks' differences is multiplied by, corrected for so many rows."""
    return critical_t(n - 1, 1 - (1 - level) / rows)


def within_critical(ranking: Ranking, n: int, most: int) -> float | None:
    """Return Tukey's half-width for two rows of a ranking with n common blocks, of `most` that rows there have."""
    if ranking.critical_ratio is None or ranking.critical_ratio <= 1:
        return None
    return math.log(ranking.critical_ratio) * math.sqrt(max(1.0, most / n))


def most_blocks(summary: Summary, ranking: int) -> int:
    """Return the largest number of processes that a row of a ranking has."""
    return max((cell.n for cell in summary.cells if cell.ranking == ranking), default=0)


def half_width(summary: Summary, a: CellSummary, b: CellSummary, rows: int) -> float | None:
    """Return the half-width of ln(a/b) that a difference must exceed, or None where there is none."""
    mine, theirs = logs(a), logs(b)
    common = sorted(mine.keys() & theirs.keys())
    n = len(common)
    if n < 2 or a.ranking is None or b.ranking is None:
        return None
    left, right = summary.rankings[a.ranking], summary.rankings[b.ranking]
    if a.ranking == b.ranking:
        overall = within_critical(left, n, most_blocks(summary, a.ranking))
        if overall is None:
            return None
    else:
        overall = critical_value(left, right, (n, n), rows, summary.level)
    error = stdev([mine[block] - theirs[block] for block in common]) / math.sqrt(n)
    if overall is None:
        return paired_critical(n, rows, summary.level) * error
    return max(overall, paired_critical(n, 1, summary.level) * error)


def compare(summary: Summary, a: CellSummary, b: CellSummary) -> Comparison:
    """Hold row a against row b of the same workload."""
    if (a.stack, a.runtime) == (b.stack, b.runtime):
        return Comparison("same", 1.0)
    if not summary.trust.claims:
        return Comparison("none", why="no claims: " + (summary.trust.why or "too few blocks"))
    for cell in (a, b):
        if not comparable(cell):
            return Comparison("none", why=cell.unranked or cell.censored_why or cell.reason or "not ranked")
    mine, theirs = logs(a), logs(b)
    blocks = sorted(mine.keys() & theirs.keys())
    half = half_width(summary, a, b, family_size(summary, a.workload))
    if not blocks or half is None:
        return Comparison("none", why="no blocks in common")
    difference = sum(mine[block] - theirs[block] for block in blocks) / len(blocks)
    verdict: Verdict = "undecided" if abs(difference) <= half else "faster" if difference > 0 else "slower"
    return Comparison(verdict, math.exp(difference), math.exp(difference - half), math.exp(difference + half))


def comparison_data(summary: Summary, workload: str) -> dict[str, object]:
    """Return what the script needs to compare any two rows: half-widths for each pair of rankings and count of blocks.

    `half` maps "ranking,ranking,blocks" to half-widths over all rows. `t` and `own` map the number of blocks to what
    the standard error of two rows' own differences is multiplied by: with the correction for all rows, for where `half`
    has nothing to say, and without.
    """
    cells = [cell for cell in summary.cells if cell.workload == workload and comparable(cell)]
    rows = family_size(summary, workload)
    used = sorted({cell.ranking for cell in cells if cell.ranking is not None})
    most = max((cell.n for cell in cells), default=0)
    half: dict[str, float] = {}
    for first, second in combinations_with_replacement(used, 2):
        left, right = summary.rankings[first], summary.rankings[second]
        for n in range(2, most + 1):
            if first == second:
                value = within_critical(left, n, most_blocks(summary, first))
            else:
                value = critical_value(left, right, (n, n), rows, summary.level)
            if value is not None:
                half[f"{first},{second},{n}"] = round(value, 6)
    corrected = {str(n): round(paired_critical(n, rows, summary.level), 6) for n in range(2, most + 1)}
    own = {str(n): round(paired_critical(n, 1, summary.level), 6) for n in range(2, most + 1)}
    return {"rows": rows, "half": half, "t": corrected, "own": own}
