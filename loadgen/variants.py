"""Ways to write the hot loop, measured against one another: the evidence for how closed.py is written.

    python -m loadgen.variants URL -c 64 --rounds 10 [--python OTHER_INTERPRETER ...]

Each variant is a bare closed loop that compares every answer byte for byte and does nothing else. They run one after
the other, each in a process of its own on the CPU given, in every round; wrk too where it is installed. Standard
library only, so that any interpreter can run it. The figures are CPU time per request (the least and the median of the
rounds: a neighbour can only add to it) and requests per second (the most and the median).
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import resource
import select
import shutil
import socket
import statistics
import subprocess
import sys
import time
from array import array
from collections.abc import Callable, Sequence
from urllib.parse import urlsplit

Loop = Callable[["Sketch", int], None]

clock = time.perf_counter_ns


class SlowPathError(Exception):
    """An answer was not the verified one: a sketch has no slow path."""


class Sketch:
    """Open connections with a request in flight on each."""

    def __init__(self, host: str, port: int, path: str, connections: int) -> None:
        self.request = f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode()
        self.socks = [socket.create_connection((host, port)) for _ in range(connections)]
        most = max(sock.fileno() for sock in self.socks) + 1
        self.recvs: list[Callable[[int], bytes]] = [self.socks[0].recv] * most
        self.intos: list[Callable[[bytearray], int]] = [self.socks[0].recv_into] * most
        self.sends: list[Callable[[bytes], int]] = [self.socks[0].send] * most
        self.both: list[tuple[Callable[[int], bytes], Callable[[bytes], int]]] = [(self.recvs[0], self.sends[0])] * most
        self.started = [0] * most
        self.socks[0].sendall(self.request)
        time.sleep(0.05)
        self.verified = self.socks[0].recv(65536)
        self.size = max(256, len(self.verified) + 64)
        self.most = max(16, connections)
        self.samples = array("Q")
        self.epoll = select.epoll()
        for sock in self.socks:
            fd = sock.fileno()
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setblocking(False)
            self.recvs[fd], self.intos[fd], self.sends[fd] = sock.recv, sock.recv_into, sock.send
            self.both[fd] = (sock.recv, sock.send)
            self.epoll.register(fd, select.EPOLLIN)

    def begin(self) -> None:
        """Send the first requests."""
        for sock in self.socks:
            self.started[sock.fileno()] = clock()
            sock.send(self.request)


def one_by_one(s: Sketch, end: int) -> None:
    """Read, compare, take the time, send: one connection after the other."""
    poll, recvs, sends, started, size, most = s.epoll.poll, s.recvs, s.sends, s.started, s.size, s.most
    verified, request, append, now = s.verified, s.request, s.samples.append, 0
    while now < end:
        for fd, _ in poll(-1, most):
            if recvs[fd](size) != verified:
                raise SlowPathError
            now = clock()
            append(now - started[fd])
            started[fd] = now
            sends[fd](request)


def large_reads(s: Sketch, end: int) -> None:
    """As one_by_one, with room for 64 KiB in each read."""
    s.size = 65536
    one_by_one(s, end)


def tuples(s: Sketch, end: int) -> None:
    """As one_by_one, with recv and send of a connection in one tuple."""
    poll, both, started, size, most = s.epoll.poll, s.both, s.started, s.size, s.most
    verified, request, append, now = s.verified, s.request, s.samples.append, 0
    while now < end:
        for fd, _ in poll(-1, most):
            recv, send = both[fd]
            if recv(size) != verified:
                raise SlowPathError
            now = clock()
            append(now - started[fd])
            started[fd] = now
            send(request)


def os_calls(s: Sketch, end: int) -> None:
    """As one_by_one, with os.read and os.write instead of methods of sockets."""
    poll, read, write, started, size, most = s.epoll.poll, os.read, os.write, s.started, s.size, s.most
    verified, request, append, now = s.verified, s.request, s.samples.append, 0
    while now < end:
        for fd, _ in poll(-1, most):
            if read(fd, size) != verified:
                raise SlowPathError
            now = clock()
            append(now - started[fd])
            started[fd] = now
            write(fd, request)


def reused_buffer(s: Sketch, end: int) -> None:
    """As one_by_one, reading into one buffer."""
    poll, intos, sends, started, most = s.epoll.poll, s.intos, s.sends, s.started, s.most
    request, append, now = s.request, s.samples.append, 0
    length, buffer, verified = len(s.verified), bytearray(len(s.verified)), bytearray(s.verified)
    while now < end:
        for fd, _ in poll(-1, most):
            if intos[fd](buffer) != length or buffer != verified:
                raise SlowPathError
            now = clock()
            append(now - started[fd])
            started[fd] = now
            sends[fd](request)


def spinning(s: Sketch, end: int) -> None:
    """As one_by_one, never asleep."""
    poll, recvs, sends, started, size, most = s.epoll.poll, s.recvs, s.sends, s.started, s.size, s.most
    verified, request, append, now = s.verified, s.request, s.samples.append, 0
    while now < end:
        for fd, _ in poll(0, most):
            if recvs[fd](size) != verified:
                raise SlowPathError
            now = clock()
            append(now - started[fd])
            started[fd] = now
            sends[fd](request)


def batch(s: Sketch, end: int) -> None:
    """Read all that is ready, take the time once, send all: what closed.py does."""
    poll, recvs, sends, started, size, most = s.epoll.poll, s.recvs, s.sends, s.started, s.size, min(s.most, 64)
    verified, request, extend, now = s.verified, s.request, s.samples.extend, 0
    while now < end:
        events = poll(-1, most)
        for fd, _ in events:
            if recvs[fd](size) != verified:
                raise SlowPathError
        now = clock()
        extend([now - started[fd] for fd, _ in events])
        for fd, _ in events:
            started[fd] = now
            sends[fd](request)


VARIANTS: dict[str, Loop] = {
    "one_by_one": one_by_one,
    "large_reads": large_reads,
    "tuples": tuples,
    "os_calls": os_calls,
    "reused_buffer": reused_buffer,
    "spinning": spinning,
    "batch": batch,
}


def measure(url: str, name: str, connections: int, seconds: float) -> tuple[float, float]:
    """Run a variant in this process: requests per second, CPU microseconds per request."""
    parts = urlsplit(url)
    sketch = Sketch(parts.hostname or "", parts.port or 80, parts.path or "/", connections)
    sketch.begin()
    loop = VARIANTS[name]
    gc.disable()
    loop(sketch, clock() + int(min(0.3, seconds) * 1e9))
    del sketch.samples[:]
    cpu, begin = time.process_time(), clock()
    loop(sketch, begin + int(seconds * 1e9))
    gc.enable()
    passed, used, count = clock() - begin, time.process_time() - cpu, len(sketch.samples)
    return count / passed * 1e9, used / count * 1e6


def with_wrk(url: str, connections: int, seconds: float, cpu: int) -> tuple[float, float]:
    """Run wrk: requests per second, CPU microseconds per request."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(
        ["taskset", "-c", str(cpu), "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", url],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    rate, count = re.search(r"Requests/sec:\s+([\d.]+)", out), re.search(r"(\d+) requests in", out)
    assert rate is not None
    assert count is not None
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return float(rate[1]), used / int(count[1]) * 1e6


def main(argv: Sequence[str]) -> int:
    """Measure all variants and print a table."""
    p = argparse.ArgumentParser(prog="python -m loadgen.variants", description=__doc__.split("\n", maxsplit=1)[0])
    p.add_argument("url")
    p.add_argument("-c", "--connections", type=int, default=64)
    p.add_argument("--rounds", type=int, default=10)
    p.add_argument("--seconds", type=float, default=1.0)
    p.add_argument("--cpu", type=int, default=1)
    p.add_argument("--python", action="append", help="an interpreter; may be given several times")
    p.add_argument("--one", help=argparse.SUPPRESS)
    args = p.parse_args(argv)
    if args.one:
        print(*measure(args.url, args.one, args.connections, args.seconds))
        return 0
    found: dict[str, list[tuple[float, float]]] = {}
    for _ in range(args.rounds):
        if shutil.which("wrk"):
            found.setdefault("wrk -t1", []).append(with_wrk(args.url, args.connections, args.seconds, args.cpu))
        for python in args.python or [sys.executable]:
            for name in VARIANTS:
                words = ["taskset", "-c", str(args.cpu), python, "-m", "loadgen.variants", args.url, "--one", name]
                words += ["-c", str(args.connections), "--seconds", str(args.seconds)]
                out = subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()
                found.setdefault(f"{name} {python}", []).append((float(out[0]), float(out[1])))
    print(f"{'':50} CPU us per request: least, median   per second: most, median")
    for name, pairs in found.items():
        rates, cpus = [rate for rate, _ in pairs], [used for _, used in pairs]
        print(
            f"{name:50} {min(cpus):15.2f} {statistics.median(cpus):8.2f}"
            f" {max(rates):20,.0f} {statistics.median(rates):10,.0f}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
