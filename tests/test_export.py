"""The summary in other programs' formats, and the command that prints it."""

import csv
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec
import pandas as pd
import pytest

from results import __main__ as command
from results import export, store
from results.schema import Sample
from results.store import StoreError
from results.summarise import summarise
from results.table import figure
from tests import synthetic
from tests.synthetic import synthetic_run, write

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a run with failures, flags and gaps."""
    return write(tmp_path_factory.mktemp("runs"), *synthetic_run(6, blocks=3))


class Done(NamedTuple):
    """How the command ended, and what it printed."""

    returncode: int
    stdout: str
    stderr: str


Command = Callable[..., Done]


@pytest.fixture
def results(capsys: pytest.CaptureFixture[str]) -> Command:
    """Return the command without its start-up, which takes seconds for pandas and scipy."""

    def run(*words: object) -> Done:
        capsys.readouterr()
        try:
            code = command.main([str(word) for word in words])
        except SystemExit as error:  # argparse's way of leaving
            code = int(error.code or 0)
        return Done(code, *capsys.readouterr())

    return run


def test_summary_json_comes_back_as_it_was(stored: Path) -> None:
    """What is written is the whole summary."""
    loaded = store.load(stored)
    summary = summarise(loaded.run, loaded.records)
    path, _ = export.write_summary(stored, summary)
    assert export.read_summary(path) == summary
    (stored / "broken.json").write_text('{"schema": 1}')
    with pytest.raises(StoreError, match=r"broken\.json"):
        export.read_summary(stored / "broken.json")
    (stored / "broken.json").unlink()


def test_the_csv_is_one_row_for_each_cell_with_units(stored: Path) -> None:
    """Names that a person understands, units, empty fields where there is no figure; pandas reads it as it is."""
    loaded = store.load(stored)
    summary = summarise(loaded.run, loaded.records)
    _, path = export.write_summary(stored, summary)
    table = pd.read_csv(path)
    assert len(table) == len(summary.cells)
    assert {"requests per second", "latency p99 (us)", "start-up (s)", "memory after load, PSS (MB)"} <= set(
        table.columns
    )
    failed = table[table["status"] == "failed"]
    assert len(failed) and failed["requests per second"].isna().all() and failed["reason"].notna().all()
    tornado = table[(table["stack"] == "tornado") & (table["runtime"] == "pypy3.11") & (table["workload"] == "hello")]
    assert tornado["requests per second"].item() == pytest.approx(15_600, rel=0.1)
    assert tornado["ratio to baseline runtime"].item() == pytest.approx(1.5, rel=0.1)


def test_commas_quotes_and_lines_stay_in_their_field() -> None:
    """A reason with everything that a CSV could trip over is read back as it was."""
    run, records = synthetic_run(1, blocks=2, faults=False, workloads=["hello"])
    reason = 'expected "a,b"\r\ngot ;\tx\n</script>'
    for record in records:
        if isinstance(record, Sample) and not record.sentinel:
            record.status, record.reason, record.load = "failed", reason, None
    text = export.frame(summarise(run, records)).to_csv(index=False, lineterminator="\n")
    assert {row["reason"] for row in csv.DictReader(io.StringIO(text, newline=""))} == {reason}


def test_parquet_holds_every_sample(stored: Path, tmp_path: Path) -> None:
    """Rejected ones and sentinels as well, with their windows; pandas reads it."""
    loaded = store.load(stored)
    count = export.write_parquet(tmp_path / "samples.parquet", loaded.run, loaded.records)
    table = pd.read_parquet(tmp_path / "samples.parquet")
    samples = [record for record in loaded.records if isinstance(record, Sample)]
    assert count == len(table) == len(samples)
    assert table["sentinel"].sum() == sum(sample.sentinel for sample in samples)
    assert table["rps"].isna().sum() == sum(sample.load is None for sample in samples)
    first = next(i for i, sample in enumerate(samples) if sample.load is not None)
    load = samples[first].load
    assert load is not None
    assert [window["requests"] for window in table["windows"][first]] == [window.requests for window in load.windows]
    assert list(tmp_path.iterdir()) == [tmp_path / "samples.parquet"]


def test_parquet_without_pyarrow_says_how_to_get_it(
    stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """pyarrow is optional: one clear line, and no file."""
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    loaded = store.load(stored)
    with pytest.raises(StoreError, match="needs pyarrow: uv pip install pyarrow"):
        export.write_parquet(tmp_path / "samples.parquet", loaded.run, loaded.records)
    assert not list(tmp_path.iterdir())


def test_parquet_that_cannot_be_written_is_a_clear_error(results: Command, stored: Path, tmp_path: Path) -> None:
    """A folder that is not there: one line, no traceback."""
    done = results(stored, "--parquet", tmp_path / "nowhere" / "x.parquet")
    assert done.returncode == 2
    assert done.stderr.startswith("results: cannot write") and "Traceback" not in done.stderr


def test_pyperf_compares_two_runtimes(results: Command, stored: Path, tmp_path: Path) -> None:
    """pyperf itself reads both files and finds tornado about 1.5 x as fast on PyPy."""
    for runtime in ("cpython3.13", "pypy3.11"):
        done = results(stored, "--pyperf", tmp_path / f"{runtime}.json", "--runtime", runtime)
        assert done.returncode == 0, done.stderr
    words = [sys.executable, "-m", "pyperf", "compare_to", "cpython3.13.json", "pypy3.11.json"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("tornado hello"))
    assert "faster" in line
    assert 1.4 < float(line.split("x faster")[0].split()[-1]) < 1.6


def test_pyperf_of_a_whole_run_names_the_runtimes(stored: Path) -> None:
    """Without a runtime all cells are there, with theirs in the name; client-limited ones are left out."""
    loaded = store.load(stored)
    summary = summarise(loaded.run, loaded.records)
    suite = export.pyperf_suite(loaded.run, summary, measure="cpu")
    names = {benchmark["metadata"]["name"] for benchmark in suite["benchmarks"]}
    assert "tornado hello pypy3.11" in names
    assert names.isdisjoint(f"{c.stack} {c.workload} {c.runtime}" for c in summary.cells if c.censored or c.rps is None)
    with pytest.raises(StoreError, match="nothing for pyperf on node20"):
        export.pyperf_suite(loaded.run, summary, "node20")


def test_the_command_prints_and_writes(stored: Path) -> None:
    """A table with every stack, the trust, and both files; exit code 0."""
    for name in ("summary.json", "summary.csv"):
        (stored / name).unlink(missing_ok=True)
    words = [sys.executable, "-m", "results", str(stored)]
    short = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert short.returncode == 0, short.stderr
    assert "PyPy / CPython" in short.stdout
    done = subprocess.run([*words, "--full"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    for expected in ("tornado", "Ratio to cpython3.13", "failed at contract: binary message", "3 of 3 blocks"):
        assert expected in done.stdout
    assert (stored / "summary.json").exists() and (stored / "summary.csv").exists()


def test_the_command_prints_json_and_csv(results: Command, stored: Path) -> None:
    """--json is the summary, --csv the table; --no-write leaves the folder alone."""
    before = {path.name: path.stat().st_mtime_ns for path in stored.iterdir()}
    as_json, as_csv = results(stored, "--json", "--no-write"), results(stored, "--csv", "--no-write")
    assert json.loads(as_json.stdout)["run_id"] == stored.name
    assert as_csv.stdout.startswith("stack,title,")
    assert {path.name: path.stat().st_mtime_ns for path in stored.iterdir()} == before


def test_exit_codes(results: Command, tmp_path: Path) -> None:
    """2 for no such run or an unreadable one, with one line; 1 for a salvaged one; 0 for one that a kill cut short."""
    run, records = synthetic_run(2, blocks=2, workloads=["hello"])
    folder = write(tmp_path, run, records)
    missing = results("nonsense", "--runs", tmp_path)
    assert (missing.returncode, missing.stdout) == (2, "")
    assert missing.stderr.startswith("results: no run 'nonsense'") and missing.stderr.count("\n") == 1
    assert results(folder, "--no-such-option").returncode == 2
    path = folder / store.JOURNAL_FILE
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    cut = results(folder)
    assert cut.returncode == 0
    assert "cut short" in cut.stderr
    path.write_bytes(whole.replace(b'"kind":"sample"', b'"kind":"sampel"', 1))
    broken = results(folder)
    assert broken.returncode == 2
    assert "journal.jsonl, line" in broken.stderr and "--salvage" in broken.stderr and "Traceback" not in broken.stderr
    salvaged = results(folder, "--salvage")
    assert salvaged.returncode == 1
    assert "Mind: " in salvaged.stdout and "tornado" in salvaged.stdout


def test_hostile_names_do_not_style_the_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Square brackets in a reason are text, not the terminal library's markup."""
    run, records = synthetic_run(2, blocks=2, workloads=["hello"], faults=False)
    for record in records:
        if isinstance(record, Sample) and record.cell.stack == "tornado":
            record.status, record.stage, record.load, record.reason = "failed", "start", None, "[bold]x[/bold] [/red]"
    folder = write(tmp_path, run, records)
    assert command.main([str(folder)]) == 0
    assert "[bold]x[/bold] [/red]" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("value", "shown"),
    [(45_943.7, "45,900"), (12.345, "12.3"), (0.0456, "0.0456"), (999.6, "1,000"), (0, "0"), (104, "104")],
)
def test_figures_have_three_digits(value: float, shown: str) -> None:
    """Three significant digits say all that is known."""
    assert figure(value) == shown


def test_the_generator_writes_runs_that_can_be_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`python -m tests.synthetic DIR` prints the folder of a run that loads, the same each time."""
    assert synthetic.main([str(tmp_path / "a"), "--stacks", "3", "--blocks", "2"]) == 0
    first = store.load(Path(capsys.readouterr().out.strip()))
    assert synthetic.main([str(tmp_path / "b"), "--stacks", "3", "--blocks", "2"]) == 0
    assert store.load(Path(capsys.readouterr().out.strip())) == first
    assert msgspec.json.encode(first.run)
