"""From stored histograms to percentile spectra: at the common rate where that was measured, else at saturation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from reports.charts.spectrum import Spectrum
from reports.figures import NONE, duration
from reports.findings import cells_of
from reports.histograms import Pool, pool
from reports.names import runtime_kind, runtime_name, short_versions, workload_name
from reports.rates import at_rate, trouble
from results.schema import Sample
from results.summary import CellSummary, Summary

LABELLED = 8
STEPS = (0.5, 0.9, 0.99, 0.999, 0.9999)
SHARES = tuple(1 - 10 ** (-step / 12) for step in range(1, 73))
"""Where a line is drawn: twelve points a nine."""


@dataclass(frozen=True)
class Spectra:
    """The lines of a workload; `rate` is what was offered, None where they are of the closed loop at saturation."""

    lines: list[Spectrum]
    rate: float | None
    title: str
    table: list[tuple[str, str, tuple[str, ...]]]


@dataclass(frozen=True)
class _Line:
    cell: CellSummary
    points: tuple[tuple[float, float], ...]
    steps: dict[float, float]


def spectra(
    summary: Summary, workload: str, rate: float | None, places: dict[str, str], samples: Iterable[Sample]
) -> Spectra | None:
    """Pool the histograms of a workload's cells and make lines of them; None where none are stored."""
    stored = _stored(samples, workload, rate)
    common = rate if rate is not None and any(key[1] for key in stored) else None
    found = []
    for cell in cells_of(summary, workload):
        if not _shown(cell, common):
            continue
        pooled = pool(stored.get(((cell.stack, cell.runtime), common is not None), []))
        if pooled is not None and len(steps := _milliseconds(pooled, STEPS)) > 1:
            found.append(_Line(cell, tuple(_milliseconds(pooled, SHARES)), dict(steps)))
    if not found:
        return None
    deepest = _deepest(found)
    found.sort(key=lambda line: (line.steps.get(deepest, 1e12), line.cell.stack, line.cell.runtime))
    labelled = _leading(found)
    versions = short_versions(summary.runtimes)
    lines = [_drawn(line, line in labelled, versions.get(line.cell.runtime, ""), places) for line in found]
    table = [
        (
            f"{line.cell.title}, {runtime_name(line.cell.runtime)}",
            places[line.cell.stack],
            tuple(duration(line.steps[p] * 1000) if p in line.steps else NONE for p in STEPS),
        )
        for line in found
    ]
    return Spectra(lines, common, _title(found, deepest, workload, common), table)


def _stored(
    samples: Iterable[Sample], workload: str, rate: float | None
) -> dict[tuple[tuple[str, str], bool], list[str]]:
    """Return the encoded histograms by cell, and whether of the common rate (else of the closed loop)."""
    stored: dict[tuple[tuple[str, str], bool], list[str]] = defaultdict(list)
    for sample in samples:
        if sample.cell.workload != workload or sample.status != "ok" or sample.sentinel:
            continue
        key = (sample.cell.stack, sample.cell.runtime)
        if sample.load is not None and sample.load.histogram:
            stored[key, False].append(sample.load.histogram)
        for load in sample.latency:
            if rate is not None and load.histogram and load.extra.get("rate") == rate:
                stored[key, True].append(load.histogram)
    return stored


def _milliseconds(pooled: Pool, shares: tuple[float, ...]) -> list[tuple[float, float]]:
    return [(share, ns / 1e6) for share, ns in zip(shares, pooled.quantiles(shares), strict=False)]


def _shown(cell: CellSummary, rate: float | None) -> bool:
    """A latency that would be the client's own, or that of a growing queue, is not drawn."""
    if rate is None:
        return cell.rps is not None and not cell.censored
    point = at_rate(cell, rate)
    return point is not None and not trouble(point)


def _deepest(lines: list[_Line]) -> float:
    """Return the furthest percentile that most lines reach: what they are ordered by."""
    return max(p for p in STEPS if 2 * sum(p in line.steps for line in lines) > len(lines) or p == STEPS[0])


def _leading(lines: list[_Line]) -> list[_Line]:
    """Choose the stacks to label, those that answer soonest first, each with all of its runtimes."""
    chosen: list[_Line] = []
    for stack in dict.fromkeys(line.cell.stack for line in lines):
        mine = [line for line in lines if line.cell.stack == stack]
        if len(chosen) + len(mine) <= LABELLED:
            chosen += mine
    return chosen


def _drawn(line: _Line, labelled: bool, version: str, places: dict[str, str]) -> Spectrum:
    cell, name = line.cell, runtime_name(line.cell.runtime)
    steps = [f"{p * 100:g} % within {duration(ms * 1000)}" for p, ms in line.steps.items() if p != 0.9]
    return Spectrum(
        stack=cell.stack,
        runtime=name,
        kind=runtime_kind(cell.runtime),
        anchor=places[cell.stack],
        points=line.points,
        hover="\n".join([f"{cell.title}, {name}", *steps]),
        label=f"{cell.title} {version}".strip() if labelled else "",
    )


def _title(lines: list[_Line], deepest: float, workload: str, rate: float | None) -> str:
    units = workload_name(workload).units
    where = f"At {rate:,.0f} {units} per second" if rate else "At saturation"
    reach = [line for line in lines if deepest in line.steps]
    best, worst = reach[0], max(reach, key=lambda line: line.steps[deepest])
    share = f"one in {round(1 / (1 - deepest)):,}"
    first = f"{where}, {share} takes longer than {duration(best.steps[deepest] * 1000)} with {_named(best)}"
    if worst is best:
        return first
    return f"{first}, longer than {duration(worst.steps[deepest] * 1000)} with {_named(worst)}"


def _named(line: _Line) -> str:
    return f"{line.cell.title} on {runtime_name(line.cell.runtime)}"
