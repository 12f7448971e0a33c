"""A server whose latencies are known in advance: `python -m bench.calibration.known HOST PORT LAW [SKIP]`.

GET / is answered 200, text/plain, `Hello, World!`, when the law (bench.calibration.laws) says. One epoll loop that
spins as long as anyone is connected: epoll's time-outs are a millisecond coarse, and an idle core takes long to wake.
It wants a core of its own.

What it does to be believed: the kernel says when each request arrived, so that the law holds from then on, however late
it is read; and for each request it keeps how late its answer was sent after it was due, and what it so took in all. The
percentiles of both, in microseconds, without the first SKIP requests, are printed as one line of JSON when SIGTERM
ends it: what was really served, where the machine did not let it keep its law.
"""

from __future__ import annotations

import gc
import json
import resource
import select
import signal
import socket
import struct
import sys
import time
from array import array
from collections import deque
from collections.abc import Iterable, Sequence
from time import monotonic_ns as clock
from typing import NoReturn

from bench.calibration.laws import NS, Law, parse

BODY = b"Hello, World!"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n"
ANSWER = HEAD + b"\r\n" + BODY
LAST = HEAD + b"Connection: close\r\n\r\n" + BODY
END = b"\r\n\r\n"
MAX_REQUEST = 65536
KEPT = 4_000_000
"""Requests of which a record is kept, at most: 64 MB."""
SO_TIMESTAMPNS = 35
"""Asks for the moment at which the last byte read arrived; <asm/socket.h>, not in Python's socket module."""
STAMP = struct.Struct("@ll")
BURST = 16
"""Answers sent and requests read before the other side of the work gets its turn."""
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


class KnownServer:
    """The server. `late` holds by how much it missed its law, `took` how long an answer took in all (ns)."""

    def __init__(self, host: str, port: int, law: Law, skip: int = 0) -> None:
        self.law = law
        self.skip = skip
        self.late, self.took = array("q"), array("q")
        self.listener = socket.create_server((host, port), backlog=4096)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]
        self.epoll = select.epoll()
        self.epoll.register(self.listener.fileno(), select.EPOLLIN)
        self.socks: dict[int, socket.socket] = {}
        self.parts: dict[int, bytes] = {}

    def serve(self) -> NoReturn:
        """Serve until a signal ends the process."""
        lanes: list[deque[tuple[int, int, socket.socket, bytes]]] = [deque() for _ in range(self.law.lanes)]
        due_of, poll, socks, listener = self.law.due(), self.epoll.poll, self.socks, self.listener.fileno()
        usual = b""
        room = socket.CMSG_SPACE(STAMP.size)
        late, took = self.late, self.took
        while True:
            for lane in lanes:
                for _ in range(BURST):
                    if not lane or lane[0][0] > clock():
                        break
                    due, arrival, sock, answer = lane.popleft()
                    self.answer(sock, answer)
                    if self.skip:
                        self.skip -= 1
                    elif len(late) < KEPT:
                        sent = clock()
                        late.append(sent - due)
                        took.append(sent - arrival)
            for fd, _ in poll(0 if socks else -1, BURST):
                if fd == listener:
                    self.accept()
                    continue
                stamps: list[tuple[int, int, bytes]] = []
                try:
                    data, stamps, _, _ = socks[fd].recvmsg(MAX_REQUEST, room)
                except BlockingIOError:
                    continue
                except OSError:
                    data = b""
                if data != usual or fd in self.parts:
                    whole = self.parts.pop(fd, b"") + data
                    if not data or len(whole) > MAX_REQUEST:
                        self.drop(fd)
                        continue
                    if not whole.endswith(END):
                        self.parts[fd] = whole
                        continue
                    if b"connection: close" not in whole.lower() and whole.count(END) == 1:
                        usual = whole
                    data = whole
                arrival = arrival_of(stamps)
                for request in data.split(END)[:-1] if data != usual else (data,):
                    number, due = due_of(arrival)
                    answer = LAST if b"connection: close" in request.lower() else ANSWER
                    lanes[number].append((due, arrival, socks[fd], answer))

    def answer(self, sock: socket.socket, answer: bytes) -> None:
        """Send one answer: it is small, a peer that leaves no room for it is dropped."""
        try:
            sock.send(answer)
        except OSError:
            self.drop(sock.fileno())
            return
        if answer is LAST:
            self.drop(sock.fileno())

    def accept(self) -> None:
        """Take some of the connections that wait."""
        for _ in range(BURST):
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
            self.socks[sock.fileno()] = sock
            self.epoll.register(sock.fileno(), select.EPOLLIN)

    def drop(self, fd: int) -> None:
        """Close a connection; one that is closed already has no number any more."""
        sock = self.socks.pop(fd, None)
        self.parts.pop(fd, None)
        if sock is not None:
            sock.close()

    def account(self) -> dict[str, dict[str, float]]:
        """Percentiles in microseconds: how late its answers were, what they took in all. Empty without a request."""
        return {"late_us": percentiles(self.late), "served_us": percentiles(self.took)}


def arrival_of(stamps: Sequence[tuple[int, int, bytes]]) -> int:
    """When what was just read had arrived (ns of the monotonic clock); a stamp's age is taken by the kernel's clock."""
    now = clock()
    if not stamps:  # the kernel begins to stamp shortly after the first socket has asked for it
        return now
    seconds, rest = map(int, STAMP.unpack(stamps[0][2]))
    return now - max(0, time.time_ns() - seconds * NS - rest)


def percentiles(values: Iterable[int]) -> dict[str, float]:
    """Percentiles, in microseconds, of values in nanoseconds."""
    ordered = sorted(values)
    return {
        name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000
        for name, share in PERCENTILES.items()
        if ordered
    }


def main(argv: list[str]) -> int:
    """Serve on HOST PORT by LAW until SIGTERM; the first SKIP requests are not in the account."""
    try:
        host, port, law = argv[0], int(argv[1]), parse(argv[2])
        skip = int(argv[3]) if len(argv) > 3 else 0
    except (IndexError, ValueError) as error:
        print(f"usage: python -m bench.calibration.known HOST PORT LAW [SKIP]: {error}", file=sys.stderr)
        return 2
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        server = KnownServer(host, port, law, skip)
    except OSError as error:
        print(f"known: cannot listen on {host} port {port}: {error.strerror}", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    gc.collect()
    gc.freeze()
    gc.disable()  # its pauses would be the server's; the loop makes no cycles
    print(f"listening on {host} port {server.port}", flush=True)
    try:
        server.serve()
    except (KeyboardInterrupt, SystemExit):
        print(json.dumps(server.account()), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
