"""`python -m bench COMMAND`: what the nox sessions call. `nox -s bench -- --help` shows the options.

Exit codes: 0 done, 1 it could not be done (or a contract is broken), 2 wrong input, 130 interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import importlib
import os
import signal
import sys
from collections.abc import Callable, Sequence
from types import FrameType
from typing import NoReturn, cast

if __name__ == "__main__":  # Ctrl-C while the rest is imported: there is nothing to tidy up yet, and nothing to say
    signal.signal(signal.SIGINT, signal.SIG_DFL)

from bench import profile as profiles
from bench.errors import UserError
from results.store import StoreError

INTERRUPTED = 130


def _names(text: str) -> list[str]:
    return [name for name in text.replace(" ", ",").split(",") if name]


def _percent(text: str) -> float:
    """A share: 3% or 0.03."""
    value = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    if not 0.001 <= value <= 0.5:
        raise argparse.ArgumentTypeError(f"{text}: give a share from 0.1% to 50%")
    return value


def _choice(parser: argparse.ArgumentParser, positional: str | None = None) -> None:
    """Options that say which cells are meant."""
    if positional:
        parser.add_argument(
            "names", nargs="*", metavar=positional, help="folders of servers/, or stacks like flask@waitress"
        )
    parser.add_argument(
        "--servers", type=_names, metavar="A,B", help="implementations: folders of servers/ (default: all)"
    )
    parser.add_argument(
        "--stacks",
        type=_names,
        metavar="default|all|A,B",
        help="stacks by id, like flask@waitress; `all` takes every host and option (default: the recommended ones)",
    )
    parser.add_argument(
        "--runtimes",
        type=_names,
        metavar="A,B",
        help="cpython3.13,pypy3.11 ...; cpython, pypy: the newest here; all (default: cpython,pypy)",
    )
    parser.add_argument(
        "--workloads", type=_names, metavar="A,B", help="hello, json, echo, connect (default: the first three)"
    )


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = argparse.ArgumentParser(prog="bench", description="Measure Python web and async libraries.")
    commands = top.add_subparsers(dest="command", required=True)

    run = commands.add_parser(
        "run", prog="nox -s bench --", help="measure", description="Measure every chosen stack on every chosen runtime."
    )
    _choice(run)
    run.add_argument("--profile", default="quick", help="smoke, quick, standard, publish: see bench/profiles.toml")
    for name, kind in profiles.overridable().items():
        unit = "seconds" if name.endswith("_s") else "number"
        run.add_argument(
            f"--{name.replace('_', '-')}", type=kind, metavar=unit.upper(), help="instead of the profile's value"
        )
    run.add_argument("--seed", type=int, help="of the blocks' shuffles (default: drawn, and recorded)")
    run.add_argument(
        "--resume", metavar="RUN", help="go on with an interrupted run: its id, the beginning of it, or latest"
    )
    run.add_argument(
        "--salvage",
        action="store_true",
        help="with --resume: take damaged lines out of the run's journal (they are kept), and measure them again",
    )
    run.add_argument(
        "--until",
        type=_percent,
        metavar="3%",
        help="adaptive: after five blocks as many more (up to --blocks, or 30) as each cell needs for this half-width",
    )
    run.add_argument("--add-blocks", type=int, metavar="N", help="with --resume: N more blocks of the same plan")
    run.add_argument(
        "--aa",
        metavar="STACK",
        help="measure one stack under two names: how much this machine makes of nothing",
    )
    run.add_argument(
        "--live",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="rebuild the report after each block (default)",
    )
    run.add_argument("--dry-run", action="store_true", help="show the plan and measure nothing")

    check = commands.add_parser(
        "check", prog="nox -s check --", help="run the contract", description="Check that servers answer as they must."
    )
    _choice(check, "NAME")

    show = commands.add_parser(
        "list", prog="nox -s list --", help="show stacks and runtimes", description="Show what there is to measure."
    )
    _choice(show)

    commands.add_parser(
        "doctor",
        prog="nox -s doctor --",
        help="look at the machine",
        description="Show what on this machine makes results worse, and what would help. Changes nothing.",
    )

    locust = commands.add_parser(
        "locust",
        prog="nox -s locust --",
        help="users who think and wait, made by Locust",
        description="Start stacks and let Locust's users visit them. The figures are stored, and shown apart.",
        epilog="Exit codes: 0 done, 1 a server failed or could not be visited, 2 wrong input, 130 interrupted. "
        "What Locust's figures can say, and what not: docs/locust.md.",
    )
    locust.add_argument("names", nargs="*", metavar="NAME", help="folders of servers/, or stacks like flask@waitress")
    locust.add_argument("--runtimes", type=_names, metavar="A,B", help="as in the other commands (default: cpython)")
    locust.add_argument("--users", type=int, default=100, metavar="N", help="at the same time (default: 100)")
    locust.add_argument(
        "--spawn-rate", type=float, metavar="N", help="users that come per second (default: all within 5 s)"
    )
    locust.add_argument(
        "--duration",
        type=float,
        default=30.0,
        metavar="SECONDS",
        help="measured, once all users are there (default: 30)",
    )
    locust.add_argument(
        "--journey",
        default="mixed",
        metavar="hello|json|echo|mixed",
        help="what a user does again and again: GET /, GET /json, a WebSocket message, or all (default: mixed)",
    )
    locust.add_argument(
        "--think", metavar="MIN-MAX", help="seconds between two requests of a user (default: mixed 0.5-1.5, others 0)"
    )
    locust.add_argument("--web", action="store_true", help="with Locust's own web page, on loopback, until Ctrl-C")

    calibrate = commands.add_parser(
        "calibrate",
        prog="nox -s calibrate --",
        help="measure the instrument itself",
        description="What the load generator reaches on this machine, whether other clients agree, and whether the "
        "latencies that it reports are true.",
        epilog="Exit codes: 0 all reported percentiles are right, 1 one is not or could not be measured, 2 wrong "
        "input, 130 interrupted. What the page says: docs/calibration.md.",
    )
    calibrate.add_argument("--quick", action="store_true", help="one minute instead of eight: shows that it works")
    calibrate.add_argument(
        "--only", type=_names, metavar="A,B", help="ceiling, agreement, echo, truth (default: all of them)"
    )

    new = commands.add_parser(
        "new", prog="nox -s new --", help="begin a new server", description="Write servers/NAME, ready to be changed."
    )
    new.add_argument("name", help="of the folder: lower-case letters, digits, - and _")

    lock = commands.add_parser(
        "lock", prog="nox -s lock --", help="renew the lock files", description="Pin the newest packages per runtime."
    )
    _choice(lock, "NAME")
    return top


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """Import late: `--help` and wrong input should not wait for scipy."""
    module = importlib.import_module(f"bench.commands.{'listing' if name == 'list' else name}")
    return cast("Callable[[argparse.Namespace], int]", module.main)


def _end_with_nox() -> None:
    """When nox is killed, SIGTERM comes to us too: nobody would see the end of the run."""
    parent = os.environ.get("ANEMOMETER_PARENT")
    if parent == str(os.getppid()):
        ctypes.CDLL(None).prctl(1, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != int(parent):  # it ended before the kernel was asked
            raise KeyboardInterrupt


_interrupted = False


def _interrupt(_signal: int, _frame: FrameType | None) -> None:
    """The first time: stop tidily. The second time, while that is under way: stop now.

    Even then nothing is left behind: the keepers end their servers and installers when we are gone, the kernel ends
    the load generator, and every record is on disk when it is stored.
    """
    global _interrupted  # noqa: PLW0603 - a signal handler has no other place for what it knows
    if _interrupted:
        os.write(2, b"\x1b[?25h\ninterrupted again: stopped at once\n" if os.isatty(2) else b"interrupted again\n")
        os._exit(INTERRUPTED)
    _interrupted = True
    raise KeyboardInterrupt


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; return its exit code."""
    options = parser().parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    try:
        _end_with_nox()
        return _command(options.command)(options)
    except UserError as error:
        print(f"error: {error}".replace("\n", "\nerror: "), file=sys.stderr)
        return 2
    except StoreError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        return INTERRUPTED


def leave(code: int) -> NoReturn:
    """End the process with an exit code.

    Where an extension module was interrupted while it ran Python code (SciPy's, when they are imported), CPython notes
    that nobody handled the interrupt, and ends itself by SIGINT whatever code it is given; so an interrupted run leaves
    without asking it.
    """
    if code == INTERRUPTED:
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):
                stream.flush()
        os._exit(code)
    sys.exit(code)


if __name__ == "__main__":
    leave(main())
