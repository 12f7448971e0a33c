"""Environments, made by the real uv for the real interpreter, from packages made on the spot."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import psutil
import pytest

from bench import environments
from bench.environments import Made, Recipe, existing, make, pins_hash, recipe_hash, uses_lock
from bench.paths import ROOT
from bench.probe import Interpreter
from tests.packages import sdist, wheel


@pytest.fixture
def wheels(wheels: Path) -> Path:
    """Here a package has two versions."""
    wheel(wheels, "lower", "2.0")
    return wheels


def recipe(interpreter: Interpreter, *requirements: str, name: str = "upper@host", lock: Path | None = None) -> Recipe:
    """A recipe for the interpreter at hand."""
    return Recipe(name, (name,), interpreter.id, requirements, lock)


def one(wanted: Recipe, interpreter: Interpreter, root: Path) -> Made:
    """Make one environment, and check that progress is reported once."""
    seen: list[str] = []
    made = make([wanted], {interpreter.id: interpreter}, root, lambda r, _: seen.append(r.name))
    assert seen == [wanted.name]
    return made[wanted.name, wanted.runtime]


def imports(python: Path, statement: str) -> str:
    """What a statement prints in an environment."""
    return subprocess.run([python, "-c", statement], capture_output=True, text=True, check=True).stdout.strip()


def test_an_environment_holds_its_packages(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """What was asked for is installed with what it needs, listed with versions, and works."""
    made = one(recipe(interpreter, "upper"), interpreter, tmp_path / "e")
    assert made.environment.status == "ok"
    assert made.environment.packages == {"lower": "2.0", "upper": "1.0"}
    assert made.environment.hash == pins_hash({"Upper": "1.0", "lower": "2.0"})
    assert not made.environment.locked
    assert made.python == tmp_path / "e" / interpreter.id / "upper@host" / "bin" / "python"
    assert imports(made.python, "import upper, lower; print(lower.version)") == "2.0"


def test_the_standard_library_alone_is_an_environment_too(tmp_path: Path, interpreter: Interpreter) -> None:
    """A recipe without requirements gets an empty environment of its own."""
    made = one(recipe(interpreter, name="plain"), interpreter, tmp_path / "e")
    assert made.python is not None
    assert made.environment.packages == {}
    assert imports(made.python, "import sys; print(sys.prefix != sys.base_prefix)") == "True"


def test_a_lock_decides_the_versions(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """With a complete lock file its pins are installed, and the record says so."""
    lock = tmp_path / "lock.txt"
    lock.write_text("# made by hand\nlower==1.0\nupper==1.0\n", encoding="utf-8")
    made = one(recipe(interpreter, "upper", lock=lock), interpreter, tmp_path / "e")
    assert made.environment.locked
    assert made.environment.packages["lower"] == "1.0"


def test_a_lock_that_lacks_a_requirement_is_not_used(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """A lock file older than server.toml would leave out what was added since: the requirements decide, unlocked."""
    lock = tmp_path / "lock.txt"
    lock.write_text("lower==1.0\n", encoding="utf-8")
    wanted = recipe(interpreter, "upper", lock=lock)
    assert not uses_lock(wanted)
    made = one(wanted, interpreter, tmp_path / "e")
    assert not made.environment.locked
    assert made.environment.packages == {"lower": "2.0", "upper": "1.0"}


def test_a_good_environment_is_used_again(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """The second time nothing is installed: not even uv is needed."""
    first = one(recipe(interpreter, "upper"), interpreter, tmp_path / "e")
    shutil.rmtree(wheels)
    again = one(recipe(interpreter, "upper"), interpreter, tmp_path / "e")
    assert not first.reused
    assert again.reused
    assert again.environment == first.environment


def test_what_changes_an_environment_makes_it_anew(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """Other requirements, and another lock, are noticed."""
    root = tmp_path / "e"
    lock = tmp_path / "lock.txt"
    one(recipe(interpreter, "upper", lock=lock), interpreter, root)
    assert one(recipe(interpreter, "lower", lock=lock), interpreter, root).environment.packages == {"lower": "2.0"}
    lock.write_text("lower==1.0\n", encoding="utf-8")
    assert one(recipe(interpreter, "lower", lock=lock), interpreter, root).environment.packages == {"lower": "1.0"}
    assert one(recipe(interpreter, "lower", lock=lock), interpreter, root).reused


@pytest.mark.parametrize(
    "harm",
    [
        lambda folder: (folder / environments.MARKER).unlink(),
        lambda folder: (folder / environments.MARKER).write_text('{"recipe": "'),
        lambda folder: next(folder.glob("lib/*/site-packages/lower-*/RECORD")).unlink(),
        lambda folder: shutil.rmtree(next(folder.glob("lib/*/site-packages"))),
        lambda folder: (folder / "bin" / "python").unlink(),
    ],
    ids=["no marker", "half a marker", "half a package", "no packages", "no python"],
)
def test_a_broken_environment_is_made_again(
    wheels: Path, tmp_path: Path, interpreter: Interpreter, harm: object
) -> None:
    """An environment that lost its marker, a package or its python is noticed, removed and made again."""
    wanted = recipe(interpreter, "upper")
    folder = tmp_path / "e" / interpreter.id / wanted.name
    one(wanted, interpreter, tmp_path / "e")
    harm(folder)  # type: ignore[operator]
    assert existing(folder, recipe_hash(wanted, interpreter)) is None
    made = one(wanted, interpreter, tmp_path / "e")
    assert not made.reused
    assert made.python is not None
    assert imports(made.python, "import upper, lower; print(lower.version)") == "2.0"


def test_an_environment_that_was_moved_is_made_again(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """Its scripts hold its path: in another place it is not used."""
    one(recipe(interpreter, "upper"), interpreter, tmp_path / "e")
    (tmp_path / "e").rename(tmp_path / "f")
    assert not one(recipe(interpreter, "upper"), interpreter, tmp_path / "f").reused


def test_the_suites_own_variables_do_not_leak(
    wheels: Path, tmp_path: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PYTHONPATH, an active virtual environment and another choice of Python for uv change nothing."""
    (tmp_path / "upper.py").write_text("raise SystemExit(1)", encoding="utf-8")
    for name, value in {"PYTHONPATH": str(tmp_path), "VIRTUAL_ENV": str(tmp_path), "UV_PYTHON": "2.7"}.items():
        monkeypatch.setenv(name, value)
    made = one(recipe(interpreter, "upper"), interpreter, tmp_path / "e")
    assert made.environment.packages == {"lower": "2.0", "upper": "1.0"}


def test_failures_are_rows_with_reasons(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """One that cannot be resolved, one that cannot be built, one without interpreter: the rest is made."""
    message = "thing.c:1:2: error: expected identifier"
    sdist(wheels, "thing", "1.0", f"import sys\nprint({message!r}, file=sys.stderr)\nraise SystemExit(1)")
    sdist(wheels, "compiled", "1.0", "raise SystemExit(\"error: command 'gcc' failed: No such file or directory\")")
    names = {"absent": "no-such-package", "thing": "thing", "compiled": "compiled", "good": "lower"}
    recipes = [recipe(interpreter, requirement, name=name) for name, requirement in names.items()]
    recipes.append(Recipe("lost", ("lost",), "pypy3.10", ("lower",), None))
    seen: list[str] = []
    made = make(recipes, {interpreter.id: interpreter}, tmp_path / "e", lambda r, _: seen.append(r.name))
    reasons = {name: one_made.environment.reason for (name, _), one_made in made.items()}
    assert sorted(seen) == sorted([*names, "lost"])
    assert "no-such-package" in (reasons["absent"] or "")
    assert reasons["thing"] == f"building thing==1.0 failed: {message}"
    assert reasons["compiled"] == "needs a C compiler: compiled==1.0 is built from source and none was found"
    assert reasons["lost"] == "there is no pypy3.10 on this machine"
    assert made["good", interpreter.id].environment.status == "ok"
    assert made["thing", interpreter.id].python is None
    log = tmp_path / "e" / "logs" / f"install-thing.{interpreter.id}.log"
    assert message in log.read_text(encoding="utf-8")
    assert not (tmp_path / "e" / interpreter.id / "thing").exists()


def test_an_index_that_cannot_be_reached_is_no_network(
    tmp_path: Path, interpreter: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A closed port instead of an index: the reason says network, and names no address."""
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    made = one(recipe(interpreter, "lower"), interpreter, tmp_path / "e")
    assert (made.environment.reason or "").startswith("no network: ")
    assert "127.0.0.1" not in (made.environment.reason or "")


def test_a_place_that_cannot_be_written_is_a_reason(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """A file where the folder should be is told, not raised."""
    (tmp_path / "e").write_text("in the way", encoding="utf-8")
    made = one(recipe(interpreter, "lower"), interpreter, tmp_path / "e")
    assert made.environment.status == "failed"
    assert str(tmp_path / "e") in (made.environment.reason or "")


def test_two_runs_share_one_making(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """Two at once: one makes it, the other waits and uses it."""
    made: list[Made] = []

    def work() -> None:
        made.append(one(recipe(interpreter, "upper"), interpreter, tmp_path / "e"))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(m.reused for m in made) == [False, True]


# A build that says its process id through a fifo and then never ends.
HANGS = """\
import os, signal
if os.path.exists({fifo!r}):
    with open({fifo!r}, "w") as out:
        out.write(str(os.getpid()))
    signal.pause()
raise SystemExit("error: not hanging any more")
"""
# A build that counts itself and makes a real wheel.
COMPILES = """\
import pathlib, sys
with open({tally!r}, "a") as out:
    out.write("x")
sys.path.insert(0, {helper!r})
from packages import wheel
wheel(pathlib.Path(wheel_directory), "slow", "1.0")
return "slow-1.0-py3-none-any.whl"
"""
SUITE = """\
import sys
from pathlib import Path
from bench.environments import Recipe, make
from bench.probe import probe
interpreter = probe(Path(sys.executable), "test")
recipes = [Recipe(name, (name,), interpreter.id, (name,), None) for name in ("lower", "hanging")]
done = lambda recipe, made: print(recipe.name, made.environment.status, flush=True)
make(recipes, {interpreter.id: interpreter}, Path(sys.argv[1]), done)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_installation_does_not_pass_as_whole(
    wheels: Path, tmp_path: Path, interpreter: Interpreter, number: signal.Signals
) -> None:
    """Ctrl-C and kill -9 end the installers and everything they started; the next run makes that one anew.

    What was finished before stays, and is used.
    """
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    sdist(wheels, "hanging", "1.0", HANGS.format(fifo=str(fifo)))
    root = tmp_path / "e"
    suite = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(SUITE), str(root)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    builder = psutil.Process(int(fifo.read_text(encoding="utf-8")))
    assert suite.stdout is not None
    assert suite.stdout.readline() == "lower ok\n"
    suite.send_signal(number)
    suite.communicate(timeout=30)
    assert suite.returncode != 0
    psutil.wait_procs([builder], timeout=10)
    assert not builder.is_running() or builder.status() == psutil.STATUS_ZOMBIE
    assert not (root / interpreter.id / "hanging" / environments.MARKER).exists()

    fifo.unlink()
    recipes = [recipe(interpreter, name, name=name) for name in ("lower", "hanging")]
    made = make(recipes, {interpreter.id: interpreter}, root, lambda *_: None)
    assert made["lower", interpreter.id].reused
    assert made["hanging", interpreter.id].environment.status == "failed"
    assert "not hanging any more" in (made["hanging", interpreter.id].environment.reason or "")


def test_a_runtimes_environments_are_made_one_after_the_other() -> None:
    """A lane for each runtime, PyPy's first; within it the order is the one given, and nothing is lost."""
    listed = [Recipe(name, (name,), runtime, ()) for name in "ab" for runtime in ("cpython3.13", "pypy3.11")]
    found = [[(r.runtime, r.name) for r in lane] for lane in environments.lanes(listed)]
    assert found == [[("pypy3.11", "a"), ("pypy3.11", "b")], [("cpython3.13", "a"), ("cpython3.13", "b")]]


def test_a_package_is_compiled_once_for_a_runtime(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """Several environments that need the same source package share one build of it."""
    tally = tmp_path / "tally"
    sdist(wheels, "slow", "1.0", COMPILES.format(tally=str(tally), helper=str(ROOT / "tests")))
    recipes = [recipe(interpreter, "slow", name=f"user{number}") for number in range(4)]
    made = make(recipes, {interpreter.id: interpreter}, tmp_path / "e", lambda *_: None)
    assert {m.environment.reason for m in made.values()} == {None}
    assert tally.read_text(encoding="utf-8") == "x"


def test_an_error_in_progress_ends_the_making(wheels: Path, tmp_path: Path, interpreter: Interpreter) -> None:
    """A fault of the caller's own is not swallowed, and does not hang."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    recipes = [recipe(interpreter, "lower", name=f"user{number}") for number in range(4)]
    with pytest.raises(ZeroDivisionError):
        make(recipes, {interpreter.id: interpreter}, tmp_path / "e", fail)


def test_hashes_tell_sets_apart() -> None:
    """Equal sets of packages have equal hashes whatever their order and spelling; different ones have not."""
    assert pins_hash({"zope.event": "6", "A": "1"}) == pins_hash({"a": "1", "Zope_Event": "6"})
    assert pins_hash({"a": "1"}) != pins_hash({"a": "2"})
