"""The page of a run: from what is stored to one string of HTML, the same bytes for the same results."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup

from reports import findings, marks, openloop
from reports.charts.counts import counts
from reports.charts.cpu import cpu
from reports.charts.forest import RatioRow, forest
from reports.charts.latency import latency
from reports.charts.lines import lines_of_code
from reports.charts.load import load
from reports.charts.memory import memory
from reports.charts.spectrum import spectrum
from reports.charts.startup import startup
from reports.charts.svg import Chart
from reports.charts.throughput import throughput
from reports.charts.warmup import warmup
from reports.connections import count_panels, count_table, count_title
from reports.data import embedded, json_for_script, runtime_choices
from reports.engine import templates
from reports.figures import count
from reports.journeys import journeys
from reports.names import WorkloadName, anchors, runtime_kind, runtime_name, workload_name
from reports.rates import common_rate
from reports.spectra import STEPS, Spectra, spectra
from reports.stacks import PROCESS_COLUMNS, gather, stack_views
from reports.table import Column, Row, columns, pinned, rows
from reports.trust import machine_facts, tiles, unquiet
from reports.words import ADAPTIVE, GLOSSARY, METHOD, UNDERSTANDING
from results.locust import LIMITS, is_locust
from results.schema import Contract, Record, Run, Sample
from results.store import final_samples
from results.summary import CellSummary, Summary


@dataclass(frozen=True)
class Listing:
    """A chart's figures as a table, for those who cannot see it: (title, anchor, texts) for each row."""

    headings: tuple[str, ...]
    rows: list[tuple[str, str, tuple[str, ...]]]


@dataclass(frozen=True)
class FigureView:
    """A chart with its words. `ratios` are the rows of a forest plot, `listing` the figures of one no table holds."""

    kind: str
    anchor: str
    title: str
    subtitle: str
    chart: Chart
    ratios: list[RatioRow] = field(default_factory=list)
    listing: Listing | None = None

    @property
    def understanding(self) -> str:
        """How to read this kind of chart."""
        return UNDERSTANDING[self.kind]


@dataclass(frozen=True)
class WorkloadView:
    """A workload's part of the page."""

    id: str
    name: WorkloadName
    columns: list[Column]
    rows: list[Row]
    against: str
    against_key: str
    hero: FigureView | None
    figures: list[FigureView]


def render(run: Run, records: Iterable[Record], summary: Summary) -> str:
    """Return the report of a run."""
    kept = list(records)
    finals = [sample for sample in final_samples(kept).values() if not is_locust(run, sample)]
    everyone = [s.id for s in run.stacks] + [c.stack for c in summary.cells] + [row.stack for row in summary.locust]
    places = anchors(everyone)
    material = gather(run, summary, [r for r in kept if isinstance(r, Contract)], finals)
    workloads = [_workload(summary, name, places, finals) for name in summary.workloads]
    footprint = _footprint(summary, places)
    figures = [f for view in workloads for f in [*([view.hero] if view.hero else []), *view.figures]] + footprint
    context: dict[str, Any] = {
        "run": run,
        "summary": summary,
        "title": f"Anemometer {run.run_id}",
        "headline": findings.headline(summary),
        "findings": findings.workload_findings(summary),
        "tiles": tiles(summary),
        "unquiet": unquiet(summary),
        "workloads": workloads,
        "footprint": footprint,
        "locust": journeys(summary.locust, places),
        "locust_limits": LIMITS,
        "stacks": stack_views(material, places),
        "process_columns": PROCESS_COLUMNS,
        "runtimes": runtime_choices(summary),
        "legend": legend(summary.cells),
        "families": sorted({cell.family for cell in summary.cells if cell.family}),
        "machine": machine_facts(run.machine),
        "settings": machine_facts(dict(run.plan.settings)),
        "suite": machine_facts(dict(run.suite)),
        "command": shlex.join(run.command),
        "method": [*METHOD, ADAPTIVE] if summary.trust.until is not None else METHOD,
        "glossary": GLOSSARY,
        "chart_styles": chart_styles(figure.chart for figure in figures),
        "data": Markup(json_for_script(embedded(summary))),  # noqa: S704  (escaped for a script element there)
    }
    return templates().get_template("report.html").render(context)


def legend(cells: Iterable[CellSummary]) -> list[tuple[str, str]]:
    """Return (kind, name) of each runtime with figures, in the cells' order."""
    return list(dict.fromkeys((runtime_kind(c.runtime), runtime_name(c.runtime)) for c in cells if c.rps))


def chart_styles(charts: Iterable[Chart]) -> Markup:
    """Return the CSS of all classes that the charts use, each once."""
    merged: dict[str, str] = {}
    for chart in charts:
        merged.update(chart.styles)
    return Markup("".join(f".{name}{{{merged[name]}}}" for name in sorted(merged)))  # noqa: S704  (ours)


def _workload(summary: Summary, workload: str, places: dict[str, str], finals: list[Sample]) -> WorkloadView:
    name, against = workload_name(workload), pinned(summary, workload)
    hero, figures = _figures(summary, workload, places, finals)
    return WorkloadView(
        workload,
        name,
        columns(common_rate(summary, workload)),
        rows(summary, workload, places),
        f"{against.title}, {runtime_name(against.runtime)}" if against else "",
        f"{against.stack}|{against.runtime}" if against else "",
        hero,
        figures,
    )


def _figures(
    summary: Summary, workload: str, places: dict[str, str], finals: list[Sample]
) -> tuple[FigureView | None, list[FigureView]]:
    name = workload_name(workload)
    cells = [cell for cell in findings.cells_of(summary, workload) if cell.rps]
    if not cells:
        return None, []
    key = _key(workload)
    connections = _load_words(sample for sample in finals if sample.cell.workload == workload)
    counted = sample_size(cells)
    ci = f"95\N{NO-BREAK SPACE}% CI, {counted}" if summary.trust.claims else f"{counted}, no intervals claimed"

    title = findings.throughput_title(summary, workload)
    hero = FigureView(
        "throughput",
        f"throughput-{workload}",
        title,
        f"{name.units} per second{connections}; geometric mean, {ci}",
        throughput(f"t{key}", marks.throughput_rows(summary, workload, places), title, name.units),
    )
    found = []
    for index, effect in enumerate(findings.effects(summary, workload)):
        ratios = marks.ratio_rows(summary, workload, effect, places)
        title = findings.forest_title(summary, workload, effect)
        fast, base = runtime_name(effect.runtime), runtime_name(effect.baseline)
        chart = forest(
            f"f{key}-{index}",
            ratios,
            title=title,
            measure=f"throughput on {fast} over {base}",
            sides=(f"{base} faster", f"{fast} faster"),
        )
        place = f"forest-{workload}" + (f"-{index + 1}" if index else "")
        subtitle = f"throughput on {fast} over throughput on {base}, same stack; paired by block, {ci}"
        found.append(FigureView("forest", place, title, subtitle, chart, ratios))
    if tried := count_panels(summary, workload, places):
        title = count_title(summary, workload)
        subtitle = f"{name.units} per second over the number of connections, closed loop; geometric mean, {ci}"
        listing = Listing(*count_table(summary, workload, places))
        chart = counts(f"q{key}", tried, title, name.units)
        found.append(FigureView("counts", f"counts-{workload}", title, subtitle, chart, listing=listing))
    rate = common_rate(summary, workload)
    if rate is not None and (ladders := openloop.rate_rows(summary, workload, rate, places)):
        offered = f"{rate:,.0f} {name.units} per second"
        title = findings.rate_title(summary, workload, rate)
        label = "\N{LEFTWARDS ARROW} less is better \N{MIDDLE DOT} ms, logarithmic \N{MIDDLE DOT} open loop"
        subtitle = f"p50, p90, p99, p99.9 at {offered}, open loop; medians over processes, {counted}"
        found.append(FigureView("rate", f"rate-{workload}", title, subtitle, latency(f"r{key}", ladders, title, label)))
    if panels := openloop.load_panels(summary, workload, places):
        title = f"{name.heading}: latency against load"
        subtitle = f"p50 and p99 over the rate offered, open loop; medians over processes, {counted}"
        found.append(
            FigureView("load", f"load-{workload}", title, subtitle, load(f"o{key}", panels, title, name.units))
        )
    ladders = marks.latency_rows(summary, workload, places)
    if ladders:
        title = findings.latency_title(summary, workload)
        label = (
            "\N{LEFTWARDS ARROW} less is better \N{MIDDLE DOT} ms, logarithmic \N{MIDDLE DOT} closed loop at saturation"
        )
        subtitle = (
            f"p50, p90, p99, p99.9 in a closed loop at saturation{connections}; medians over processes, {counted}"
        )
        chart = latency(f"l{key}", ladders, title, label)
        found.append(FigureView("latency", f"latency-{workload}", title, subtitle, chart))
    if found_spectra := spectra(summary, workload, rate, places, finals):
        found.append(_spectrum(found_spectra, f"p{key}", workload, connections))
    used = marks.cpu_rows(summary, workload, places)
    if used:
        title = findings.cpu_title(summary, workload)
        subtitle = f"CPU time of the server's processes per {name.unit}; geometric mean, {ci}"
        found.append(FigureView("cpu", f"cpu-{workload}", title, subtitle, cpu(f"c{key}", used, title, name.unit)))
    samples: dict[tuple[str, str, str], list[Sample]] = {}
    for sample in finals:
        if sample.cell.workload == workload and sample.status == "ok":
            samples.setdefault((sample.cell.stack, sample.cell.runtime, workload), []).append(sample)
    curves = marks.panels(summary, workload, places, samples)
    if curves:
        title = findings.warmup_title(summary, workload)
        subtitle = f"{name.units} per second over time, as a share of the process's own measured part; {counted}"
        found.append(FigureView("warmup", f"warmup-{workload}", title, subtitle, warmup(f"w{key}", curves, title)))
    return hero, found


def _spectrum(drawn: Spectra, name: str, workload: str, connections: str) -> FigureView:
    units = workload_name(workload).units
    at = f"{drawn.rate:,.0f} {units} per second, open loop" if drawn.rate else f"saturation, closed loop{connections}"
    chart = spectrum(name, drawn.lines, drawn.title, f"share of the answers that came within \N{MIDDLE DOT} {at}")
    subtitle = f"latency by percentile at {at}; processes pooled for drawing only"
    listing = Listing(("Stack", *(f"{share * 100:g} %" for share in STEPS)), drawn.table)
    return FigureView("spectrum", f"spectrum-{workload}", drawn.title, subtitle, chart, listing=listing)


def _footprint(summary: Summary, places: dict[str, str]) -> list[FigureView]:
    """Charts that need no repeating for each workload: memory, start-up, lines of code, of the first that has them."""
    workload = next((w for w in summary.workloads if any(c.rps for c in findings.cells_of(summary, w))), None)
    if workload is None:
        return []
    name = workload_name(workload)
    counted = sample_size([c for c in findings.cells_of(summary, workload) if c.rps])
    found = []
    if kept := marks.memory_rows(summary, workload, places):
        title = findings.memory_title(summary, workload)
        subtitle = f"memory (PSS) of the server's processes under {name.heading}; median, {counted}"
        found.append(FigureView("memory", "memory", title, subtitle, memory("m", kept, title)))
    if ready := marks.startup_rows(summary, workload, places):
        title = findings.startup_title(summary, workload)
        subtitle = f"from starting the process to its first right answer; median, {counted}"
        found.append(FigureView("startup", "startup", title, subtitle, startup("s", ready, title)))
    if written := marks.efforts(summary, workload, places):
        least, most = min(e.lines for e in written), max(e.lines for e in written)
        title = f"The implementations take from {least} to {count(most, 'line')} of code"
        subtitle = (
            f"lines of app.py that are neither blank nor comment, against {name.heading}'s {name.units} per second"
        )
        found.append(FigureView("lines", "lines", title, subtitle, lines_of_code("n", written, title, name.units)))
    return found


def sample_size(cells: list[CellSummary]) -> str:
    """Say how many processes stand behind each mark: n = 5 processes, or n = 3-5 processes."""
    numbers = [cell.n for cell in cells if cell.n]
    if not numbers:
        return "n = 0 processes"
    low, high = min(numbers), max(numbers)
    if low == high:
        return f"n\N{NO-BREAK SPACE}= {count(high, 'process', 'processes')}"
    return f"n\N{NO-BREAK SPACE}= {low}\N{EN DASH}{high} processes"


def _load_words(samples: Iterable[Sample]) -> str:
    numbers = sorted({s.load.connections for s in samples if s.load is not None and s.load.connections})
    if not numbers:
        return ""
    return f", {numbers[0]} connections" if len(numbers) == 1 else f", {numbers[0]} to {numbers[-1]} connections"


def _key(workload: str) -> str:
    """Return a workload's name as it may stand in an id."""
    return "".join(c if c.isascii() and c.isalnum() else f"_{ord(c):x}" for c in workload)
