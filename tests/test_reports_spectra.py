"""Percentile spectra: what stored histograms come to, how far a line goes, and whose lines are drawn."""

from __future__ import annotations

import random
import re
from itertools import pairwise

import pytest
from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from reports.charts.spectrum import Spectrum, simplified, spectrum, stacked
from reports.histograms import pool
from reports.names import anchors
from reports.page import render
from reports.spectra import LABELLED, spectra
from results.schema import Load, Record, Run, Sample
from results.summarise import summarise
from tests.openloops import add_open_loops
from tests.synthetic import synthetic_run


def encoded(values: list[int]) -> str:
    """Encode values (ns) as the load generator does."""
    histogram = HdrHistogram(1, 3_600_000_000_000, 3)
    for value in values:
        histogram.record_value(value)
    return str(histogram.encode().decode())


def test_percentiles_of_a_pool_are_those_of_all_its_values() -> None:
    """Pooled percentiles are those of the values put together, to three digits."""
    rng = random.Random(1)
    parts = [[int(rng.lognormvariate(13, 0.6)) for _ in range(3000)] for _ in range(3)]
    pooled = pool(encoded(part) for part in parts)
    assert pooled is not None
    together = sorted(value for part in parts for value in part)
    shares = (0.1, 0.5, 0.9, 0.99)
    for share, value in zip(shares, pooled.quantiles(shares), strict=True):
        assert value == pytest.approx(together[round(share * len(together)) - 1], rel=2e-3)


def test_a_line_ends_where_too_few_answers_lie_beyond() -> None:
    """n(1-p) must be 20 for half of the processes: pooling ten of them does not make a line longer."""
    pooled = pool([encoded([1000 + i for i in range(2000)])] * 10)
    assert pooled is not None
    assert len(pooled.quantiles((0.5, 0.9, 0.99, 0.9901, 0.999))) == 3


def test_what_is_no_histogram_is_left_out() -> None:
    """A text that cannot be decoded, or holds nothing, adds nothing; without any there is no pool."""
    good = encoded([5_000_000] * 100)
    bad = ["", "x", good[:40], "A" * 300, "\x00", "\u00e9", encoded([])]
    assert pool(bad) is None
    pooled = pool([*bad, good])
    assert pooled is not None
    assert pooled.quantiles([0.5]) == pytest.approx([5e6], rel=1e-3)


@given(st.lists(st.floats(0, 400), max_size=12))
def test_labels_are_a_line_apart_and_in_order(wanted: list[float]) -> None:
    """Labels at the lines' ends never touch, keep the order of the ends, and stay on the sheet."""
    places = stacked(wanted, 14, 0, 400)
    order = sorted(range(len(wanted)), key=lambda i: (wanted[i], i))
    for a, b in pairwise(order):
        assert places[b] - places[a] >= 14 - 1e-6
    assert all(-1e-6 <= place <= 400 + 1e-6 for place in places)


@given(st.lists(st.floats(0, 100), min_size=2, max_size=40))
def test_a_simplified_line_keeps_its_ends_and_its_shape(heights: list[float]) -> None:
    """Fewer points, the same ends, and no point that was left out lies far from the line."""
    points = [(float(x), y) for x, y in enumerate(heights)]
    kept = simplified(points, 0.5)
    assert kept[0] == points[0]
    assert kept[-1] == points[-1]
    assert set(kept) <= set(points)
    for x, y in points:
        (a, b), (c, d) = next((p, q) for p, q in pairwise(kept) if p[0] <= x <= q[0])
        assert abs(b + (d - b) * (x - a) / (c - a) - y) <= 0.5 * (1 + abs(d - b) / (c - a)) + 1e-6


def line(name: str, label: str) -> Spectrum:
    """Make a line of three points."""
    return Spectrum(
        name, "PyPy 3.11", "pypy", f"stack-{name}", ((0.5, 1.0), (0.9, 2.0), (0.99, 9.0)), f"{name}!", label
    )


def test_every_line_can_be_pointed_at_and_only_some_are_named() -> None:
    """Each line leads to its stack and says its figures; a line without a label is drawn, but not named."""
    svg = spectrum("p", [line("a", "a on b"), line("c", "")], "t", "l").svg
    assert svg.count('<a href="#stack-a"') == 2
    assert svg.count('<a href="#stack-c"') == 1
    assert "<title>c!</title>" in svg
    assert "a on b</text>" in svg
    assert ">c" not in re.sub(r"<title>[^<]*", "", svg)


def run_with_histograms(*, at_rates: bool) -> tuple[Run, list[Record]]:
    """Make a run with open loops, with histograms of their own where wanted."""
    run, records = synthetic_run(6, workloads=("hello",), blocks=3, seed=2, windows=6)
    add_open_loops(records)
    text = encoded([400_000 + 10 * i for i in range(30_000)])
    for record in records:
        if isinstance(record, Sample) and at_rates:
            for load in record.latency:
                load.histogram = text
    return run, records


@pytest.mark.parametrize("at_rates", [True, False])
def test_open_loops_at_the_common_rate_are_preferred(at_rates: bool) -> None:
    """With histograms of the common rate the chart is of it and says so, else of the closed loop."""
    run, records = run_with_histograms(at_rates=at_rates)
    html = render(run, records, summarise(run, records))
    figure = re.search(r'<figure id="spectrum-hello".*?</figure>', html, re.DOTALL)
    assert figure is not None
    assert ("at 1,000 requests per second, open loop" in figure[0]) == at_rates
    assert ("at saturation, closed loop, 64 connections" in figure[0]) != at_rates
    assert "fewer than 20 answers beyond" in " ".join(figure[0].split())
    assert "The same as a table" in figure[0]


def test_what_the_client_delayed_is_not_drawn() -> None:
    """At saturation a censored cell has no line: its latency would be the load generator's."""
    run, records = synthetic_run(8, workloads=("hello", "echo"), blocks=3, seed=2, windows=6)
    summary = summarise(run, records)
    finals = [record for record in records if isinstance(record, Sample)]
    places = anchors(stack.id for stack in run.stacks)
    found = spectra(summary, "echo", None, places, finals)
    assert found is not None
    censored = [c for c in summary.cells if c.workload == "echo" and c.rps and c.censored]
    drawn = [c for c in summary.cells if c.workload == "echo" and c.rps and not c.censored]
    assert censored
    assert len(found.lines) == len(drawn) == len(found.table)
    assert 0 < sum(bool(line.label) for line in found.lines) <= LABELLED


def test_a_stack_that_could_not_keep_up_has_no_line() -> None:
    """At a rate that is more than a stack can serve, its latency is that of a growing queue."""
    run, records = run_with_histograms(at_rates=True)
    finals = [record for record in records if isinstance(record, Sample)]
    slow = [s for s in finals if s.cell.stack == "twisted"]
    for sample in slow:
        for load in sample.latency:
            load.rps = (load.offered_rps or 0) / 2
    places = anchors(stack.id for stack in run.stacks)
    found = spectra(summarise(run, records), "hello", 1000.0, places, finals)
    assert found is not None
    stacks = {line.stack for line in found.lines}
    assert "twisted" not in stacks
    assert "tornado" in stacks


def test_without_histograms_there_is_no_chart() -> None:
    """A run that kept none has no spectrum, and is a page all the same."""
    run, records = synthetic_run(2, workloads=("hello",), blocks=2, windows=4)
    for record in records:
        if isinstance(record, Sample) and isinstance(record.load, Load):
            record.load.histogram = None
    assert "spectrum-hello" not in render(run, records, summarise(run, records))
