"""From a folder to a file: the commands that write pages, and one clear line for what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.build import build, build_index
from reports.cli import main
from results.store import JOURNAL_FILE, RUN_FILE, StoreError
from tests.pages import Page
from tests.synthetic import synthetic_run, write


def test_a_damaged_line_is_left_out_and_said(tmp_path: Path) -> None:
    """A journal with a broken line still gives a page, which says what was left out, without the folder's path."""
    run, records = synthetic_run(2, workloads=("hello",), blocks=2, windows=4, faults=False)
    folder = write(tmp_path, run, records)
    lines = (folder / JOURNAL_FILE).read_bytes().splitlines(keepends=True)
    lines[5] = b'{"kind":"sample","cell":<broken>}\n'
    (folder / JOURNAL_FILE).write_bytes(b"".join(lines))
    build(folder, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text()
    assert "1 stored line could not be read" in Page(text).text
    assert "journal.jsonl, line 6" in text
    assert str(tmp_path) not in text


@pytest.mark.parametrize(
    ("content", "words"),
    [(b"", ""), (b"{", ""), (b'{"schema": 99}', "99"), (b'{"schema": 1}', ""), (b"\xff\xfe", "")],
)
def test_a_broken_run_is_one_clear_line(
    content: bytes, words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A run.json that cannot be read is named, in one line, with exit code 2; no page is written."""
    folder = write(tmp_path, *synthetic_run(1, workloads=("hello",), blocks=1, windows=4))
    (folder / RUN_FILE).write_bytes(content)
    assert main(["--runs", str(tmp_path), str(folder), "--out", str(tmp_path / "page.html")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert RUN_FILE in error
    assert words in error
    assert not (tmp_path / "page.html").exists()


def test_an_unknown_run_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """No runs at all, or none of that name: what there is, and what to do."""
    assert main(["--runs", str(tmp_path), "latest"]) == 2
    assert "nox -s bench" in capsys.readouterr().err
    write(tmp_path, *synthetic_run(1, workloads=("hello",), blocks=1, windows=4))
    assert main(["--runs", str(tmp_path), "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_one_clear_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A target below a file is refused in one line."""
    folder = write(tmp_path, *synthetic_run(1, workloads=("hello",), blocks=1, windows=4))
    (tmp_path / "file").write_text("")
    assert main(["--runs", str(tmp_path), str(folder), "--out", str(tmp_path / "file" / "page.html")]) == 2
    error = capsys.readouterr().err
    assert "cannot be written" in error
    assert error.count("\n") == 1


def test_the_command_writes_the_page_and_prints_its_path(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The beginning of an id is enough; the last line is the page's path."""
    write(tmp_path, *synthetic_run(2, workloads=("hello",), blocks=2, windows=4))
    out = tmp_path / "deep" / "page.html"
    assert main(["--runs", str(tmp_path), "2026-11", "--out", str(out)]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == str(out)
    assert out.read_text().startswith("<!doctype html>")


def test_the_index_lists_runs_newest_first(tmp_path: Path) -> None:
    """Each run has a row, with a link where its page is there, and the reason where it cannot be read."""
    runs, pages = tmp_path / "runs", tmp_path / "html"
    for seed in (1, 2, 3):
        write(runs, *synthetic_run(2, workloads=("hello",), blocks=2, seed=seed, windows=4))
    (runs / "2026-11-21T0130Z-0002" / RUN_FILE).write_text("{")
    build(runs / "2026-11-21T0130Z-0003", pages / "2026-11-21T0130Z-0003.html")
    page = Page(build_index(runs, pages).read_text())
    assert page.text.index("Z-0003") < page.text.index("Z-0002") < page.text.index("Z-0001")
    assert "2026-11-21T0130Z-0003.html" in page.attributes("href")
    assert "2026-11-21T0130Z-0001.html" not in page.attributes("href")
    assert str(tmp_path) not in page.text


def test_there_may_be_no_runs_at_all(tmp_path: Path) -> None:
    """The list of no runs says how to make one."""
    assert "nox -s bench" in Page(build_index(tmp_path / "runs", tmp_path / "html").read_text()).text


def test_a_store_error_is_not_swallowed(tmp_path: Path) -> None:
    """Building from a folder that is no run raises the store's own error."""
    with pytest.raises(StoreError):
        build(tmp_path, tmp_path / "page.html")
