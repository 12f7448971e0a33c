"""Finding and spoiling the parts of a summarised run."""

from results.schema import Cell, Record, Sample
from results.summary import CellSummary, RuntimeRatio, Summary

C, P = "cpython3.13", "pypy3.11"


def row(summary: Summary, stack: str, runtime: str = C, workload: str = "hello") -> CellSummary:
    """Return a cell's row."""
    return next(c for c in summary.cells if (c.stack, c.runtime, c.workload) == (stack, runtime, workload))


def ratio(summary: Summary, stack: str, workload: str = "hello", runtime: str = P) -> RuntimeRatio:
    """Return a stack's ratio between runtimes."""
    key = (stack, workload, runtime)
    return next(r for r in summary.runtime_ratios if (r.stack, r.workload, r.runtime) == key)


def samples(records: list[Record], stack: str, runtime: str = C, workload: str = "hello") -> list[Sample]:
    """Return a cell's samples, to change them."""
    cell = Cell(stack, runtime, workload)
    return [r for r in records if isinstance(r, Sample) and r.cell == cell and not r.sentinel]


def fail(sample: Sample) -> None:
    """Turn a sample into a crash."""
    sample.status, sample.stage, sample.reason, sample.load = "failed", "measure", "the server ended: SIGSEGV", None
