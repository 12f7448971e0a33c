"""A server whose latencies are known in advance: `python -m bench.calibration.known HOST PORT LAW`.

GET / is answered 200, text/plain, `Hello, World!`, when the law (bench.calibration.laws) says. One epoll loop that
spins as long as anyone is connected: epoll's time-outs are a millisecond coarse, and an idle core takes long to wake.
It wants a core of its own.

What it does to be believed: it keeps, for each request, an upper bound of its own error, namely how long the request
may have lain unread (since the poll before) and how late the answer was sent after it was due. The percentiles of that,
in microseconds, are printed as one line of JSON when SIGTERM ends it.
"""

from __future__ import annotations

import gc
import json
import resource
import select
import signal
import socket
import sys
from array import array
from collections import deque
from time import monotonic_ns as clock
from typing import NoReturn

from bench.calibration.laws import Law, parse

BODY = b"Hello, World!"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n"
ANSWER = HEAD + b"\r\n" + BODY
LAST = HEAD + b"Connection: close\r\n\r\n" + BODY
END = b"\r\n\r\n"
MAX_REQUEST = 65536
KEPT = 8_000_000
"""Errors kept, at most: 64 MB."""
BURST = 16
"""Answers sent and requests read before the other side of the work gets its turn."""
PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


class KnownServer:
    """The server. `slack` holds the bound on its own error for each request (ns)."""

    def __init__(self, host: str, port: int, law: Law) -> None:
        self.law = law
        self.slack = array("q")
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
        before = clock()
        while True:
            for lane in lanes:
                for _ in range(BURST):
                    if not lane or lane[0][0] > clock():
                        break
                    due, unread, sock, answer = lane.popleft()
                    self.answer(sock, answer)
                    if len(self.slack) < KEPT:
                        self.slack.append(clock() - due + unread)
            # Bounds how long what is found now may have been waiting: it was not there when the last poll looked.
            since, before = before, clock()
            events = poll(0 if socks else -1, BURST)
            if len(events) == BURST:
                before = since  # there may have been more already
            for fd, _ in events:
                if fd == listener:
                    self.accept()
                    before = clock()  # a request cannot have waited for longer than its connection is there
                    continue
                try:
                    data = socks[fd].recv(MAX_REQUEST)
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
                arrival = clock()
                for request in data.split(END)[:-1] if data != usual else (data,):
                    number, due = due_of(arrival)
                    answer = LAST if b"connection: close" in request.lower() else ANSWER
                    lanes[number].append((due, arrival - since, socks[fd], answer))

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
            self.socks[sock.fileno()] = sock
            self.epoll.register(sock.fileno(), select.EPOLLIN)

    def drop(self, fd: int) -> None:
        """Close a connection; one that is closed already has no number any more."""
        sock = self.socks.pop(fd, None)
        self.parts.pop(fd, None)
        if sock is not None:
            sock.close()

    def account(self) -> dict[str, float]:
        """The percentiles of the bound on the server's own error, in microseconds; empty without a request."""
        ordered = sorted(self.slack)
        return {
            name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] / 1000
            for name, share in PERCENTILES.items()
            if ordered
        }


def main(argv: list[str]) -> int:
    """Serve on HOST PORT by LAW until SIGTERM."""
    try:
        host, port, law = argv[0], int(argv[1]), parse(argv[2])
    except (IndexError, ValueError) as error:
        print(f"usage: python -m bench.calibration.known HOST PORT LAW: {error}", file=sys.stderr)
        return 2
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        server = KnownServer(host, port, law)
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
        print(json.dumps({"slack_us": server.account()}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
