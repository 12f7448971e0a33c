"""What a calibration's record says, and where it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from results import calibration_store
from results.calibration import (
    SCHEMA,
    Calibration,
    Ceiling,
    Comparison,
    Shot,
    Truth,
    disturbed,
    failure,
    judge,
    orders,
    ratio,
    reached,
    verdict,
)
from results.schema import Flag
from results.store import StoreError


def shots(*rates: float) -> list[Shot]:
    """Shots of a client, one a round."""
    return [Shot(round=number, rps=rate, requests=1000, cpu_us=5.0) for number, rate in enumerate(rates)]


def comparison(
    title: str = "null", ours: list[Shot] | None = None, theirs: list[Shot] | None = None, **more: object
) -> Comparison:
    """A comparison with wrk at 64 connections."""
    return Comparison(
        server=title, title=title, workload="hello", connections=64, other="wrk",
        ours=ours or [], theirs=theirs or [], **more,  # type: ignore[arg-type]
    )  # fmt: skip


def truth(reported: float | None, expected: float = 10_000.0, served: float | None = None, **more: object) -> Truth:
    """A measurement with one percentile."""
    return Truth(
        kind="fixed", law="always 10 ms", client="loadgen", loop="open", rate=1000, expected_us={"p50": expected},
        reported_us={"p50": reported}, served_us={"p50": served} if served else {}, **more,  # type: ignore[arg-type]
    )  # fmt: skip


def record(**parts: object) -> Calibration:
    """A calibration with these parts."""
    return Calibration(
        schema=SCHEMA, id="2026-11-21T0130Z-ab12", created_at="2026-11-21T01:30:00Z", command=["nox"], suite={},
        finished=True, machine={}, settings={}, server_cores=[0], client_cores=[1], parts=[], **parts,  # type: ignore[arg-type]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reported", "expected", "served", "said"),
    [
        (10_199, 10_000, None, "within"),  # 2 %
        (9_801, 10_000, 10_010, "within"),
        (10_201, 10_000, None, "off"),
        (10_201, 10_000, 10_000, "off"),
        (9_799, 10_000, 10_005, "off"),
        (109, 10, None, "within"),  # 100 us
        (111, 10, 10, "off"),
        (12_000, 10_000, 11_770, "as served"),  # 2 % of what was served
        (12_000, 10_000, 11_760, "off"),
        (12_000, 10_000, 12_500, "off"),
        (None, 10_000, 10_000, "too few"),
    ],
)
def test_a_percentile_is_right_within_two_percent_or_a_tenth_of_a_millisecond(
    reported: float | None, expected: float, served: float | None, said: str
) -> None:
    """Of the value on paper, or of what the server did by its own clocks, late as it was."""
    assert [judged.verdict for judged in judge(truth(reported, expected, served))] == [said]


def test_only_what_was_to_be_judged_decides() -> None:
    """Demonstrations do not count; a wrong percentile or a failure keeps it from passing."""
    demonstration = truth(1.0, judged=False)
    assert verdict(record(truth=[truth(10_000.0), demonstration])).passed
    assert not verdict(record(truth=[truth(10_000.0), truth(20_000.0)])).passed
    assert not verdict(record(truth=[truth(12_000.0, served=10_000.0)])).passed
    late = verdict(record(truth=[truth(12_000.0, served=12_000.0)]))
    assert late.passed and (late.within, late.as_served, late.right) == (0, 1, 1)
    assert verdict(record(truth=[truth(None, reason="the known server ended at once")])).failures
    broken = Ceiling(server="c", workload="hello", connections=1, shots=[Shot(round=0, reason="it ended")])
    assert not verdict(record(ceiling=[broken])).passed


def test_a_ratio_is_paired_and_held_against_what_was_wanted() -> None:
    """The whole interval must lie on one side; rounds of which one half failed are left out."""
    ours, theirs = shots(120, 121, 119, 122), shots(100, 101, 100, 101)
    found = ratio(comparison(ours=ours, theirs=theirs))
    assert found is not None and found.value == pytest.approx(1.2, abs=0.01) and found.n == 4
    assert reached(comparison(ours=ours, theirs=theirs, target=1.15)) == "reached"
    assert reached(comparison(ours=ours, theirs=theirs, target=1.2)) == "undecided"
    assert reached(comparison(ours=ours, theirs=theirs, target=3.0)) == "missed"
    assert reached(comparison(ours=ours, theirs=theirs)) is None
    assert reached(comparison(ours=shots(1), theirs=shots(1), target=1.0)) == "undecided"
    theirs[1].reason = "it ended"
    found = ratio(comparison(ours=ours, theirs=theirs))
    assert found is not None and found.n == 3


def test_what_was_not_compared_says_why() -> None:
    """The reason of the comparison, or the first of its shots."""
    assert failure(comparison(reason="wrk is not installed")) == "wrk is not installed"
    assert failure(comparison(ours=shots(1), theirs=[Shot(round=0, reason="wrk: it ended")])) == "wrk: it ended"
    assert failure(comparison()) == "nothing was measured"
    assert failure(comparison(ours=shots(1), theirs=shots(2))) is None


def test_clients_agree_when_they_put_servers_in_one_order() -> None:
    """Servers compared at the same number of connections; one alone has no order."""
    fast, slow = comparison("fast", shots(9), shots(8)), comparison("slow", shots(2), shots(3))
    [order] = orders([slow, fast])
    assert order.ours == ["fast", "slow"] and order.same
    [order] = orders([comparison("fast", shots(9), shots(1)), slow])
    assert order.theirs == ["slow", "fast"] and not order.same
    assert orders([fast]) == []


def test_disturbed_loads_are_counted_once() -> None:
    """The instrument's rounds stand in both echo comparisons, and were made once."""
    noisy = Shot(round=0, rps=1.0, flags=[Flag("neighbour", "other processes used 50% of a core")])
    first, second = comparison(ours=[noisy], theirs=shots(1)), comparison(ours=[noisy], theirs=shots(1))
    assert disturbed(record(echo=[first, second])) == (1, 3, ["neighbour"])


def test_a_record_comes_back_as_it_was(tmp_path: Path) -> None:
    """Written and read; found by its id, its beginning, as the latest, and by its path."""
    one = record(truth=[truth(10_000.0)], agreement=[comparison(ours=shots(1, 2), theirs=shots(2, 3))])
    path = calibration_store.write(one, tmp_path / "calibrations")
    assert calibration_store.read(path) == one
    for name in (one.id, "2026-11", "latest", str(path)):
        assert calibration_store.resolve(name, path.parent) == path


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    """Nothing there, several meant, another schema, no JSON: one line each."""
    with pytest.raises(StoreError, match="make one with nox -s calibrate"):
        calibration_store.resolve("latest", tmp_path)
    one = record()
    path = calibration_store.write(one, tmp_path)
    one.id = "2026-11-21T0130Z-cd34"
    calibration_store.write(one, tmp_path)
    with pytest.raises(StoreError, match="beginning of 2 calibrations"):
        calibration_store.resolve("2026", tmp_path)
    with pytest.raises(StoreError, match="no calibration 'x'"):
        calibration_store.resolve("x", tmp_path)
    path.write_text('{"schema": 99}')
    with pytest.raises(StoreError, match="update the suite"):
        calibration_store.read(path)
    path.write_text("{")
    with pytest.raises(StoreError, match=path.name):
        calibration_store.read(path)
    path.write_text('{"schema": 1, "id": 3}')
    with pytest.raises(StoreError, match="id"):
        calibration_store.read(path)


def test_a_calibration_that_was_stopped_does_not_pass() -> None:
    """Whatever it had measured until then was right."""
    stopped = record(truth=[truth(10_000.0)])
    assert verdict(stopped).passed
    stopped.finished = False
    assert not verdict(stopped).passed
