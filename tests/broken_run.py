"""Runs of the real command line over servers that fail, in folders of their own: what the tests of faults share."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from bench.paths import ROOT, SERVERS
from results import store
from results.schema import Sample
from results.summarise import summarise
from results.summary import CellSummary, Summary

BROKEN = Path(__file__).with_name("broken") / "app.py"
DECLARATION = """\
name = "{name}"
homepage = "https://example.org/"
family = "raw"
packages = [{packages}]
workloads = ["hello", "json"]
"""
SHORT = [
    *("--runtimes", "cpython", "--profile", "smoke", "--seed", "7", "--connections", "8", "--workloads", "hello"),
    *("--measure-s", "0.8", "--window-s", "0.1", "--warmup-s", "0.1", "--warmup-max-s", "0.1", "--sentinel-s", "0.2"),
    *("--warmup-requests", "0", "--memory-mib", "128"),
]


def command(*words: str) -> list[str]:
    """A module of the suite and its words; the report is not made after each block unless the test asks for it."""
    quick = ["--no-live"] if words[:2] == ("bench", "run") and "--live" not in words else []
    return [sys.executable, "-m", *words, *quick]


class Place(NamedTuple):
    """A checkout's data of its own: servers, environments, runs. `source` has the servers, where they are not here."""

    root: Path
    source: Path | None = None

    @property
    def runs(self) -> Path:
        """Where the runs are kept."""
        return self.root / "runs"

    @property
    def env(self) -> dict[str, str]:
        """What the suite's process sees: also by this its processes are found again."""
        return {
            **os.environ,
            "ANEMOMETER_RUNS": str(self.runs),
            "ANEMOMETER_SERVERS": str((self.source or self.root) / "servers"),
            "ANEMOMETER_ENVIRONMENTS": str((self.source or self.root) / "environments"),
            "COLUMNS": "200",
        }

    def add(self, name: str, packages: str = "") -> None:
        """Put a server that fails as its name says into the catalogue; `good` never does."""
        folder = self.root / "servers" / name
        folder.mkdir(parents=True)
        (folder / "server.toml").write_text(DECLARATION.format(name=name, packages=packages))
        shutil.copy(BROKEN, folder / "app.py")
        shutil.copy(SERVERS / "asyncio" / "app.py", folder / "good.py")

    def call(self, *words: str, timeout: float = 170) -> subprocess.CompletedProcess[str]:
        """Run a module of the suite to its end: `call("bench", "run", ...)`."""
        argv = command(*words)
        return subprocess.run(
            argv, cwd=ROOT, env=self.env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """Start a module of the suite, in a session of its own as a terminal would."""
        argv = command(*words)
        return subprocess.Popen(
            argv,
            cwd=ROOT,
            env=self.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def folder(self) -> Path:
        """The only run there is."""
        [folder] = store.list_runs(self.runs)
        return folder

    def summary(self) -> Summary:
        """What the run came to."""
        loaded = store.load(self.folder())
        return summarise(loaded.run, loaded.records, loaded.complaints)

    def row(self, stack: str, workload: str = "hello") -> CellSummary:
        """The row of a stack."""
        [row] = [cell for cell in self.summary().cells if (cell.stack, cell.workload) == (stack, workload)]
        return row

    def samples(self, stack: str) -> list[Sample]:
        """All samples of a stack, rejected ones too."""
        return [r for r in store.load(self.folder()).records if isinstance(r, Sample) and r.cell.stack == stack]

    def processes(self) -> dict[int, str]:
        """Every living process that belongs here, by its command line or its environment."""
        found: dict[int, str] = {}
        for path in Path("/proc").glob("[0-9]*"):
            try:
                command = (path / "cmdline").read_bytes()
                state = (path / "stat").read_bytes().rsplit(b")", 1)[1].split()[0]
                known = command + (path / "environ").read_bytes()
            except OSError:
                continue
            if os.fsencode(self.root) in known and state not in b"ZX" and int(path.name) != os.getpid():
                found[int(path.name)] = command.replace(b"\0", b" ").decode("utf-8", "replace")[:4000]
        return found

    def left_over(self, within_s: float = 20) -> dict[int, str]:
        """What still runs after a while; ended, so that a failing test leaves nothing behind either."""
        deadline = time.monotonic() + within_s
        while (found := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid in found:
            os.kill(pid, signal.SIGKILL)
        return found


def place(root: Path, names: Sequence[str]) -> Place:
    """Make a place with these servers."""
    made = Place(root.resolve())
    for name in names:
        made.add(name)
    return made


def until(condition: Callable[[], object], process: subprocess.Popen[str]) -> None:
    """Wait for something that a run does."""
    deadline = time.monotonic() + 90
    while not condition():
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        assert time.monotonic() < deadline
        time.sleep(0.03)  # looking for processes takes time from those that are measured


def loads(made: Place) -> list[int]:
    """The load generators that run for it."""
    return [pid for pid, command in made.processes().items() if "-m loadgen http" in command]


def stored(made: Place) -> list[bytes]:
    """The lines of the only journal, whole ones."""
    lines = [line for path in made.runs.glob("*/journal.jsonl") for line in path.read_bytes().splitlines(keepends=True)]
    return [line for line in lines if line.endswith(b"\n")]
