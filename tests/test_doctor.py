"""Advice about the machine: pure, from facts and from what was seen."""

import subprocess
import sys

import pytest

from bench.doctor import Observation, diagnose, examine, watch

QUIET = Observation(busy=0.01, steal=0.0, busiest=(), stall_us=80)
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
        ({}, Observation(0.4, 0, (("cc1", 0.4),), 80), ([0], [1]), "neighbours"),
        ({}, Observation(0.0, 0.05, (), 80), ([0], [1]), "steal"),
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
