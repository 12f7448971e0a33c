"""Finding interpreters: what is here, what was asked for, and how what is missing can be had.

`discover` looks at this machine only. `resolve` may fetch: uv's own download first, then, on Debian and Ubuntu, a
private prefix made from the distribution's packages. Whatever cannot be had is said in words and never stops the run.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from bench import debian_prefix
from bench.paths import ROOT
from bench.probe import Interpreter, probe, probe_all
from bench.runtime_names import KNOWN, NEWEST_PYPY, OLDEST_CPYTHON, OLDEST_PYPY, Name, suggestion
from bench.uv_tool import UvMissingError, find_uv, uv_environment
from results import schema

__all__ = ["RUNTIMES", "Interpreter", "discover", "resolve"]

RUNTIMES = ROOT / ".runtimes"
_EXECUTABLE = re.compile(r"python3(\.\d+t?)?|pypy3(\.\d+)?")
_UV_INSTALL_TIMEOUT_S = 300.0  # 30 MB over a slow line; a network that is not there fails within seconds
_PYPY_HINT = (
    "install PyPy 3.11 (from pypy.org, with `uv python install pypy3.11`, or with pyenv) and have pypy3.11 on PATH; "
    "it is then found by itself"
)
_FETCH_HINT = "`nox -s bench` fetches it where that is possible"
_STAND_IN = "PyPy 3.11 cannot be had ({why}): {id} stands in, with older releases of many libraries"


# --- what is here ----------------------------------------------------------------------------------------------------


def discover(runtimes: Path = RUNTIMES) -> dict[str, Interpreter]:
    """The interpreters on this machine, by id; each was started and answered. No network.

    Where there are several of one id the first wins: PATH (for its shims, pyenv's versions), pyenv, uv, our own
    `runtimes` folder, and the interpreter that runs this.
    """
    found: dict[str, Interpreter] = {}
    for interpreter in probe_all(_candidates(runtimes)):
        if interpreter.name.supported:
            known = found.setdefault(interpreter.id, interpreter)
            if interpreter.final and not known.final:
                found[interpreter.id] = interpreter  # a release is better than a preview of it
    return dict(sorted(found.items(), key=lambda item: item[1].name))


def _candidates(runtimes: Path) -> list[tuple[Path, str]]:
    """Executables to start, each once however many links lead to it, with the word for where they are."""
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    listed = [
        *_on_path(os.environ.get("PATH", ""), pyenv),
        *((path, "pyenv") for path in _in_pyenv(pyenv)),
        *((path, "uv") for path in _in_uv(None)),
        *((path, "uv") for path in _in_uv(runtimes / "uv")),
        *_in_prefixes(runtimes),
        (Path(sys.executable), "the interpreter that runs this suite"),
    ]
    unique: dict[Path, tuple[Path, str]] = {}
    for path, origin in listed:
        unique.setdefault(path.resolve(), (path, origin))
    return list(unique.values())


def _on_path(search: str, pyenv: Path) -> Iterator[tuple[Path, str]]:
    """Interpreters in PATH's folders; virtual environments are passed over, since nox puts its own there."""
    for entry in dict.fromkeys(search.split(os.pathsep)):
        folder = Path(entry)
        if not folder.is_absolute() or (folder.parent / "pyvenv.cfg").exists():
            continue
        if folder == pyenv / "shims":  # a shim is a slow script that may lead nowhere: look where it would lead
            yield from ((path, "pyenv") for path in _in_pyenv(pyenv))
            continue
        yield from ((path, "PATH") for path in _executables(folder))


def _executables(folder: Path) -> list[Path]:
    """python3, python3.X, pypy3.X in a folder, the newest first; nothing where the folder cannot be read."""
    try:
        names = [name for name in os.listdir(folder) if _EXECUTABLE.fullmatch(name)]  # noqa: PTH208 - names are enough
    except OSError:
        return []
    return [p for name in sorted(names, key=_version_key, reverse=True) if os.access(p := folder / name, os.X_OK)]


def _version_key(text: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"\d+", text))


def _in_pyenv(pyenv: Path) -> list[Path]:
    return _in_versions(pyenv / "versions")


def _in_versions(folder: Path) -> list[Path]:
    """One executable for each version that a folder of installations holds, the newest first."""
    try:
        versions = sorted(folder.iterdir(), key=lambda p: _version_key(p.name), reverse=True)
    except OSError:
        return []
    return [found[0] for version in versions if (found := _executables(version / "bin"))]


def _in_uv(folder: Path | None) -> list[Path]:
    """What uv has installed, in its usual folder or in ours. Looked up as files: asking uv takes most of a second."""
    if folder is None:
        data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
        folder = Path(os.environ.get("UV_PYTHON_INSTALL_DIR") or data / "uv" / "python")
    return _in_versions(folder)


def _in_prefixes(runtimes: Path) -> Iterator[tuple[Path, str]]:
    try:
        folders = sorted(runtimes.iterdir())
    except OSError:
        return
    for folder in folders:
        if (found := debian_prefix.existing(folder.absolute())) is not None:
            yield found


# --- what was asked for ----------------------------------------------------------------------------------------------


def newest(implementation: str, here: Mapping[str, Interpreter]) -> Interpreter | None:
    """The newest release of a kind among what is here; previews and free-threaded builds must be asked for by name."""
    of_kind = [
        i for i in here.values() if i.name.implementation == implementation and i.final and not i.info.free_threaded
    ]
    return max(of_kind, key=lambda i: i.name, default=None)


def expand(wanted: Sequence[str] | None, here: Mapping[str, Interpreter]) -> list[str]:
    """The runtimes meant by what was asked for, each once: ids, the words cpython and pypy, and whatever is neither."""
    ids: dict[str, None] = {}
    for word in wanted if wanted is not None else ("cpython", "pypy"):
        text = word.strip()
        if text == "all":
            ids.update(dict.fromkeys(here))
            ids.setdefault("pypy")
        else:
            ids.setdefault(text)
    return list(ids)


def unknown(text: str, here: Mapping[str, Interpreter]) -> schema.Missing:
    """What to say of a name that no runtime has, or none that the suite's servers run on."""
    with contextlib.suppress(ValueError):
        if not Name.parse(text).supported:
            oldest = f"CPython 3.{OLDEST_CPYTHON} or PyPy 3.{OLDEST_PYPY}"
            return schema.Missing(reason=f"{text} is too old", runtime=text, hint=f"the servers need {oldest} or newer")
    meant = suggestion(text, here)
    known = ", ".join(sorted({*KNOWN, *here}, key=Name.parse))
    hint = f"did you mean {meant}?" if meant else f"known are {known}, and cpython, pypy, all"
    return schema.Missing(reason=f"there is no runtime called {text!r}", runtime=text, hint=hint)


def resolve(
    wanted: Sequence[str] | None, *, say: Callable[[str], None], fetch: bool = True, runtimes: Path = RUNTIMES
) -> tuple[list[Interpreter], list[schema.Missing]]:
    """The interpreters asked for, and what of them cannot be had. With `fetch`, what is not here is fetched.

    `wanted` holds ids (cpython3.13), `cpython` or `pypy` for the newest, `all` for everything that is here; None stands
    for the newest CPython and the newest PyPy. `say` gets a line for whatever takes time.
    """
    here = discover(runtimes)
    found: dict[str, Interpreter] = {}
    missing: list[schema.Missing] = []
    for text in expand(wanted, here):
        answer = _one(text, here, say, fetch, runtimes)
        if isinstance(answer, schema.Missing):
            missing.append(answer)
        else:
            found.setdefault(answer.id, answer)
    return list(found.values()), missing


def _one(
    text: str, here: Mapping[str, Interpreter], say: Callable[[str], None], fetch: bool, runtimes: Path
) -> Interpreter | schema.Missing:
    if text == "cpython":
        found = newest("cpython", here)
        reason = "no CPython 3.10 or newer on this machine"
        return found or schema.Missing(reason=reason, runtime=text, hint="install one: `uv python install 3.13`")
    if text == "pypy":
        return _newest_pypy(here, say, fetch, runtimes)
    if text in here:
        return here[text]
    if text not in KNOWN:
        return unknown(text, here)
    name = Name.parse(text)
    if not fetch:
        return schema.Missing(reason=f"{text} is not on this machine", runtime=text, hint=_FETCH_HINT)
    got = _obtain(name, say, runtimes)
    if isinstance(got, Interpreter):
        return got
    hint = _PYPY_HINT if text == NEWEST_PYPY else f"install it, for example with `uv python install {name.uv_request}`"
    return schema.Missing(reason=f"{text} cannot be had: {'; '.join(got)}", runtime=text, hint=hint)


def _newest_pypy(
    here: Mapping[str, Interpreter], say: Callable[[str], None], fetch: bool, runtimes: Path
) -> Interpreter | schema.Missing:
    """PyPy 3.11 or newer if that can be had at all; then what is here; then the distribution's own, which is older."""
    present = newest("pypy", here)
    wanted = Name.parse(NEWEST_PYPY)
    if present is not None and present.name >= wanted:
        return present
    if not fetch:
        missing = schema.Missing(reason="no PyPy on this machine", runtime=NEWEST_PYPY, hint=_FETCH_HINT)
        return present or missing
    reasons = _obtain(wanted, say, runtimes)
    if isinstance(reasons, Interpreter):
        return reasons
    if present is not None:
        say(_STAND_IN.format(why="; ".join(reasons), id=present.id))
        return present
    own = _from_distribution(Name("pypy", 9), say, runtimes)
    if isinstance(own, Interpreter):
        say(_STAND_IN.format(why="; ".join(reasons), id=own.id))
        return own
    return schema.Missing(reason=f"no PyPy: {'; '.join(reasons)}", runtime=NEWEST_PYPY, hint=_PYPY_HINT)


# --- fetching --------------------------------------------------------------------------------------------------------


def _obtain(name: Name, say: Callable[[str], None], runtimes: Path) -> Interpreter | list[str]:
    """Fetch an interpreter, or say for each way why it did not lead anywhere."""
    reasons = []
    for way in (_from_uv, _from_distribution):
        got = way(name, say, runtimes)
        if isinstance(got, Interpreter):
            say(f"{name}: {got.info.version} from {got.info.origin}")
            return got
        reasons.append(got)
    return reasons


def _from_uv(name: Name, say: Callable[[str], None], runtimes: Path) -> Interpreter | str:
    """uv's own download, into our folder; a failure is quiet, since it is common and another way follows."""
    folder = runtimes / "uv"
    say(f"{name} is not on this machine: asking uv for it")
    try:
        # No retries: a network that does not lead there should be noticed at once.
        ours = {"UV_PYTHON_INSTALL_DIR": str(folder), "UV_PYTHON_DOWNLOADS": "manual", "UV_HTTP_RETRIES": "0"}
        ours["UV_HTTP_TIMEOUT"] = "30"
        done = subprocess.run(
            [find_uv(), "python", "install", "--no-bin", name.uv_request],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_UV_INSTALL_TIMEOUT_S,
            env=uv_environment(None, **ours),
            stdin=subprocess.DEVNULL,
            check=False,
        )
    except UvMissingError as error:
        return str(error)
    except subprocess.TimeoutExpired:
        return f"uv's download took longer than {_UV_INSTALL_TIMEOUT_S:.0f} s"
    except OSError as error:
        return f"uv cannot be started: {error.strerror}"
    if done.returncode:
        return f"uv's download failed ({uv_failure(done.stderr)})"
    for path in _in_uv(folder):
        found = probe(path, "uv")
        if found is not None and found.id == str(name):
            return found
    return "uv's download does not start here"


def uv_failure(output: str) -> str:
    """The last link in uv's chain of causes, which is the plainest, without addresses."""
    mark = re.compile(r"^(error:|caused by:|cause:|[\u00d7\u2570\u251c\u2502\u2500\u25b6 ]+)\s*", re.IGNORECASE)
    lines = [mark.sub("", line.strip()) for line in output.splitlines()]
    told = [line for line in lines if line and not line.startswith(("hint", "warning"))]
    return re.sub(r"\s*[(`]?https?://[^\s`)]+[`)]?", "", told[-1]) if told else "it says nothing"


def _from_distribution(name: Name, say: Callable[[str], None], runtimes: Path) -> Interpreter | str:
    """A private prefix from Debian's or Ubuntu's packages."""
    folder = runtimes / str(name)
    try:
        debian_prefix.make(name, folder, say)
    except debian_prefix.PrefixError as error:
        return str(error)
    except OSError as error:
        return f"cannot write {folder}: {error.strerror or error}"
    found = debian_prefix.existing(folder.absolute())
    interpreter = probe(*found) if found else None
    return interpreter or f"{name} does not start from its private prefix"
