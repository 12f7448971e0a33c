"""The wall clock may be stepped at any time: it labels what was measured, and nothing is computed from it."""

import ast
import itertools
import sys
import time
from pathlib import Path

import pytest

from bench import machine, measure
from bench import profile as profiles
from bench.paths import PROFILES, ROOT, SERVERS
from bench.setting import Bench, Target
from results.schema import Cell

ROOMS = ("bench", "loadgen", "results")
WALL = {
    "time.time",
    "time.time_ns",
    "time.localtime",
    "time.gmtime",
    "time.ctime",
    "time.strftime",
    "time.CLOCK_REALTIME",
}
WALL |= {f"{name}.{call}" for name in ("datetime", "date", "dt.datetime") for call in ("now", "utcnow", "today")}
LABELS = {
    ("bench/machine.py", "now"): "the time that records carry",
    ("results/store.py", "new_folder"): "a run's name",
    ("results/calibration_store.py", "new_id"): "a calibration's name",
    ("bench/calibration/known.py", "arrival_of"): "the kernel stamps arrivals with it; only a stamp's age is taken",
    ("loadgen/locustfile.py", "_timed"): "Locust's events carry it; the duration beside it is from perf_counter",
    ("bench/contract/wire.py", "_head"): "a server's Date is a time of the day: it must be held against one",
    ("bench/contract/http.py", "date"): "likewise",
}


def dotted(node: ast.expr) -> str:
    """A name like time.time, as written."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def readings(path: Path) -> list[tuple[str, str]]:
    """Where a file reads the wall clock: (function, what it calls)."""
    found = []
    tree = ast.parse(path.read_text(encoding="utf-8"))

    def visit(node: ast.AST, inside: str) -> None:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            inside = node.name
        if isinstance(node, ast.Attribute) and dotted(node) in WALL:
            found.append((inside, dotted(node)))
        if isinstance(node, ast.ImportFrom) and node.module == "time":
            found.extend((inside, f"time.{alias.name}") for alias in node.names if f"time.{alias.name}" in WALL)
        for child in ast.iter_child_nodes(node):
            visit(child, inside)

    visit(tree, "")
    return found


def test_only_labels_are_read_from_the_wall_clock() -> None:
    """Durations, order, warm-up and time-outs come from CLOCK_MONOTONIC, which nobody can step."""
    found = {
        (path.relative_to(ROOT).as_posix(), inside)
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        for inside, _ in readings(path)
    }
    assert found <= set(LABELS)


def test_a_reading_would_be_found(tmp_path: Path) -> None:
    """The search above sees calls, references, and imports of single names."""
    path = tmp_path / "m.py"
    path.write_text(
        "import time\nfrom time import time_ns\nfrom datetime import datetime\n"
        "def f():\n    return time.time() + time.monotonic()\nclock = datetime.now\n"
    )
    assert readings(path) == [("", "time.time_ns"), ("f", "time.time"), ("", "datetime.now")]


def test_a_stepped_clock_changes_labels_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With a wall clock that jumps by years from one reading to the next, a sample is as it would be without."""
    jumps = itertools.cycle(["2031-01-01T00:00:00.000Z", "1999-01-01T00:00:00.000Z"])
    monkeypatch.setattr(measure, "now", lambda: next(jumps))
    monkeypatch.setattr(time, "time", lambda: float("nan"))
    server_cores, client_cores = machine.cores()
    changes = {"measure_s": 0.4, "window_s": 0.1, "warmup_s": 0.1, "warmup_max_s": 0.1, "connections": 4}
    profile = profiles.choose(profiles.load(PROFILES), "smoke", changes)
    target = Target(lambda host, port: [sys.executable, "app.py", host, str(port)], SERVERS / "asyncio", ["hello"])
    bench = Bench(profile, server_cores, client_cores, tmp_path)
    for year in ("2031", "1999"):
        sample = measure.measure(Cell("a", "x", "hello"), target, bench, block=0)
        assert sample.status == "ok"
        assert sample.at.startswith(year)
        assert "clock" not in {flag.name for flag in sample.flags}
        assert sample.load and sample.load.duration_s > 0.3
        assert sample.server and sample.server.start_s and sample.server.start_s > 0
        assert sample.server.cpu_s and sample.server.cpu_s > 0
