"""The short summary for a terminal of 80 columns: a line a stack, its runtimes side by side, and their ratio."""

from __future__ import annotations

from rich.console import Console, Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from results.again import sentences
from results.locust_table import render_locust
from results.summary import CellSummary, RuntimeRatio, Summary
from results.table import figure, spread, trust_lines


def print_short(summary: Summary, console: Console) -> None:
    """Print the short summary."""
    console.print(render(summary))


def render(summary: Summary) -> RenderableType:
    """Return everything that is printed, in order."""
    parts: list[RenderableType] = []
    reasons: dict[str, int] = {}
    for workload in summary.workloads:
        if any(cell.workload == workload for cell in summary.cells):
            parts += [_table(summary, workload, reasons), ""]
    parts += render_locust(summary.locust)
    parts += [Text(f"[{number}] {reason}") for reason, number in reasons.items()]
    for entry in summary.missing:
        hint = f" ({entry.hint})" if entry.hint else ""
        parts.append(Text(f"not here: {entry.stack or entry.runtime or 'all'}: {entry.reason}{hint}"))
    parts += [Text(line) for line in (*sentences(summary), *trust_lines(summary))]
    return Group(*parts)


def _table(summary: Summary, workload: str, reasons: dict[str, int]) -> Table:
    """One workload; a number in brackets points to the reason why there is no figure."""
    cells = {(c.stack, c.runtime): c for c in summary.cells if c.workload == workload}
    runtimes = [runtime for runtime in summary.runtimes if any(key[1] == runtime for key in cells)]
    ratios = {(r.stack, r.runtime): r for r in summary.runtime_ratios if r.workload == workload}
    compared = [runtime for runtime in runtimes if any(key[1] == runtime for key in ratios)]
    title = f"{workload}: requests per second"
    table = Table(title=title, title_justify="left", title_style="bold", pad_edge=False, box=None, padding=(0, 1))
    table.add_column("stack", no_wrap=True)
    for runtime in runtimes:
        table.add_column(escape(runtime), justify="right", no_wrap=True)
    for runtime in compared[:1]:
        table.add_column(f"{_brand(runtime)} / {_brand(summary.baseline or '')}", justify="right", no_wrap=True)

    def best(stack: str) -> float:
        figures = [cell.rps.value for (name, _), cell in cells.items() if name == stack and cell.rps]
        return max(figures, default=0.0)

    for stack in sorted({stack for stack, _ in cells}, key=lambda name: (-best(name), name)):
        row = [_rps(cells.get((stack, runtime)), reasons) for runtime in runtimes]
        table.add_row(escape(stack), *row, *(_ratio(ratios.get((stack, runtime))) for runtime in compared[:1]))
    return table


def _brand(runtime: str) -> str:
    return {"pypy": "PyPy", "cpyt": "CPython"}.get(runtime[:4], runtime)


def _rps(cell: CellSummary | None, reasons: dict[str, int]) -> Text:
    if cell is None:
        return Text("")
    if cell.rps is None:
        reason = f"{cell.status}{f' at {cell.stage}' if cell.stage else ''}: {cell.reason}"
        return Text(f"{cell.status} [{reasons.setdefault(reason, len(reasons) + 1)}]", style="red")
    width = cell.rps.half_width
    mark = ">= " if cell.censored else ""
    return Text(f"{mark}{figure(cell.rps.value)}{' ±' + spread(width) if width is not None else ''}")


def _ratio(row: RuntimeRatio | None) -> Text:
    if row is None or row.rps is None:
        return Text("")
    ratio = row.rps
    mark = {"at least": ">= ", "at most": "<= ", None: ""}[ratio.bound]
    interval = "" if ratio.low is None or ratio.high is None else f" [{ratio.low:.2f}, {ratio.high:.2f}]"
    style = "dim" if ratio.significant is False else ""
    return Text(f"{mark}{ratio.value:.2f}{interval}", style=style)
