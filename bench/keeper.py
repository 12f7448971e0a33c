"""The keeper: starts one server and sees to it that nothing of it outlives the run.

It is a process of its own, between bench and the server, run as a plain script so that it starts in milliseconds:

    python -I -S keeper.py '{"argv": [...], "cwd": ..., "env": {...}, "cores": [0], "log": ...}'

It makes itself the reaper of everything the server forks (PR_SET_CHILD_SUBREAPER), so that also a child whose parent
has gone is found. When its standard input says `stop`, it sends SIGTERM to the server, waits up to five seconds, and
reports how that went; when its standard input closes, bench is gone, and it ends the whole tree. Should the keeper
itself be killed, the kernel ends the server (PR_SET_PDEATHSIG). It reports JSON lines on standard output.
"""

import contextlib
import ctypes
import json
import os
import select
import signal
import sys
import time
from typing import Any

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
STOP_S = 5.0


def say(**event: object) -> None:
    """Report one event; bench may be gone, which the closed standard input tells."""
    with contextlib.suppress(OSError):
        os.write(1, (json.dumps(event) + "\n").encode())


def descendants() -> list[int]:
    """Processes below this one, by /proc: pid -> parent, zombies left out."""
    parents: dict[int, int] = {}
    for name in os.listdir("/proc"):  # noqa: PTH208 - see below
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - pathlib takes longer to import than all
                    state, parent = file.read().rsplit(b")", 1)[1].split()[:2]
            except OSError:
                continue
            if state not in (b"Z", b"X"):
                parents[int(name)] = int(parent)
    found, me = [], os.getpid()
    for pid in parents:
        ancestor = pid
        while ancestor in parents and ancestor != me:
            ancestor = parents[ancestor]
        if ancestor == me and pid != me:
            found.append(pid)
    return found


def kill_all() -> int:
    """End everything below, however often it forks; returns how many processes there were at first."""
    first: int | None = None
    for _ in range(100):
        alive = descendants()
        first = len(alive) if first is None else first
        for pid in alive:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        reap()
        if not alive:
            break
        time.sleep(0.01)
    return first or 0


def reap() -> dict[int, int]:
    """Collect the dead; returns {pid: status}."""
    dead: dict[int, int] = {}
    with contextlib.suppress(ChildProcessError):
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                break
            dead[pid] = status
    return dead


def how(status: int) -> str:
    """A wait status in words."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"exit {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def start(spec: dict[str, Any]) -> int:
    """Fork and exec the server; returns its pid. A failing exec is told through a pipe, as an OSError."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    keeper = os.getpid()
    told, tell = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            if os.getppid() != keeper:
                os._exit(1)
            os.setsid()
            with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:  # noqa: PTH123 - as above
                score.write("1000")  # where memory ends for all, the kernel ends the server, not the run
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
                signal.signal(number, signal.SIG_DFL)
            os.sched_setaffinity(0, spec["cores"])
            log = os.open(spec["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            null = os.open(os.devnull, os.O_RDONLY)
            os.dup2(null, 0)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.chdir(spec["cwd"])
            os.execvpe(spec["argv"][0], spec["argv"], spec["env"])  # noqa: S606 - no shell is wanted
        except OSError as error:
            os.write(tell, str(error).encode())
        finally:
            os._exit(127)
    os.close(tell)
    with open(told, "rb") as pipe:  # noqa: PTH123 - a file descriptor
        problem = pipe.read().decode()
    if problem:
        os.waitpid(pid, 0)
        raise OSError(problem)
    return pid


def stop(server: int, handle: int) -> dict[str, object]:
    """SIGTERM, five seconds, SIGKILL; then whatever is left below."""
    began = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        os.kill(server, signal.SIGTERM)
    poller = select.poll()
    poller.register(handle, select.POLLIN)
    clean = bool(poller.poll(STOP_S * 1000))
    seconds = time.monotonic() - began
    if not clean:
        os.kill(server, signal.SIGKILL)
        poller.poll()
    status = reap().get(server)
    # Workers that their master has told to go get a moment to do so before they count as orphans.
    deadline = time.monotonic() + 0.5
    while descendants() and time.monotonic() < deadline:
        time.sleep(0.01)
        reap()
    orphans = kill_all()
    return {
        "seconds": seconds,
        "clean": clean,
        "exit": how(status) if status is not None else "lost",
        "orphans": orphans,
    }


def main() -> None:
    """Start, watch, stop."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole terminal group; bench decides what it means
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    spec = json.loads(sys.argv[1])
    try:
        began = time.monotonic()
        server = start(spec)
    except (OSError, ValueError) as error:
        say(event="failed", reason=str(error))
        return
    handle = os.pidfd_open(server)
    say(event="started", pid=server, t=began)
    poller = select.poll()
    poller.register(0, select.POLLIN)
    poller.register(handle, select.POLLIN)
    gone = False
    while True:
        ready = dict(poller.poll())
        if 0 in ready:
            order = os.read(0, 100)
            if order.strip() == b"stop" and not gone:
                say(event="stopped", **stop(server, handle))
            else:
                kill_all()
            return
        if handle in ready:  # it ended by itself: that is a result, and bench hears of it
            poller.unregister(handle)
            gone = True
            status = reap().get(server)
            say(event="exited", exit=how(status) if status is not None else "lost", orphans=kill_all())


if __name__ == "__main__":
    main()
