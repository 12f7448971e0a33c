"""A real browser: Debian's Chromium, driven by Playwright. What needs it is skipped where one is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reports.build import build
from tests.browser.visit import Visit
from tests.synthetic import synthetic_run, write


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of Chromium."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    pytest.skip("needs Chromium: apt-get install chromium")


@pytest.fixture(scope="session")
def browser(chromium: str) -> Iterator[Any]:
    """One Chromium for all tests."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs the playwright package")
    with playwright.sync_playwright() as engine:
        started = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"] if os.geteuid() == 0 else [])
        yield started
        started.close()


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stored run with every kind of fault."""
    run, records = synthetic_run(8, workloads=("hello", "json", "connect"), blocks=4, seed=5, windows=8)
    return write(tmp_path_factory.mktemp("runs"), run, records)


@pytest.fixture(scope="session")
def page_file(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its page."""
    out = tmp_path_factory.mktemp("html") / "report.html"
    build(folder, out)
    return out


@pytest.fixture
def visit(browser: Any, page_file: Path) -> Iterator[Visit]:
    """The page, opened; nothing may have gone wrong on it by the end."""
    opened = Visit(browser, page_file)
    yield opened
    assert opened.faults == []
    assert len(opened.requests) == 1
    opened.context.close()


@pytest.fixture(scope="session")
def axe(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The script of axe-core: what AXE_CORE names, else npm's package, fetched once into pytest's cache."""
    if named := os.environ.get("AXE_CORE"):
        return Path(named).read_text("utf-8")
    cache = getattr(request.config, "cache", None)
    kept = Path(cache.mkdir("axe-core")) / "axe.min.js" if cache else tmp_path_factory.mktemp("axe") / "axe.min.js"
    if kept.is_file():
        return kept.read_text("utf-8")
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("axe-core is not there: neither npm nor AXE_CORE (the path of an axe.min.js)")
    folder = tmp_path_factory.mktemp("npm")
    command = [npm, "pack", "axe-core@4", "--silent", "--fetch-retries=0"]
    try:
        subprocess.run(command, cwd=folder, check=True, timeout=60, capture_output=True, text=True)
        with tarfile.open(next(folder.glob("axe-core-*.tgz"))) as package:
            member = package.extractfile("package/axe.min.js")
            script = member.read().decode() if member else ""
    except subprocess.CalledProcessError as error:
        pytest.skip(f"npm pack axe-core failed: {(error.stderr or error.stdout).strip()[-200:] or error.returncode}")
    except (OSError, subprocess.TimeoutExpired, StopIteration, KeyError, tarfile.TarError) as error:
        pytest.skip(f"npm pack axe-core failed: {error!r}")
    part = kept.with_name(f"axe.{os.getpid()}.part")
    part.write_text(script, "utf-8")
    part.replace(kept)
    return script
