"""The closed loop: every connection sends its next request as soon as the answer to the last one is verified."""

from __future__ import annotations

from loadgen.connection import Connection
from loadgen.pool import TICK_NS, Pool
from loadgen.wire import clock

BATCH = 64
"""How many connections are read before the next requests are sent, at most."""


class ClosedLoop(Pool):
    """As many requests in flight as there are connections (times the depth), all the time."""

    def ready(self, conn: Connection, now: int) -> None:
        """Send the next request at once. One that had to wait for a new connection counts from its connect()."""
        started = conn.opened if conn.fresh else now
        conn.fresh = False
        self.send_request(conn, started)

    def record(self, conn: Connection, count: int, now: int) -> None:
        """One sample an answer; those of a batch share theirs."""
        latency = now - self.started[conn.fd]
        for _ in range(count):
            self.samples.append(latency)

    def run_window(self, until: int) -> None:
        """Load the server until `until` (ns of the clock), or until it is gone. Samples go to `self.samples`.

        This is the hot path: everything it needs is a local, and it asks one question, `data == verified`. It reads
        all that is ready, takes the time once, and sends: measured against one connection after the other this costs
        less, and the time is taken sooner after the answers came.
        """
        poll, most = self.epoll.poll, min(self.max_events, BATCH)
        recvs, sends, started, now_ns = self.recvs, self.sends, self.started, clock
        exchange = self.exchange
        request, length, depth = exchange.request, len(exchange.request), exchange.depth
        extend = self.samples.extend
        verified, size = exchange.hot, self.size
        odd: list[tuple[int, bytes | None]] = []
        broken: list[tuple[int, OSError]] = []
        blocked: list[int] = []
        now = now_ns()
        tick = min(until, now + TICK_NS)
        while True:
            events = poll(0, most) or self.wait(tick)
            for fd, _ in events:
                try:
                    data = recvs[fd](size)
                except BlockingIOError:
                    blocked.append(fd)
                    continue
                except OSError as error:
                    broken.append((fd, error))
                    continue
                if data != verified:
                    odd.append((fd, data))
            now = now_ns()
            if odd or broken or blocked:
                out = {fd for fd, _ in odd}.union(blocked, [fd for fd, _ in broken])
                events = [event for event in events if event[0] not in out]
            if depth == 1:
                extend([now - started[fd] for fd, _ in events])
            else:
                extend([now - started[fd] for fd, _ in events for _ in range(depth)])
            for fd, _ in events:
                started[fd] = now
                try:
                    sent = sends[fd](request)
                except BlockingIOError:
                    sent = 0
                except OSError as error:
                    broken.append((fd, error))
                    continue
                if sent != length:
                    self.partly_sent(fd, sent)
            if odd or broken or blocked:
                for fd, data in odd:
                    self.handle(fd, data)
                for fd, reason in broken:
                    self.broken(fd, reason)
                odd.clear()
                broken.clear()
                blocked.clear()
                verified, size = exchange.hot, self.size
                now = now_ns()
            if now >= tick:
                self.housekeep(now)
                now = now_ns()
                self.adapt(now)
                if now >= until or self.gone is not None:
                    return
                tick = min(until, now + TICK_NS)

    def partly_sent(self, fd: int, sent: int) -> None:
        """The hot path could send only the first `sent` bytes of a request."""
        conn = self.by_fd[fd]
        assert conn is not None
        conn.need = self.exchange.depth
        self.keep_sending(conn, memoryview(self.exchange.request)[sent:])
