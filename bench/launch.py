"""Start a server in a process of its own, wait until it answers rightly, stop it, and account for all of it."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import os
import queue
import re
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from bench import tree

KEEPER = Path(__file__).with_name("keeper.py")
HOST = "127.0.0.1"
READY_S = 60.0  # PyPy compiles eventlet's monkey-patching for up to 8 s, longer on a loaded machine
LOG_KEPT_BYTES = 64 * 1024
KEEPER_DIED = "its keeper died"
MARK = "ANEMOMETER_SERVER"
"""Names the server that a process belongs to, in its environment: how those are found whose keeper was killed."""


class StartError(Exception):
    """The server did not come to answer rightly; the message is one line."""


class StartTimeoutError(StartError):
    """The server had not answered rightly when its time was over."""


class PortTakenError(StartError):
    """Somebody else has the port that was free a moment ago: try again with another."""


@dataclass(frozen=True)
class Command:
    """What is started: argv, the working folder, and the variables that the suite sets beside the plain environment."""

    argv: Sequence[str]
    cwd: Path
    env: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stopped:
    """How a server ended. `clean` is an end by itself within five seconds of SIGTERM; `orphans` outlived it."""

    seconds: float
    clean: bool
    exit: str
    orphans: int


def free_port() -> int:
    """A TCP port on loopback that nobody has at the moment."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def environment(extra: dict[str, str], python: str) -> dict[str, str]:
    """What a server sees: a small, same environment everywhere; nothing of ours, nothing of the user's Python.

    The bin folder of its own environment comes first on PATH, as in an activated one.
    """
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "LC_ALL", "TZ", "TMPDIR") if name in os.environ}
    path = os.pathsep.join([str(Path(python).parent), os.environ.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1", **extra}


_RUNNING: set[Server] = set()
"""The servers that run now, so that an interrupt can end them all, whoever waits for them."""


def end_all() -> None:
    """End every server that runs; whoever uses one sees it end."""
    for server in list(_RUNNING):
        server.close()


class Server:
    """A running server and its keeper. Use as a context manager: leaving it ends everything."""

    def __init__(self, command: Command, port: int, cores: Sequence[int], log: Path) -> None:
        self.host, self.port, self.command, self.log = HOST, port, command, log
        self.start_s: float | None = None
        self.pid = 0
        self.exit: str | None = None
        self._closing = False
        self._stopped: Stopped | None = None
        self._events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._mark = f"{os.getpid()}-{port}-{time.monotonic_ns()}"
        spec = {
            "argv": [str(part) for part in command.argv],
            "cwd": str(command.cwd),
            "env": {**environment(command.env, str(command.argv[0])), MARK: self._mark},
            "cores": list(cores),
            "log": str(log),
        }
        self._keeper = subprocess.Popen(
            [sys.executable, "-I", "-S", str(KEEPER), json.dumps(spec)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # a terminal's Ctrl-C is for bench alone
        )
        _RUNNING.add(self)
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            event = self._events.get(timeout=READY_S)
        except queue.Empty:
            self.close()
            raise StartError("the keeper process did not answer; the machine is overloaded") from None
        if event["event"] != "started":
            self.close()
            raise StartError(f"cannot be started: {event.get('reason', KEEPER_DIED)}")
        self.pid = event["pid"]
        self.began = event["t"]

    def _listen(self) -> None:
        assert self._keeper.stdout is not None
        ended = False
        for line in self._keeper.stdout:
            try:
                event = json.loads(line)
            except ValueError:  # the keeper was killed in the middle of a line
                break
            if event["event"] == "exited":
                self.exit = event["exit"]
            ended = ended or event["event"] in {"exited", "stopped", "failed"}
            self._events.put(event)
        if not ended and not self._closing:  # the kernel has ended the server with it
            self.exit = KEEPER_DIED
        self._events.put({"event": "closed"})

    def __enter__(self) -> Server:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def alive(self) -> bool:
        """Whether the server's first process still runs."""
        return self.exit is None and self._stopped is None and self._keeper.poll() is None

    def read(self, memory: bool = False) -> tree.Reading:
        """CPU time and memory of the server's tree now."""
        return tree.read(self.pid, memory)

    def stop(self) -> Stopped:
        """SIGTERM, five seconds, SIGKILL. Asked again, it tells again how that went."""
        if self._stopped is not None:
            return self._stopped
        if self.exit is not None:
            self._stopped = Stopped(0.0, False, self.exit, 0)
        else:
            self._tell(b"stop\n")
            with contextlib.suppress(queue.Empty):
                while self._stopped is None:
                    event = self._events.get(timeout=30)
                    if event["event"] == "stopped":
                        self._stopped = Stopped(event["seconds"], event["clean"], event["exit"], event["orphans"])
                    elif event["event"] in {"exited", "closed"}:
                        self._stopped = Stopped(0.0, False, event.get("exit", KEEPER_DIED), event.get("orphans", 0))
        self.close()
        return self._stopped or Stopped(30.0, False, "its keeper did not answer", 0)

    def close(self) -> None:
        """End the whole tree now, if it still runs, and cut the log down to its end."""
        self._closing = True
        if self._keeper.stdin and not self._keeper.stdin.closed:
            with contextlib.suppress(OSError):
                self._keeper.stdin.close()
        try:
            self._keeper.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._keeper.kill()
            self._keeper.wait()
        if self._keeper.returncode:  # it was killed: only then can there be anything left
            _end_marked(self._mark)
        _RUNNING.discard(self)
        _trim(self.log)

    def _tell(self, order: bytes) -> None:
        assert self._keeper.stdin is not None
        with contextlib.suppress(OSError):
            self._keeper.stdin.write(order)
            self._keeper.stdin.flush()

    def last_words(self) -> str:
        """The last line, not a bracket alone, that the server printed, for an error; empty if it was silent."""
        lines = [line for line in map(str.strip, self._log_text().splitlines()) if len(line) > 1]
        return lines[-1][:300] if lines else ""

    def wait_until_ready(self, workloads: Sequence[str], within_s: float = READY_S) -> None:
        """Ask until the answer is right.

        Raises StartError when the server ends, answers wrongly, or does not answer in time; PortTakenError when another
        process answers on the port.
        """
        deadline = time.monotonic() + within_s
        problem = "does not listen"
        while True:
            if not self.alive():
                said = self.last_words()
                if re.search(r"address already in use|EADDRINUSE", self._log_text(), re.IGNORECASE):
                    raise PortTakenError(f"port {self.port} was taken by another process")
                raise StartError(f"ended at once ({self.exit}){': ' + said if said else ''}")
            try:
                problem = self._ask(workloads, min(10.0, max(0.1, deadline - time.monotonic())))
            except ConnectionRefusedError:
                pass
            except (OSError, http.client.HTTPException) as error:
                problem = f"listens, but does not answer: {type(error).__name__} {error}".rstrip()
            else:
                if problem == "":
                    break
            if time.monotonic() > deadline:
                raise StartTimeoutError(f"{problem} (waited {within_s:.3g} s)")
            time.sleep(0.01)
        self.start_s = time.monotonic() - self.began
        if not self._owns_port():
            raise PortTakenError(f"another process answers on port {self.port}")

    def _ask(self, workloads: Sequence[str], timeout: float) -> str:
        """One request; what is wrong with its answer, or nothing.

        The connection is ended from this side, as most are that a server ever has. Not to see that happen would leave a
        server in a state that it has in no production: asyncio reads into buffers of 256 KiB, for which glibc asks the
        kernel each time until one of them was given back whole, as the read of an end of stream does. Before that
        a request costs it more than twice as much (docs/methodology.md).
        """
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            if any(name in workloads for name in ("hello", "connect")):
                connection.request("GET", "/")
                response = connection.getresponse()
                body = response.read(1000)
                if response.status == 200 and body == b"Hello, World!":
                    return ""
                return f"GET / answers {response.status} {body[:60]!r} instead of 200 b'Hello, World!'"
            if "json" in workloads:
                connection.request("GET", "/json")
                response = connection.getresponse()
                response.read(1000)
                return "" if response.status == 200 else f"GET /json answers {response.status} instead of 200"
            key = base64.b64encode(os.urandom(16)).decode()
            upgrade = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
            connection.request("GET", "/ws", headers={**upgrade, "Sec-WebSocket-Key": key})
            status = connection.getresponse().status
            return "" if status == 101 else f"the upgrade of /ws answers {status} instead of 101"
        finally:
            connection.close()

    def _owns_port(self) -> bool:
        """Whether the listening socket is the server's: another program's answers would be measured otherwise."""
        for process in tree.members(self.pid):
            with contextlib.suppress(psutil.Error):
                for socket_ in process.net_connections("tcp"):
                    if socket_.status == psutil.CONN_LISTEN and socket_.laddr.port == self.port:
                        return True
        return False

    def _log_text(self) -> str:
        try:
            return self.log.read_text("utf-8", "replace")
        except OSError:
            return ""


def _end_marked(mark: str) -> None:
    """End what belongs to a server, in whatever session it is; again, since it may be forking."""
    for _ in range(100):
        alive = False
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error, OSError):
                if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(MARK) == mark:
                    process.kill()
                    alive = True
        if not alive:
            break
        time.sleep(0.01)


def _trim(log: Path) -> None:
    """Keep the end of a long log; remove an empty one."""
    with contextlib.suppress(OSError):
        size = log.stat().st_size
        if size == 0:
            log.unlink()
        elif size > LOG_KEPT_BYTES:
            with log.open("rb") as file:
                file.seek(-LOG_KEPT_BYTES, os.SEEK_END)
                end = file.read()
            log.write_bytes(b"... (the beginning was cut off)\n" + end)


def start(
    make: Callable[[str, int], Sequence[str]],
    cwd: Path,
    workloads: Sequence[str],
    cores: Sequence[int],
    log: Path,
    within_s: float = READY_S,
) -> Server:
    """Start a server and wait until it answers. `make(host, port)` gives its argv.

    A port that is taken in between is tried three times. Raises StartError.
    """
    for attempt in (1, 2, 3):
        port = free_port()
        server = Server(Command(make(HOST, port), cwd), port, cores, log)
        try:
            server.wait_until_ready(workloads, within_s)
        except BaseException as error:
            server.close()
            if isinstance(error, PortTakenError) and attempt < 3:
                continue
            raise
        return server
    raise AssertionError("unreachable")
