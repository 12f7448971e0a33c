"""Is one row's figure more than another's? The one rule that the table, its "compare with" and the words all use.

Two conditions must hold, as for the tiers, so that the two never contradict each other. First, over all rows: within a
pool (the rows of one ranking) Tukey's HSD; across pools (another runtime, another kind of connection) the difference
of the blocks' mean logarithms against the pools' deviations, with Bonferroni's correction for all rows of the workload
that the chosen row is held against; where a pool has one stack only, and so nothing to judge by, the paired t of these
two with the same correction. Second, over the two rows alone: the paired t of their own blocks. The wider of the two is
shown. Throughput takes its pools from the rankings; every other measured column has its own, made the same way.

The page's script does the same sum from the numbers of `comparison_data`; it never computes a quantile.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from statistics import stdev

from reports.measures import FURTHER, RPS, Measure, per_process
from reports.rates import common_rate
from results.statistics import critical_t
from results.summary import CellSummary, Summary
from results.tiers import rank

Row = tuple[str, str]
"""A row of a workload's table: the stack's and the runtime's ids."""


@dataclass(frozen=True)
class Comparison:
    """A row over another, a/b: the ratio with its simultaneous interval, and what may be said. `why` if nothing.

    `verdict` is a measure's word for more or less, or "undecided", "same" (the row itself), "none" (no claim).
    """

    verdict: str
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    why: str = ""


@dataclass(frozen=True)
class Pool:
    """Rows that are judged by one deviation: of ln y, on `df` degrees; `most` blocks that a row of them has.

    `critical_ratio` is the smallest ratio of two rows with all blocks that Tukey's method calls significant.
    """

    residual_sd: float | None
    df: int | None
    critical_ratio: float | None
    most: int


@dataclass(frozen=True)
class Field:
    """A measure of a workload's rows: each one's figures by block if it can be compared, and the pool that it is in."""

    measure: Measure
    figures: dict[Row, dict[int, float]]
    pool_of: dict[Row, int]
    pools: dict[int, Pool]
    level: float

    @cached_property
    def logs(self) -> dict[Row, dict[int, float]]:
        """The logarithms of the figures."""
        return {row: {b: math.log(value) for b, value in found.items()} for row, found in self.figures.items()}

    @property
    def rows(self) -> int:
        """How many rows one row is compared with at once."""
        return max(1, len(self.figures) - 1)

    def half_width(self, a: Row, b: Row) -> float | None:
        """Return the half-width of ln(a/b) that a difference must exceed, or None where there is none."""
        mine, theirs = self.logs[a], self.logs[b]
        common = sorted(mine.keys() & theirs.keys())
        n = len(common)
        if n < 2:
            return None
        overall = self.overall(self.pool_of[a], self.pool_of[b], n)
        if overall is None and self.pool_of[a] == self.pool_of[b]:
            return None
        error = stdev([mine[block] - theirs[block] for block in common]) / math.sqrt(n)
        if overall is None:
            return paired_critical(n, self.rows, self.level) * error
        return max(overall, paired_critical(n, 1, self.level) * error)

    def overall(self, first: int, second: int, n: int) -> float | None:
        """Return the half-width over all rows, for two rows of these pools with n common blocks."""
        left, right = self.pools[first], self.pools[second]
        return within_critical(left, n) if first == second else critical_value(left, right, n, self.rows, self.level)


def row_of(cell: CellSummary) -> Row:
    """Return what names a row of a workload's table."""
    return cell.stack, cell.runtime


def comparable(cell: CellSummary) -> bool:
    """Tell whether throughput can be compared at all: ranked, not censored, with more than one process."""
    return cell.rps is not None and cell.ranking is not None and cell.tier is not None and not cell.censored


def critical_value(a: Pool, b: Pool, n: int, rows: int, level: float) -> float | None:
    """Return the half-width (in ln) that a difference across two pools must exceed. None if not known.

    `n` is the number of common blocks; degrees of freedom by Welch and Satterthwaite.
    """
    if not a.residual_sd or not b.residual_sd or not a.df or not b.df:
        return None
    first, second = a.residual_sd**2 / n, b.residual_sd**2 / n
    df = max(1, math.floor((first + second) ** 2 / (first**2 / a.df + second**2 / b.df)))
    return critical_t(df, 1 - (1 - level) / rows) * math.sqrt(first + second)


def paired_critical(n: int, rows: int, level: float) -> float:
    """Return what the standard error of n blocks' differences is multiplied by, corrected for so many rows."""
    return critical_t(n - 1, 1 - (1 - level) / rows)


def within_critical(pool: Pool, n: int) -> float | None:
    """Return Tukey's half-width for two rows of a pool with n common blocks."""
    if pool.critical_ratio is None or pool.critical_ratio <= 1:
        return None
    return math.log(pool.critical_ratio) * math.sqrt(max(1.0, pool.most / n))


def throughput(summary: Summary, workload: str) -> Field:
    """Return the field of throughput: ranked rows, in the rankings' own pools."""
    cells = [cell for cell in summary.cells if cell.workload == workload and comparable(cell)]
    pools: dict[int, Pool] = {}
    for index in sorted({cell.ranking for cell in cells if cell.ranking is not None}):
        ranking = summary.rankings[index]
        most = max((cell.n for cell in summary.cells if cell.ranking == index), default=0)
        pools[index] = Pool(ranking.residual_sd, ranking.df, ranking.critical_ratio, most)
    return Field(
        RPS,
        {row_of(cell): per_process(cell, RPS, None) for cell in cells},
        {row_of(cell): cell.ranking for cell in cells if cell.ranking is not None},
        pools,
        summary.level,
    )


def further(summary: Summary, workload: str, measure: Measure, rate: float | None) -> Field:
    """Return the field of another measure: every row with figures from two processes, pooled with those it ranks with.

    Empty where the run makes no claims.
    """
    pool_of: dict[Row, int] = {}
    figures: dict[Row, dict[int, float]] = {}
    for cell in summary.cells if summary.trust.claims else []:
        if cell.workload == workload and cell.ranking is not None:
            found = per_process(cell, measure, rate)
            if len(found) > 1:
                figures[row_of(cell)], pool_of[row_of(cell)] = found, cell.ranking
    pools = {}
    for index in sorted(set(pool_of.values())):
        members = {row: figures[row] for row, pool in pool_of.items() if pool == index}
        tiers = rank({stack: found for (stack, _), found in members.items()}, summary.level)
        for row in members:
            if row[0] in tiers.unranked:
                del figures[row], pool_of[row]
        most = max(len(found) for found in members.values())
        pools[index] = Pool(tiers.residual_sd, tiers.df, tiers.critical_ratio, most)
    return Field(measure, figures, pool_of, pools, summary.level)


def fields(summary: Summary, workload: str) -> list[Field]:
    """Return every measured column of a workload's table, throughput first."""
    rate = common_rate(summary, workload)
    return [throughput(summary, workload), *(further(summary, workload, measure, rate) for measure in FURTHER)]


def compare_in(field: Field, a: Row, b: Row) -> Comparison:
    """Hold row a against row b in one column."""
    if a == b:
        return Comparison("same", 1.0)
    if a not in field.figures or b not in field.figures:
        return Comparison("none", why="nothing to compare")
    mine, theirs = field.logs[a], field.logs[b]
    blocks = sorted(mine.keys() & theirs.keys())
    half = field.half_width(a, b)
    if not blocks or half is None:
        return Comparison("none", why="no blocks in common")
    difference = sum(mine[block] - theirs[block] for block in blocks) / len(blocks)
    word = field.measure.more if difference > 0 else field.measure.less
    verdict = "undecided" if abs(difference) <= half else word
    return Comparison(verdict, math.exp(difference), math.exp(difference - half), math.exp(difference + half))


def compare(summary: Summary, a: CellSummary, b: CellSummary, field: Field | None = None) -> Comparison:
    """Hold row a's throughput against row b's, of the same workload. `field` saves making it anew for each pair."""
    if row_of(a) == row_of(b):
        return Comparison("same", 1.0)
    if not summary.trust.claims:
        return Comparison("none", why="no claims: " + (summary.trust.why or "too few blocks"))
    for cell in (a, b):
        if not comparable(cell):
            return Comparison("none", why=cell.unranked or cell.censored_why or cell.reason or "not ranked")
    return compare_in(field or throughput(summary, a.workload), row_of(a), row_of(b))


def comparison_data(field: Field) -> dict[str, object]:
    """Return what the script needs to compare any two rows: half-widths for each pair of pools and count of blocks.

    `half` maps "pool,pool,blocks" to half-widths over all rows. `t` and `own` map the number of blocks to what
    the standard error of two rows' own differences is multiplied by: with the correction for all rows, for where `half`
    has nothing to say, and without. `words` are those for more, for less, and the welcome one.
    """
    most = max((len(by_block) for by_block in field.figures.values()), default=0)
    half: dict[str, float] = {}
    for first, second in combinations_with_replacement(sorted(set(field.pool_of.values())), 2):
        for n in range(2, most + 1):
            value = field.overall(first, second, n)
            if value is not None:
                half[f"{first},{second},{n}"] = round(value, 6)
    counts = range(2, most + 1)
    measure = field.measure
    return {
        "rows": field.rows,
        "words": [measure.more, measure.less, measure.welcome],
        "half": half,
        "t": {str(n): round(paired_critical(n, field.rows, field.level), 6) for n in counts},
        "own": {str(n): round(paired_critical(n, 1, field.level), 6) for n in counts},
    }
