"""Advice about the machine: pure, from facts and from what was seen."""

import subprocess
import sys
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.doctor import Observation, diagnose, examine, watch
from bench.hidden import Wander, look, spread

QUIET = Observation(busy=0.01, steal=0.0, busiest=(), stall_us=80, wander=Wander(0.0, 0.0))
GOOD = {"governor": "performance", "cpus": 8, "hypervisor": "none", "open_files_hard": 1048576, "somaxconn": 4096}


def bad(facts: dict, seen: Observation = QUIET, cores: tuple = ([0], [1])) -> set[str]:
    """The names of what is bad."""
    return {finding.what for finding in diagnose(facts, seen, cores) if finding.weight == "bad"}


def test_a_good_machine_has_nothing_to_put_right() -> None:
    """No false alarm."""
    assert bad(GOOD) == set()


@pytest.mark.parametrize(
    ("facts", "seen", "cores", "what"),
    [
        ({"governor": "powersave"}, QUIET, ([0], [1]), "governor"),
        ({"smt": True, "cpus": 2}, QUIET, ([0], [1]), "SMT"),
        ({"cgroup_cpu_max": "150000 100000"}, QUIET, ([0], [1]), "cgroup"),
        ({"open_files_hard": 1024}, QUIET, ([0], [1]), "open files"),
        ({}, replace(QUIET, busy=0.4, busiest=(("cc1", 0.4),)), ([0], [1]), "neighbours"),
        ({}, replace(QUIET, steal=0.05), ([0], [1]), "steal"),
        ({}, QUIET, ([0], [0]), "cores"),
    ],
)
def test_each_ill_is_named_with_its_remedy(facts: dict, seen: Observation, cores: tuple, what: str) -> None:
    """Governor, SMT siblings, CPU limits, low limits, neighbours, steal, a shared core."""
    assert bad({**GOOD, **facts}, seen, cores) == {what}
    assert all(f.remedy for f in diagnose({**GOOD, **facts}, seen, cores) if f.weight != "good")


def test_a_busy_neighbour_is_seen_and_named() -> None:
    """A second busy process is found by watching."""
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        seen = watch(0.5)
    finally:
        busy.kill()
        busy.wait()
    assert seen.busy > 0.2
    assert any("py" in name for name, _ in seen.busiest)
    assert examine(lambda: seen)


def test_guests_of_the_host_are_told_by_how_the_same_work_wanders() -> None:
    """Nothing counts them; work that reads memory and takes longer at times does, with what helps."""

    def said(wander: Wander) -> tuple[str, str]:
        found = diagnose(GOOD, replace(QUIET, wander=wander), ([0], [1]))
        [(weight, remedy)] = [(f.weight, f.remedy) for f in found if f.what == "hidden guests"]
        return weight, remedy

    assert said(Wander(computing=0.02, reading=0.05)) == ("good", "")
    weight, remedy = said(Wander(computing=0.02, reading=0.4))
    assert weight == "note"
    assert "turns" in remedy


@given(st.lists(st.floats(0.5, 1.5), min_size=20), st.floats(1e-6, 1e3))
def test_how_far_work_wanders_does_not_depend_on_how_long_it_takes(times: list[float], unit: float) -> None:
    """A ratio of two percentiles: never negative, nothing for equal times, and without a unit."""
    assert spread(times) >= 0
    assert spread([times[0]] * 20) == 0
    assert spread([unit * value for value in times]) == pytest.approx(spread(times), abs=1e-9)


def test_the_machines_own_wandering_can_be_looked_at() -> None:
    """Both kinds of work are done and timed; what comes of it is this machine's."""
    wander = look(0.3)
    assert 0 <= wander.computing < 100
    assert 0 <= wander.reading < 100
