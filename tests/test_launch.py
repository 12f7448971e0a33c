"""Starting and stopping: real processes, well-behaved and not."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from bench import launch
from bench.launch import Command, PortTakenError, Server, StartError
from bench.paths import ROOT

SERVE = """
import http.server, os, signal, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = BODY
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *a): pass
BODY = b"Hello, World!"
host, port = sys.argv[1], int(sys.argv[2])
BEFORE
server = http.server.ThreadingHTTPServer((host, port), Handler)
def stop(*a): os._exit(0)
signal.signal(signal.SIGTERM, stop)
AFTER
server.serve_forever()
"""


def script(tmp_path: Path, before: str = "", after: str = "", body: str = "Hello, World!") -> list[str]:
    """Write a server with faults and return its argv without host and port."""
    text = SERVE.replace("BEFORE", textwrap.dedent(before)).replace("AFTER", textwrap.dedent(after))
    (tmp_path / "s.py").write_text(text.replace("Hello, World!", body))
    return [sys.executable, str(tmp_path / "s.py")]


def start(argv: Sequence[str], tmp_path: Path, within_s: float = 20) -> Server:
    """Start it as the suite does."""
    cores = sorted(os.sched_getaffinity(0))[:1]
    make = lambda host, port: [*argv, host, str(port)]  # noqa: E731
    return launch.start(make, tmp_path, ["hello"], cores, tmp_path / "log", within_s)


def test_before_it_is_measured_a_server_has_seen_a_connection_end(tmp_path: Path) -> None:
    """The client ends the connection by which it is found ready: the server reads the end of a stream."""
    told = tmp_path / "told"
    before = f"""
    def finish(self):
        with open({str(told)!r}, "a") as file:
            file.write("client " if not self.raw_requestline else "server ")
        http.server.BaseHTTPRequestHandler.finish(self)
    Handler.finish = finish
    """
    with start(script(tmp_path, before=before), tmp_path):
        deadline = time.monotonic() + 10
        while not told.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
    assert told.read_text() == "client "


def gone(pid: int) -> bool:
    """Whether a process has ended, zombies counted as ended."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def wait_gone(pid: int) -> None:
    """Wait until a process has ended; fail after ten seconds."""
    deadline = time.monotonic() + 10
    while not gone(pid):
        assert time.monotonic() < deadline, f"{pid} still runs"
        time.sleep(0.01)


def test_a_good_server_starts_and_stops_cleanly(tmp_path: Path) -> None:
    """It is ready when it answers rightly, runs on its core, is accounted for, and ends by itself on SIGTERM."""
    with start(script(tmp_path), tmp_path) as server:
        assert server.alive()
        assert server.start_s and server.start_s > 0
        assert psutil.Process(server.pid).cpu_affinity() == sorted(os.sched_getaffinity(0))[:1]
        reading = server.read(memory=True)
        assert reading.cpu_s > 0
        assert reading.pss_bytes and reading.pss_bytes > 1e6
        stopped = server.stop()
        assert (stopped.clean, stopped.exit, stopped.orphans) == (True, "exit 0", 0)
        assert not server.alive()
        assert server.stop() == stopped
    assert gone(server.pid)
    assert not (tmp_path / "log").exists(), "an empty log is removed"


def test_a_server_does_not_see_our_python_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the suite's or the user's Python settings reaches a server."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("VIRTUAL_ENV", "x")
    text = 'ours = {"PYTHONPATH", "VIRTUAL_ENV", "PYTEST_CURRENT_TEST"}; print(sorted(ours & set(os.environ)))'
    with start(script(tmp_path, before=text), tmp_path) as server:
        assert server.last_words() == "[]"


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("raise SystemExit('no such luck')", r"ended at once \(exit 1\): no such luck"),
        ("raise SystemExit('no such luck\\n]')", r"ended at once \(exit 1\): no such luck"),
        ("os.kill(os.getpid(), 9)", "killed by SIGKILL"),
        ("time.sleep(60)", "does not listen"),
    ],
)
def test_a_server_that_does_not_come_up_says_why(tmp_path: Path, before: str, says: str) -> None:
    """Ending at once, and never listening, are told apart, with the server's last words."""
    with pytest.raises(StartError, match=says):
        start(script(tmp_path, before), tmp_path, within_s=1.5)


def test_a_wrong_answer_is_not_ready(tmp_path: Path) -> None:
    """A server that answers, but not with what the contract says, never counts as ready."""
    with pytest.raises(StartError, match="instead of 200 b'Hello, World!'"):
        start(script(tmp_path, body="Hello, W0rld!"), tmp_path, within_s=1)


def test_a_server_that_listens_late_is_waited_for(tmp_path: Path) -> None:
    """Readiness is an answer, not a moment."""
    with start(script(tmp_path, before="time.sleep(1)"), tmp_path) as server:
        assert server.start_s is not None
        assert server.start_s >= 1


def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    """A failing exec comes back as an error with the system's words."""
    with pytest.raises(StartError, match="No such file"):
        start([str(tmp_path / "nothing")], tmp_path)


def test_sigterm_ignored_is_killed_and_told(tmp_path: Path) -> None:
    """After five seconds the server is killed, and that is not a clean end."""
    with start(script(tmp_path, after="signal.signal(signal.SIGTERM, signal.SIG_IGN)"), tmp_path) as server:
        stopped = server.stop()
    assert not stopped.clean
    assert stopped.exit == "killed by SIGKILL"


def test_children_that_outlive_their_server_are_found_and_ended(tmp_path: Path) -> None:
    """A child in a session of its own, whose parent is gone, is counted as an orphan and ended."""
    before = """
if os.fork() == 0:
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print(os.getpid(), flush=True)
    time.sleep(300)
"""
    with start(script(tmp_path, before), tmp_path) as server:
        child = int(server.last_words())
        assert server.read().processes == 2
        assert server.stop().orphans == 1
    wait_gone(child)


def test_a_server_that_dies_is_noticed(tmp_path: Path) -> None:
    """`alive` tells, and stopping it afterwards tells how it ended."""
    with start(script(tmp_path), tmp_path) as server:
        os.kill(server.pid, signal.SIGSEGV)
        deadline = time.monotonic() + 10
        while server.alive():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        stopped = server.stop()
    assert (stopped.clean, stopped.exit) == (False, "killed by SIGSEGV")


def test_a_port_that_somebody_else_has_is_not_measured(tmp_path: Path) -> None:
    """When another process answers on the port, its answers are not taken for the server's."""
    with start(script(tmp_path), tmp_path) as other:
        command = Command([sys.executable, "-c", "import time; time.sleep(60)"], tmp_path)
        cores = sorted(os.sched_getaffinity(0))[:1]
        with (
            Server(command, other.port, cores, tmp_path / "log2") as server,
            pytest.raises(PortTakenError, match="another process answers"),
        ):
            server.wait_until_ready(["hello"], 5)


def test_a_taken_port_is_tried_again_with_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A port that was free a moment ago, and is not any more, costs a repetition, not the measurement."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [taken.getsockname()[1], launch.free_port()]
        given = iter(ports)
        monkeypatch.setattr(launch, "free_port", lambda: next(given))
        with start(script(tmp_path), tmp_path) as server:
            assert server.port == ports[1]


def test_nothing_is_left_when_bench_is_killed(tmp_path: Path) -> None:
    """kill -9 of the process that started a server ends the server, its children and the keeper."""
    argv = script(tmp_path, before="if os.fork() == 0:\n    os.setsid(); time.sleep(300)")
    code = f"""
import sys, time; sys.path.insert(0, {str(ROOT)!r})
from pathlib import Path
from bench import launch
folder = Path({str(tmp_path)!r})
s = launch.start(lambda h, p: {argv!r} + [h, str(p)], folder, ["hello"], [0], folder / "l")
print(s.pid, s._keeper.pid, flush=True); time.sleep(300)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    server, keeper = map(int, process.stdout.readline().split())
    children = [child.pid for child in psutil.Process(server).children()]
    assert len(children) == 1
    process.kill()
    process.wait()
    process.stdout.close()
    for pid in (server, keeper, *children):
        wait_gone(pid)


def test_a_server_ends_with_its_keeper(tmp_path: Path) -> None:
    """Should the keeper itself be killed, the kernel ends the server."""
    with start(script(tmp_path), tmp_path) as server:
        os.kill(server._keeper.pid, signal.SIGKILL)
        wait_gone(server.pid)
        assert server.stop().exit == "its keeper died"


def test_what_a_killed_keeper_leaves_is_ended(tmp_path: Path) -> None:
    """Also a child in a session of its own, whom nobody knows any more but by the mark in its environment."""
    argv = script(tmp_path, before="if os.fork() == 0:\n    os.setsid(); time.sleep(300)")
    with start(argv, tmp_path) as server:
        [child] = psutil.Process(server.pid).children()
        os.kill(server._keeper.pid, signal.SIGKILL)
        wait_gone(server.pid)
        assert child.is_running()
    wait_gone(child.pid)


def test_a_long_log_is_cut_to_its_end(tmp_path: Path) -> None:
    """A server that prints without end cannot fill the disk with what nobody reads; the last words stay."""
    with start(script(tmp_path, before="print('x' * 300_000); print('last', flush=True)"), tmp_path):
        pass
    text = (tmp_path / "log").read_text()
    assert len(text) < 70_000
    assert text.endswith("last\n")
