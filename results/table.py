"""The summary for a terminal: a table for each workload, the runtimes' ratios, and how far to trust it."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from results.locust_table import render_locust
from results.summary import CellSummary, Estimate, Ratio, RuntimeRatio, Summary


def print_summary(summary: Summary, console: Console) -> None:
    """Print a run's summary."""
    console.print(render(summary))


def render(summary: Summary) -> RenderableType:
    """Return everything that is printed of a summary, in order."""
    parts: list[RenderableType] = []
    for workload in summary.workloads:
        rows = [cell for cell in summary.cells if cell.workload == workload]
        if rows:
            parts += [_workload_table(workload, rows), ""]
    if summary.runtime_ratios:
        parts += [_ratio_table(summary.runtime_ratios), ""]
    parts += render_locust(summary.locust)
    parts += [Text(line) for line in _not_there(summary)]
    parts += [Text(line) for line in trust_lines(summary)]
    return Group(*parts)


def trust_lines(summary: Summary) -> list[str]:
    """Return how far the run can be believed, in sentences."""
    trust = summary.trust
    if summary.locust and not summary.cells:
        return [f"Run {summary.run_id}: {trust.why}."] + [f"Mind: {complaint}" for complaint in summary.complaints]
    lines = [
        f"Run {summary.run_id}, profile {summary.profile}: {trust.blocks_done} of {trust.blocks_planned} blocks, "
        f"{trust.processes_done} of {trust.processes_planned} processes; {trust.processes_failed} failed, "
        f"{trust.processes_flagged} flagged, {trust.processes_rejected} measured again, "
        f"{trust.processes_not_steady} not steady."
    ]
    if trust.cells_censored:
        lines.append(f"{_count(trust.cells_censored, 'cell')} limited by the client: a lower bound, not ranked.")
    if trust.blocks_moved:
        blocks = ", ".join(str(block + 1) for block in trust.blocks_moved)
        lines.append(f"The sentinel moved by more than 5 % in block {blocks}: the machine changed meanwhile.")
    if trust.until:
        lines.append(
            f"Adaptive: after five blocks each cell got as many as ±{trust.until:.1%} needs; intervals are Stein's."
        )
    if not trust.finished:
        lines.append("The run is not finished; what is printed is what there is so far.")
    if trust.why:
        lines.append(f"No claims: {trust.why}.")
    else:
        lines.append("± and [..]: 95 % confidence, by t over processes. ≈: the ratio may as well be 1.")
    return lines + [f"Mind: {complaint}" for complaint in summary.complaints]


def _workload_table(workload: str, cells: Iterable[CellSummary]) -> Table:
    table = Table(title=f"{workload}: requests per second at capacity", title_justify="left", title_style="bold")
    table.add_column("stack", overflow="fold")
    table.add_column("runtime")
    for name in ("req/s", "±", "tier", "CPU µs/req", "p50 ms", "p99 ms", "MB", "n"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("remarks", overflow="fold", ratio=1)
    for cell in sorted(cells, key=lambda c: (c.rps is None, -c.rps.value if c.rps else 0.0, c.stack, c.runtime)):
        # Latency under a limiting client is the client's own.
        shown = {} if cell.censored else cell.latency_us
        table.add_row(
            escape(cell.stack),
            escape(cell.runtime),
            "" if cell.rps is None else (">= " if cell.censored else "") + f"{figure(cell.rps.value)}",
            _half_width(cell.rps),
            "" if cell.tier is None else str(cell.tier),
            "" if cell.cpu_us_per_request is None else figure(cell.cpu_us_per_request.value),
            _scaled(shown.get("p50"), 1e-3),
            _scaled(shown.get("p99"), 1e-3),
            _scaled(cell.pss_load_bytes, 1e-6),
            str(cell.n) if cell.n else "",
            escape(remarks(cell)),
            style="dim" if cell.rps is None else None,
        )
    return table


def remarks(cell: CellSummary) -> str:
    """Return what must be known of a row beside its figures, in a few words."""
    found = []
    if cell.status in ("failed", "missing"):
        found.append(f"{cell.status}{f' at {cell.stage}' if cell.stage else ''}: {cell.reason}")
    elif cell.status == "partial":
        found.append(cell.reason or "partial")
    if cell.hint:
        found.append(cell.hint)
    if cell.censored:
        found.append("client-limited")
    if cell.n and cell.steady < cell.n:
        known = [process for process in cell.processes if process.counted and process.steady is not None]
        unsteady = sum(1 for process in known if not process.steady)
        if unsteady:
            found.append(f"{unsteady} of {len(known)} not steady")
    if cell.flags:
        found.append(", ".join(f"{name} {count}x" for name, count in cell.flags.items() if name != "client-limited"))
    if cell.errors:
        found.append("errors: " + ", ".join(f"{kind} {count}" for kind, count in cell.errors.items()))
    if cell.notes:
        found.append("notes " + " ".join(f"[{note.id}]" for note in cell.notes))
    return "; ".join(part for part in found if part)


def _ratio_table(ratios: list[RuntimeRatio]) -> Table:
    baseline = ratios[0].baseline
    table = Table(
        title=f"Ratio to {baseline}: requests per second, CPU per request", title_justify="left", title_style="bold"
    )
    table.add_column("stack", overflow="fold")
    table.add_column("workload")
    table.add_column("runtime")
    for name in ("req/s", "95 %", "CPU/req", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("versions that differ", overflow="fold", ratio=1)
    for row in ratios:
        differ = ", ".join(f"{name} {a or 'none'} / {b or 'none'}" for name, (a, b) in row.versions_differ.items())
        cells = [*_ratio(row.rps), *_ratio(row.cpu)]
        table.add_row(escape(row.stack), escape(row.workload), escape(row.runtime), *cells, escape(differ))
    return table


def _ratio(ratio: Ratio | None) -> tuple[str, str]:
    if ratio is None:
        return "", ""
    mark = {"at least": ">= ", "at most": "<= ", None: "" if ratio.significant is not False else "≈ "}[ratio.bound]
    interval = "" if ratio.low is None or ratio.high is None else f"{ratio.low:.2f}-{ratio.high:.2f}"
    return f"{mark}{ratio.value:.2f} x", interval


def _not_there(summary: Summary) -> list[str]:
    return [
        f"Missing: {entry.stack or entry.runtime or 'all'}: {entry.reason}" + (f" ({entry.hint})" if entry.hint else "")
        for entry in summary.missing
    ]


def figure(value: float) -> str:
    """Return a figure with three significant digits and thousands' commas: 45,900; 12.3; 0.046."""
    if value == 0:
        return "0"
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"


def _scaled(value: float | None, scale: float) -> str:
    return "" if value is None else figure(value * scale)


def _half_width(estimate: Estimate | None) -> str:
    if estimate is None or estimate.half_width is None:
        return ""
    return spread(estimate.half_width)


def spread(half_width: float) -> str:
    """Return an interval's half-width in as many digits as say something: 1.3%, 24%, >100%."""
    if half_width > 1:
        return ">100%"
    return f"{half_width:.0%}" if half_width >= 0.095 else f"{half_width:.1%}"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" + ("" if number == 1 else "s")
