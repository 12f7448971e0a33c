"""The contract of every stack, with its real framework and host, installed from its lock: nothing here is a fixture."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from bench.paths import ROOT


def check(*words: str) -> str:
    """Run `bench check` in this checkout; what it printed, if nothing was broken."""
    done = subprocess.run(
        [sys.executable, "-m", "bench", "check", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=880,
        check=False,
    )
    broken = re.findall(r".*✗.*(?:\n.*){0,4}", done.stdout)
    assert done.returncode == 0, "\n".join([*broken, done.stderr[-2000:]])
    return done.stdout


@pytest.mark.timeout(900)
def test_every_stack_keeps_the_contract() -> None:
    """Each implementation on each of its hosts, on a CPython; what cannot be installed is a failure here."""
    said = check("--stacks", "all", "--runtimes", "cpython")
    assert "cannot be installed" not in said
    assert said.count("✓") > 20


@pytest.mark.timeout(900)
def test_servers_keep_the_contract_on_pypy() -> None:
    """On a real PyPy, which is fetched where there is none: one that speaks HTTP by itself, and one behind a host."""
    said = check("--stacks", "tornado,flask@waitress", "--runtimes", "pypy")
    for stack in ("tornado", "flask@waitress"):
        assert re.search(rf"{stack} on pypy\S+\s+✓", said), said
