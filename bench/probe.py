"""What an interpreter is: found out by starting it, never by its file name."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.runtime_names import Name
from bench.uv_tool import clean
from results import schema

# Runs on everything from Python 3.6 on. `base` leads from a virtual environment to the interpreter behind it.
_PROBE = """\
import json, platform, sys, sysconfig
pypy = getattr(sys, "pypy_version_info", None)
version = sys.version_info
def dotted(v):
    level = {"final": "", "alpha": "a", "beta": "b", "candidate": "rc"}[v[3]]
    return "%d.%d.%d" % tuple(v[:3]) + (level + str(v[4]) if level else "")
executable = sys.executable
if sys.prefix != sys.base_prefix:
    executable = getattr(sys, "_base_executable", None) or executable
print(json.dumps({
    "executable": executable,
    "virtual": sys.prefix != sys.base_prefix,
    "implementation": platform.python_implementation(),
    "version": dotted(pypy) if pypy else dotted(version),
    "python_version": dotted(version),
    "major": version[0], "minor": version[1],
    "final": version[3] == "final",
    "build": " ".join(sys.version.split()[1:]),
    "free_threaded": bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    "debug": hasattr(sys, "gettotalrefcount"),
}))
"""
_TIMEOUT_S = 30.0  # a cold PyPy on a busy machine needs seconds; a shim that hangs should not stop us


class Facts(msgspec.Struct, frozen=True):
    """What an interpreter said of itself. `version` is the implementation's, `python_version` the language's."""

    executable: str
    virtual: bool
    implementation: str
    version: str
    python_version: str
    major: int
    minor: int
    final: bool
    build: str
    free_threaded: bool
    debug: bool


@dataclass(frozen=True)
class Interpreter:
    """An interpreter that was started and answered. `executable` is absolute, and not a virtual environment's."""

    id: str
    executable: Path
    info: schema.Runtime
    final: bool = True

    @property
    def name(self) -> Name:
        """The id, taken apart."""
        return Name.parse(self.id)


def probe(executable: Path, origin: str) -> Interpreter | None:
    """Start an interpreter and ask it; None when it does not start or answer, or is of a kind unknown to this suite."""
    facts = _ask(executable)
    if facts is not None and facts.virtual:
        facts = _ask(Path(facts.executable))  # what stands behind a virtual environment speaks for itself
        if facts is not None and facts.virtual:
            return None
    if facts is None or facts.debug or facts.major != 3:
        return None  # a debug build is several times slower: never measured
    implementation = facts.implementation.lower()
    if implementation not in {"cpython", "pypy"}:
        return None
    name = Name(implementation, facts.minor, facts.free_threaded)
    info = schema.Runtime(
        id=str(name),
        implementation=facts.implementation,
        version=facts.version,
        python_version=facts.python_version,
        build=facts.build,
        origin=origin,
        free_threaded=facts.free_threaded,
    )
    return Interpreter(str(name), Path(facts.executable), info, facts.final)


def probe_all(candidates: Iterable[tuple[Path, str]]) -> list[Interpreter]:
    """`probe` each candidate (executable, origin), four at a time; in the order given, the failures left out."""
    with ThreadPoolExecutor(4) as pool:
        return [found for found in pool.map(lambda c: probe(*c), candidates) if found is not None]


def _ask(executable: Path) -> Facts | None:
    try:
        answer = subprocess.run(
            [executable, "-I", "-c", _PROBE],
            capture_output=True,
            timeout=_TIMEOUT_S,
            env=clean(os.environ),
            stdin=subprocess.DEVNULL,
            check=True,
        ).stdout
        facts = msgspec.json.decode(answer.strip().splitlines()[-1], type=Facts)
    except (OSError, subprocess.SubprocessError, msgspec.DecodeError, IndexError):
        return None
    return facts if facts.executable and Path(facts.executable).is_absolute() else None
