"""Finding interpreters: names, what is here, and what happens when something cannot be had."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import runtimes
from bench.probe import Interpreter, probe
from bench.runtime_names import KNOWN, Name, suggestion
from results import schema

OWN = f"cpython{sys.version_info[0]}.{sys.version_info[1]}"


def fake(name: str, *, final: bool = True) -> Interpreter:
    """An interpreter that is only talked about."""
    parsed = Name.parse(name)
    info = schema.Runtime(name, parsed.implementation, "1.0", "3.0", "", "test", parsed.free_threaded)
    return Interpreter(name, Path("/nowhere") / name, info, final)


def here(*names: str) -> dict[str, Interpreter]:
    """A machine with these runtimes, as `discover` would tell of it."""
    return {name: fake(name) for name in names}


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without interpreters, but for the one that runs the tests: an empty PATH folder to put some in."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    for name in ("XDG_DATA_HOME", "UV_PYTHON_INSTALL_DIR"):
        monkeypatch.delenv(name, raising=False)
    return folder


def script(path: Path, text: str) -> None:
    """Write an executable shell script."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n", encoding="utf-8")
    path.chmod(0o755)


# --- names -----------------------------------------------------------------------------------------------------------


@given(st.sampled_from(["cpython", "pypy"]), st.integers(0, 99), st.booleans())
def test_a_name_survives_being_written_and_read(implementation: str, minor: int, free_threaded: bool) -> None:
    """Parsing what a name prints gives the name."""
    name = Name(implementation, minor, free_threaded)
    assert Name.parse(str(name)) == name


@given(st.text(max_size=30))
def test_any_text_gets_a_known_suggestion_or_none(text: str) -> None:
    """Whatever is typed, the suggestion is something that can be asked for."""
    assert suggestion(text) in {None, *KNOWN, "cpython", "pypy", "all"}


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("pypi3.11", "pypy3.11"),
        ("python3.13", "cpython3.13"),
        ("python313", "cpython3.13"),
        ("3.12", "cpython3.12"),
        ("py312", "cpython3.12"),
        ("3.14t", "cpython3.14t"),
        ("CPython-3.13", "cpython3.13"),
        ("cpython3.13.1", "cpython3.13"),
        ("pypy 3.11", "pypy3.11"),
        ("pypy311", "pypy3.11"),
        ("cpyton", "cpython"),
        ("ruby", None),
    ],
)
def test_typing_errors_are_understood(typed: str, meant: str | None) -> None:
    """Other people's spellings and near misses lead to the runtime's name."""
    assert suggestion(typed) == meant


# --- what is here ----------------------------------------------------------------------------------------------------


def test_the_running_interpreter_is_always_found(bare: Path, tmp_path: Path) -> None:
    """With nothing on PATH there is still the interpreter behind the suite, never a virtual environment."""
    found = runtimes.discover(tmp_path / "none")
    assert set(found) == {OWN}
    executable = found[OWN].executable
    asked = [str(executable), "-c", "import sys; print(sys.prefix == sys.base_prefix)"]
    assert subprocess.run(asked, capture_output=True, text=True, check=True).stdout.strip() == "True"
    assert found[OWN].info.python_version.startswith(f"{sys.version_info[0]}.{sys.version_info[1]}.")


def test_broken_shims_are_passed_over(bare: Path, tmp_path: Path) -> None:
    """What does not start, prints nonsense, or is not a program at all is as if it were not there."""
    script(bare / "python3.12", "echo 'pyenv: python3.12: command not found' >&2; exit 127")
    script(bare / "python3.10", "echo hello")
    script(bare / "pypy3.11", "exit 0")
    (bare / "pypy3.10").write_bytes(b"\x00\x01")
    (bare / "pypy3.10").chmod(0o755)
    (bare / "python3").symlink_to(bare / "gone")
    assert set(runtimes.discover(tmp_path / "none")) == {OWN}


def test_the_first_on_path_wins_and_virtual_environments_do_not_count(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PATH's order decides between two of one id; a virtual environment in front of PATH changes nothing."""
    base = runtimes.discover(tmp_path / "none")[OWN].executable
    venv = tmp_path / "venv"
    subprocess.run([base, "-m", "venv", "--without-pip", "--symlinks", venv], check=True)
    (bare / "python3").symlink_to(base)
    monkeypatch.setenv("PATH", f"{venv / 'bin'}:{bare}")
    found = runtimes.discover(tmp_path / "none")[OWN]
    assert found.info.origin == "PATH"
    assert venv not in found.executable.parents


def test_pyenvs_versions_are_found_behind_its_shims(
    bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shim that leads nowhere does not hide the version that it was made for."""
    base = runtimes.discover(tmp_path / "none")[OWN].executable
    pyenv = tmp_path / "pyenv"
    script(pyenv / "shims" / "python3", "exit 127")
    (pyenv / "versions" / "9.9.9" / "bin").mkdir(parents=True)
    (pyenv / "versions" / "9.9.9" / "bin" / "python3").symlink_to(base)
    (pyenv / "versions" / "broken" / "bin").mkdir(parents=True)
    monkeypatch.setenv("PATH", str(pyenv / "shims"))
    assert runtimes.discover(tmp_path / "none")[OWN].info.origin == "pyenv"


def test_a_virtual_environments_python_leads_to_its_base(tmp_path: Path) -> None:
    """Probing the python of a virtual environment answers with the interpreter that it was made from."""
    found = probe(Path(sys.executable), "test")
    assert found is not None
    assert not (found.executable.parent.parent / "pyvenv.cfg").exists()
    assert found.id == OWN


def test_pythonpath_does_not_reach_the_probe(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken module on PYTHONPATH cannot break the search."""
    (tmp_path / "json.py").write_text("raise SystemExit(1)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert OWN in runtimes.discover(tmp_path / "none")


# --- what was asked for ----------------------------------------------------------------------------------------------


def test_newest_leaves_out_previews_and_free_threaded_builds() -> None:
    """Both must be asked for by name."""
    machine = {
        **here("cpython3.9", "cpython3.13", "cpython3.14t", "pypy3.11"),
        "cpython3.15": fake("cpython3.15", final=False),
    }
    newest = runtimes.newest("cpython", machine)
    assert newest is not None
    assert newest.id == "cpython3.13"
    assert runtimes.newest("pypy", here("cpython3.13")) is None


def test_names_are_expanded_once_each() -> None:
    """None means the newest of both; `all` is everything here and a PyPy; what is said twice counts once."""
    machine = here("cpython3.12", "cpython3.13")
    assert runtimes.expand(None, machine) == ["cpython", "pypy"]
    assert runtimes.expand(["all", "cpython3.13"], machine) == ["cpython3.12", "cpython3.13", "pypy"]
    assert runtimes.expand([" cpython3.13 ", "cpython3.13"], machine) == ["cpython3.13"]


def test_an_unknown_name_is_missing_with_the_likely_one(bare: Path, tmp_path: Path) -> None:
    """A typing error neither stops the run nor passes unseen, and fetches nothing."""
    said: list[str] = []
    found, missing = runtimes.resolve([OWN, "pypi3.11", "cpython3.8"], say=said.append, runtimes=tmp_path / "none")
    assert [i.id for i in found] == [OWN]
    assert [m.runtime for m in missing] == ["pypi3.11", "cpython3.8"]
    assert missing[0].hint == "did you mean pypy3.11?"
    assert "too old" in missing[1].reason
    assert said == []


def test_without_fetching_a_missing_pypy_is_said_in_words(bare: Path, tmp_path: Path) -> None:
    """Listing never fetches: the default is then what is here, and a reason with a hint."""
    found, missing = runtimes.resolve(None, say=lambda _: None, fetch=False, runtimes=tmp_path / "none")
    assert [i.id for i in found] == [OWN]
    assert missing[0].runtime == "pypy3.11"
    assert missing[0].hint
    assert not (tmp_path / "none").exists()


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """uv's downloads go to a closed port of this machine; there are no packages of a distribution."""
    monkeypatch.setenv("UV_PYPY_INSTALL_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setattr("bench.debian_prefix.release", lambda _: None)


def test_nothing_can_be_had_and_the_run_goes_on(bare: Path, tmp_path: Path, no_network: None) -> None:
    """Every way is tried, each failure is in the reason, the hint says how to get one, and CPython is still there."""
    said: list[str] = []
    found, missing = runtimes.resolve(None, say=said.append, runtimes=tmp_path / "none")
    assert [i.id for i in found] == [OWN]
    assert len(missing) == 1
    assert "uv's download failed" in missing[0].reason
    assert "Debian" in missing[0].reason
    assert "http" not in missing[0].reason
    assert "PATH" in (missing[0].hint or "")


def test_an_older_pypy_stands_in_only_when_no_newer_can_be_had(
    tmp_path: Path, no_network: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PyPy 3.9 on the machine is used after the ways to 3.11 have failed, and that is said."""
    monkeypatch.setattr(runtimes, "discover", lambda _=None: here("cpython3.13", "pypy3.9"))
    said: list[str] = []
    found, missing = runtimes.resolve(None, say=said.append, runtimes=tmp_path / "none")
    assert [i.id for i in found] == ["cpython3.13", "pypy3.9"]
    assert missing == []
    assert "pypy3.9 stands in" in said[-1]


def test_a_newer_pypy_that_is_here_is_taken_without_asking_anybody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is fetched when PyPy 3.11 or newer is on the machine."""
    monkeypatch.setattr(runtimes, "discover", lambda _=None: here("cpython3.13", "pypy3.9", "pypy3.12"))
    said: list[str] = []
    found, _ = runtimes.resolve(["pypy"], say=said.append, runtimes=tmp_path / "none")
    assert [i.id for i in found] == ["pypy3.12"]
    assert said == []


@pytest.mark.parametrize(
    ("output", "reason"),
    [
        ("error: Failed to install x\n  cause: Request failed\n  cause: dns error\n", "dns error"),
        (
            "error: Failed\n  Caused by: error sending request for url (https://a.example/b)",
            "error sending request for url",
        ),
        ("  \u00d7 No download found\n  \u2570\u2500\u25b6 for request: pypy3.11\n", "for request: pypy3.11"),
        ("", "it says nothing"),
    ],
)
def test_uvs_last_cause_is_the_reason(output: str, reason: str) -> None:
    """Of uv's chain of causes the last is shown, without an address."""
    assert runtimes.uv_failure(output) == reason


@pytest.mark.skipif(os.environ.get("UV_OFFLINE") == "1", reason="UV_OFFLINE is set: nothing can be fetched")
def test_pypy_is_found_or_fetched_and_runs() -> None:
    """The default's PyPy, by whatever way this machine allows, is a PyPy with a JIT that speaks TLS."""
    found, missing = runtimes.resolve(["pypy"], say=print)
    if missing:
        pytest.skip(f"no PyPy can be had here: {missing[0].reason}")
    ask = (
        "import sys, ssl, sqlite3, ctypes, zlib;"
        "print(sys.implementation.name, sys.pypy_translation_info['translation.jit'])"
    )
    done = subprocess.run([found[0].executable, "-I", "-c", ask], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["pypy", "True"]
