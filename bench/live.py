"""The report while a run goes on: rebuilt after each block, so that there is something to look at early."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from bench.paths import ROOT


def rebuild(folder: Path) -> str | None:
    """Write the page of an unfinished run, between two blocks, when nothing is measured.

    Returns what went wrong, in one line, or None: a page that cannot be made must not end a run.
    """
    words = [sys.executable, "-m", "reports", str(folder)]
    try:
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return "the report took more than 120 s to build"
    if done.returncode == 0:
        return None
    said = done.stderr.strip().splitlines()
    return said[-1] if said else f"the report could not be built (exit {done.returncode})"
