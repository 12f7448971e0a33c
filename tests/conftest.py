"""What tests share: their markers, the interpreter at hand with packages for it, a run in which nothing went wrong."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings

from bench.probe import Interpreter, probe
from results.schema import Record, Run
from tests.packages import wheel
from tests.synthetic import synthetic_run


def pytest_configure(config: pytest.Config) -> None:
    """Register the markers; no property is timed."""
    config.addinivalue_line("markers", "browser: drives a real Chromium; skipped where there is none")
    settings.register_profile("untimed", deadline=None)  # how long an example takes is the machine's affair
    settings.load_profile("untimed")


@pytest.fixture(scope="session")
def interpreter() -> Interpreter:
    """The interpreter that runs the tests."""
    found = probe(Path(sys.executable), "test")
    assert found is not None
    return found


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of packages, which is all that uv sees."""
    folder = tmp_path / "wheels"
    wheel(folder, "upper", "1.0", ("lower>=1",))
    wheel(folder, "lower", "1.0")
    monkeypatch.setenv("UV_FIND_LINKS", str(folder))
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    return folder


@pytest.fixture(scope="session")
def quiet() -> tuple[Run, list[Record]]:
    """Return a run in which nothing went wrong."""
    return synthetic_run(5, blocks=5, faults=False)


@pytest.fixture
def run_and_records(quiet: tuple[Run, list[Record]]) -> tuple[Run, list[Record]]:
    """Return a copy of it, to be spoilt."""
    encoded = msgspec.msgpack.encode(quiet)
    return msgspec.msgpack.decode(encoded, type=tuple[Run, list[Record]])
