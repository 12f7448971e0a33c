"""Throughput against connections: shown where a run tried several numbers, with the best one marked."""

from __future__ import annotations

import itertools
import re

import msgspec

from reports.charts.counts import Panel, Track, counts, roomy
from reports.charts.style import LogScale
from reports.connections import best, count_panels, count_table, count_title
from reports.names import anchors
from reports.page import render
from results.schema import Record, Run, Sample
from results.summarise import summarise
from tests.synthetic import synthetic_run

SHAPE = {1: 0.3, 16: 0.8, 256: 1.2}


def run_with_counts(shape: dict[int, float]) -> tuple[Run, list[Record]]:
    """Make a run whose samples hold closed loops at other numbers of connections than the main one, 64."""
    run, records = synthetic_run(4, workloads=("hello",), blocks=3, windows=4, faults=False)
    for record in records:
        if isinstance(record, Sample) and record.load is not None and not record.sentinel:
            load = record.load
            record.counts = [
                msgspec.structs.replace(load, connections=number, rps=load.rps * factor, windows=[], histogram=None)
                for number, factor in shape.items()
            ]
    return run, records


def test_one_number_of_connections_makes_no_chart() -> None:
    """Where only one number was tried there is nothing to draw."""
    run, records = run_with_counts({})
    assert "counts-hello" not in render(run, records, summarise(run, records))


def test_each_stack_has_a_panel_with_its_best_marked() -> None:
    """The best number is the one of the highest mean, and the main load's number is one of those tried."""
    run, records = run_with_counts(SHAPE)
    summary = summarise(run, records)
    places = anchors(stack.id for stack in run.stacks)
    panels = count_panels(summary, "hello", places)
    assert len(panels) == 4
    assert [point[0] for point in panels[0].tracks[0].points] == [1, 16, 64, 256]
    assert {track.best for panel in panels for track in panel.tracks} == {256}
    assert all(track.note.endswith(" at 256") for panel in panels for track in panel.tracks)
    assert count_title(summary, "hello") == "All serve most hello with 256 connections"
    assert best(summary.cells[0]).connections == 256


def test_its_figures_are_also_a_table() -> None:
    """One row a cell, one column a number of connections."""
    run, records = run_with_counts(SHAPE)
    summary = summarise(run, records)
    headings, rows = count_table(summary, "hello", anchors(stack.id for stack in run.stacks))
    assert headings == ("Connections", "1", "16", "64", "256")
    assert len(rows) == len(summary.cells)
    html = render(run, records, summary)
    figure = re.search(r'<figure id="counts-hello".*?</figure>', html, re.DOTALL)
    assert figure is not None
    assert "The same as a table" in figure[0]
    assert rows[0][2][3] in figure[0]


def test_a_bound_is_called_one() -> None:
    """Where the load generator was the limit, the best is at least so much."""
    run, records = run_with_counts(SHAPE)
    summary = summarise(run, records)
    summary.cells[0].censored = True
    panels = count_panels(summary, "hello", anchors(stack.id for stack in run.stacks))
    notes = [track.note for panel in panels if panel.stack == summary.cells[0].stack for track in panel.tracks]
    assert notes[0].startswith("\N{GREATER-THAN OR EQUAL TO} ")
    assert not notes[1].startswith("\N{GREATER-THAN OR EQUAL TO}")


def test_a_panel_leads_to_its_stack() -> None:
    """Each panel is a link with the figures in words."""
    track = Track("pypy", ((1, 10.0, None, None), (64, 100.0, 90.0, 110.0)), 64, "100 at 64")
    svg = counts("q", [Panel("a", "A", "stack-a", "A\nPyPy: most at 64", (track,))], "t", "requests").svg
    assert '<a href="#stack-a" tabindex="-1" data-k="a">' in svg
    assert "<title>A\nPyPy: most at 64</title>" in svg
    assert "100 at 64</text>" in svg


def test_numbers_under_an_axis_do_not_touch() -> None:
    """Of numbers too near each other the larger is written."""
    scale = LogScale([1, 512], 0, 200)
    kept = roomy([1, 2, 256, 300, 512], scale)
    assert kept[-1] == 512
    assert 300 not in kept
    assert all(scale(b) - scale(a) >= 26 for a, b in itertools.pairwise(kept))
