"""A/A experiments: a stack that was entered twice, under its own name and a second one.

Nothing differs between the two but the name, so every ratio away from 1 is noise, and an interval that does not contain
1 is a false alarm: at 95 % confidence one in twenty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from results.inference import ratio_between
from results.summary import Measure, Ratio, Summary

SUFFIX = re.compile(r"[+-]again$")


class Twin(msgspec.Struct):
    """A stack over itself, on one runtime under one workload. `tie`: the interval contains 1 (None: no interval)."""

    stack: str
    runtime: str
    workload: str
    measure: Measure
    ratio: Ratio
    tie: bool | None


def twins(summary: Summary) -> Iterator[Twin]:
    """Every pair of the run, for throughput and for CPU time per request."""
    cells = {(cell.stack, cell.runtime, cell.workload): cell for cell in summary.cells}
    for (stack, runtime, workload), second in cells.items():
        base = SUFFIX.sub("", stack)
        first = cells.get((base, runtime, workload))
        if base == stack or first is None:
            continue
        measures: tuple[Measure, Measure] = ("rps", "cpu")
        for measure in measures:
            ratio = ratio_between(first, second, measure, summary.trust.claims)
            if ratio is not None:
                tie = None if ratio.low is None or ratio.high is None else ratio.low <= 1 <= ratio.high
                yield Twin(base, runtime, workload, measure, ratio, tie)


def sentences(summary: Summary) -> list[str]:
    """One line a pair, for the terminal."""
    names = {"rps": "requests per second", "cpu": "CPU per request"}
    lines = []
    for twin in twins(summary):
        where = f"A/A {twin.stack}, {twin.runtime}, {twin.workload}, {names[twin.measure]}"
        if twin.tie is None:
            lines.append(f"{where}: {twin.ratio.value:.3f} x; {twin.ratio.why or 'no interval'}.")
        else:
            verdict = "a tie, as it must be" if twin.tie else "NOT a tie: a false alarm, or the machine is not fit"
            lines.append(
                f"{where}: {twin.ratio.value:.3f} x [{twin.ratio.low:.3f}, {twin.ratio.high:.3f}], "
                f"n = {twin.ratio.n}: {verdict}."
            )
    return lines
