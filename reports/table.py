"""The rows of a workload's table: what each cell shows, what it sorts by, and what is said where there is no figure."""

from __future__ import annotations

from dataclasses import dataclass

from reports.figures import NONE, count, give_or_take, mebibytes, milliseconds, significant, spoken, times
from reports.names import runtime_kind, runtime_name
from reports.pairs import Comparison, compare, throughput
from reports.rates import at_rate, common_rate, trouble
from results.summary import CellSummary, Summary


@dataclass(frozen=True)
class Figure:
    """One cell of a table: its text, a smaller second line, the number it sorts by, a text on pointing at it."""

    text: str
    small: str = ""
    sort: float | None = None
    hover: str = ""


@dataclass(frozen=True)
class Column:
    """A column: its key in the page's state, its heading, its unit, and what is better (for the first click on it)."""

    key: str
    heading: str
    unit: str = ""
    first: str = "asc"
    explain: str = ""


@dataclass(frozen=True)
class Row:
    """A row of the table. `problem` stands in place of all figures where there are none."""

    cell: CellSummary
    key: str
    title: str
    subtitle: str
    anchor: str
    runtime: str
    kind: str
    tags: list[tuple[str, str]]
    figures: list[Figure]
    verdict: Comparison | None
    bar: float
    problem: str = ""


def columns(rate: float | None) -> list[Column]:
    """Return the columns; latency is at the common `rate` (per second), or at saturation where that is None."""
    if rate is None:
        return COLUMNS
    unit = f"ms at {rate:,.0f}/s"
    changed = {
        "p50": Column(
            "p50",
            "p50",
            unit,
            "asc",
            "Half of the answers came within this time of when they were due, in an open loop.",
        ),
        "p99": Column(
            "p99", "p99", unit, "asc", "99 of 100 answers came within this time of when they were due, in an open loop."
        ),
    }
    return [changed.get(column.key, column) for column in COLUMNS]


COLUMNS = [
    Column("stack", "Stack"),
    Column("runtime", "Runtime"),
    Column("rps", "Throughput", "per second", "desc", "Geometric mean over processes with its 95 % interval."),
    Column("tier", "Tier", "", "asc", "Stacks of one tier are not told apart. Counted within a runtime."),
    Column("vs", "Against", "", "desc", "Throughput of this row over the row compared with."),
    Column("cpu", "CPU", "\N{MICRO SIGN}s each", "asc", "CPU time of the server's processes over completed requests."),
    Column("p50", "p50", "ms", "asc", "Half of the answers came within this time, at saturation."),
    Column("p99", "p99", "ms", "asc", "99 of 100 answers came within this time, at saturation."),
    Column("memory", "Memory", "MiB", "asc", "Proportional set size after the load; small: at rest."),
    Column("start", "Start", "s", "asc", "From starting the process to its first right answer."),
    Column(
        "lines",
        "Lines",
        "of code",
        "asc",
        "Lines of app.py that are neither blank nor comment. Expressiveness, not merit.",
    ),
]


def pinned(summary: Summary, workload: str) -> CellSummary | None:
    """Return the row that others are compared with when nobody chose: asyncio on the baseline, else the first ranked.

    It depends on names alone, not on who wins, so that the column means the same in every run and under every filter.
    """
    cells = [c for c in summary.cells if c.workload == workload and c.rps and c.runtime == summary.baseline]
    named = [c for c in cells if c.stack == "asyncio"]
    ranked = sorted((c for c in cells if c.tier is not None), key=lambda c: c.stack)
    return (named or ranked or [None])[0]  # type: ignore[list-item]


def rows(summary: Summary, workload: str, places: dict[str, str]) -> list[Row]:
    """Return the table of a workload: measured cells by throughput, then those that failed, then those missing."""
    cells = [cell for cell in summary.cells if cell.workload == workload]
    rate = common_rate(summary, workload)
    top = max((c.rps.value for c in cells if c.rps), default=0.0)
    against, field = pinned(summary, workload), throughput(summary, workload)
    order = {"ok": 0, "partial": 0, "failed": 1, "missing": 2}
    cells.sort(key=lambda c: (not c.rps, order[c.status], -(c.rps.value if c.rps else 0), c.stack, c.runtime))
    return [
        _row(
            cell,
            places,
            top,
            compare(summary, cell, against, field) if against is not None and cell.rps else None,
            rate,
        )
        for cell in cells
    ]


def _row(cell: CellSummary, places: dict[str, str], top: float, verdict: Comparison | None, rate: float | None) -> Row:
    return Row(
        cell=cell,
        key=f"{cell.stack}|{cell.runtime}",
        title=cell.title,
        subtitle=cell.stack if cell.stack.lower() != cell.title.lower() else "",
        anchor=places[cell.stack],
        runtime=runtime_name(cell.runtime),
        kind=runtime_kind(cell.runtime),
        tags=tags(cell),
        figures=_figures(cell, verdict, rate),
        verdict=verdict,
        bar=cell.rps.value / top if cell.rps and top else 0.0,
        problem=problem(cell),
    )


def problem(cell: CellSummary) -> str:
    """Say in a sentence why a cell has no figures; empty where it has some."""
    if cell.rps is not None:
        return ""
    reason = "; ".join(part for part in (cell.reason, cell.hint) if part)
    if cell.status == "missing":
        return f"Not measured: {reason or 'no reason was recorded'}"
    if cell.status == "failed":
        return f"Failed{f' at {cell.stage}' if cell.stage else ''}: {reason or 'no reason was recorded'}"
    return reason or "No figures yet"


def tags(cell: CellSummary) -> list[tuple[str, str]]:
    """Return what must be known beside a row's figures, as (word, explanation)."""
    found: list[tuple[str, str]] = []
    if cell.rps is None:
        return found
    if cell.censored:
        found.append(("client-limited", cell.censored_why or "The client was the limit: throughput is a lower bound."))
    if not cell.keep_alive:
        found.append(("closes connections", "Never keeps a connection open; ranked apart from those that do."))
    if cell.workers != 1:
        found.append((count(cell.workers, "worker"), "Runs more than one server process; ranked apart."))
    if cell.n < cell.planned:
        found.append(
            (
                f"{cell.n} of {cell.planned}",
                f"{cell.n} of {count(cell.planned, 'planned process', 'planned processes')} counted.",
            )
        )
    unsteady = cell.n - cell.steady
    if cell.n and unsteady and any(p.steady is False for p in cell.processes):
        found.append((f"{unsteady} not steady", "So many processes had not reached a steady state when measured."))
    flags = {name: number for name, number in cell.flags.items() if name != "client-limited"}
    if flags:
        words = spoken(f"{name} ({number})" for name, number in sorted(flags.items()))
        found.append(("flagged", f"Processes with doubtful conditions: {words}."))
    if cell.rejected:
        found.append((f"{cell.rejected} rejected", "Measured, thrown away for their flags, and measured again."))
    if cell.errors:
        words = spoken(f"{kind} ({number:,})" for kind, number in sorted(cell.errors.items()))
        found.append(("errors", f"The client counted errors: {words}."))
    return found


def _figures(cell: CellSummary, verdict: Comparison | None, rate: float | None) -> list[Figure]:
    """Return the figures from the third column on, in the order of COLUMNS."""
    if cell.rps is None:
        return []
    return [
        _throughput(cell),
        _tier(cell),
        _against(verdict),
        _cpu(cell),
        _latency(cell, "p50", rate),
        _latency(cell, "p99", rate),
        Figure(
            mebibytes(cell.pss_load_bytes),
            mebibytes(cell.pss_rest_bytes) if cell.pss_rest_bytes else "",
            cell.pss_load_bytes,
        ),
        Figure(significant(cell.start_s, 2), "", cell.start_s),
        Figure(str(cell.lines_of_code) if cell.lines_of_code is not None else NONE, "", cell.lines_of_code),
    ]


def _tier(cell: CellSummary) -> Figure:
    if cell.tier is None:
        return Figure(NONE, "", None, cell.unranked or "")
    low, high = cell.rank_low, cell.rank_high
    ranks = f"rank {low}" if low == high else f"rank {low}\N{EN DASH}{high}"
    return Figure(str(cell.tier), ranks, cell.tier + (low or 0) / 1000)


def _throughput(cell: CellSummary) -> Figure:
    estimate = cell.rps
    if estimate is None:
        return Figure(NONE)
    if cell.censored:
        return Figure(
            f"\N{GREATER-THAN OR EQUAL TO} {significant(estimate.value)}", "", estimate.value, cell.censored_why or ""
        )
    small = give_or_take(estimate.half_width)
    if estimate.low is not None and estimate.high is not None:
        hover = f"{estimate.value:,.0f}, 95 % interval {estimate.low:,.0f} to {estimate.high:,.0f}, n = {estimate.n}"
    else:
        hover = f"{estimate.value:,.0f}, n = {estimate.n}: {estimate.why or 'no interval'}"
    return Figure(significant(estimate.value), small, estimate.value, hover)


def _against(verdict: Comparison | None) -> Figure:
    if verdict is None or verdict.verdict == "none":
        return Figure(NONE, "", None, verdict.why if verdict else "")
    if verdict.verdict == "same":
        return Figure("1\N{MULTIPLICATION SIGN}", "this row", 1.0)
    hover = ""
    if verdict.low is not None and verdict.high is not None:
        hover = f"{times(verdict.low)} to {times(verdict.high)}, 95 % for all rows of this column together"
    return Figure(times(verdict.ratio), verdict.verdict, verdict.ratio, hover)


def _cpu(cell: CellSummary) -> Figure:
    estimate = cell.cpu_us_per_request
    if estimate is None:
        return Figure(NONE)
    return Figure(significant(estimate.value), give_or_take(estimate.half_width), estimate.value)


def _latency(cell: CellSummary, step: str, rate: float | None) -> Figure:
    if rate is not None:
        point = at_rate(cell, rate)
        if point is None:
            return Figure(NONE, "", None, "Not measured at this rate.")
        if why := trouble(point):
            return Figure(NONE, "", None, f"At this rate: {why}.")
        value = point.latency_us.get(step)
        return Figure(
            milliseconds(value), "", value, "" if value is not None else "Too few samples for this percentile."
        )
    value = cell.latency_us.get(step)
    if cell.censored:
        return Figure(NONE, "", None, "Not printed: the client was the limit, so most of it would be the client's own.")
    why = "Not known: too few samples for this percentile, or over half of a turn, the longest that turns can tell."
    return Figure(milliseconds(value), "", value, "" if value is not None else why)
