"""The open loop: requests are due at times that do not depend on the server, and latency counts from then.

A server that stalls is charged for every request that came due meanwhile, sent or not. Three times are kept apart for
each request: response time (from the intended send time to the answer), service time (from the actual sending), and
send lag; of the lag, the part that is the client's own (lateness): from when the request was due and a connection was
free for it.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterator

from loadgen.connection import Connection, State
from loadgen.exchange import Exchange
from loadgen.latency import quantise
from loadgen.pool import TICK_NS, Pool
from loadgen.target import Target
from loadgen.wire import clock

SLEEP_MARGIN_NS = 1_200_000
"""epoll's time-out has steps of a millisecond and may come late: nearer than this to a send the client spins."""
FAR = 1 << 62


class OpenLoop(Pool):
    """Sends at intended times over whichever connection is free; `schedule(start)` gives the times."""

    def __init__(
        self,
        target: Target,
        exchange: Exchange,
        connections: int,
        schedule: Callable[[int], Iterator[int]],
        *,
        timeout_s: float,
        spin_us: float,
        quickack: bool = False,
    ) -> None:
        super().__init__(target, exchange, connections, timeout_s=timeout_s, spin_us=spin_us, quickack=quickack)
        self.schedule = schedule
        self.ends_sharply = True
        self.times: Iterator[int] = iter(())
        self.next = FAR
        self.until = FAR
        self.free: deque[Connection] = deque()
        self.counted_from = 0
        self.counting_to = FAR
        # Counts by quantised values (ns): in bounded memory, and cheap enough for within a load.
        self.service: defaultdict[int, int] = defaultdict(int)
        self.lateness: defaultdict[int, int] = defaultdict(int)
        self.lag: defaultdict[int, int] = defaultdict(int)
        self.drained = 0

    def start(self, at: int) -> None:
        """Begin: the first request is due soon after `at`."""
        self.running = True
        now = clock()
        self.times = self.schedule(at)
        self.next = next(self.times)
        for conn in self.conns:
            if self.exchange.keep_alive:
                self.ready(conn, now)
            else:
                self.close(conn)
                self.vacant(conn, now)

    def measure(self, start: int, end: int) -> None:
        """Count the requests that are due from `start` to `end`; none is sent that is due later."""
        self.counted_from = start
        self.counting_to = self.until = end
        for counts in (self.service, self.lateness, self.lag):
            counts.clear()

    # What the pool asks

    def ready(self, conn: Connection, now: int) -> None:
        """The connection is free; or, where each request has its own, it has been opened for one."""
        if not self.exchange.keep_alive:
            self._send_on(conn, now)
            return
        conn.freed = now
        assert conn.sock is not None
        self.free.append(conn)
        if conn.parser is None and conn.out is None and not conn.fails:
            self.recvs[conn.fd] = self.receiver(conn.sock)

    def vacant(self, conn: Connection, now: int) -> None:
        """The place is free again: to be opened when a request is due, where each has its own connection."""
        if self.exchange.keep_alive or not self.running:
            self.open(conn, now)
            return
        conn.freed = now
        conn.state = State.DEAD
        self.free.append(conn)

    def record(self, conn: Connection, count: int, now: int) -> None:
        """Response time and service time of a request."""
        intended = self.started[conn.fd]
        if intended >= self.counted_from and intended < self.counting_to:
            for _ in range(count):
                self.samples.append(now - intended)
                self.service[quantise(now - conn.since)] += 1

    def sent_at(self, conn: Connection) -> int:
        """A request times out from when it was sent: waiting for a connection is no fault of this answer."""
        return conn.since

    # Sending

    def send_due(self, now: int) -> None:
        """Send every request that is due, as far as connections are free."""
        free = self.free
        while self.next <= now and self.next < self.until and free:
            conn = free.popleft()
            if self.exchange.keep_alive:
                if conn.state is not State.READY:  # closed meanwhile; it comes back when it is open again
                    continue
                conn.intended = self.next
                self.next = next(self.times)
                self._send_on(conn, now)
            else:
                conn.intended = self.next
                self.next = next(self.times)
                self.open(conn, now)
            now = clock()

    def _send_on(self, conn: Connection, now: int) -> None:
        intended = conn.intended
        self.attempt(conn, lambda c: self.send_request(c, intended))
        # A request with a connection of its own was late by what passed before its connection was begun.
        self._note(intended, now, now if self.exchange.keep_alive else conn.opened, conn.freed)

    def _note(self, intended: int, sent: int, begun: int, freed: int) -> None:
        if intended >= self.counted_from:
            self.lag[quantise(sent - intended)] += 1
            self.lateness[quantise(max(0, begun - max(intended, freed)))] += 1

    # The loop

    def run_window(self, until: int) -> None:
        """Load the server until `until` (ns of the clock), or until it is gone."""
        poll, most = self.epoll.poll, self.max_events
        recvs, by_fd, started = self.recvs, self.by_fd, self.started
        exchange, free, now_ns = self.exchange, self.free, clock
        keep_alive = exchange.keep_alive
        send_due = self.send_due_hot if keep_alive else self.send_due
        samples, service = self.samples.append, self.service
        verified, size = exchange.hot, self.size
        first, last = self.counted_from, self.counting_to
        busy, ready = State.BUSY, State.READY
        now = now_ns()
        tick = min(until, now + TICK_NS)
        spin_until = 0
        while True:
            if self.next <= now and free:
                send_due(now)
            events = poll(0, most)
            if not events:
                due = self.next if free and self.next < self.until else FAR
                events = self.wait_for(min(due, tick), spin_until, due)
                now = now_ns()
            if events:
                spin_until = now + self.spin_ns
            for fd, _ in events:
                try:
                    data = recvs[fd](size)
                except BlockingIOError:
                    continue
                except OSError as error:
                    self.broken(fd, error)
                    now = now_ns()
                    continue
                now = now_ns()
                if data == verified and keep_alive:
                    conn = by_fd[fd]
                    if conn is not None and conn.state is busy:
                        conn.state = ready
                        conn.need = 0
                        conn.freed = now
                        free.append(conn)
                        intended = started[fd]
                        if first <= intended < last:
                            samples(now - intended)
                            took = now - conn.since
                            shift = took.bit_length() - 11
                            service[took >> shift << shift if shift > 0 else took] += 1
                    else:
                        self.handle(fd, data)
                else:
                    self.handle(fd, data)
                    verified, size = exchange.hot, self.size
                    now = now_ns()
                if self.next <= now and free:
                    send_due(now)
            if now >= tick:
                self.housekeep(now)
                now = now_ns()
                if now >= until or self.gone is not None:
                    return
                tick = min(until, now + TICK_NS)

    def send_due_hot(self, now: int) -> None:
        """As `send_due` on connections that stay open, without a call more than sending needs: a request that waits
        for another one to be sent is late."""
        free, sends, started, request = self.free, self.sends, self.started, self.exchange.request
        length, until, times = len(request), self.until, self.times
        due = self.next
        while due <= now and due < until and free:
            conn = free.popleft()
            if conn.state is not State.READY:  # closed meanwhile; it comes back when it is open again
                continue
            fd = conn.fd
            started[fd] = intended = due
            conn.since = now
            conn.state = State.BUSY
            conn.need = 1
            try:
                sent = sends[fd](request)
                if sent != length:
                    self.keep_sending(conn, memoryview(request)[sent:])
            except BlockingIOError:
                self.keep_sending(conn, memoryview(request))
            except OSError as error:
                self.broken(fd, error)
            self.next = due = next(times)
            self._note(intended, now, now, conn.freed)
            now = clock()

    def wait_for(self, tick: int, spin_until: int, due: int) -> list[tuple[int, int]]:
        """Wait for events until `tick`: spinning while a send is near, or an answer came a moment ago; else asleep."""
        poll, most = self.epoll.poll, self.max_events
        begin = now = clock()
        events: list[tuple[int, int]] = []
        while now < tick and not events:
            if due - now > SLEEP_MARGIN_NS and now >= spin_until:
                asleep = min(tick - now, due - now - SLEEP_MARGIN_NS)
                events = poll(asleep // 1_000_000 / 1000 if due < FAR else asleep / 1e9, most)
            else:
                events = poll(0, most)
            now = clock()
        self.idle_ns += now - begin
        return events

    @property
    def sent(self) -> int:
        """Requests sent that are counted."""
        return sum(self.lag.values())

    def drain(self, end: int, limit: int) -> None:
        """After the measured part, which ended at `end`: send what was due before, and wait for what is outstanding.

        Without this the slowest answers would be missing from the latencies. Ends at `limit` at the latest.
        """
        before = len(self.samples)
        while clock() < limit and self.gone is None:
            if self.next >= end and not any(
                conn.state is State.BUSY and self.started[conn.fd] >= self.counted_from for conn in self.conns
            ):
                break
            self.run_window(min(limit, clock() + 5_000_000))
        self.drained = len(self.samples) - before

    def unsent(self, end: int) -> int:
        """How many requests were due before `end` and were never sent; the schedule is used up by counting."""
        count = 0
        while self.next < end:
            count += self.next >= self.counted_from
            self.next = next(self.times)
        return count
