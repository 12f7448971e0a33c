"""Sentences: no claim beyond the intervals, and grammar that holds for one, two and many."""

from __future__ import annotations

import pytest

from reports import findings
from reports.names import anchors, runtime_kind, runtime_name, short_versions
from results.summarise import summarise
from results.summary import Ratio, RuntimeRatio, Summary
from tests.synthetic import synthetic_run


def summary_of(stacks: int = 4, **options: object) -> Summary:
    """Summarise a synthetic run without faults."""
    run, records = synthetic_run(stacks, workloads=("hello",), windows=4, faults=False, **options)  # type: ignore[arg-type]
    return summarise(run, records)


def with_ratios(summary: Summary, *ratios: tuple[str, float, bool | None]) -> Summary:
    """Replace the runtime ratios by (stack, value, significant)."""
    summary.runtime_ratios = [
        RuntimeRatio(
            stack=name,
            title=name,
            workload="hello",
            runtime="pypy3.11",
            baseline="cpython3.13",
            rps=Ratio(value, value * 0.95, value * 1.05, 5, 0.01, 0.01, decided),
        )
        for name, value, decided in ratios
    ]
    return summary


def said(summary: Summary) -> str:
    """Return the sentence about PyPy."""
    return findings.workload_findings(summary)[0].sentences[-1].text


def test_faster_slower_and_undecided_are_counted() -> None:
    """Only what is significant is called faster or slower; the rest is called undecided."""
    summary = with_ratios(summary_of(), ("a", 2.0, True), ("b", 1.5, True), ("c", 0.5, True), ("d", 1.2, False))
    text = said(summary)
    assert text.startswith("PyPy 3.11 is faster than CPython 3.13 with 2 of 4 stacks, a most (1.9")
    assert "slower with c (0.47" in text
    assert text.endswith("d is undecided.")
    assert "makes 2 of 4 stacks faster and c slower" in findings.headline(summary)


def test_nothing_significant_is_no_difference() -> None:
    """A list of undecided ratios makes no claim at all, however large they look."""
    summary = with_ratios(summary_of(), ("a", 3.0, False), ("b", 0.4, False))
    assert said(summary) == "PyPy 3.11 and CPython 3.13 are not told apart with any of 2 stacks."
    assert "makes no clear difference" in findings.headline(summary)


def test_only_slower_is_said_first() -> None:
    """Where nothing became faster, the sentence does not begin with faster."""
    assert said(with_ratios(summary_of(), ("a", 0.5, True), ("b", 0.9, False))).startswith(
        "PyPy 3.11 is slower than CPython 3.13 with 1 of 2 stacks, a (0.47"
    )


def test_ratios_without_a_claim_are_not_counted() -> None:
    """A censored side makes no claim, and is in no count."""
    assert "both stacks" in said(with_ratios(summary_of(), ("a", 2.0, True), ("b", 2.0, True), ("c", 9.0, None)))


def test_one_stack_is_spoken_of_by_name() -> None:
    """With one stack the sentence is about that stack."""
    assert said(with_ratios(summary_of(), ("a", 2.0, True))).startswith("a serves 1.9")


def test_differing_versions_are_part_of_the_finding() -> None:
    """A ratio of different package versions is not passed off as one of interpreters."""
    summary = with_ratios(summary_of(), ("a", 2.0, True), ("b", 1.5, True))
    summary.runtime_ratios[1].versions_differ = {"tornado": ["6.5", "6.6"]}
    assert said(summary).endswith("(packages differ in version with b).")


def test_a_smoke_run_has_no_findings() -> None:
    """Without claims there are no sentences, and titles name the measure only."""
    summary = summary_of(blocks=1, profile="smoke")
    assert findings.workload_findings(summary) == []
    assert findings.headline(summary) == "This run makes no claims"
    titles = [
        findings.throughput_title(summary, "hello"),
        findings.cpu_title(summary, "hello"),
        findings.latency_title(summary, "hello"),
        findings.memory_title(summary, "hello"),
        findings.startup_title(summary, "hello"),
    ]
    assert not any(character.isdigit() for title in titles for character in title)


@pytest.mark.parametrize(
    ("runtime", "name", "kind"),
    [
        ("cpython3.13", "CPython 3.13", "cpython"),
        ("cpython3.14t", "CPython 3.14t", "cpython"),
        ("pypy3.11", "PyPy 3.11", "pypy"),
        ("node20", "Node 20", "node"),
        ("graalpy24", "graalpy24", "other"),
        ("<b>", "<b>", "other"),
    ],
)
def test_runtimes_have_names(runtime: str, name: str, kind: str) -> None:
    """Known interpreters are written as people write them, others as they are."""
    assert runtime_name(runtime) == name
    assert runtime_kind(runtime) == kind


def test_versions_are_named_where_colours_do_not_tell() -> None:
    """Two CPythons need their versions beside the marks, a lone PyPy does not."""
    assert short_versions(["cpython3.11", "cpython3.14t", "pypy3.11"]) == {
        "cpython3.11": "3.11",
        "cpython3.14t": "3.14t",
    }


def test_places_in_the_page_are_unique() -> None:
    """Ids that differ only in signs get different places; the same list gives the same ones."""
    names = ["flask@waitress", "flask+waitress", "", "@@"]
    places = anchors(names)
    assert len(set(places.values())) == 4
    assert places["flask@waitress"] == "stack-flask-waitress"
    assert places == anchors(names)


def test_a_stack_that_outran_the_client_is_not_passed_over() -> None:
    """It has no rank, since nobody knows how fast it is; the leader is then the fastest of those ranked, no more."""
    summary = summary_of()
    ranking = findings.main_ranking(summary, "hello")
    assert ranking is not None
    ranking.tiers = [[ranking.order[0]], ranking.order[1:]]
    assert " is fastest at hello on CPython 3.13" in findings.headline(summary)
    [beyond] = [c for c in summary.cells if c.stack == ranking.order[-1] and c.runtime == ranking.runtime]
    beyond.censored = True
    assert " is fastest of those ranked at hello on CPython 3.13" in findings.headline(summary)
