"""The connections' sockets: opened, written to, closed, opened again after a failure.

The loops (closed.py, open.py) read and write the sockets of connections that are clean by themselves, through the
lists `recvs`, `sends` and `started`, which a file descriptor indexes; whatever is not a known answer byte for byte
they hand to `Intake.handle`. For a connection in any other state `recvs` holds a function that returns None, which
equals no answer.
"""

from __future__ import annotations

import errno
import heapq
import select
import socket
import struct
import time
from array import array
from collections import Counter
from collections.abc import Callable

from loadgen.connection import Connection, State, backoff_s
from loadgen.errors import Failure, Kind, from_oserror
from loadgen.exchange import Exchange
from loadgen.latency import Latencies
from loadgen.target import Target

CHUNK = 65536
IN_OUT = select.EPOLLIN | select.EPOLLOUT
_RST_ON_CLOSE = struct.pack("ii", 1, 0)

clock = time.perf_counter_ns


def unclean(_size: int) -> None:
    """Stands in `recvs` for a connection that the hot path must not read."""


def _no_send(_data: bytes) -> int:
    raise AssertionError("the hot path sent on a connection that is not clean")


class Wire:
    """The sockets of one load. A subclass says what happens when a connection can take a request (`ready`)."""

    def __init__(
        self,
        target: Target,
        exchange: Exchange,
        connections: int,
        *,
        timeout_s: float,
        spin_us: float,
        quickack: bool = False,
    ) -> None:
        self.target = target
        self.exchange = exchange
        self.timeout_ns = int(timeout_s * 1e9)
        self.spin_ns = int(spin_us * 1000)
        self.quickack = quickack
        self.running = False
        self.conns = [Connection(i) for i in range(connections)]
        self.by_fd: list[Connection | None] = []
        self.recvs: list[Callable[[int], bytes | None]] = []
        self.sends: list[Callable[[bytes], int]] = []
        self.started: list[int] = []
        self.epoll = select.epoll()
        self.max_events = min(max(connections, 16), 1024)
        self.size = CHUNK
        self.due: list[tuple[int, int]] = []
        self.next_scan = 0
        self.failing_since: int | None = None
        self.samples = array("Q")
        self.connects = Latencies()
        self.errors: Counter[Kind] = Counter()
        self.examples: dict[str, str] = {}
        self.idle_ns = 0
        self.spinning = True
        self.adapted_at = 0
        self.idle_at = 0
        self.closing_ns = 0
        self.reopened = 0
        self.forced_closes = 0
        self.server_closes = 0
        self.gone: str | None = None
        self.ends_sharply = False
        """Whether nothing is sent after the time that `measure` names, however late the last window ends."""
        self.close_handshakes = 0
        self.resting = False
        """Whether the load has begun and rests now."""
        self.waiting: list[Connection] = []
        """Places without a connection until the load begins again."""
        self.woken = 0
        """When the first requests after a rest had been sent, in ns; 0 before any rest."""

    def ready(self, conn: Connection, now: int) -> None:
        """The connection is open and has nothing in flight."""
        raise NotImplementedError

    def vacant(self, conn: Connection, now: int) -> None:
        """The place has no connection any more: open one, unless it would only wait for a request."""
        if self.resting and not self.exchange.keep_alive:
            self.waiting.append(conn)
        else:
            self.open(conn, now)

    # Opening

    def open(self, conn: Connection, now: int) -> None:
        """Begin to open a connection in its place."""
        conn.reset()
        conn.opened = now
        conn.fresh = self.running
        try:
            sock = socket.socket(self.target.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        except OSError as error:
            self.fail(conn, Failure("connect", f"no socket: {error.strerror}"), now)
            return
        conn.sock = sock
        conn.fd = fd = sock.fileno()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while len(self.by_fd) <= fd:
            self.by_fd.append(None)
            self.recvs.append(unclean)
            self.sends.append(_no_send)
            self.started.append(0)
        self.by_fd[fd] = conn
        self.sends[fd] = sock.send
        self.started[fd] = now
        code = sock.connect_ex(self.target.address)
        # On loopback the handshake is over before connect() returns, whatever it says.
        if code == 0 or (code == errno.EINPROGRESS and established(sock)):
            self.epoll.register(fd, select.EPOLLIN)
            self.attempt(conn, self.connected)
        elif code == errno.EINPROGRESS:
            conn.state = State.CONNECTING
            self.epoll.register(fd, IN_OUT)
        else:
            self.fail(conn, connect_failure(code), now)

    def connected(self, conn: Connection) -> None:
        """connect() has succeeded: begin the WebSocket handshake where there is one."""
        now = clock()
        self.connects.add(now - conn.opened)
        handshake = self.exchange.handshake
        if handshake is None:
            self.is_ready(conn, now)
            return
        conn.state = State.HANDSHAKE
        conn.handshake = handshake()
        self.send(conn, conn.handshake.request)

    def is_ready(self, conn: Connection, now: int) -> None:
        """The connection is open and has nothing in flight; before the load has begun it stays so."""
        conn.state = State.READY
        if self.running:
            self.ready(conn, now)

    # Sending

    def send_request(self, conn: Connection, started: int) -> None:
        """Send a request (or a batch); `started` is what its latency counts from, in ns."""
        fd = conn.fd
        conn.state = State.BUSY
        conn.need = self.exchange.depth
        conn.since = clock()
        self.started[fd] = started
        self.send(conn, self.exchange.request)
        # After a failure the first answer takes the slow path, which takes note that the connection is well again.
        if self.exchange.keep_alive and conn.out is None and conn.parser is None and not conn.fails:
            assert conn.sock is not None
            self.recvs[fd] = self.receiver(conn.sock)

    def receiver(self, sock: socket.socket) -> Callable[[int], bytes | None]:
        """How the hot path reads: the socket's own method, or one that acknowledges at once what it has read."""
        if not self.quickack:
            return sock.recv

        def receive(size: int) -> bytes:
            data = sock.recv(size)
            # Not a lasting state: the kernel goes back to delayed ACKs by itself.
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            return data

        return receive

    def send(self, conn: Connection, data: bytes) -> None:
        """Send, and keep what the socket does not take. Raises OSError."""
        assert conn.sock is not None
        try:
            sent = conn.sock.send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            # The answer, or the reason, may still be there to be read; if not, reading says so.
            if error.errno not in (errno.EPIPE, errno.ECONNRESET):
                raise
            sent = len(data)
        if sent < len(data):
            self.keep_sending(conn, memoryview(data)[sent:])

    def keep_sending(self, conn: Connection, rest: memoryview) -> None:
        """Send the rest of a request when the socket takes it."""
        conn.out = rest
        self.recvs[conn.fd] = unclean
        self.epoll.modify(conn.fd, IN_OUT)

    def flush(self, conn: Connection) -> None:
        """Send what was kept, as far as the socket takes it. Raises OSError."""
        assert conn.sock is not None
        assert conn.out is not None
        try:
            sent = conn.sock.send(conn.out)
        except BlockingIOError:
            return
        conn.out = conn.out[sent:] if sent < len(conn.out) else None
        if conn.out is None:
            self.epoll.modify(conn.fd, select.EPOLLIN)

    # Closing and failing

    def close(self, conn: Connection) -> None:
        """Close the socket in this place, if there is one."""
        sock = conn.sock
        conn.state = State.DEAD
        if sock is None:
            return
        self.by_fd[conn.fd] = None
        self.recvs[conn.fd] = unclean
        self.sends[conn.fd] = _no_send
        conn.sock = None
        if not self.exchange.keep_alive:
            # No TIME_WAIT: a connection per request would use up the port range.
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RST_ON_CLOSE)
        sock.close()

    def reopen(self, conn: Connection, now: int) -> None:
        """The server has closed the connection, as it may: have another in its place."""
        if conn.state is State.CLOSING:
            self.closing_ns += clock() - conn.since
        self.close(conn)
        self.reopened += 1
        self.vacant(conn, clock())

    def count(self, failure: Failure, times: int) -> None:
        """Count an error, and keep the first of its kind."""
        self.errors[failure.kind] += times
        self.examples.setdefault(failure.kind, failure.message)

    def fail(self, conn: Connection, failure: Failure, now: int) -> None:
        """Count the failure, close the connection, and have it opened again after a while.

        A server may close a connection on which nothing has happened for some time, and a request that was on its way
        at that moment is to be sent again on a new one (RFC 9112, 9.3.1): after a rest that is no failure.
        """
        if self._crossed(conn, failure):
            self.reopen(conn, now)
            return
        self.count(failure, max(1, conn.need))
        self.close(conn)
        conn.fails += 1
        heapq.heappush(self.due, (now + int(backoff_s(conn.fails) * 1e9), conn.index))

    def _crossed(self, conn: Connection, failure: Failure) -> bool:
        """Whether the server ended the connection at rest, or while the first request after it was on its way.

        At rest it may say so as it likes: by a reset, a WebSocket's close, a 408. Afterwards nothing of an answer has
        come, or a WebSocket's close instead of it.
        """
        if self.resting and conn.state is State.READY:
            return True
        first = conn.state is State.BUSY and self.started[conn.fd] <= self.woken
        unanswered = (conn.offset == 0 and not conn.raw) or self.exchange.websocket
        return first and unanswered and failure.kind in ("closed", "reset")

    def attempt(self, conn: Connection, action: Callable[[Connection], None]) -> None:
        """Do something with a connection; a failure in it is counted."""
        try:
            action(conn)
        except Failure as failure:
            self.fail(conn, failure, clock())
        except OSError as error:
            self.fail(conn, from_oserror(error), clock())

    def broken(self, fd: int, error: OSError) -> None:
        """The hot path's socket call failed."""
        conn = self.by_fd[fd]
        if conn is not None:
            self.fail(conn, from_oserror(error), clock())


def established(sock: socket.socket) -> bool:
    """Whether a connection is open already."""
    try:
        sock.getpeername()
    except OSError:
        return False
    return True


def connect_failure(code: int) -> Failure:
    """The failure that an errno of connect() stands for."""
    if code == errno.ECONNREFUSED:
        return Failure("connect", "nothing listens there: connection refused")
    if code == errno.EADDRNOTAVAIL:
        return Failure("connect", "no local port is left")
    return Failure("connect", f"cannot connect: {errno.errorcode.get(code, code)}")
