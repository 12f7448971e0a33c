"""The null servers that ship with loadgen: the one in Python, and its twin in C, compiled where there is a compiler."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from bench.paths import ROOT

SOURCE = ROOT / "loadgen" / "nullserver.c"
TITLES = {"c": "null server in C", "python": "null server in Python"}
NO_COMPILER = "there is no C compiler: apt-get install gcc"

Make = Callable[[str, int], list[str]]


def python(host: str, port: int) -> list[str]:
    """How the null server in Python is started."""
    return [sys.executable, "-m", "loadgen.nullserver", host, str(port)]


def compiled(folder: Path, source: Path = SOURCE) -> Path | str:
    """The null server in C, compiled into `folder` unless it is there already; or why it cannot be had."""
    if not source.is_file():
        return f"{source.name} is missing"
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return NO_COMPILER
    name = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    program = folder / f"nullserver-{name}"
    if os.access(program, os.X_OK):
        return program
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = program.with_suffix(f".{os.getpid()}")
    done = subprocess.run(
        [compiler, "-O2", "-o", str(unfinished), str(source)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        unfinished.unlink(missing_ok=True)
        said = done.stderr.strip().splitlines()
        return f"{source.name} cannot be compiled{': ' + said[-1] if said else ''}"
    unfinished.replace(program)
    return program


def makers(folder: Path) -> tuple[dict[str, Make], list[str]]:
    """The null servers that can be had, the best first, and remarks on what cannot."""
    found: dict[str, Make] = {}
    remarks = []
    program = compiled(folder)
    if isinstance(program, Path):
        words = str(program)
        found["c"] = lambda host, port: [words, host, str(port)]
    else:
        remarks.append(f"The null server in C was not used: {program}. The one in Python is the limit earlier.")
    found["python"] = python
    return found, remarks
