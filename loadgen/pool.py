"""The connections of one load: opened together, looked after while time passes, closed together."""

from __future__ import annotations

import contextlib
import heapq

from loadgen.connection import Connection, State
from loadgen.errors import CannotRunError, Failure
from loadgen.intake import MAX_CHUNK, Intake
from loadgen.websocket import closing_frame
from loadgen.wire import clock

TICK_NS = 20_000_000
GIVE_UP_NS = 3_000_000_000
CLOSE_GRACE_NS = 250_000_000
OPENING_POLL_S = 0.01
IN_FLIGHT = frozenset({State.BUSY, State.CLOSING})
OPENING = frozenset({State.CONNECTING, State.HANDSHAKE})
IDLE = frozenset({State.CONNECTING, State.READY})

SLEEP_FROM, SPIN_BELOW = 0.70, 0.35


def spins(spinning: bool, busy: float) -> bool:
    """Whether to spin from now on, given whether it span and what share of the time the client was busy.

    An idle client spins: a core that sleeps needs long to wake, and that would be measured as the server's latency. A
    busy one sleeps at once where it finds nothing to do: by the time it has woken several answers are there, and one
    call reads them all; spinning it would pick them up one by one and fall behind.
    """
    return busy < SLEEP_FROM if spinning else busy < SPIN_BELOW


class Pool(Intake):
    """What the loops of closed.py and open.py have in common: `run_window` is what they add."""

    def run_window(self, until: int) -> None:
        """Load the server until `until`, in ns of the clock."""
        raise NotImplementedError

    def measure(self, start: int, end: int) -> None:
        """The measured part lasts from `start` to `end`, in ns of the clock."""

    def drain(self, end: int, limit: int) -> None:
        """The measured part ended at `end`: wait for what belongs to it, until `limit` at the latest."""

    def connect_all(self, limit_s: float) -> None:
        """Open every connection, the WebSocket handshake included, without load.

        Raises CannotRunError where nothing listens, or not all are open after `limit_s`.
        """
        now = clock()
        until = now + int(limit_s * 1e9)
        for conn in self.conns:
            self.open(conn, clock())
            if self.errors["connect"]:
                break
        while any(conn.state is not State.READY for conn in self.conns):
            now = clock()
            if self.errors:
                kind = next(iter(self.errors))
                where = f"{self.target.address[0]} port {self.target.address[1]}"
                raise CannotRunError(f"{self.target.url}: {self.examples[kind]} ({where})")
            if now >= until:
                count = sum(conn.state is State.READY for conn in self.conns)
                raise CannotRunError(
                    f"{self.target.url}: only {count} of {len(self.conns)} connections were open after {limit_s:g} s; "
                    "the server accepts no more, or its accept queue is too short"
                )
            for fd, _ in self.epoll.poll(min(0.05, (until - now) / 1e9), self.max_events):
                self.handle(fd, None)
            self.housekeep(clock())

    def start(self, at: int) -> None:
        """Begin the load on every open connection. A closed loop begins when it begins, whatever `at` says."""
        after_rest, self.running, self.resting = self.resting, True, False
        for conn in self.conns:
            if conn.state is State.READY:
                self.ready(conn, clock())
        waiting, self.waiting = self.waiting, []
        for conn in waiting:
            self.open(conn, clock())
        if after_rest:
            self.woken = self.adapted_at = clock()
            self.idle_at = self.idle_ns

    def rest(self, limit: int) -> None:
        """Send nothing more and take the answers that are in flight, until `limit` (ns of the clock) at the latest.

        Where each request has a connection of its own, none is left open: a server may wait for its request.
        """
        self.running, self.resting = False, True
        while any(conn.state in IN_FLIGHT for conn in self.conns) and (now := clock()) < limit:
            for fd, _ in self.wait(min(limit, now + TICK_NS)):
                self.handle(fd, None)
            self.housekeep(clock())
        if not self.exchange.keep_alive:
            for conn in self.conns:
                if conn.state in IDLE:
                    self.close(conn)
                    self.waiting.append(conn)

    def wake(self, limit: int) -> bool:
        """After a rest: notice what the server closed meanwhile and open it again, until `limit` at the latest.

        Returns whether there are new connections. One that cannot be opened is left to the load, which counts that.
        """
        self.failing_since = None
        reopened, timeout_s = self.reopened, 0.0
        while (now := clock()) < limit:
            events = self.epoll.poll(timeout_s, self.max_events)
            for fd, _ in events:
                self.handle(fd, None)
            self.housekeep(now)
            opening = any(conn.state in OPENING for conn in self.conns)
            if not events and not opening:
                break
            timeout_s = OPENING_POLL_S if opening else 0.0
        return self.reopened > reopened

    def housekeep(self, now: int) -> None:
        """Reopen what is due, time out what is late, notice a server that is gone."""
        due = self.due
        while due and due[0][0] <= now:
            self.vacant(self.conns[heapq.heappop(due)[1]], now)
        if now < self.next_scan:
            return
        self.next_scan = now + min(self.timeout_ns // 8, CLOSE_GRACE_NS // 2)
        oldest = now - self.timeout_ns
        seconds = self.timeout_ns / 1e9
        failing = True
        for conn in self.conns:
            state = conn.state
            failing = failing and conn.fails >= 3
            if state is State.BUSY:
                if self.sent_at(conn) < oldest:
                    so_far = " (an answer had begun)" if conn.offset or conn.parser else ""
                    self.fail(conn, Failure("timeout", f"no complete answer within {seconds:g} s{so_far}"), now)
            elif state in (State.CONNECTING, State.HANDSHAKE):
                if conn.opened < oldest:
                    what = "connection" if state is State.CONNECTING else "WebSocket handshake"
                    self.fail(conn, Failure("timeout", f"no {what} within {seconds:g} s"), now)
            elif state is State.CLOSING and conn.since < now - CLOSE_GRACE_NS:
                self.forced_closes += 1
                self.reopen(conn, now)
        if not failing:
            self.failing_since = None
        elif self.failing_since is None:
            self.failing_since = now
        elif now - self.failing_since > GIVE_UP_NS:
            last = list(self.examples.values())[-1]
            self.gone = f"the server is gone: for {GIVE_UP_NS / 1e9:g} s no connection succeeded ({last})"

    def sent_at(self, conn: Connection) -> int:
        """When the request in flight was sent, in ns."""
        return self.started[conn.fd]

    def adapt(self, now: int) -> None:
        """Choose how to wait until this is called again, by how busy the client was since the last time."""
        passed, idle = now - self.adapted_at, self.idle_ns - self.idle_at
        self.adapted_at, self.idle_at = now, self.idle_ns
        if passed > 0:
            self.spinning = spins(self.spinning, 1 - idle / passed)

    def wait(self, tick: int) -> list[tuple[int, int]]:
        """Wait for events until `tick` at most: spin for a while, then sleep. Counts the time as idle."""
        poll, most = self.epoll.poll, self.max_events
        begin = now = clock()
        spin_until = min(begin + self.spin_ns, tick) if self.spinning else begin
        events: list[tuple[int, int]] = []
        while now < spin_until:
            events = poll(0, most)
            if events:
                break
            now = clock()
        else:
            if now < tick:
                events = poll((tick - now) / 1e9, most)
        self.idle_ns += clock() - begin
        return events

    def say_goodbye(self, limit_s: float) -> None:
        """The closing handshake of every open WebSocket: send a close, and wait for the server's."""
        if not self.exchange.websocket:
            return
        farewell = closing_frame()
        waiting: set[int] = set()
        for conn in self.conns:
            # A connection whose last message is partly sent cannot send a close within it.
            if conn.state in (State.READY, State.BUSY) and conn.out is None and conn.sock is not None:
                with contextlib.suppress(OSError):
                    conn.sock.send(farewell)
                    waiting.add(conn.fd)
        until = clock() + int(limit_s * 1e9)
        while waiting and (now := clock()) < until:
            for fd, _ in self.epoll.poll((until - now) / 1e9, self.max_events):
                conn_at = self.by_fd[fd]
                if fd in waiting and conn_at is not None and self._said_goodbye(conn_at):
                    waiting.discard(fd)
                    self.close(conn_at)

    def _said_goodbye(self, conn: Connection) -> bool:
        assert conn.sock is not None
        try:
            data = conn.sock.recv(MAX_CHUNK)
            if conn.parser is None:
                conn.parser = self.exchange.parser()
                conn.parser.feed(self.so_far(conn))
            conn.parser.feed(data)
        except BlockingIOError:
            return False
        except Failure as failure:
            self.close_handshakes += failure.kind == "closed"
            return True
        except OSError:
            return True
        return not data

    def close_all(self) -> None:
        """Close every connection and the epoll object."""
        for conn in self.conns:
            self.close(conn)
        self.epoll.close()
