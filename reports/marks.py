"""From a summary to what the charts draw: which cells appear, in which order, with which words."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from statistics import median

from reports.charts.forest import RatioRow
from reports.charts.latency import Ladder, LatencyRow
from reports.charts.lines import Effort
from reports.charts.rows import Mark, Row
from reports.charts.warmup import Curve, Panel
from reports.figures import duration, interval, mebibytes, percent, significant, spoken, times
from reports.findings import Effects, cells_of
from reports.names import runtime_kind, runtime_name, short_versions, workload_name
from reports.table import problem
from results.schema import Sample
from results.summary import CellSummary, Estimate, RuntimeRatio, Summary

Places = dict[str, str]
STEPS = ("p50", "p90", "p99", "p99.9")


def by_stack(summary: Summary, workload: str) -> dict[str, list[CellSummary]]:
    """Group a workload's cells by stack, each group in the order of the run's runtimes."""
    order = {runtime: index for index, runtime in enumerate(summary.runtimes)}
    groups: dict[str, list[CellSummary]] = {}
    for cell in sorted(cells_of(summary, workload), key=lambda c: order.get(c.runtime, len(order))):
        groups.setdefault(cell.stack, []).append(cell)
    return groups


def _ordered(
    summary: Summary, workload: str, value: Callable[[CellSummary], float | None], *, falling: bool
) -> list[list[CellSummary]]:
    """Groups by the value on the baseline runtime (else the first there is); those without any value last."""

    def key(group: list[CellSummary]) -> tuple[bool, float, str]:
        first = [v for c in group if c.runtime == summary.baseline and (v := value(c)) is not None]
        found = first or [v for c in group if (v := value(c)) is not None]
        return (not found, (-found[0] if falling else found[0]) if found else 0.0, group[0].stack)

    return sorted(by_stack(summary, workload).values(), key=key)


def hollow(cell: CellSummary) -> bool:
    """Tell whether half or more of a cell's processes are known not to have been steady."""
    unsteady = sum(1 for process in cell.processes if process.counted and process.steady is False)
    return cell.n > 0 and unsteady * 2 >= cell.n


def _rows(groups: Iterable[list[CellSummary]], places: Places, make: Callable[[CellSummary], Mark | None]) -> list[Row]:
    found = []
    for group in groups:
        marks = tuple(mark for cell in group if (mark := make(cell)) is not None)
        if marks:
            found.append(Row(group[0].stack, group[0].title, places[group[0].stack], marks))
    return found


def throughput_rows(summary: Summary, workload: str, places: Places) -> list[Row]:
    """One row a stack, failures included, by throughput on the baseline runtime."""
    units, versions = workload_name(workload).units, short_versions(summary.runtimes)

    def make(cell: CellSummary) -> Mark | None:
        if cell.rps is None:
            return _noted(cell)
        return _estimate_mark(cell, cell.rps, f"{units} per second", versions.get(cell.runtime, ""))

    groups = _ordered(summary, workload, lambda c: c.rps.value if c.rps else None, falling=True)
    return _rows(groups, places, make)


def cpu_rows(summary: Summary, workload: str, places: Places) -> list[Row]:
    """One row a stack, least CPU per request first."""
    unit, versions = workload_name(workload).unit, short_versions(summary.runtimes)

    def make(cell: CellSummary) -> Mark | None:
        estimate = cell.cpu_us_per_request
        if estimate is None:
            return None
        return _estimate_mark(cell, estimate, f"\N{MICRO SIGN}s of CPU per {unit}", versions.get(cell.runtime, ""))

    groups = _ordered(
        summary, workload, lambda c: c.cpu_us_per_request.value if c.cpu_us_per_request else None, falling=False
    )
    return _rows(groups, places, make)


def _noted(cell: CellSummary) -> Mark:
    name = runtime_name(cell.runtime)
    return Mark(
        name,
        runtime_kind(cell.runtime),
        None,
        note=f"{name}: {problem(cell)}",
        hover=f"{cell.title}, {name}\n{problem(cell)}",
    )


def _estimate_mark(cell: CellSummary, estimate: Estimate, unit: str, version: str) -> Mark:
    label = significant(estimate.value)
    bound = cell.censored and unit.endswith("per second")
    name = runtime_name(cell.runtime)
    said = f"{cell.title}, {name}\n{'at least ' if bound else ''}{significant(estimate.value, 4)} {unit}"
    if estimate.low is not None and not bound:
        said += f"\n95 % interval {interval(estimate.low, estimate.high, 4)}"
    said += f"\nn = {estimate.n} processes"
    if hollow(cell):
        said += "\nnot steady"
    return Mark(
        runtime=name,
        kind=runtime_kind(cell.runtime),
        value=estimate.value,
        low=None if bound else estimate.low,
        high=None if bound else estimate.high,
        values=tuple(estimate.values),
        label=f"\N{GREATER-THAN OR EQUAL TO} {label}" if bound else label,
        version=version,
        hover=said,
        hollow=hollow(cell),
        censored=bound,
    )


def memory_rows(summary: Summary, workload: str, places: Places) -> list[Row]:
    """One row a stack: memory at rest and after the load, MiB, least first."""
    versions = short_versions(summary.runtimes)

    def make(cell: CellSummary) -> Mark | None:
        if not cell.pss_load_bytes:
            return None
        rest, name = cell.pss_rest_bytes, runtime_name(cell.runtime)
        values = tuple(p.pss_load_bytes / 2**20 for p in cell.processes if p.counted and p.pss_load_bytes)
        hover = f"{cell.title}, {name}\n{mebibytes(cell.pss_load_bytes)} MiB after the load"
        return Mark(
            runtime=name,
            kind=runtime_kind(cell.runtime),
            value=cell.pss_load_bytes / 2**20,
            values=values,
            label=mebibytes(cell.pss_load_bytes),
            version=versions.get(cell.runtime, ""),
            hover=hover + (f"\n{mebibytes(rest)} MiB at rest" if rest else ""),
            start=rest / 2**20 if rest else None,
        )

    groups = _ordered(summary, workload, lambda c: c.pss_load_bytes, falling=False)
    return _rows(groups, places, make)


def startup_rows(summary: Summary, workload: str, places: Places) -> list[Row]:
    """One row a stack: seconds to the first right answer, quickest first."""
    versions = short_versions(summary.runtimes)

    def make(cell: CellSummary) -> Mark | None:
        if not cell.start_s:
            return None
        name = runtime_name(cell.runtime)
        return Mark(
            runtime=name,
            kind=runtime_kind(cell.runtime),
            value=cell.start_s,
            values=tuple(p.start_s for p in cell.processes if p.counted and p.start_s),
            label=f"{significant(cell.start_s, 2)} s",
            version=versions.get(cell.runtime, ""),
            hover=f"{cell.title}, {name}\n{significant(cell.start_s)} s to the first right answer",
        )

    groups = _ordered(summary, workload, lambda c: c.start_s, falling=False)
    return _rows(groups, places, make)


def latency_rows(summary: Summary, workload: str, places: Places) -> list[LatencyRow]:
    """One row a stack: its percentiles, lowest p50 first. A censored cell says why it shows none."""
    found, versions = [], short_versions(summary.runtimes)
    for group in _ordered(summary, workload, lambda c: c.latency_us.get("p50"), falling=False):
        ladders = tuple(
            ladder for cell in group if (ladder := _ladder(cell, versions.get(cell.runtime, ""))) is not None
        )
        if ladders:
            found.append(LatencyRow(group[0].stack, group[0].title, places[group[0].stack], ladders))
    return found


def _ladder(cell: CellSummary, version: str) -> Ladder | None:
    if cell.rps is None:
        return None
    name, kind = runtime_name(cell.runtime), runtime_kind(cell.runtime)
    if cell.censored:
        note = f"{name}: not printed, the client was the limit"
        return Ladder(name, kind, (), "", f"{cell.title}, {name}\n{note}", note)
    return ladder_of(cell, cell.latency_us, version)


def ladder_of(cell: CellSummary, latency_us: dict[str, float | None], version: str) -> Ladder | None:
    """Return the ladder of a cell's percentiles (microseconds); None where none was known."""
    name, kind = runtime_name(cell.runtime), runtime_kind(cell.runtime)
    steps = tuple((step, value / 1000) for step in STEPS if (value := latency_us.get(step)))
    if not steps:
        return None
    lines = [f"{step}: {duration(value * 1000)}" for step, value in steps]
    last = dict(steps).get("p99") or steps[-1][1]
    label = f"{significant(steps[0][1], 2)} \N{RIGHTWARDS ARROW} {significant(last, 2)}"
    return Ladder(name, kind, steps, label, "\n".join([f"{cell.title}, {name}", *lines]), version=version)


def ratio_rows(summary: Summary, workload: str, effect: Effects, places: Places) -> list[RatioRow]:
    """The forest plot of one runtime against the baseline, largest ratio first."""
    by_cell = {(c.stack, c.runtime): c for c in cells_of(summary, workload)}
    rows = []
    for ratio in [*effect.faster, *effect.slower, *effect.undecided, *effect.unclaimed]:
        if ratio.rps is not None:
            mine, base = by_cell.get((ratio.stack, ratio.runtime)), by_cell.get((ratio.stack, ratio.baseline))
            rows.append(_ratio_row(ratio, mine, base, places[ratio.stack]))
    return sorted(rows, key=lambda row: (-row.value, row.stack))


def _ratio_row(ratio: RuntimeRatio, mine: CellSummary | None, base: CellSummary | None, anchor: str) -> RatioRow:
    found = ratio.rps
    assert found is not None
    label = times(found.value)
    if found.bound:
        sign = "\N{GREATER-THAN OR EQUAL TO}" if found.bound == "at least" else "\N{LESS-THAN OR EQUAL TO}"
        label = f"{sign} {label}"
    elif found.low is not None:
        label += f"  [{interval(found.low, found.high)}]"
    names = f"{runtime_name(ratio.runtime)} over {runtime_name(ratio.baseline)}"
    said = f"{ratio.title}\n{names}: {label}\nn = {found.n} blocks"
    if found.why:
        said += f"\n{found.why}"
    if found.p_corrected is not None:
        said += f"\np = {significant(found.p_corrected, 2)} (Holm)"
    if ratio.versions_differ:
        label += " *"
        said += f"\nversions differ: {spoken(sorted(ratio.versions_differ)[:6])}"
    return RatioRow(
        stack=ratio.stack,
        title=ratio.title,
        anchor=anchor,
        kind=runtime_kind(ratio.runtime),
        value=found.value,
        low=found.low,
        high=found.high,
        values=_block_ratios(mine, base),
        decided=found.significant,
        label=label,
        hover=said,
        runtime=runtime_name(ratio.runtime),
        bound=found.bound,
    )


def _block_ratios(mine: CellSummary | None, base: CellSummary | None) -> tuple[float, ...]:
    if mine is None or base is None or mine.rps is None or base.rps is None:
        return ()
    theirs = dict(zip(base.rps.blocks, base.rps.values, strict=True))
    pairs = zip(mine.rps.blocks, mine.rps.values, strict=True)
    return tuple(value / theirs[block] for block, value in pairs if theirs.get(block))


def efforts(summary: Summary, workload: str, places: Places) -> list[Effort]:
    """Lines of code and throughput of each stack that has both."""
    found = []
    for group in by_stack(summary, workload).values():
        marks = tuple(
            (
                runtime_kind(c.runtime),
                runtime_name(c.runtime),
                c.rps.value,
                f"{c.title}, {runtime_name(c.runtime)}\n{c.lines_of_code} lines of code\n"
                f"{significant(c.rps.value)} {workload_name(workload).units} per second",
            )
            for c in group
            if c.rps and c.lines_of_code
        )
        if marks:
            found.append(
                Effort(group[0].stack, group[0].title, places[group[0].stack], group[0].lines_of_code or 0, marks)
            )
    return found


def panels(
    summary: Summary, workload: str, places: Places, samples: dict[tuple[str, str, str], list[Sample]]
) -> list[Panel]:
    """Warm-up curves of each stack; `samples` are the final samples by (stack, runtime, workload)."""
    found = []
    most = max(12, min(60, 6000 // max(1, sum(map(len, samples.values())))))  # points of a line: large pages stay small
    for group in _ordered(summary, workload, lambda c: c.rps.value if c.rps else None, falling=True):
        curves: list[Curve] = []
        words: list[str] = []
        for cell in group:
            mine = samples.get((cell.stack, cell.runtime, cell.workload), [])
            drawn = [curve for sample in mine if (curve := _curve(sample, most)) is not None]
            curves += drawn
            if drawn and cell.steady_after_s is not None:
                words.append(f"{runtime_name(cell.runtime)} {significant(cell.steady_after_s, 2)} s")
        if curves:
            note = "steady after: " + ", ".join(words) if words else ""
            found.append(
                Panel(
                    group[0].stack,
                    group[0].title,
                    places[group[0].stack],
                    _short_note(group),
                    _panel_hover(group, note),
                    tuple(curves),
                )
            )
    return found


def _short_note(group: list[CellSummary]) -> str:
    classes = []
    for cell in group:
        if cell.warmup:
            most = max(cell.warmup.items(), key=lambda item: (item[1], item[0]))[0]
            classes.append(f"{runtime_kind(cell.runtime).replace('cpython', 'CPy').replace('pypy', 'PyPy')}: {most}")
    return " \N{MIDDLE DOT} ".join(classes[:2])


def _panel_hover(group: list[CellSummary], note: str) -> str:
    lines = [group[0].title]
    for cell in group:
        if cell.warmup:
            words = spoken(f"{number} {name}" for name, number in sorted(cell.warmup.items()))
            lines.append(f"{runtime_name(cell.runtime)}: {words}")
    return "\n".join([*lines, note] if note else lines)


def _curve(sample: Sample, most: int) -> Curve | None:
    """Throughput of each window over the median of the measured ones; None without at least three windows."""
    if sample.load is None or len(sample.load.windows) < 3:
        return None
    windows = [w for w in sample.load.windows if w.duration_s > 0]
    measured = [w for w in windows if w.phase == "measure"]
    steady = median(w.requests / w.duration_s for w in (measured or windows))
    if not steady or not math.isfinite(steady):
        return None
    points = tuple((w.start_s + w.duration_s / 2, w.requests / w.duration_s / steady) for w in windows)
    return Curve(runtime_kind(sample.cell.runtime), thin(points, most), measured[0].start_s if measured else None)


def thin(points: tuple[tuple[float, float], ...], most: int) -> tuple[tuple[float, float], ...]:
    """Average neighbouring points so that at most so many remain: a line of 150 pixels shows no more."""
    if len(points) <= most:
        return points
    step = math.ceil(len(points) / most)
    chunks = [points[i : i + step] for i in range(0, len(points), step)]
    return tuple((sum(t for t, _ in c) / len(c), sum(v for _, v in c) / len(c)) for c in chunks)


def spread_percent(cells: Iterable[CellSummary]) -> str:
    """Return the median half-width of the cells' throughput intervals, as percent; empty without any."""
    widths = [w for c in cells if c.rps and (w := c.rps.half_width) is not None]
    return percent(median(widths)) if widths else ""
