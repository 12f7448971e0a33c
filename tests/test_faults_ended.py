"""A run that is ended from outside, anywhere: nothing is left running, nothing stored is lost, and it can go on."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from bench.paths import ROOT
from results import store
from tests.broken_run import SHORT, Place, command, loads, place, stored, until
from tests.packages import sdist

MOMENTS_S = 7.0
"""A run of three blocks takes a little longer: what is drawn below lies in the imports, the installation, the contract
check, the warm-up, or the measured part."""


def finish(process: subprocess.Popen[str]) -> str:
    """Wait for the end and return what was printed."""
    _, said = process.communicate(timeout=60)
    assert "Traceback" not in said, said
    return said


def keepers(made: Place) -> list[int]:
    """The keepers of servers that run for it."""
    return [pid for pid, command in made.processes().items() if "keeper.py" in command and "app.py" in command]


ALONE, IN_TURNS = ["good"], ["good", "well"]
"""Servers for the tests below; where there are two they are measured in turns."""

TURNS = {"alone": (), "in turns": ("--turn-s", "0.05")}


@pytest.mark.parametrize(("names", "turns"), [(ALONE, TURNS["alone"]), (IN_TURNS, TURNS["in turns"])], ids=TURNS)
def test_at_any_moment_nothing_is_left_and_nothing_stored_is_lost(
    tmp_path: Path, names: list[str], turns: tuple[str, ...]
) -> None:
    """The same plan is begun and gone on with, ended by each signal at random moments; in the end it is complete."""
    made = place(tmp_path, names)
    seed = random.SystemRandom().randrange(1000)
    print(f"seed {seed}")  # pytest shows it where the test fails
    draw = random.Random(seed)
    before: list[bytes] = []
    numbers = [signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT]
    draw.shuffle(numbers)
    for part, number in enumerate(numbers):
        begun = bool(list(made.runs.glob("*/run.json")))
        words = ["--resume", "latest"] if begun else [*SHORT, *turns, "--blocks", "3"]
        process = made.begin("bench", "run", *words, "--live")
        with contextlib.suppress(subprocess.TimeoutExpired):
            # Not before Python itself is up, which has an interrupt of its own start told by a traceback.
            process.wait(max(0.2, draw.uniform(part, part + 1) / len(numbers) * MOMENTS_S))
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)
        said = finish(process)
        if process.returncode not in {0, -number}:
            assert process.returncode == 130, said
        assert made.left_over() == {}
        now = stored(made)
        assert now[: len(before)] == before, "what was stored is there, byte for byte"
        before = now
    words = ["--resume", "latest"] if list(made.runs.glob("*/run.json")) else [*SHORT, *turns, "--blocks", "3"]
    done = made.call("bench", "run", *words)
    assert done.returncode == 0, done.stderr
    for name in names:
        row = made.row(name)
        assert (row.status, len(row.processes)) == ("ok", 3)
    assert stored(made)[: len(before)] == before


def test_an_interrupt_of_an_import_ends_with_its_exit_code(tmp_path: Path) -> None:
    """An extension module that is interrupted while it runs Python code would have CPython end itself by SIGINT."""
    (tmp_path / "interrupted.py").write_text("""
import ctypes
from bench.__main__ import INTERRUPTED, leave
run = ctypes.pythonapi.PyRun_String
run.restype, run.argtypes = ctypes.py_object, [ctypes.c_char_p, ctypes.c_int, ctypes.py_object, ctypes.py_object]
try:
    run(b"raise KeyboardInterrupt", 257, {}, {})
except KeyboardInterrupt:
    print("told")
    leave(INTERRUPTED)
""")
    argv = [sys.executable, "-m", "interrupted"]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(ROOT)])}
    done = subprocess.run(argv, cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (130, "told\n"), done.stderr


def test_an_interrupt_before_the_command_begins_says_nothing(tmp_path: Path) -> None:
    """Ctrl-C while the program's own modules are imported: it ends as a program does that has nothing to tidy up."""
    (tmp_path / "msgspec.py").write_text(
        "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)\n"
    )
    env = {**os.environ, "PYTHONPATH": str(tmp_path)}
    argv = [sys.executable, "-m", "bench", "list"]
    done = subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (-signal.SIGINT, "", "")


@pytest.mark.parametrize(("phase", "turns"), [("contract", "alone"), ("load", "alone"), ("load", "in turns")])
def test_a_second_interrupt_leaves_nothing_either(tmp_path: Path, phase: str, turns: str) -> None:
    """Ctrl-C twice, the second while the first is being obeyed: the end comes at once, and no process is left."""
    made = place(tmp_path, ["good", "load-hang"])
    process = made.begin("bench", "run", *SHORT, *TURNS[turns], "--blocks", "3")
    until(lambda: keepers(made) if phase == "contract" else loads(made), process)
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGINT)
    said = finish(process)
    assert process.returncode == 130, said
    assert "interrupted" in said
    assert made.left_over() == {}


def test_an_interrupt_in_the_contract_check_does_not_wait_for_it(tmp_path: Path) -> None:
    """The servers are ended, what was being checked is not stored as broken, and the next run checks it."""
    made = place(tmp_path, ["good"])
    process = made.begin("bench", "run", *SHORT)
    until(lambda: keepers(made), process)
    process.send_signal(signal.SIGINT)
    finish(process)
    assert process.returncode == 130
    assert made.left_over() == {}
    assert not any(b'"kind":"contract"' in line for line in stored(made))
    done = made.call("bench", "run", "--resume", "latest")
    assert done.returncode == 0, done.stderr
    assert made.row("good").status == "ok"


def test_when_nox_is_killed_the_run_ends(tmp_path: Path) -> None:
    """kill -9 of the process that called the suite ends the run as an interrupt does."""
    made = place(tmp_path, ["good"])
    argv = command("bench", "run", *SHORT, "--blocks", "50")
    code = f"""
import os, subprocess
env = {{**os.environ, "ANEMOMETER_PARENT": str(os.getpid())}}
subprocess.run({argv!r}, env=env)
"""
    nox = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, env=made.env, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    until(lambda: loads(made), nox)
    nox.kill()
    said = finish(nox)
    assert "--resume" in said
    assert made.left_over() == {}


@pytest.mark.parametrize(("names", "turns"), [(ALONE, TURNS["alone"]), (IN_TURNS, TURNS["in turns"])], ids=TURNS)
@pytest.mark.parametrize(("victims", "says"), [(loads, "load generator was killed"), (keepers, "keeper died")])
def test_an_instrument_that_is_killed_costs_a_repetition(
    tmp_path: Path, victims: Callable[[Place], list[int]], says: str, names: list[str], turns: tuple[str, ...]
) -> None:
    """The load generator or the keeper alone is killed: that sample is rejected and kept, and taken again."""
    made = place(tmp_path, names)
    process = made.begin("bench", "run", *SHORT, *turns, "--measure-s", "3")
    until(lambda: any(b'"sentinel":true' in line for line in stored(made)), process)
    until(lambda: len(loads(made)) == len(names), process)  # those of the cells: the sentinel's has ended
    for pid in victims(made):
        os.kill(pid, signal.SIGKILL)
    said = finish(process)
    assert process.returncode == 0, said
    for name in names:
        first, second = made.samples(name)
        assert (first.status, first.rejected, first.attempt) == ("failed", True, 0)
        assert first.reason and says in first.reason
        assert [flag.name for flag in first.flags] == ["instrument"]
        assert (second.status, second.rejected, second.attempt) == ("ok", False, 1)
        row = made.row(name)
        assert (row.status, row.rejected) == ("ok", 1)
    assert made.left_over() == {}


def test_an_installation_that_is_killed_is_made_again(tmp_path: Path) -> None:
    """kill -9 while an environment is being made: nothing of it runs on, and the next run makes it anew."""
    made = place(tmp_path, [])
    wheels, fifo = tmp_path / "wheels", tmp_path / "fifo"
    made.add("good", packages='"slow"')
    os.mkfifo(fifo)
    build = f"""
import os, pathlib, signal, sys
if os.path.exists({str(fifo)!r}):
    with open({str(fifo)!r}, "w") as out:
        out.write(str(os.getpid()))
    signal.pause()
sys.path.insert(0, {str(ROOT)!r})
from tests.packages import wheel
wheel(pathlib.Path(wheel_directory), "slow", "1.0")
return "slow-1.0-py3-none-any.whl"
"""
    sdist(wheels, "slow", "1.0", build)
    offline = {"UV_FIND_LINKS": str(wheels), "UV_OFFLINE": "1", "UV_CACHE_DIR": str(tmp_path / "cache")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in offline.items():
            patch.setenv(name, value)
        process = made.begin("bench", "run", *SHORT)
        builder = psutil.Process(int(fifo.read_text()))
        process.kill()
        process.communicate(timeout=30)
        _, alive = psutil.wait_procs([builder], timeout=20)
        assert alive == []
        assert made.left_over() == {}
        assert not list(made.runs.glob("*/run.json"))
        fifo.unlink()
        done = made.call("bench", "run", *SHORT)
    assert done.returncode == 0, done.stderr
    assert made.row("good").status == "ok"
    [record] = store.load(made.folder()).run.environments
    assert record.packages == {"slow": "1.0"}


def test_two_runs_at_once(tmp_path: Path) -> None:
    """The second is refused in one line, also one that wants to resume; the first is not disturbed."""
    made = place(tmp_path, ["good"])
    process = made.begin("bench", "run", *SHORT, "--blocks", "100")
    until(lambda: loads(made), process)
    for words in (SHORT, ["--resume", "latest"]):
        second = made.call("bench", "run", *words)
        assert second.returncode == 1
        [line] = second.stderr.strip().splitlines()
        assert line == f"error: another run in this checkout is being written by process {process.pid}: " + (
            "wait for it to end, or stop it"
        )
    process.send_signal(signal.SIGINT)
    said = finish(process)
    assert process.returncode == 130, said
    assert json.loads(stored(made)[-1])["name"] == "interrupted"
    assert all(sample.status == "ok" for sample in made.samples("good"))
    assert made.left_over() == {}
