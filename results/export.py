"""A run in other programs' formats: summary.json, CSV for spreadsheets, Parquet, pyperf's JSON."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd

from results import locust
from results.schema import Record, Run, Sample
from results.store import StoreError, write_atomically
from results.summary import CellSummary, Estimate, Measure, Summary

MB = 1e6
BATCH = 500


def write_summary(folder: Path, summary: Summary) -> tuple[Path, Path]:
    """Write summary.json and summary.csv into a run's folder, each wholly or not at all; return their paths."""
    json_path, csv_path = folder / "summary.json", folder / "summary.csv"
    write_atomically(json_path, msgspec.json.format(msgspec.json.encode(summary), indent=1))
    write_atomically(csv_path, frame(summary).to_csv(index=False, lineterminator="\n").encode())
    return json_path, csv_path


def read_summary(path: Path) -> Summary:
    """Read a summary.json again. StoreError if it is not one."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Summary)
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: {error}") from error


def frame(summary: Summary) -> pd.DataFrame:
    """Return the summary as a table: one row for each cell, column names with units, empty where there is no figure.

    A run of Locust's has no cells: its table has a row for each step of each test, under columns of its own.
    """
    if summary.locust and not summary.cells:
        return pd.DataFrame([record for row in summary.locust for record in locust.flat(row)])
    ratios = {(row.stack, row.runtime, row.workload): row.rps for row in summary.runtime_ratios}
    return pd.DataFrame([_row(cell, ratios.get((cell.stack, cell.runtime, cell.workload))) for cell in summary.cells])


def _row(cell: CellSummary, ratio: Any) -> dict[str, object]:
    return {
        "stack": cell.stack,
        "title": cell.title,
        "family": cell.family,
        "runtime": cell.runtime,
        "workload": cell.workload,
        "status": cell.status,
        "stage": cell.stage,
        "reason": cell.reason,
        "processes": cell.n,
        "processes planned": cell.planned,
        **_interval("requests per second", cell.rps),
        "client-limited (a lower bound)": "yes" if cell.censored else "no",
        "tier": cell.tier,
        "rank from": cell.rank_low,
        "rank to": cell.rank_high,
        "unranked because": cell.unranked,
        "ratio to baseline runtime": ratio.value if ratio else None,
        "ratio to baseline runtime, 95% low": ratio.low if ratio else None,
        "ratio to baseline runtime, 95% high": ratio.high if ratio else None,
        **_interval("server CPU per request (us)", cell.cpu_us_per_request),
        **{f"latency {name} (us)": cell.latency_us.get(name) for name in ("mean", "p50", "p90", "p99", "p99.9", "max")},
        **_interval("highest rate in time (per s)", cell.knee_rps),
        "memory at rest, PSS (MB)": _mb(cell.pss_rest_bytes),
        "memory after load, PSS (MB)": _mb(cell.pss_load_bytes),
        "start-up (s)": cell.start_s,
        "client busy, highest (share of a core)": cell.client_busy,
        "steady processes": cell.steady,
        "warm-up classes": _counts(cell.warmup),
        "time to steady (s)": cell.steady_after_s,
        "requests to steady": cell.steady_after_requests,
        "flags": _counts(cell.flags),
        "errors": _counts(cell.errors),
        "rejected measurements": cell.rejected,
        "lines of code": cell.lines_of_code,
        "load generator": cell.engine,
        "notes": " ".join(f"[{note.id}] {note.text}" for note in cell.notes),
    }


def _interval(name: str, estimate: Estimate | None) -> dict[str, object]:
    return {
        name: estimate.value if estimate else None,
        f"{name}, 95% low": estimate.low if estimate else None,
        f"{name}, 95% high": estimate.high if estimate else None,
    }


def _mb(value: float | None) -> float | None:
    return None if value is None else value / MB


def _counts(counts: dict[str, int]) -> str:
    return "; ".join(f"{name}: {count}" for name, count in counts.items())


def pyperf_suite(run: Run, summary: Summary, runtime: str | None = None, measure: Measure = "rps") -> dict[str, Any]:
    """Return the run as a pyperf benchmark suite, each value the seconds that one request took of one process.

    With `rps` these are seconds of wall time per request at capacity (1/rps), with `cpu` CPU seconds per request. With
    a `runtime` only its cells, named without it, so that `pyperf compare_to cpython.json pypy.json` matches them.
    Client-limited cells are left out: pyperf could not mark them. StoreError if nothing is left.
    """
    benchmarks = []
    for cell in summary.cells:
        estimate = cell.rps if measure == "rps" else cell.cpu_us_per_request
        if estimate is None or cell.censored or (runtime is not None and cell.runtime != runtime):
            continue
        named = {process.block: process for process in cell.processes}
        name = f"{cell.stack} {cell.workload}" + ("" if runtime else f" {cell.runtime}")
        benchmarks.append(
            {
                "metadata": {"name": name, "unit": "second", "loops": 1, "inner_loops": 1},
                "runs": [
                    {
                        "values": [1 / value if measure == "rps" else value / 1e6],
                        "metadata": {"date": _date(named[block].at), "anemometer_block": block},
                    }
                    for value, block in zip(estimate.values, estimate.blocks, strict=True)
                ],
            }
        )
    if not benchmarks:
        what = f" on {runtime}" if runtime else ""
        raise StoreError(f"run {run.run_id} has nothing for pyperf{what}: no cell was measured and ranked")
    machine = {key: value for key, value in run.machine.items() if isinstance(value, (str, int, float))}
    common: dict[str, object] = {f"anemometer_{key}": value for key, value in machine.items()}
    common["anemometer_run"] = run.run_id
    if runtime is not None:
        found = next((entry for entry in run.runtimes if entry.id == runtime), None)
        if found is not None:
            common |= {"python_implementation": found.implementation.lower(), "python_version": found.python_version}
    return {"version": "1.0", "metadata": common, "benchmarks": benchmarks}


def write_pyperf(path: Path, run: Run, summary: Summary, runtime: str | None = None, measure: Measure = "rps") -> None:
    """Write what `pyperf_suite` returns."""
    write_atomically(path, msgspec.json.encode(pyperf_suite(run, summary, runtime, measure)))


def _date(at: str) -> str:
    """Return an ISO 8601 time as pyperf wants it: without the zone."""
    return at.replace("T", " ").removesuffix("Z").split("+")[0].split(".")[0]


def write_parquet(path: Path, run: Run, records: Iterable[Record]) -> int:
    """Write every sample, rejected ones and sentinels included, as a Parquet file; return how many.

    Needs pyarrow, which the suite does not need otherwise: StoreError says how to get it.
    """
    try:
        pa, pq = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
    except ImportError as error:
        raise StoreError("Parquet needs pyarrow: uv pip install pyarrow, or use --csv") from error
    schema = _parquet_schema(pa)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    count = 0
    try:
        with pq.ParquetWriter(temporary, schema, compression="zstd") as writer:
            batch: list[dict[str, object]] = []
            for record in records:
                if isinstance(record, Sample):
                    batch.append(_flat(run.run_id, record))
                    count += 1
                if len(batch) >= BATCH:
                    writer.write_table(pa.Table.from_pylist(batch, schema=schema))
                    batch = []
            writer.write_table(pa.Table.from_pylist(batch, schema=schema))
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StoreError(f"cannot write {path}: {error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return count


LATENCIES = ("mean", "p50", "p90", "p99", "p99.9", "max")


def _flat(run_id: str, sample: Sample) -> dict[str, object]:
    load, server = sample.load, sample.server
    row: dict[str, object] = {
        "run": run_id,
        "stack": sample.cell.stack,
        "runtime": sample.cell.runtime,
        "workload": sample.cell.workload,
        "block": sample.block,
        "at": sample.at,
        "status": sample.status,
        "stage": sample.stage,
        "reason": sample.reason,
        "attempt": sample.attempt,
        "sentinel": sample.sentinel,
        "rejected": sample.rejected,
        "flags": [flag.name for flag in sample.flags],
    }
    if load is not None:
        busy = load.client.get("busy")
        row |= {
            "requests": load.requests,
            "errors": sum(load.errors.values()),
            "duration_s": load.duration_s,
            "rps": load.rps,
            "offered_rps": load.offered_rps,
            "mode": load.mode,
            "engine": load.engine,
            "connections": load.connections,
            "client_busy": busy if isinstance(busy, (int, float)) else None,
            "histogram": load.histogram,
            "windows": [msgspec.structs.asdict(window) for window in load.windows],
        }
        row |= {f"latency_{name}_us": load.latency_us.get(name) for name in LATENCIES}
    if server is not None:
        row |= {
            "start_s": server.start_s,
            "server_cpu_s": server.cpu_s,
            "cpu_us_per_request": server.cpu_us_per_request,
            "pss_rest_bytes": server.pss_rest_bytes,
            "pss_load_bytes": server.pss_load_bytes,
        }
    return row


def _parquet_schema(pa: Any) -> Any:
    text, real, whole, yes = pa.string(), pa.float64(), pa.int64(), pa.bool_()
    window = pa.struct(
        [("start_s", real), ("duration_s", real), ("phase", text), ("requests", whole), ("errors", whole)]
        + [(name, real) for name in ("mean_us", "p50_us", "p99_us", "server_cpu_s")]
    )
    return pa.schema(
        [(name, text) for name in ("run", "stack", "runtime", "workload")]
        + [("block", whole), ("at", text), ("status", text), ("stage", text), ("reason", text), ("attempt", whole)]
        + [("sentinel", yes), ("rejected", yes), ("flags", pa.list_(text))]
        + [("requests", whole), ("errors", whole), ("duration_s", real), ("rps", real), ("offered_rps", real)]
        + [("mode", text), ("engine", text), ("connections", whole), ("client_busy", real)]
        + [(f"latency_{name}_us", real) for name in LATENCIES]
        + [("start_s", real), ("server_cpu_s", real), ("cpu_us_per_request", real)]
        + [("pss_rest_bytes", whole), ("pss_load_bytes", whole)]
        + [("histogram", text), ("windows", pa.list_(window))]
    )
