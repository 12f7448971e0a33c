"""Two runs held against each other: the ratio A/B of each cell that both have, and whether A got slower.

Blocks of two runs are not pairs, so the interval is Welch's t on the logarithms of the processes' means; it carries the
drift of the machine within each run, and cannot carry a change of the machine between them. That is why machines that
differ are refused (reports.differences).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scipy import special

from reports import build
from reports.charts.forest import RatioRow, forest
from reports.differences import Differences, differences, listed
from reports.engine import templates
from reports.figures import count, interval, significant, spoken, times
from reports.names import runtime_kind, runtime_name, workload_name
from reports.page import FigureView, chart_styles, legend
from reports.trust import Tile
from results.schema import Cell, Run
from results.statistics import holm
from results.summary import CellSummary, Estimate, Summary, Trust

Side = tuple[Run, Summary]


@dataclass
class Line:
    """A cell that both runs have: A over B, throughput. `p` is after Holm over all cells of the two runs."""

    a: CellSummary
    b: CellSummary
    value: float
    low: float | None = None
    high: float | None = None
    p_raw: float | None = None
    p: float | None = None
    why: str = ""
    packages: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> str:
        """Say faster, slower, undecided, or no claim."""
        if self.p is None:
            return "no claim"
        if self.p >= 0.05:
            return "undecided"
        return "faster" if self.value > 1 else "slower"

    def regressed(self, limit: float) -> bool:
        """Tell whether A is significantly slower than B, by more than `limit` (0.05 = 5 %)."""
        return self.verdict == "slower" and self.value < 1 - limit


def share(text: str) -> float:
    """Read a share given as 5% or 0.05. argparse.ArgumentTypeError for anything else."""
    try:
        value = float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a share: write it like 5% or 0.05")
    return value


def lines(a: Summary, b: Summary) -> list[Line]:
    """Return the cells that both runs have figures for, largest ratio first."""
    theirs = {cell.cell: cell for cell in b.cells}
    found = []
    for mine in a.cells:
        other = theirs.get(mine.cell)
        if other is not None and mine.rps is not None and other.rps is not None:
            found.append(_line(mine, other, mine.rps, other.rps, a.trust.claims and b.trust.claims))
    for line, p in zip(found, holm([line.p_raw for line in found]), strict=True):
        line.p = p
    return sorted(found, key=lambda line: (-line.value, line.a.cell))


def _line(mine: CellSummary, other: CellSummary, a: Estimate, b: Estimate, claims: bool) -> Line:
    line = Line(mine, other, a.value / b.value)
    names = mine.packages.keys() | other.packages.keys()
    line.packages = [
        f"{name} {mine.packages.get(name, 'absent')}, in B {other.packages.get(name, 'absent')}"
        for name in sorted(names)
        if mine.packages.get(name) != other.packages.get(name)
    ]
    if not claims:
        line.why = "one of the runs makes no claims"
    elif mine.censored or other.censored:
        line.why = "the load generator was the limit"
    elif a.n < 2 or b.n < 2:
        line.why = "one process only"
    else:
        line.low, line.high, line.p_raw = welch(a.values, b.values)
    return line


def welch(a: Sequence[float], b: Sequence[float]) -> tuple[float, float, float]:
    """Return the 95 % interval of the ratio of geometric means a/b and its two-sided p, by Welch's t on logarithms."""
    (mean_a, var_a), (mean_b, var_b) = _moments(a), _moments(b)
    square = var_a + var_b
    difference = mean_a - mean_b
    if square == 0:
        return math.exp(difference), math.exp(difference), 1.0 if difference == 0 else 0.0
    df = square**2 / (var_a**2 / (len(a) - 1) + var_b**2 / (len(b) - 1))
    half = float(special.stdtrit(df, 0.975)) * math.sqrt(square)
    p = 2 * float(special.stdtr(df, -abs(difference) / math.sqrt(square)))
    return math.exp(difference - half), math.exp(difference + half), p


def _moments(values: Sequence[float]) -> tuple[float, float]:
    """Return the mean of the logarithms and the variance of that mean."""
    logs = [math.log(value) for value in values]
    mean = sum(logs) / len(logs)
    return mean, sum((x - mean) ** 2 for x in logs) / (len(logs) - 1) / len(logs)


def headline(found: Sequence[Line], a: str, b: str) -> str:
    """Say in a sentence what the comparison came to."""
    if not found:
        return f"{a} and {b} have no cell in common"
    counts = {
        word: sum(1 for line in found if line.verdict == word) for word in ("faster", "slower", "undecided", "no claim")
    }
    claimed = len(found) - counts["no claim"]
    if not claimed:
        return "Nothing is claimed: " + found[0].why
    if counts["faster"] == counts["slower"] == 0:
        return f"No difference is found in {count(claimed, 'cell')}"
    faster, slower, undecided = (counts[word] for word in ("faster", "slower", "undecided"))
    return f"Of {count(claimed, 'cell')}, {faster} became faster, {slower} slower, {undecided} undecided"


@dataclass(frozen=True)
class Change:
    """What became of a stack: the cells of it that were decided one way, and their ratios from least to most."""

    title: str
    lines: list[Line]
    of: int

    @property
    def ratios(self) -> str:
        """The ratios, as one figure or as the range of them."""
        least, most = (times(choose(line.value for line in self.lines)) for choose in (min, max))
        return least if least == most else f"{least} to {most}"

    @property
    def where(self) -> str:
        """In which cells: both words where it is one, else how many of those that can be decided."""
        if len(self.lines) == 1:
            [line] = self.lines
            return f"in {workload_name(line.a.workload).heading} on {runtime_name(line.a.runtime)}"
        if len(self.lines) == self.of:
            return "in both cells" if self.of == 2 else f"in all {self.of} cells"
        return f"in {len(self.lines)} of {self.of} cells"


def changes(found: Sequence[Line], verdict: str) -> list[Change]:
    """Return the stacks that have cells with this verdict, the farthest from 1 first."""
    stacks: dict[str, list[Line]] = {}
    for line in found:
        if line.p is not None:
            stacks.setdefault(line.a.stack, []).append(line)
    decided = [
        Change(claimed[0].a.title, those, len(claimed))
        for claimed in stacks.values()
        if (those := [line for line in claimed if line.verdict == verdict])
    ]
    return sorted(decided, key=lambda c: (-max(abs(math.log(line.value)) for line in c.lines), c.title))


def tiles(a: Side, b: Side, differ: Differences) -> list[Tile]:
    """Return how far the comparison can be trusted: each side, and whether they were made alike."""
    alike = Tile("alike", "machine and settings", "what must be equal is equal", "good")
    if differ.refused:
        alike = Tile("not alike", "machine and settings", "the ratios compare more than the stacks", "bad")
    return [alike, *(_side(name, summary.trust) for name, (_, summary) in (("A", a), ("B", b)))]


def _side(name: str, trust: Trust) -> Tile:
    parts = [
        f"{number} {word}"
        for number, word in ((trust.processes_flagged, "flagged"), (trust.processes_failed, "failed"))
        if number
    ]
    detail = f"of {count(trust.processes_done, 'process', 'processes')}, {spoken(parts) or 'none was flagged'}"
    blocks = str(trust.blocks_done) if trust.finished else f"{trust.blocks_done} of {trust.blocks_planned}"
    return Tile(blocks, f"blocks in {name}", detail, "good" if trust.finished and not parts else "mind")


def render(a: Side, b: Side, found: Sequence[Line], differ: Differences, limit: float | None) -> str:
    """Return the page."""
    places = {line.a.cell: f"cell-{number}" for number, line in enumerate(found, 1)}
    marks = legend(sorted((line.a for line in found), key=lambda cell: cell.runtime))
    # Where a shape stands for one runtime only, it tells which; else each row says it.
    told = len({line.a.runtime for line in found}) == len({runtime_kind(line.a.runtime) for line in found})
    figures = [
        figure
        for workload in a[1].workloads
        if (figure := _figure(workload, [x for x in found if x.a.workload == workload], places, told))
    ]
    return (
        templates()
        .get_template("compare.html")
        .render(
            a=a[0],
            b=b[0],
            headline=headline(found, a[0].run_id, b[0].run_id),
            differ=differ,
            changes=[(word, group) for word in ("slower", "faster") if (group := changes(found, word))],
            tiles=tiles(a, b, differ),
            legend=marks,
            lines=found,
            limit=limit,
            regressed=[line for line in found if limit is not None and line.regressed(limit)],
            figures=figures,
            chart_styles=chart_styles(figure.chart for figure in figures),
            only_a=_only(a[1], b[1]),
            only_b=_only(b[1], a[1]),
        )
    )


def _only(one: Summary, other: Summary) -> list[str]:
    have = {cell.cell for cell in other.cells if cell.rps}
    return [f"{c.title}, {runtime_name(c.runtime)}, {c.workload}" for c in one.cells if c.rps and c.cell not in have]


def broken(a: Summary, b: Summary) -> list[CellSummary]:
    """The cells that A planned and could not measure at all, and B could."""
    have = {cell.cell for cell in b.cells if cell.rps}
    return [cell for cell in a.cells if cell.status == "failed" and cell.cell in have]


def _figure(workload: str, found: Sequence[Line], places: Mapping[Cell, str], told: bool) -> FigureView | None:
    if not found:
        return None
    rows = [_row(line, places, told) for line in found]
    name = workload_name(workload)
    title = f"{name.heading}: throughput in A over B"
    key = "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}" for c in workload)
    chart = forest(f"v{key}", rows, title=title, measure="throughput in A over B", sides=("A slower", "A faster"))
    subtitle = "geometric means over processes; 95\N{NO-BREAK SPACE}% CI (Welch), decided after Holm's correction"
    return FigureView("versus", f"versus-{workload}", title, subtitle, chart)


def _row(line: Line, places: Mapping[Cell, str], told: bool) -> RatioRow:
    name = runtime_name(line.a.runtime)
    label = times(line.value) + (f"  [{interval(line.low, line.high)}]" if line.low is not None else "")
    p = f"\np = {significant(line.p, 2)} (Holm)" if line.p is not None else f"\n{line.why}"
    return RatioRow(
        stack=line.a.stack,
        title=line.a.title if told else f"{line.a.title}, {name}",
        anchor=places[line.a.cell],
        kind=runtime_kind(line.a.runtime),
        value=line.value,
        low=line.low,
        high=line.high,
        values=(),
        decided=None if line.p is None else line.p < 0.05,
        label=label,
        hover=f"{line.a.title}, {name}, {line.a.workload}\n{label}{p}",
        runtime=name,
    )


def run(folders: tuple[Path, Path], out: Path | None, limit: float | None, *, anyway: bool) -> int:
    """Write the page of two runs, print its path and what it says. 1 where `limit` finds a regression or a new failure.

    ReportError if they cannot be compared, or if nothing in them can be where `limit` asks for a verdict.
    """
    (run_a, _, summary_a), (run_b, _, summary_b) = (build.load(folder) for folder in folders)
    a, b = run_a.run_id, run_b.run_id
    if a == b:
        raise build.ReportError(f"{a} is named twice: name two runs")
    differ = differences(run_a, run_b)
    if differ.refused and not anyway:
        raise build.ReportError(
            f"{a} and {b} cannot be compared: {'; '.join(differ.refused)}; --anyway does it nevertheless"
        )
    damaged = [f"{summary.run_id}: {text}" for summary in (summary_a, summary_b) for text in summary.complaints]
    differ = Differences(differ.refused, [*differ.told, *damaged])
    found = lines(summary_a, summary_b)
    target = out or build.HTML / f"{build.page_path(a).stem}-vs-{build.page_path(b).name}"
    build.write(target, render((run_a, summary_a), (run_b, summary_b), found, differ, limit))
    for text in differ.refused:
        print(f"reports: warning: {text}", file=sys.stderr)
    for text in differ.told:
        print(f"reports: note: {text}", file=sys.stderr)
    said = headline(found, a, b)
    print(said)
    for text in listed("only in B", _only(summary_b, summary_a)):
        print(text)
    regressed = [line for line in found if limit is not None and line.regressed(limit)]
    for line in regressed:
        print(f"slower: {line.a.cell}: {times(line.value)} [{interval(line.low, line.high)}]")
    failed = broken(summary_a, summary_b) if limit is not None else []
    for cell in failed:
        print(f"failed in A: {cell.cell}: {cell.reason}")
    print(target)
    if limit is not None and not failed and all(line.p is None for line in found):
        why = found[0].why if found else said
        raise build.ReportError(f"no regression can be found or ruled out: {why}")
    return 1 if regressed or failed else 0
