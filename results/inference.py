"""What may be said of cells against each other: rankings with tiers, ratios of runtimes, any cell over any other."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from results.statistics import holm, paired_ratio
from results.summary import CellSummary, Connection, Estimate, Finding, Measure, Ranking, Ratio, RuntimeRatio
from results.tiers import rank

ALPHA = 0.05

WEBSOCKET = {"echo"}
"""Workloads whose connections persist whatever the stack does with HTTP."""


def connection(cell: CellSummary) -> Connection:
    """Tell whether a cell's requests share a connection: what opens one for each is never ranked with what does not."""
    if cell.workload in WEBSOCKET:
        return "persistent"
    return "per request" if cell.workload == "connect" or not cell.keep_alive else "persistent"


def rank_cells(cells: Sequence[CellSummary], claims: bool, why: str | None) -> list[Ranking]:
    """Make the rankings, and write tier, rank interval or the reason for having none into each cell."""
    groups: dict[tuple[str, str, Connection, int], list[CellSummary]] = defaultdict(list)
    for cell in cells:
        groups[cell.workload, cell.runtime, connection(cell), cell.workers].append(cell)
    rankings = []
    for index, ((workload, runtime, kind, workers), group) in enumerate(groups.items()):
        ranking = Ranking(runtime=runtime, workload=workload, connection=kind, workers=workers, order=[], tiers=[])
        figures: dict[str, dict[int, float]] = {}
        for cell in group:
            cell.ranking = index
            reason = _why_unranked(cell)
            if reason is None and cell.rps is not None:
                figures[cell.stack] = dict(zip(cell.rps.blocks, cell.rps.values, strict=True))
            else:
                ranking.unranked[cell.stack] = cell.unranked = reason or "not measured"
        tiers = rank(figures)
        ranking.order = tiers.order
        if not claims:
            ranking.why = why
            ranking.order = sorted(figures, key=lambda name: (-_value(group, name), name))
        elif figures:
            ranking.tiers, ranking.why = tiers.tiers, tiers.why
            ranking.residual_sd, ranking.df, ranking.critical_ratio = (
                tiers.residual_sd,
                tiers.df,
                tiers.critical_ratio,
            )
            ranking.unranked |= tiers.unranked
        tier_of = {name: number for number, tier in enumerate(ranking.tiers, 1) for name in tier}
        for cell in group:
            if cell.stack in tier_of:
                cell.tier = tier_of[cell.stack]
                cell.rank_low, cell.rank_high = tiers.ranks[cell.stack]
            else:
                cell.unranked = cell.unranked or ranking.unranked.get(cell.stack) or ranking.why
        rankings.append(ranking)
    return rankings


def ratio_between(a: CellSummary, b: CellSummary, measure: Measure = "rps", claims: bool = True) -> Ratio | None:
    """Return the ratio a/b of any two cells by the paired t on their common blocks; None if they have none.

    It is one comparison, not corrected; for a list of them use `compare_with`. `claims` is `Trust.claims` of the run.
    """
    one, other = _figures(a, measure), _figures(b, measure)
    if one is None or other is None:
        return None
    paired = paired_ratio(
        dict(zip(one.blocks, one.values, strict=True)), dict(zip(other.blocks, other.values, strict=True))
    )
    if paired is None:
        return None
    ratio = Ratio(paired.value, paired.low, paired.high, paired.n, paired.p, paired.p, why=paired.why)
    if a.censored or b.censored:
        ratio.why = "the client was the limit on one side" if a.censored != b.censored else "the client was the limit"
        if measure == "rps" and a.censored != b.censored:
            ratio.bound = "at least" if a.censored else "at most"
    decide([ratio], claims)
    return ratio


def compare_with(
    cells: Sequence[CellSummary], chosen: CellSummary, measure: Measure = "rps", claims: bool = True
) -> list[Ratio | None]:
    """Return each cell's ratio to the chosen one, corrected as one list; None for itself and where there is none."""
    ratios = [None if cell is chosen else ratio_between(cell, chosen, measure) for cell in cells]
    correct([ratio for ratio in ratios if ratio is not None], claims)
    return ratios


def correct(ratios: Sequence[Ratio], claims: bool, why: str | None = None) -> None:
    """Correct ratios that are read as one list (Holm), in place, and decide which are significant."""
    for ratio, p in zip(ratios, holm([ratio.p for ratio in ratios]), strict=True):
        ratio.p_corrected = p
    decide(ratios, claims, why)


def decide(ratios: Sequence[Ratio], claims: bool, why: str | None = None) -> None:
    """Set `significant` from the corrected p, or None where no claim may be made."""
    for ratio in ratios:
        ratio.significant = None
        if not claims:
            ratio.why = ratio.why or why
        elif ratio.p_corrected is not None:
            below = ratio.p_corrected < ALPHA
            if ratio.why is None:
                ratio.significant = below
            # What is at least 1.2 x is certainly more than 1 x, although not how much more.
            elif ratio.bound is not None and below and (ratio.value > 1) == (ratio.bound == "at least"):
                ratio.significant = True


def runtime_ratios(
    cells: Sequence[CellSummary], baseline: str | None, claims: bool, why: str | None
) -> list[RuntimeRatio]:
    """Return each stack's ratios of its other runtimes to the baseline runtime, where both were measured."""
    base = {(cell.stack, cell.workload): cell for cell in cells if cell.runtime == baseline}
    results = []
    lists: dict[tuple[str, str, str], list[Ratio]] = defaultdict(list)
    for cell in cells:
        other = base.get((cell.stack, cell.workload))
        if baseline is None or other is None or cell.runtime == baseline:
            continue
        row = RuntimeRatio(
            stack=cell.stack,
            title=cell.title,
            workload=cell.workload,
            runtime=cell.runtime,
            baseline=baseline,
            rps=ratio_between(cell, other, "rps"),
            cpu=ratio_between(cell, other, "cpu"),
            versions_differ=versions_differ(cell.packages, other.packages),
        )
        for measure, ratio in (("rps", row.rps), ("cpu", row.cpu)):
            if ratio is not None:
                lists[measure, cell.workload, cell.runtime].append(ratio)
        if row.rps is not None or row.cpu is not None:
            results.append(row)
    for ratios in lists.values():
        correct(ratios, claims, why)
    return results


def versions_differ(a: dict[str, str], b: dict[str, str]) -> dict[str, list[str | None]]:
    """Return the packages that are not the same on both sides: name -> [version in a, version in b]."""
    return {name: [a.get(name), b.get(name)] for name in sorted(a.keys() | b.keys()) if a.get(name) != b.get(name)}


def findings(
    cells: Sequence[CellSummary], rankings: Sequence[Ranking], ratios: Sequence[RuntimeRatio]
) -> list[Finding]:
    """Return what is worth a sentence: the first tiers, and the largest and smallest effect of each runtime."""
    rps = {(c.workload, c.runtime, c.stack): c.rps.value for c in cells if c.rps is not None}
    found = [
        Finding(
            kind="top-tier",
            workload=ranking.workload,
            runtime=ranking.runtime,
            stacks=ranking.tiers[0],
            value=rps[ranking.workload, ranking.runtime, ranking.tiers[0][0]],
            connection=ranking.connection,
            workers=ranking.workers,
        )
        for ranking in rankings
        if ranking.tiers and len(ranking.order) > 1
    ]
    groups: dict[tuple[str, str], list[RuntimeRatio]] = defaultdict(list)
    for ratio in ratios:
        if ratio.rps is not None and ratio.rps.low is not None and ratio.rps.bound is None and ratio.rps.why is None:
            groups[ratio.workload, ratio.runtime].append(ratio)
    for (workload, runtime), group in groups.items():
        ordered = sorted(group, key=lambda row: (row.rps.value if row.rps else 0.0, row.stack))
        kinds: list[tuple[Literal["largest-effect", "smallest-effect"], RuntimeRatio]] = [
            ("largest-effect", ordered[-1])
        ]
        if len(ordered) > 1:
            kinds.append(("smallest-effect", ordered[0]))
        for kind, row in kinds:
            found.append(
                Finding(
                    kind=kind,
                    workload=workload,
                    runtime=runtime,
                    stacks=[row.stack],
                    baseline=row.baseline,
                    ratio=row.rps,
                )
            )
    return found


def _why_unranked(cell: CellSummary) -> str | None:
    if cell.status in ("failed", "missing") or cell.rps is None:
        return cell.reason or "not measured"
    if cell.censored:
        return "the client was the limit: the figure is a lower bound"
    if cell.engine != "native":
        return f"measured with {cell.engine}, whose figures are not comparable"
    return None


def _figures(cell: CellSummary, measure: Measure) -> Estimate | None:
    return cell.rps if measure == "rps" else cell.cpu_us_per_request


def _value(group: Sequence[CellSummary], stack: str) -> float:
    return next(cell.rps.value for cell in group if cell.stack == stack and cell.rps is not None)
