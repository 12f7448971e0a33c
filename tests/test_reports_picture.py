"""Taking a picture where there is no browser, or one that does not work."""

from __future__ import annotations

from pathlib import Path

import pytest

from reports.cli import main
from tests.synthetic import synthetic_run, write


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A small run."""
    return write(tmp_path / "runs", *synthetic_run(1, workloads=("hello",), blocks=1, windows=4))


def take(folder: Path, out: Path) -> int:
    """Run the command."""
    return main(["picture", "--runs", str(folder.parent), folder.name, "--out", str(out)])


def test_without_chromium_the_remedy_is_said(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """One line says what was looked for and how to get it; exit code 2."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert take(folder, tmp_path / "x.png") == 2
    assert "apt-get install chromium" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("script", "words"), [("echo broken >&2; exit 3", "exit code 3: broken"), ("exit 0", "no picture")]
)
def test_a_browser_that_fails_is_one_clear_line(
    script: str,
    words: str,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A Chromium that ends badly, or takes no picture, leaves no file behind and is named."""
    program = tmp_path / "bin" / "chromium"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert take(folder, tmp_path / "x.png") == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1
    assert not (tmp_path / "x.png").exists()
