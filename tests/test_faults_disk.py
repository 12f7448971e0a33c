"""What is on disk and goes wrong: a full one, and files that are cut short or damaged. One line each, nothing lost."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.folder_lock import locked
from reports.cli import main as write_page
from results import store
from results.__main__ import main as read_results
from results.salvage import DAMAGED_FILE
from tests.broken_run import SHORT, Place, loads, place, until


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of four MiB, where this process may make one."""
    folder = tmp_path / "runs"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True, check=False)
    if made.returncode != 0:
        pytest.skip(f"a small tmpfs cannot be mounted here: {made.stderr.decode().strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def fill(folder: Path) -> Path:
    """Take all the room there is."""
    filler = folder / "filler"
    disk = os.statvfs(folder)
    filler.write_bytes(b"x" * (disk.f_bavail * disk.f_frsize))
    return filler


def test_a_full_disk_ends_the_run_in_one_line_and_it_can_go_on(tmp_path: Path, small_disk: Path) -> None:
    """Full in the middle of a load: exit code 1, what is stored stays, and with room again --resume completes it."""
    made = place(tmp_path, ["good"])
    assert made.runs == small_disk.resolve()
    process = made.begin("bench", "run", *SHORT, "--blocks", "2")
    until(lambda: any(b'"sentinel":true' in path.read_bytes() for path in small_disk.glob("*/journal.jsonl")), process)
    until(lambda: loads(made), process)
    filler = fill(small_disk)
    _, said = process.communicate(timeout=90)
    assert process.returncode == 1, said
    assert "Traceback" not in said
    [line] = [line for line in said.splitlines() if line.startswith("error: ")]
    assert "make room on that disk" in line
    assert "nothing stored is lost" in line
    assert "--resume" in line
    assert made.left_over() == {}
    before = (made.folder() / "journal.jsonl").read_bytes()
    assert before.endswith(b"\n")
    store.load(made.folder())
    begun = made.call("bench", "run", *SHORT)  # not even a new run can be begun
    assert begun.returncode == 1
    assert "make room on that disk" in begun.stderr
    assert "Traceback" not in begun.stderr
    printed = made.call("results", made.folder().name)  # the summary cannot be written either
    assert printed.returncode == 2
    assert "make room on that disk" in printed.stderr
    filler.unlink()
    done = made.call("bench", "run", "--resume", made.folder().name)
    assert done.returncode == 0, done.stderr
    assert (made.folder() / "journal.jsonl").read_bytes().startswith(before)
    row = made.row("good")
    assert (row.status, len(row.processes)) == ("ok", 2)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A complete run; where tests run in several processes, the first makes it for all. To be copied, not changed."""
    base = tmp_path_factory.getbasetemp()
    root = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "whole"
    with locked(root.with_suffix(".lock")):
        if root.exists():
            return Place(root.resolve())
        made = place(root, ["good"])
        done = made.call("bench", "run", *SHORT, "--workloads", "hello,json")
        assert done.returncode == 0, done.stderr
        return made


@pytest.fixture
def damaged(whole: Place, tmp_path: Path) -> Place:
    """The same run, to be damaged: servers and environments stay where they are."""
    shutil.copytree(whole.runs, tmp_path / "runs")
    return Place(tmp_path.resolve(), whole.root)


def sample_line(made: Place) -> tuple[int, list[bytes]]:
    """The number of the first sample's line that is no sentinel's, and all lines."""
    lines = (made.folder() / "journal.jsonl").read_bytes().splitlines(keepends=True)
    wanted = (b'"kind":"sample"', b'"stack":"good"')
    return next(n for n, line in enumerate(lines, 1) if all(part in line for part in wanted)), lines


def test_a_damaged_record_is_named_and_its_cell_measured_again(damaged: Place) -> None:
    """results and --resume name file and line, the report says it; --salvage measures that cell again, no other."""
    path = damaged.folder() / "journal.jsonl"
    number, lines = sample_line(damaged)
    bad = lines[number - 1].replace(b'"requests":', b'"requests":"', 1)
    path.write_bytes(b"".join([*lines[: number - 1], bad, *lines[number:]]))
    for words in (["results", "latest"], ["bench", "run", "--resume", "latest"]):
        done = damaged.call(*words)
        assert done.returncode in {1, 2}
        [line] = done.stderr.strip().splitlines()
        assert f"journal.jsonl, line {number}: " in line
        assert "--salvage" in line
    assert path.read_bytes() == b"".join([*lines[: number - 1], bad, *lines[number:]]), "nothing was changed"
    page = damaged.root / "page.html"
    assert damaged.call("reports", "latest", "--out", str(page)).returncode == 0
    assert f"journal.jsonl, line {number}" in page.read_text(encoding="utf-8")

    mended = damaged.call("bench", "run", "--resume", "latest", "--salvage")
    assert mended.returncode == 0, mended.stderr
    assert (damaged.folder() / DAMAGED_FILE).read_bytes() == bad
    kept = [line for n, line in enumerate(lines, 1) if n != number]
    assert path.read_bytes().startswith(b"".join(kept))
    samples = [r for r in damaged.samples("good") if not r.rejected]
    assert sorted(sample.cell.workload for sample in samples) == ["hello", "json"]
    printed = damaged.call("results", "latest")
    assert printed.returncode == 0
    assert f"line {number} of the journal was damaged" in " ".join(printed.stdout.split())


def test_a_last_line_cut_short_costs_its_cell_alone(damaged: Place) -> None:
    """As a kill in the middle of a write leaves it: readers say so, and --resume measures that cell again."""
    path = damaged.folder() / "journal.jsonl"
    number, lines = sample_line(damaged)
    path.write_bytes(b"".join(lines[: number - 1]) + lines[number - 1][:-100])
    printed = damaged.call("results", "latest")
    assert printed.returncode == 0
    assert f"journal.jsonl, line {number}: cut short" in " ".join(printed.stderr.split())
    done = damaged.call("bench", "run", "--resume", "latest")
    assert done.returncode == 0, done.stderr
    assert "cut short" in done.stderr
    assert path.read_bytes().startswith(b"".join(lines[: number - 1]))
    assert (damaged.row("good").status, damaged.row("good", "json").status) == ("ok", "ok")


def test_a_damaged_run_file_is_one_line(damaged: Place, capsys: pytest.CaptureFixture[str]) -> None:
    """run.json empty, cut short or of a wrong type: every command names it and ends; the journal is not touched."""
    path = damaged.folder() / "run.json"
    journal = (path.parent / "journal.jsonl").read_bytes()
    text = path.read_bytes()
    page = str(damaged.root / "page.html")
    for broken in (b"", text[: len(text) // 2], text.replace(b'"seed": 7', b'"seed": "7"')):
        assert broken != text
        path.write_bytes(broken)
        assert read_results(["latest", "--runs", str(damaged.runs)]) == 2
        assert write_page(["latest", "--runs", str(damaged.runs), "--out", page]) == 2
        lines = capsys.readouterr().err.strip().splitlines()
        assert len(lines) == 2
        assert all(str(path) in line for line in lines)
    done = damaged.call("bench", "run", "--resume", "latest")
    assert done.returncode == 1
    [line] = done.stderr.strip().splitlines()
    assert str(path) in line
    assert (path.parent / "journal.jsonl").read_bytes() == journal
