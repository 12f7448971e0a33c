"""What keeps two runs from being compared, and what is only told: machine, settings, what is measured."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from reports.cli import main
from reports.differences import differences
from results.schema import Run
from tests.synthetic import synthetic_run, write


def pair() -> tuple[Run, Run]:
    """Make two runs of two stacks that differ in nothing but their figures."""
    a, b = (synthetic_run(2, workloads=("hello",), blocks=2, seed=seed, faults=False)[0] for seed in (1, 2))
    return a, b


def test_runs_of_the_same_have_no_differences() -> None:
    """Another seed, another time and another load average are no difference."""
    a, b = pair()
    b.machine |= {"load_average_1min": 0.9, "uptime_s": 12}
    a.machine |= {"uptime_s": 99_999}
    assert differences(a, b).refused == []
    assert differences(a, b).told == []


@pytest.mark.parametrize(
    ("fact", "value", "says"),
    [
        ("cpu_model", "Another CPU", "cpu model is Another CPU and Synthetic CPU @ 2.00GHz"),
        ("cpus", 64, "cpus is 64 and 2"),
        ("cpus_allowed", [0], "cpus allowed is [0] and [0, 1]"),
        ("memory_bytes", 1, "memory bytes is 1 and 8589934592"),
        ("kernel", "7.0.0", "kernel is 7.0.0 and 6.1.0"),
        ("hypervisor", "KVM", "hypervisor is KVM and none"),
        ("architecture", "aarch64", "architecture is aarch64 and x86_64"),
    ],
)
def test_another_machine_is_refused(fact: str, value: object, says: str) -> None:
    """Each fact that makes a machine another one, by the name under which bench stores it."""
    a, b = pair()
    a.machine[fact] = value
    assert differences(a, b).refused == [f"the machines differ: {says}"]


def test_the_machine_s_tuning_is_told() -> None:
    """Facts that a person may set, like the governor, are told; the state of the moment is not."""
    a, b = pair()
    a.machine["governor"], b.machine["governor"] = "performance", "powersave"
    assert differences(a, b).refused == []
    assert differences(a, b).told == ["the machines differ: governor is performance and powersave"]


def test_another_way_of_measuring_is_refused() -> None:
    """Runs with other settings (connections, seconds) measured something else."""
    a, b = pair()
    a.plan.settings["connections"] = 256
    assert differences(a, b).refused == ["they were measured differently: connections is 256 and 64"]


def test_another_precision_is_told() -> None:
    """How often something was measured changes the intervals, not what they are about."""
    a, b = pair()
    a.plan.settings |= {"blocks": 5, "until": 0.02, "reruns": 2}
    b.plan.settings |= {"blocks": 10, "until": None, "reruns": 2}
    found = differences(a, b)
    assert found.refused == []
    assert found.told == ["their precision differs: blocks is 5 and 10; until is 0.02 and not set"]


def test_what_a_comparison_is_for_is_told() -> None:
    """Sources, interpreters, packages and the suite's commit may be just what one wants to compare."""
    a, b = pair()
    a.stacks[1].files = {"tornado/app.py": "pass"}
    a.runtimes[0].version, a.runtimes[1].build = "3.13.2", "other"
    a.environments[0].packages["h11"] = "0.17.0"
    del a.environments[1].packages["h11"]
    a.suite["commit"] = "1" * 40
    found = differences(a, b)
    assert found.refused == []
    assert found.told == [
        "the source differs: Tornado",
        "CPython 3.13 is 3.13.2 (synthetic) and 3.13.1 (synthetic)",
        "PyPy 3.11 is 7.3.19 (other) and 7.3.19 (synthetic)",
        "packages differ: h11 is 0.17.0 and 0.16.0; h11 is not installed and 0.16.0",
        f"the suite's commits differ: {'1' * 12} and {'0' * 12}",
    ]


def test_a_long_list_is_cut() -> None:
    """Forty packages do not push the result off the page: three are named, the others counted."""
    a, b = pair()
    a.environments[0].packages |= {f"p{n}": "1" for n in range(9)}
    [told] = differences(a, b).told
    assert told == (
        "packages differ: p0 is 1 and not installed; p1 is 1 and not installed; p2 is 1 and not installed (and 6 more)"
    )


Change = Callable[[Run], None]


def faster_machine(run: Run) -> None:
    """Make it another machine's run."""
    run.machine["cpu_model"] = "Another <CPU>"


def more_connections(run: Run) -> None:
    """Make it a run of another load."""
    run.plan.settings["connections"] = 256


@pytest.mark.parametrize("change", [faster_machine, more_connections])
def test_a_refusal_is_one_line_and_can_be_overruled(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], change: Change
) -> None:
    """Exit code 2 and no page; with --anyway there is one, and it says at its top what is wrong with it."""
    a, b = pair()
    change(a)
    for run in (a, b):
        write(tmp_path, run, [])
    words = ["compare", "--runs", str(tmp_path), a.run_id, b.run_id, "--out", str(tmp_path / "v.html")]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith(f"reports: {a.run_id} and {b.run_id} cannot be compared: ")
    assert said.endswith("; --anyway does it nevertheless\n")
    assert not (tmp_path / "v.html").exists()
    assert main([*words, "--anyway"]) == 0
    page = (tmp_path / "v.html").read_text()
    assert "Not comparable." in page
    assert "Another <CPU>" not in page


def test_more_blocks_are_no_refusal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A run of five blocks is compared with one of two; terminal and page tell."""
    a, b = pair()
    a.plan.settings["blocks"], b.plan.settings["blocks"] = 5, 2
    for run in (a, b):
        write(tmp_path, run, [])
    out = tmp_path / "v.html"
    assert main(["compare", "--runs", str(tmp_path), a.run_id, b.run_id, "--out", str(out)]) == 0
    assert "reports: note: their precision differs: blocks is 5 and 2" in capsys.readouterr().err
    assert "Their precision differs: blocks is 5 and 2." in out.read_text()
