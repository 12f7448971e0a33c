"""The figures inside the page, as JSON: for its script, and to be downloaded (its script makes CSV of them too)."""

from __future__ import annotations

import json

from reports.names import runtime_name
from reports.pairs import Field, comparison_data, fields, row_of
from results.summary import CellSummary, Estimate, Summary


def embedded(summary: Summary) -> dict[str, object]:
    """Return what is embedded: every cell with its processes, and what comparing any two rows needs."""
    compared = {workload: fields(summary, workload) for workload in summary.workloads}
    return {
        "run": summary.run_id,
        "created_at": summary.created_at,
        "profile": summary.profile,
        "schema": summary.schema,
        "level": summary.level,
        "claims": summary.trust.claims,
        "baseline": summary.baseline,
        "workloads": summary.workloads,
        "runtimes": summary.runtimes,
        "compare": {
            workload: {field.measure.key: comparison_data(field) for field in found}
            for workload, found in compared.items()
        },
        "cells": [_cell(cell, compared[cell.workload]) for cell in summary.cells],
    }


def _cell(cell: CellSummary, compared: list[Field]) -> dict[str, object]:
    found: dict[str, object] = {
        "stack": cell.stack,
        "runtime": cell.runtime,
        "workload": cell.workload,
        "family": cell.family,
        "status": cell.status,
        "processes": cell.n,
        "steady": cell.steady,
        "reason": cell.reason,
        "tier": cell.tier,
        "ranks": [cell.rank_low, cell.rank_high] if cell.tier is not None else None,
        "censored": cell.censored or None,
        "rps": _estimate(cell.rps),
        "cpu_us": _estimate(cell.cpu_us_per_request),
        "latency_us": {step: _short(value) for step, value in cell.latency_us.items() if value is not None} or None,
        "pss_rest": cell.pss_rest_bytes,
        "pss_load": cell.pss_load_bytes,
        "start_s": _short(cell.start_s),
        "lines": cell.lines_of_code,
        "client_busy": _short(cell.client_busy),
        "flags": cell.flags or None,
        "errors": cell.errors or None,
    }
    if each := _each(cell, compared):
        found["pool"], found["each"] = cell.ranking, each
    if cell.rps is not None and "rps" not in each:
        found["unranked"] = cell.unranked or cell.censored_why or "not ranked"
    return {key: value for key, value in found.items() if value is not None}


def _each(cell: CellSummary, compared: list[Field]) -> dict[str, object]:
    """Return the processes' own figures of each measure that can be compared, in the order of `blocks`."""
    found = {f.measure.key: f.figures[row_of(cell)] for f in compared if row_of(cell) in f.figures}
    if not found:
        return {}
    blocks = sorted({block for figures in found.values() for block in figures})
    values = {key: [_short(figures.get(block)) for block in blocks] for key, figures in found.items()}
    return {"blocks": blocks, **values}


def _estimate(estimate: Estimate | None) -> dict[str, object] | None:
    if estimate is None:
        return None
    return {
        "value": _short(estimate.value),
        "low": _short(estimate.low),
        "high": _short(estimate.high),
        "values": [_short(value) for value in estimate.values],
        "blocks": estimate.blocks,
    }


def _short(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def json_for_script(value: object) -> str:
    """Write JSON that can stand inside a script element: nothing in it can end the element or begin a comment."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return "".join(c if c == "\n" or not 0xD800 <= ord(c) <= 0xDFFF else "\ufffd" for c in text)


def runtime_choices(summary: Summary) -> list[tuple[str, str]]:
    """Return (id, name) of each runtime that has cells, for the page's filter."""
    present = {cell.runtime for cell in summary.cells}
    return [(runtime, runtime_name(runtime)) for runtime in summary.runtimes if runtime in present]
