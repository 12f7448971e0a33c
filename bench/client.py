"""The load generator as a process of its own: start it, follow its events, end it."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from typing import Any

from bench.paths import ROOT
from bench.profile import SETTLE_S, Profile

PATHS = {"hello": "/", "json": "/json", "connect": "/", "echo": "/ws"}
EXPECT = {
    "hello": ["--expect-status", "200", "--expect-body", "Hello, World!"],
    "json": ["--expect-status", "200"],
    "connect": ["--expect-status", "200", "--expect-body", "Hello, World!"],
    "echo": [],
}


class ClientError(Exception):
    """The load generator said why it could not measure; one line."""


def _base(host: str, port: int, workload: str, profile: Profile) -> list[str]:
    """What every load of a workload has in common: the address and what is expected."""
    scheme = "ws" if workload == "echo" else "http"
    closing = ["--no-keepalive"] if workload == "connect" else []
    return [
        f"{scheme}://{host}:{port}{PATHS[workload]}",
        *EXPECT[workload],
        *closing,
        "--window",
        str(profile.window_s),
    ]


def first(host: str, port: int, workload: str, runtime: str, profile: Profile) -> list[str]:
    """loadgen's command line for the load that warms a process up and measures its throughput."""
    least, most = profile.warmup(runtime)
    return [
        *_base(host, port, workload, profile),
        *("-c", str(profile.connections), "-d", str(profile.measure_s)),
        *("--warmup", str(least), "--warmup-requests", str(profile.warmup_requests)),
        # Without room for the online rule there is a fixed warm-up, and nothing to be said of it beforehand.
        *(["--warmup-max", str(most)] if most > least else []),
        *(["--turn", str(profile.turn_s)] if profile.turn_s else []),
    ]


def closed(host: str, port: int, workload: str, connections: int, profile: Profile) -> list[str]:
    """The command line for another number of connections on a process that is warm."""
    rest = ("-c", str(connections), "-d", str(profile.measure_s), "--warmup", str(SETTLE_S))
    return [*_base(host, port, workload, profile), *rest]


def open_loop(host: str, port: int, workload: str, rate: float, seed: int, profile: Profile) -> list[str]:
    """The command line for Poisson arrivals at a rate, on a process that is warm."""
    load = ("-c", str(profile.connections), "-d", str(profile.latency_s), "--warmup", str(SETTLE_S))
    return [
        *_base(host, port, workload, profile),
        *load,
        "--rate",
        f"{rate:.6g}",
        "--arrivals",
        "poisson",
        "--seed",
        str(seed),
    ]


class ClientKilledError(ClientError):
    """The load generator was killed from outside: that says nothing about the server."""


_RUNNING: set[Client] = set()
"""The load generators that run now, so that an interrupt can end them all, whoever follows them."""


def end_all() -> None:
    """End every load generator that runs; whoever follows one gets a ClientError."""
    for client in list(_RUNNING):
        client.abort()


class Client:
    """A running load generator. Use as a context manager: leaving it ends the process."""

    def __init__(self, words: Sequence[str], cores: Sequence[int]) -> None:
        self.argv = [sys.executable, "-m", "loadgen", *words, "--events", "--cpu", ",".join(map(str, cores))]
        self._complaints = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process = subprocess.Popen(
            self.argv,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._complaints,
            start_new_session=True,
        )
        self.pid = self._process.pid
        _RUNNING.add(self)

    def __enter__(self) -> Client:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        _RUNNING.discard(self)
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # the process is gone, what was not read goes with it
                    pipe.close()
        self._complaints.close()

    def go_on(self) -> None:
        """Give the load generator the turn that it waits for. One that is gone says so among its events."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()

    def events(self) -> Iterator[dict[str, Any]]:
        """Events as they come, up to and with the result.

        Raises ClientError when the load generator gives up or ends without a result.
        """
        assert self._process.stdout is not None
        for line in self._process.stdout:
            try:
                event = json.loads(line)
            except ValueError:  # killed in the middle of a line
                break
            if event["event"] == "error":
                raise ClientError(str(event["message"]))
            yield event
            if event["event"] == "result":
                return
        code = self._process.wait()
        if code < 0:
            raise ClientKilledError(f"the load generator was killed by {signal.Signals(-code).name}")
        self._complaints.seek(0)
        said = self._complaints.read().decode("utf-8", "replace").strip().splitlines()
        raise ClientError(f"the load generator ended ({code}) {said[-1] if said else ''}".rstrip())

    def result(self) -> dict[str, Any]:
        """Wait for the result. Raises ClientError."""
        return next(event["result"] for event in self.events() if event["event"] == "result")

    def abort(self) -> None:
        """End it now: whoever reads its events gets a ClientError."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
