"""The page of a calibration: from its record to one string of HTML, the same bytes for the same record."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

from reports.build import CALIBRATION
from reports.calibration_speed import (
    SERVER_KINDS,
    SERVERS,
    ceiling_figure,
    ceiling_line,
    comparison_line,
    ratio_figure,
    servers,
)
from reports.calibration_truth import stall_figure, stall_legend, truth_figure, truth_line
from reports.calibration_views import MICRO, TIMES, WORKLOADS, Figure
from reports.engine import templates
from reports.figures import count, spoken, times
from reports.page import chart_styles
from reports.trust import Mood, Tile, machine_facts
from results.calibration import OURS, Calibration, disturbed, orders, ratio, reached, verdict


def render(record: Calibration) -> str:
    """Return the page."""
    figures: dict[str, Figure | None] = {
        "truth": truth_figure(record),
        "stall": stall_figure(record),
        "agreement": ratio_figure(record.agreement, "agreement"),
        "echo": ratio_figure(record.echo, "echo"),
        "ceiling": ceiling_figure(record),
    }
    context: dict[str, Any] = {
        "record": record,
        "headline": headline(record),
        "tiles": tiles(record),
        "failures": verdict(record).failures,
        "figures": figures,
        "legend": stall_legend(record),
        "server_legend": [(SERVER_KINDS.get(k, "other"), SERVERS.get(k, k)) for k in servers(record)],
        "truth": [truth_line(entry) for entry in record.truth if entry.judged],
        "demonstrations": [truth_line(entry) for entry in record.truth if not entry.judged],
        "agreement": [comparison_line(entry) for entry in record.agreement],
        "echo": [comparison_line(entry) for entry in record.echo],
        "orders": _orders(record),
        "ceiling": [ceiling_line(entry) for entry in record.ceiling],
        "command": shlex.join(record.command),
        "machine": machine_facts(record.machine),
        "settings": machine_facts(dict(record.settings)),
        "suite": machine_facts(dict(record.suite)),
        "versions": sorted(record.versions.items()),
        "cores": f"server on {_cores(record.server_cores)}, clients on {_cores(record.client_cores)}",
        "chart_styles": chart_styles(figure.chart for figure in figures.values() if figure),
    }
    return templates().get_template("calibration.html").render(context)


def _cores(numbers: list[int]) -> str:
    return spoken(map(str, numbers))


def headline(record: Calibration) -> str:
    """The finding in one sentence."""
    found = verdict(record)
    if not found.judged and not found.failures:
        return "The load generator beside others, on this machine"
    if found.judged and found.right == found.judged and not found.failures:
        return f"Right about latency: all {found.judged} percentiles are within 2 % or 100 {MICRO} of the true value"
    if found.judged and found.passed:
        return f"Right about latency in all {found.right} percentiles that had enough requests"
    if found.failures and not found.judged:
        return "Not everything could be measured"
    return (
        f"Not proven here: {found.right} of {found.judged} percentiles are within 2 % or 100 {MICRO} of the true value"
    )


def tiles(record: Calibration) -> list[Tile]:
    """The banner: truth, wrk, WebSocket clients, the ceiling, the machine."""
    found = verdict(record)
    shown: list[Tile] = []
    if found.judged:
        mood: Mood = "good" if found.right == found.judged else "bad" if found.off else "mind"
        words = [
            f"{found.off} off" if found.off else "",
            f"{found.too_few} of too few requests" if found.too_few else "",
        ]
        words.append(f"{found.as_served} of them by the server's own clocks" if found.as_served else "")
        detail = "; ".join(word for word in words if word) or "p50 to p99.9, in open loop"
        shown.append(Tile(f"{found.right} of {found.judged}", "percentiles right", detail, mood))
    for entry in (*record.agreement, *record.echo):
        ratio_found = ratio(entry)
        if entry.target is None or ratio_found is None:
            continue
        said = reached(entry)
        mood = "good" if said == "reached" else "bad" if said == "missed" else "mind"
        what = WORKLOADS.get(entry.workload, entry.workload)
        wanted = f"{what}, {entry.connections} connections; {entry.target:g}{TIMES} was wanted: {said}"
        shown.append(Tile(times(ratio_found.value), f"as fast as {entry.other}", wanted, mood))
    noisy, loads, reasons = disturbed(record)
    if loads:
        detail = (
            f"of {count(loads, 'load')}: {spoken(reasons)}" if noisy else f"of {count(loads, 'load')}: it was quiet"
        )
        shown.append(Tile(str(noisy), "disturbed", detail, "mind" if noisy else "good"))
    return shown


def _orders(record: Calibration) -> list[str]:
    sentences = []
    for order in orders(record.agreement):
        ours = " > ".join(order.ours)
        if order.same:
            sentences.append(f"At {order.connections} connections both clients put the servers in one order: {ours}.")
        else:
            theirs = " > ".join(order.theirs)
            sentences.append(
                f"At {order.connections} connections the orders differ: {ours} by {OURS}, {theirs} by wrk."
            )
    return sentences


def page_path(html: Path) -> Path:
    """Where the page is written: one page, of the latest calibration that was asked for."""
    return html / CALIBRATION
