"""The commands of the suite: `nox -s bench`, `nox -s report`, `nox -s new` ... `nox -l` lists them.

Sessions only, thin: each makes an environment of the suite's own and calls a room with `python -m`.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import nox

ROOT = Path(__file__).parent
sys.path.insert(0, str(ROOT))  # the `nox` script does not do it, `python -m nox` does

nox.needs_version = ">=2026.10"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.sessions = ["lint", "typing", "tests"]


def _install(session: nox.Session, group: str) -> None:
    """Install a dependency group, unless the environment has just that already: then in no time."""
    wanted = "\n".join([group, (ROOT / "pyproject.toml").read_text(encoding="utf-8")])
    marker = Path(session.create_tmp()) / "installed.txt"
    if marker.is_file() and marker.read_text(encoding="utf-8") == wanted:
        return
    session.install("-q", *nox.project.dependency_groups(nox.project.load_toml(ROOT / "pyproject.toml"), group))
    marker.write_text(wanted, encoding="utf-8")


def _run(session: nox.Session, *words: str) -> None:
    """Run a room from the checkout's root; it ends when nox ends."""
    session.chdir(ROOT)
    # A run that is interrupted ends its servers and says how to go on: nox must not end it before that.
    patience = 30.0
    session.run(
        "python",
        *words,
        env={"ANEMOMETER_PARENT": str(os.getpid())},
        interrupt_timeout=patience,
        terminate_timeout=patience,
    )


@nox.session
def bench(session: nox.Session) -> None:
    """Measure: frameworks x interpreters x workloads; then write the report."""
    _install(session, "bench")
    _run(session, "-m", "bench", "run", *session.posargs)
    if not {"-h", "--help", "--dry-run"} & set(session.posargs):
        _run(session, "-m", "results", "latest")
        _run(session, "-m", "reports", "latest")


@nox.session
def report(session: nox.Session) -> None:
    """Write the HTML report of a run again: `nox -s report -- RUN` (default: the latest)."""
    _install(session, "bench")
    _run(session, "-m", "reports", *(session.posargs or ["latest"]))


@nox.session
def compare(session: nox.Session) -> None:
    """Compare two runs: `nox -s compare -- RUN_A RUN_B [--fail-on-regression 5%]`."""
    _install(session, "bench")
    _run(session, "-m", "reports", "compare", *session.posargs)


@nox.session
def merge(session: nox.Session) -> None:
    """Put runs of one machine and specification together: `nox -s merge -- RUN_A RUN_B`."""
    _install(session, "bench")
    _run(session, "-m", "results", "--merge", *session.posargs)


@nox.session
def picture(session: nox.Session) -> None:
    """Make the README's picture from a real run: `nox -s picture -- RUN`."""
    _install(session, "bench")
    _run(session, "-m", "reports", "picture", *(session.posargs or ["latest"]), "--out", "docs/report.png")


@nox.session(name="list")
def list_(session: nox.Session) -> None:
    """Show stacks, runtimes and workloads, and for what is missing, why."""
    _install(session, "bench")
    _run(session, "-m", "bench", "list", *session.posargs)


@nox.session
def check(session: nox.Session) -> None:
    """Run the contract against servers: `nox -s check -- tornado --runtimes pypy3.11`."""
    _install(session, "bench")
    _run(session, "-m", "bench", "check", *session.posargs)


@nox.session
def locust(session: nox.Session) -> None:
    """Users who think and wait, made by Locust: `nox -s locust -- tornado --users 200`."""
    _install(session, "locust")
    _run(session, "-m", "bench", "locust", *session.posargs)
    if not {"-h", "--help"} & set(session.posargs):
        _run(session, "-m", "reports", "latest-locust")


@nox.session
def calibrate(session: nox.Session) -> None:
    """Measure the load generator itself, beside wrk and others: `nox -s calibrate -- --quick`."""
    _install(session, "locust")
    _run(session, "-m", "bench", "calibrate", *session.posargs)
    if not {"-h", "--help"} & set(session.posargs):
        _run(session, "-m", "reports", "calibration", "--check")


@nox.session
def new(session: nox.Session) -> None:
    """Begin a new server: `nox -s new -- NAME`."""
    _install(session, "bench")
    _run(session, "-m", "bench", "new", *session.posargs)


@nox.session
def lock(session: nox.Session) -> None:
    """Renew the servers' lock files: `nox -s lock -- [NAME]`."""
    _install(session, "bench")
    _run(session, "-m", "bench", "lock", *session.posargs)


@nox.session
def doctor(session: nox.Session) -> None:
    """Show what on this machine makes results worse; changes nothing."""
    _install(session, "bench")
    _run(session, "-m", "bench", "doctor", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: style and common faults."""
    _install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def typing(session: nox.Session) -> None:
    """Mypy: strict."""
    _install(session, "typing")
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """All tests, on real servers and a real PyPy, with coverage."""
    _install(session, "tests")
    session.chdir(ROOT)
    session.run("python", "-m", "pytest", "-n", "2", "--cov", "--cov-report=term", *session.posargs)
