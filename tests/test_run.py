"""A run from the command line: interrupted, killed, resumed, refused. Real servers, the suite's own commands."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from bench.paths import ROOT
from bench.run import remaining
from results import store
from results.schema import Cell, Check, Contract, Event, Plan, Sample

TINY = [
    *("--servers", "asyncio", "--runtimes", "cpython", "--profile", "smoke", "--seed", "7", "--connections", "8"),
    *("--measure-s", "0.3", "--window-s", "0.1", "--warmup-s", "0.1", "--warmup-max-s", "0.1", "--sentinel-s", "0.2"),
    *("--blocks", "2", "--workloads", "hello,json", "--no-live"),
]


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder for runs that are not to be seen among the real ones."""
    return tmp_path / "runs"


def command(*words: str) -> list[str]:
    """The suite's command line."""
    return [sys.executable, "-m", "bench", *words]


def environment(runs: Path) -> dict[str, str]:
    """What the suite's process sees."""
    return {**os.environ, "ANEMOMETER_RUNS": str(runs), "COLUMNS": "80"}


def call(runs: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        command(*words), cwd=ROOT, env=environment(runs), capture_output=True, text=True, timeout=150, check=False
    )


def samples(runs: Path) -> list[Sample]:
    """The samples that count, of the only run there is."""
    [folder] = store.list_runs(runs)
    return list(store.final_samples(store.load(folder, strict=False).records).values())


def below(pid: int) -> list[psutil.Process]:
    """Every process that a run has started."""
    return psutil.Process(pid).children(recursive=True)


def begin(runs: Path, *more: str) -> Iterator[subprocess.Popen[str]]:
    """Start a run and yield it when its first sample is stored."""
    process = subprocess.Popen(
        command("run", *TINY, *more),
        cwd=ROOT,
        env=environment(runs),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    deadline = time.monotonic() + 120
    while not any(
        b'"status":"ok"' in p.read_bytes() and b'"sentinel":true' not in p.read_bytes().splitlines()[-1]
        for p in runs.glob("*/journal.jsonl")
    ):
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.02)
    yield process
    process.stderr.close() if process.stderr else None
    process.wait()


def test_a_run_measures_its_plan(runs: Path) -> None:
    """Each cell of each block is there once, with the sentinel and the contract, and the plan's order is recorded."""
    done = call(runs, "run", *TINY)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    [folder] = store.list_runs(runs)
    loaded = store.load(folder)
    assert len(samples(runs)) == 4
    assert all(sample.status == "ok" for sample in samples(runs))
    order = [(r.block, r.cell) for r in loaded.records if isinstance(r, Sample) and not r.sentinel]
    assert order == [(number, cell) for number, block in enumerate(loaded.run.plan.blocks) for cell in block]
    assert [r.name for r in loaded.records if isinstance(r, Event)] == ["started", *["block-finished"] * 2, "finished"]
    assert any(isinstance(r, Contract) for r in loaded.records)
    assert {r.cell.workload for r in loaded.records if isinstance(r, Sample) and r.sentinel} == {"hello", "json"}
    text = (folder / "run.json").read_text()
    assert json.loads(text)["plan"]["seed"] == 7
    again = call(runs, "run", "--resume", "latest")
    assert again.returncode == 0
    assert "is complete" in again.stderr
    more = call(runs, "run", "--resume", "latest", "--add-blocks", "1")
    assert more.returncode == 0, more.stderr
    assert len(samples(runs)) == 6
    assert {sample.block for sample in samples(runs)} == {0, 1, 2}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_leaves_nothing_behind_and_resumes(runs: Path, number: signal.Signals) -> None:
    """Ctrl-C, SIGTERM and SIGKILL lose at most the cell in flight; no process remains; --resume completes the plan."""
    started = begin(runs)
    process = next(started)
    children = below(process.pid)
    before = samples(runs)
    os.kill(process.pid, number)
    process.wait(timeout=20)
    if number != signal.SIGKILL:
        assert process.returncode == 130
        said = process.stderr.read() if process.stderr else ""
        assert "--resume" in said
        assert "Traceback" not in said
    next(started, None)
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []
    resumed = call(runs, "run", "--resume", "latest")
    assert resumed.returncode == 0, resumed.stderr
    assert len(samples(runs)) == 4
    after = {(sample.block, sample.cell): sample for sample in samples(runs)}
    assert all(after[sample.block, sample.cell].at == sample.at for sample in before), "what was stored is kept"


def test_a_second_run_in_the_same_checkout_is_refused(runs: Path) -> None:
    """Two runs at once would measure each other."""
    started = begin(runs, "--blocks", "50")
    process = next(started)
    second = call(runs, "run", *TINY)
    os.kill(process.pid, signal.SIGINT)
    next(started, None)
    assert second.returncode == 1
    assert second.stderr.startswith("error: ")
    assert len(second.stderr.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["run", "--servers", "tornadoo"], "did you mean tornado"),
        (["run", "--runtimes", "cpython9.9"], "cpython9.9"),
        (["run", "--workloads", "helo"], "no workload 'helo'"),
        (["run", "--profile", "smok"], "did you mean smoke"),
        (["run", "--blocks", "0"], "too small"),
        (["run", "--resume", "nothing"], "there are no runs"),
        (["run", "--aa", "tornadoo"], "did you mean tornado"),
        (["run", "--add-blocks", "2"], "--resume"),
        (["check", "tornadoo"], "did you mean"),
        (["new", "tornado"], "there already"),
    ],
)
def test_bad_input_is_one_clear_line(runs: Path, words: list[str], says: str) -> None:
    """Wrong names and values end at once, with exit code 2 or 1, no traceback, and a hint."""
    done = call(runs, *words)
    assert done.returncode in {1, 2}
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert any(says in line for line in lines), done.stderr
    assert "Traceback" not in done.stderr
    assert not list(runs.glob("*/run.json"))


def test_dry_run_shows_the_plan_and_measures_nothing(runs: Path) -> None:
    """The cells in their order, and how long it takes."""
    done = call(runs, "run", *TINY, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "block 2" in done.stdout
    assert "4" not in [p.name for p in runs.glob("*")]
    assert "2 cells x 2 blocks" in done.stdout
    assert not list(runs.glob("*/run.json"))


def test_what_remains_is_the_plan_less_what_is_stored_or_barred() -> None:
    """A broken contract bars its workload; a failed sample is a result and not measured again; a rejected one is."""
    a, b, c = (Cell(name, "r", "hello") for name in "abc")
    plan = Plan("p", 1, [[a, b, c], [c, b, a]])
    records = [
        Contract("b", "r", "", [Check("body", "hello", "fail", "x", "y")]),
        Sample(a, 0, "", "failed"),
        Sample(c, 0, "", "ok", rejected=True),
    ]
    assert [(job.block, job.cell) for job in remaining(plan, records)] == [(0, c), (1, c), (1, a)]
