"""Journeys with Locust: a process of its own, real servers; its figures are stored, and stay apart."""

import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from rich.console import Console

from bench import journeys, machine
from bench.errors import UserError
from bench.journeys import Journey, Place
from bench.paths import ROOT, SERVERS
from bench.setting import Target
from reports import build
from results import export, store
from results.locust import LIMITS, LocustRow, milliseconds
from results.schema import Cell, Event, Sample
from results.summarise import summarise
from results.table import print_summary
from tests.synthetic import synthetic_run, write

FAULTY = Path(__file__).with_name("faulty.py")


def visit(tmp_path: Path, make: Any, name: str, workloads: list[str], think: float = 0.0) -> Sample:
    """Make one short journey; return its sample."""
    samples: list[Sample] = []
    server_cores, client_cores = machine.cores()
    journey = Journey(name, users=8, spawn_rate=100, duration_s=1.2, think=(think, think))
    steps = journeys.steps_served(name, workloads)
    place = Place(server_cores, client_cores, tmp_path, lambda _: None)
    journeys.travel(
        Cell("fixture", "cpython3.13", name),
        Target(make, SERVERS / "asyncio", workloads),
        journey,
        steps,
        place,
        samples.append,
    )
    [sample] = samples
    return sample


def faulty(fault: str, limit: int = 0) -> Any:
    """How a server is started that fails from a request on."""
    return lambda host, port: [sys.executable, str(FAULTY), fault, str(limit), host, str(port)]


def good(host: str, port: int) -> list[str]:
    """How the asyncio server is started."""
    return [sys.executable, "app.py", host, str(port)]


def test_a_mixed_journey_gives_a_whole_sample(tmp_path: Path) -> None:
    """Every step is made and verified; both sides are accounted for; the load says that Locust made it."""
    sample = visit(tmp_path, good, "mixed", ["hello", "json", "echo"], think=0.01)
    assert (sample.status, sample.reason) == ("ok", None)
    load, server = sample.load, sample.server
    assert load and server
    assert load.engine == "locust"
    assert load.errors == {}
    assert {step.name for step in load.steps} == {"hello", "json", "ws open", "echo", "ws close"}
    assert load.requests == sum(step.requests for step in load.steps) > 40
    assert load.rps == pytest.approx(load.requests / load.duration_s)
    assert load.duration_s >= 1.2
    assert sum(window.requests for window in load.windows) <= load.requests
    assert load.settings["users"] == 8
    assert load.settings["think"] == "0.01-0.01"
    assert load.settings["journey"] == "mixed"
    assert server.cpu_s and 0 < server.cpu_s <= load.duration_s * 1.1
    assert server.pss_load_bytes


@pytest.mark.parametrize("name", ["hello", "echo"])
def test_a_journey_of_one_step(tmp_path: Path, name: str) -> None:
    """A page or an echo by itself, as fast as the users can."""
    sample = visit(tmp_path, good, name, ["hello", "json", "echo"])
    assert (sample.status, sample.reason) == ("ok", None)
    assert sample.load
    assert sample.load.errors == {}
    assert name in {step.name for step in sample.load.steps}
    p50 = sample.load.latency_us["p50"]
    assert p50 is not None
    assert p50 % 1000 == 0  # as Locust rounds it


@pytest.mark.parametrize(
    ("fault", "limit", "kind"),
    [
        ("wrong", 100, "body"),
        ("crash", 100, "the server ended in the middle"),
        ("exit", 0, "ended at once|in the middle"),
    ],
)
def test_what_the_server_does_is_counted_and_told(tmp_path: Path, fault: str, limit: int, kind: str) -> None:
    """Wrong bodies are errors of their kind; a server that ends is the reason, and its errors are counted."""
    sample = visit(tmp_path, faulty(fault, limit), "hello", ["hello"])
    assert sample.status == "failed"
    assert sample.reason
    assert re.search(kind, sample.reason)
    if limit:
        assert sample.load
        assert sum(sample.load.errors.values()) > 0
        assert sample.load.examples
        assert set(sample.load.examples) == {name for name, count in sample.load.errors.items() if count}


def test_percentiles_are_locusts_own() -> None:
    """Rounded as Locust rounds them, and none with fewer than twenty requests beyond; a process of its own tells."""
    script = (
        "import json; from loadgen.locust_record import latency_us; from locust.stats import RequestStats\n"
        "stats = RequestStats()\n"
        "[stats.log_request('GET', 'x', t, 1) for t in [0.2] * 120 + [12.4] * 40 + [147.0] * 40]\n"
        "print(json.dumps([latency_us(stats.total), latency_us(stats.get('none', 'GET'))]))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    found, nothing = json.loads(done.stdout)
    assert found["p50"] == 0  # 0.2 ms
    assert found["p90"] == 150_000  # 147 ms
    assert found["p99"] is None
    assert found["max"] == 147_000
    assert found["mean"] == pytest.approx((0.2 * 120 + 12.4 * 40 + 147 * 40) / 200 * 1000)
    assert set(nothing.values()) == {None}


def test_locust_stays_in_its_own_process() -> None:
    """Nothing that the suite's commands import imports Locust or gevent, which change the standard library under it."""
    names = [
        "bench.__main__",
        "bench.commands.locust",
        "bench.commands.run",
        "bench.run",
        "loadgen.cli",
        "loadgen.locust_echo",
    ]
    names += ["results.__main__", "reports.cli", "reports.page"]
    script = (
        f"import importlib, sys\n[importlib.import_module(name) for name in {names!r}]\n"
        "print(sorted({'locust', 'gevent'} & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("dance", 1, None, 1, None), "--journey.*mixed"),
        (("mixed", 0, None, 1, None), "--users"),
        (("mixed", 1, 0.0, 1, None), "--spawn-rate"),
        (("mixed", 1, None, 0.5, None), "--duration"),
        (("mixed", 1, None, float("nan"), None), "--duration"),
        *((("mixed", 1, None, 1, text), "--think.*MIN-MAX") for text in ("x", "2-1", "-1", "1-", "nan", "1-2-3")),
    ],
)
def test_what_makes_no_sense_names_its_option(arguments: tuple[Any, ...], says: str) -> None:
    """One line that names the option and what it takes."""
    with pytest.raises(UserError, match=says):
        journeys.choose(*arguments)


def test_defaults_of_a_journey() -> None:
    """All users are there within five seconds; only the mixed journey thinks unless it is said."""
    assert journeys.choose("mixed", 200, None, 30, None) == Journey("mixed", 200, 40, 30, (0.5, 1.5))
    assert journeys.choose("hello", 2, None, 30, None) == Journey("hello", 2, 1, 30, (0, 0))
    assert journeys.choose("hello", 2, 7, 30, "1").think == (1, 1)


def test_a_journey_leaves_out_what_a_stack_does_not_serve() -> None:
    """The mixed journey takes what there is; a stack that closes connections is asked for hello all the same."""
    assert journeys.steps_served("mixed", ["hello", "json", "echo"]) == ["hello", "json", "echo"]
    assert journeys.steps_served("mixed", ["connect", "echo"]) == ["hello", "echo"]
    assert journeys.steps_served("hello", ["connect"]) == ["hello"]
    assert journeys.steps_served("echo", ["hello"]) == []


@pytest.fixture
def stored(tmp_path: Path) -> Path:
    """A run of Locust's, with a good test, a failed one and a stack that could not be visited."""
    run, records = synthetic_run(3, blocks=2, profile="standard")
    [first, second] = [
        r for r in records if isinstance(r, Sample) and r.load and r.status == "ok" and not (r.sentinel or r.rejected)
    ][:2]
    for number, sample in enumerate((first, second)):
        assert sample.load
        sample.block = number
        sample.cell = Cell(sample.cell.stack, sample.cell.runtime, "mixed")
        sample.load.engine, sample.load.histogram = "locust", None
        sample.load.settings = {
            "users": 50,
            "spawn_rate": 10.0,
            "think": "0.5-1.5",
            "journey": "mixed",
            "locust": "2.47.0",
        }
        sample.load.connections, sample.load.latency_us = (
            50,
            {"mean": 1200.0, "p50": 0.0, "p90": 350_000.0, "p99": None},
        )
    second.status, second.stage, second.reason = "failed", "measure", "the <server> ended in the middle"
    run.plan.blocks, run.plan.profile = [], "locust"
    run.plan.settings = {"engine": "locust", "journey": "mixed", "users": 50}
    run.run_id = "2026-11-21T0900Z-beef-locust"
    return write(tmp_path, run, [first, second, Event(first.at, "finished")])


def test_a_run_of_locusts_is_apart(stored: Path) -> None:
    """It is loadable; nothing of it is a cell, ranked or compared; its rows say what Locust measured."""
    loaded = store.load(stored)
    summary = summarise(loaded.run, loaded.records)
    assert (summary.cells, summary.rankings, summary.runtime_ratios, summary.findings) == ([], [], [], [])
    assert not summary.trust.claims
    assert [row.status for row in summary.locust] == ["ok", "failed"]
    assert (summary.locust[0].users, summary.locust[0].think) == (50, "0.5-1.5")
    assert summary.locust[0].latency_us["p90"] == 350_000
    assert msgspec.json.decode(msgspec.json.encode(summary), type=type(summary)) == summary


def test_a_native_run_with_a_sample_of_locusts_keeps_it_out() -> None:
    """Whatever run it stands in, a sample that Locust made enters no cell."""
    run, records = synthetic_run(3, blocks=2, profile="standard")
    before = summarise(run, records)
    stray = next(
        r for r in records if isinstance(r, Sample) and r.load and r.status == "ok" and not (r.sentinel or r.rejected)
    )
    stray = msgspec.convert(msgspec.to_builtins(stray), Sample)
    assert stray.load
    stray.load.engine, stray.load.rps = "locust", 1e9
    after = summarise(run, [*records, stray])
    assert [cell.rps for cell in after.cells] == [cell.rps for cell in before.cells]
    assert [row.rps for row in after.locust] == [1e9]


def test_the_limits_stand_where_the_figures_are_shown(stored: Path) -> None:
    """In the terminal and on the page, with the failed test's reason, and no tiers."""
    loaded = store.load(stored)
    summary = summarise(loaded.run, loaded.records)
    console = Console(width=200, record=True, file=io.StringIO())
    print_summary(summary, console)
    printed = " ".join(console.export_text().split())
    page = stored / "page.html"
    build.build(stored, page)
    html = page.read_text()
    for sentence in LIMITS:
        assert sentence in printed
        assert sentence.replace("'", "&#39;") in html
    for text in (printed, html):
        assert "ended in the middle" in text
    assert "350" in printed
    assert "\N{LESS-THAN OR EQUAL TO}0.5" in printed
    assert "&lt;server&gt;" in html
    assert "tier" not in printed
    assert "sentinel held still" not in html
    assert "never the limit" not in html


def test_a_spreadsheet_of_a_locust_run(stored: Path) -> None:
    """A row for each step and one for all, under names that say whose figures they are."""
    loaded = store.load(stored)
    frame = export.frame(summarise(loaded.run, loaded.records))
    assert set(frame["load generator"]) == {"locust"}
    assert list(frame["step"]) == ["all", "all"]
    assert "requests per second" not in frame.columns


def test_latest_passes_locusts_runs_over(tmp_path: Path) -> None:
    """`latest` is the latest run of the native client, `latest-locust` the latest of Locust's; none is said so."""
    with pytest.raises(store.StoreError, match="nox -s bench"):
        store.resolve("latest", tmp_path)
    for name in ("2026-11-21T0800Z-aaaa", "2026-11-21T0900Z-bbbb-locust"):
        (tmp_path / name).mkdir()
        (tmp_path / name / store.RUN_FILE).write_text("{}")
    assert store.resolve("latest", tmp_path).name == "2026-11-21T0800Z-aaaa"
    assert store.resolve("latest-locust", tmp_path).name == "2026-11-21T0900Z-bbbb-locust"
    assert store.resolve("2026-11-21T09", tmp_path).name == "2026-11-21T0900Z-bbbb-locust"
    assert store.new_folder(tmp_path, suffix=store.LOCUST_SUFFIX).name.endswith("-locust")
    (tmp_path / "2026-11-21T0800Z-aaaa" / store.RUN_FILE).unlink()
    with pytest.raises(store.StoreError, match="but Locust's"):
        store.resolve("latest", tmp_path)


def test_rounded_latencies_in_words() -> None:
    """A percentile of 0 is one of at most half a millisecond; where there is none nothing stands."""
    assert [milliseconds(us) for us in (None, 0.0, 7000.0, 1_200_000.0)] == [
        "",
        "\N{LESS-THAN OR EQUAL TO}0.5",
        "7",
        "1,200",
    ]
    assert LocustRow(stack="a", runtime="b", title="A", journey="mixed", status="ok", errors={"body": 2}).failed == 2


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_nothing_is_left_behind(tmp_path: Path, end: signal.Signals) -> None:
    """Ctrl-C, or a kill: server, keeper and Locust end; what is stored can be read."""
    runs = tmp_path / "runs"
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", "locust", "asyncio", "--users", "4", "--spawn-rate", "100"],
        cwd=ROOT,
        env={**os.environ, "ANEMOMETER_RUNS": str(runs)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    started: list[psutil.Process] = []
    deadline = time.monotonic() + 120
    while len(started) < 3:  # keeper, server, Locust
        assert process.poll() is None, process.stdout.read() if process.stdout else ""
        assert time.monotonic() < deadline
        started = psutil.Process(process.pid).children(recursive=True) if list(runs.glob("*/logs/*")) else []
        time.sleep(0.05)
    os.killpg(process.pid, end)
    process.communicate(timeout=60)
    assert process.returncode == (130 if end == signal.SIGINT else -end)
    _, alive = psutil.wait_procs(started, timeout=20)
    assert alive == []
    [folder] = store.list_runs(runs)
    loaded = store.load(folder)
    assert not [record for record in loaded.records if isinstance(record, Sample)]
    assert folder.name.endswith("-locust")


def test_the_command_stores_what_it_prints(tmp_path: Path) -> None:
    """From the command line to a run that the other commands read; wrong input is one line and exit 2."""
    runs = tmp_path / "runs"
    words = [sys.executable, "-m", "bench", "locust"]
    options: dict[str, Any] = {
        "cwd": ROOT, "env": {**os.environ, "ANEMOMETER_RUNS": str(runs), "LOCUST_USERS": "x"}, "capture_output": True,
        "text": True, "check": False, "timeout": 150,
    }  # fmt: skip
    wrong = subprocess.run([*words, "asyncio", "--journey", "dance"], **options)
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    done = subprocess.run(
        [*words, "asyncio", "--users", "5", "--spawn-rate", "50", "--duration", "1", "--think", "0.01-0.02"], **options
    )
    assert done.returncode == 0, done.stderr
    assert "ws open" in done.stdout
    folder = store.resolve("latest-locust", runs)
    loaded = store.load(folder)
    assert loaded.run.command[:4] == ["nox", "-s", "locust", "--"]
    [row] = summarise(loaded.run, loaded.records).locust
    assert (row.status, row.users, row.journey) == ("ok", 5, "mixed")
    assert (folder / "summary.csv").is_file()
    build.build(folder, tmp_path / "page.html")
    assert "Locust" in (tmp_path / "page.html").read_text()
