"""Lock files: pins and nothing else, renewed by the real uv from packages made on the spot."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import locks
from bench.environments import Recipe
from bench.paths import SERVERS
from bench.pins import lacking, normal, parse_pins, read_lock, render, requirement_name
from bench.probe import Interpreter
from tests.packages import wheel

NAMES = st.from_regex(r"[a-z][a-z0-9]{0,8}(-[a-z0-9]{1,5})?", fullmatch=True)
VERSIONS = st.from_regex(
    r"[0-9]{1,3}(\.[0-9]{1,3}){0,3}((a|b|rc)[0-9])?(\.post[0-9])?(\+[a-z0-9]{1,5})?", fullmatch=True
)


def renew(interpreter: Interpreter, path: Path, *requirements: str) -> locks.Renewed:
    """Renew one lock file."""
    (result,) = locks.lock([Recipe("x", ("x",), interpreter.id, requirements, path)], {interpreter.id: interpreter})
    assert result.path == path
    return result


def test_a_lock_file_is_made_and_renewed(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """First all pins are new; later the changes are told, old to new; the file holds pins and one comment."""
    path = tmp_path / "locks" / "x.txt"
    assert renew(interpreter, path, "upper").changes == ("lower 1.0 is new", "upper 1.0 is new")
    assert path.read_text(encoding="utf-8") == "# made by `nox -s lock`; do not edit\nlower==1.0\nupper==1.0\n"
    assert renew(interpreter, path, "upper").changes == ()
    wheel(wheels, "lower", "1.5")
    assert renew(interpreter, path, "upper").changes == ("lower 1.0 -> 1.5",)
    assert renew(interpreter, path, "lower").changes == ("upper 1.0 is gone",)
    assert [p.name for p in path.parent.iterdir()] == ["x.txt"]


def test_a_failed_resolution_leaves_the_file_alone(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """What cannot be resolved is told with the reason; the file and its folder stay as they were."""
    path = tmp_path / "locks" / "x.txt"
    result = renew(interpreter, path, "upper", "no-such-package")
    assert "no-such-package" in (result.error or "")
    assert not path.parent.exists()
    renew(interpreter, path, "upper")
    before = path.read_bytes()
    assert renew(interpreter, path, "upper>2").error
    assert path.read_bytes() == before


def test_recipes_without_a_lock_or_an_interpreter(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """No path: nothing to renew. No interpreter: an error. No requirements any more: the file goes."""
    here = {interpreter.id: interpreter}
    assert locks.lock([Recipe("x", ("x",), interpreter.id, ("upper",), None)], here) == []
    (lost,) = locks.lock([Recipe("x", ("x",), "pypy3.10", ("upper",), tmp_path / "y.txt")], here)
    assert lost.error == "there is no pypy3.10 on this machine"
    path = tmp_path / "x.txt"
    renew(interpreter, path, "upper")
    assert renew(interpreter, path).changes == ("lower 1.0 is gone", "upper 1.0 is gone")
    assert not path.exists()


def test_a_lock_is_stale_when_it_lacks_a_requirement(tmp_path: Path) -> None:
    """Names are compared as packaging compares them; extras, markers and bounds do not matter; garbage is stale."""
    path = tmp_path / "x.txt"

    def stale(*requirements: str) -> bool:
        return locks.stale(Recipe("x", ("x",), "cpython3.13", requirements, path))

    assert not stale("flask")  # there is no lock file that could be stale
    path.write_text("flask-sock==0.7.0\ntwisted==26.10.0\n", encoding="utf-8")
    assert not stale("Flask_Sock", "twisted[websocket]>=26; python_version > '3.9'")
    assert stale("flask-sock", "tornado")
    path.write_text("flask-sock @ http://example/x.whl\n", encoding="utf-8")
    assert stale("flask-sock")


@given(st.dictionaries(NAMES, VERSIONS, max_size=8))
def test_pins_survive_being_written_and_read(pins: dict[str, str]) -> None:
    """Reading what was written gives the same pins."""
    assert parse_pins(render(pins, "a comment")) == pins
    assert lacking(pins, pins) == []


@given(st.text())
def test_anything_but_a_pin_is_refused(text: str) -> None:
    """A text is read as pins alone or refused with the line's number; there is nothing in between."""
    try:
        pins = parse_pins(text)
    except ValueError as error:
        assert str(error).startswith("line ")
    else:
        assert all(normal(name) == name and version for name, version in pins.items())


@pytest.mark.parametrize(
    "line",
    [
        "--index-url http://example",
        "x @ file:///x",
        "x>=1",
        "x==1 --hash=sha256:0",
        "-e .",
        "x==1; y",
        "http://example",
    ],
)
def test_addresses_and_options_are_no_pins(line: str) -> None:
    """Where packages come from, and anything looser than a pin, has no place in a lock file."""
    with pytest.raises(ValueError, match="line 2: not a pin"):
        parse_pins(f"# comment\n{line}\n")


@given(NAMES, st.sampled_from(["", "[x]", ">=1", " >= 1", "; python_version < '4'", "==1.*"]))
def test_a_requirements_name_is_what_stands_before_its_bounds(name: str, rest: str) -> None:
    """Extras, bounds and markers are cut off."""
    assert requirement_name(name + rest) == name


def test_every_committed_lock_file_holds_pins_only() -> None:
    """All lock files of the servers can be read, which no address can be; each has something in it."""
    for path in SERVERS.rglob("locks/*.txt"):
        assert read_lock(path), path
        assert "://" not in path.read_text(encoding="utf-8"), path
