"""The clients that are compared, each as a process on the client's core: one load, one `Shot`.

What a client does wrong is a reason in its shot, never an exception.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import resource
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from bench import launch
from bench.client import Client, ClientError
from bench.paths import ROOT
from bench.watch import ERRORS_ALLOWED
from results.calibration import Shot

WRK_SCRIPT = Path(__file__).with_name("wrk.lua")
CLIENTS = Path(__file__).with_name("clients")
INSTALL_WRK = "apt-get install wrk"
GRACE_S = 20.0


class ProgramError(Exception):
    """A client did not do what it should; one line."""


@contextlib.contextmanager
def on_cores(cores: Sequence[int]) -> Iterator[None]:
    """What is started within begins its life on these cores: its threads too, which come before it can be moved."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def run(argv: Sequence[str], cores: Sequence[int], within_s: float, cwd: Path = ROOT) -> tuple[str, float]:
    """Run a program to its end; returns what it printed, and its CPU time (s). ProgramError where it failed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryFile() as complaints:
        with on_cores(cores):
            process = subprocess.Popen(
                argv,
                cwd=cwd,
                env=launch.environment({}, argv[0]),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=complaints,
                start_new_session=True,  # a terminal's Ctrl-C is for bench alone
            )
        try:
            output, _ = process.communicate(timeout=within_s)
        except subprocess.TimeoutExpired:
            raise ProgramError(f"{Path(argv[0]).name} did not end within {within_s:.0f} s") from None
        finally:
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.communicate()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        text = output.decode("utf-8", "replace")
        if process.returncode:
            complaints.seek(0)
            said = (complaints.read().decode("utf-8", "replace").strip() or text.strip()).splitlines()
            raise ProgramError(f"it ended ({process.returncode}){': ' + said[-1][:200] if said else ''}")
    return text, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def last_object(text: str) -> dict[str, Any]:
    """The last line that is a JSON object. ProgramError without one."""
    for line in reversed(text.splitlines()):
        if line.startswith("{"):
            with contextlib.suppress(ValueError):
                found = json.loads(re.sub(r"-?\bnan\b|-?\binf\b", "0", line))
                if isinstance(found, dict):
                    return found
    raise ProgramError("it printed no result")


def loadgen(words: Sequence[str], cores: Sequence[int], round_: int = 0) -> tuple[Shot, dict[str, Any]]:
    """The instrument: its shot, and its whole result (empty where it failed)."""
    try:
        with Client(words, cores) as client:
            result = client.result()
    except ClientError as error:
        return Shot(round=round_, reason=str(error)), {}
    wrong = sum(result["errors"].values())
    shot = Shot(
        round=round_,
        rps=result["rps"],
        requests=result["requests"],
        errors=wrong,
        cpu_us=result["client"]["cpu_us_per_request"],
        busy=result["client"]["busy"],
        latency_us=result["latency_us"],
    )
    return judged(shot, next(iter(result["examples"].values()), "")), result


def judged(shot: Shot, example: str = "") -> Shot:
    """A shot in which nothing was answered, or more went wrong than may, is a failure."""
    if not shot.requests or shot.errors > ERRORS_ALLOWED * (shot.requests + shot.errors):
        said = f"; first: {example}" if example else ""
        shot.reason = f"of {shot.requests + shot.errors:,} requests {shot.errors:,} failed{said}"
    return shot


def wrk() -> str | None:
    """Where wrk is, or None."""
    return shutil.which("wrk")


def wrk_version(program: str) -> str:
    """What wrk calls itself; it does so with exit code 1."""
    done = subprocess.run([program, "-v"], capture_output=True, text=True, check=False, errors="replace")
    found = re.search(r"wrk\s+(?:debian/)?(\S+)", done.stdout + done.stderr)
    return found[1] if found else "unknown"


def run_wrk(program: str, url: str, connections: int, seconds: float, cores: Sequence[int], round_: int = 0) -> Shot:
    """wrk with one thread. It counts whole seconds only, and its CPU time is that of its whole life."""
    whole = max(1, math.ceil(seconds))
    words = [program, "-t1", f"-c{connections}", f"-d{whole}s", "--timeout", "5s", "-s", str(WRK_SCRIPT), url]
    try:
        text, cpu_s = run(words, cores, whole + GRACE_S)
        found = last_object(text)
        return wrk_shot(found, cpu_s, round_)
    except (ProgramError, OSError) as error:
        return Shot(round=round_, reason=f"wrk: {error}")


def wrk_shot(found: dict[str, Any], cpu_s: float, round_: int) -> Shot:
    """What wrk.lua printed, as a shot. ProgramError where something is missing."""
    try:
        requests = int(found["requests"])
        return judged(
            Shot(
                round=round_,
                rps=requests / (found["duration_us"] / 1e6),
                requests=requests,
                errors=int(found["errors"]),
                cpu_us=cpu_s * 1e6 / requests if requests else None,
                latency_us={name: float(found[name]) for name in ("mean", "p50", "p90", "p99", "p99.9", "max")},
            )
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ProgramError(f"its result cannot be read: {type(error).__name__} {error}") from error


def run_echo(
    python: Path, name: str, host: str, port: int, connections: int, seconds: float, cores: Sequence[int], round_: int
) -> Shot:
    """One of the clients in clients/, in an environment of its own."""
    script = str(CLIENTS / f"{name}_echo.py")
    words = [str(python), script, host, str(port), str(connections), f"{seconds:g}"]
    try:
        text, _ = run(words, cores, seconds + GRACE_S)
        found = last_object(text)
        requests = int(found["requests"])
        return judged(
            Shot(
                round=round_,
                rps=requests / found["duration_s"],
                requests=requests,
                errors=int(found["errors"]),
                cpu_us=found["cpu_s"] * 1e6 / requests if requests else None,
            )
        )
    except (ProgramError, OSError, KeyError, TypeError, ZeroDivisionError) as error:
        return Shot(round=round_, reason=f"{name}: {error}")
