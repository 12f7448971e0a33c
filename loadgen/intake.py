"""What comes back: compared with known answers as far as it has come, parsed where it differs, verified, remembered."""

from __future__ import annotations

import select
import socket

from loadgen.answers import Answer
from loadgen.connection import Connection, State
from loadgen.errors import Failure, from_oserror
from loadgen.wire import Wire, clock, connect_failure, unclean

MAX_CHUNK = 262144
MAX_RAW = 4 << 20


class Intake(Wire):
    """The slow path of reading. A subclass says what happens when an answer has come (`record`)."""

    def record(self, conn: Connection, count: int, now: int) -> None:
        """`count` verified answers have come on the connection."""
        raise NotImplementedError

    def handle(self, fd: int, data: bytes | None) -> None:
        """Everything that the hot path does not know: `data` was received, or None where nothing was read yet."""
        conn = self.by_fd[fd]
        if conn is None:
            return
        try:
            self._handle(conn, data)
        except Failure as failure:
            self.fail(conn, failure, clock())
        except OSError as error:
            self.fail(conn, from_oserror(error), clock())

    def _handle(self, conn: Connection, data: bytes | None) -> None:
        sock = conn.sock
        assert sock is not None
        if conn.state is State.CONNECTING:
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise connect_failure(code)
            self.epoll.modify(conn.fd, select.EPOLLIN)
            self.connected(conn)
            return
        if conn.out is not None:
            self.flush(conn)
        if data is None:
            try:
                data = sock.recv(self.size)
            except BlockingIOError:
                return
        if self.quickack:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        now = clock()
        if conn.state is State.HANDSHAKE:
            assert conn.handshake is not None
            rest = conn.handshake.feed(data)
            if rest is not None:
                conn.handshake = None
                self.is_ready(conn, now)
                if rest:
                    self._parse(conn, rest, now)
        elif conn.state is State.CLOSING:
            if data:
                raise Failure("protocol", f"{len(data)} bytes after the last answer of the connection")
            self.server_closes += 1
            self.reopen(conn, now)
        elif not data:
            self._ended(conn, now)
        elif conn.parser is None:
            self._compare(conn, data, now)
        else:
            self._parse(conn, data, now)

    def _compare(self, conn: Connection, data: bytes, now: int) -> None:
        """Compare with a known answer as far as it has come; parse where it differs."""
        exchange = self.exchange
        whole = conn.expect if conn.expect is not None else exchange.verified
        if conn.need == exchange.depth:
            if whole is not None and whole.startswith(data, conn.offset):
                conn.offset += len(data)
                if conn.offset < len(whole):
                    conn.expect = whole
                    self.recvs[conn.fd] = unclean
                else:
                    self._complete(conn, conn.need, now, close=bool(exchange.memory.get(whole)))
                return
            if conn.offset == 0:
                close = exchange.memory.get(data)
                if close is not None:
                    self._verified(data, close)
                    self._complete(conn, conn.need, now, close=close)
                    return
        self._parse(conn, self.so_far(conn) + data, now)

    def so_far(self, conn: Connection) -> bytes:
        """What has come of an answer that equals a known one as yet."""
        return conn.expect[: conn.offset] if conn.expect is not None else b""

    def _parse(self, conn: Connection, data: bytes, now: int) -> None:
        self.recvs[conn.fd] = unclean
        if conn.parser is None:
            conn.parser = self.exchange.parser()
            conn.raw = bytearray() if conn.need == self.exchange.depth else None
        if conn.raw is not None:
            conn.raw += data
            if len(conn.raw) > MAX_RAW:
                conn.raw = None
        answers = conn.parser.feed(data)
        if conn.parser.replies:
            self._send_reply(conn)
        self._judge(conn, answers, now, ended=False)

    def _send_reply(self, conn: Connection) -> None:
        assert conn.parser is not None
        reply, conn.parser.replies = conn.parser.replies, b""
        conn.raw = None
        if conn.out is not None:
            conn.out = memoryview(bytes(conn.out) + reply)
        else:
            self.send(conn, reply)

    def _judge(self, conn: Connection, answers: list[Answer], now: int, *, ended: bool) -> None:
        exchange = self.exchange
        if len(answers) > conn.need:
            raise Failure("protocol", f"{len(answers)} answers where {conn.need} were asked for")
        good = 0
        for answer in answers:
            try:
                exchange.expected.verify(answer)
                good += 1
            except Failure as failure:
                conn.raw = None
                self.count(failure, 1)
        if conn.need > len(answers) or not answers:
            conn.need -= len(answers)
            if good:
                self.record(conn, good, now)
            if ended:
                raise Failure("closed", "the server closed the connection while a request was in flight")
            if not answers and exchange.websocket and conn.parser is not None and conn.parser.idle:
                # A ping or the like, and nothing else: the connection is clean again.
                conn.parser = conn.raw = None
                if conn.state is State.BUSY and conn.out is None and conn.sock is not None:
                    self.recvs[conn.fd] = self.receiver(conn.sock)
            return
        assert conn.parser is not None
        close = answers[-1].close
        idle = conn.parser.idle or close
        if not idle and not exchange.websocket:
            raise Failure("protocol", "more bytes than the answer has")
        if conn.raw is not None and idle and not ended:
            raw = bytes(conn.raw)
            exchange.memory.remember(raw, close)
            self._verified(raw, close)
        self._complete(conn, good, now, close=close, ended=ended, keep=None if idle else conn.parser)

    def _verified(self, raw: bytes, close: bool) -> None:
        self.exchange.verified = raw
        self.exchange.hot = raw if self.exchange.keep_alive and not close else False
        # A little more than the answer, so that the read of a whole one does not fill the buffer; small objects are
        # cheaper to make than large ones.
        self.size = min(max(len(raw) + 64, 256), MAX_CHUNK)

    def _ended(self, conn: Connection, now: int) -> None:
        """The server has closed its side."""
        if conn.state is State.READY:
            self.reopen(conn, now)
            return
        if conn.parser is None:
            conn.parser = self.exchange.parser()
            conn.parser.feed(self.so_far(conn))
        self._judge(conn, conn.parser.eof(), now, ended=True)

    def _complete(
        self,
        conn: Connection,
        count: int,
        now: int,
        *,
        close: bool,
        ended: bool = False,
        keep: object = None,
    ) -> None:
        if count:
            self.record(conn, count, now)
            conn.fails = 0
            self.failing_since = None
        parser = conn.parser if keep is not None else None
        conn.clean()
        conn.parser = parser
        if not close and not ended and self.exchange.keep_alive:
            self.is_ready(conn, now)
            return
        conn.state = State.CLOSING
        conn.since = now
        self.recvs[conn.fd] = unclean
        if not ended and self.forced_closes - self.server_closes < 3:
            try:
                assert conn.sock is not None
                ended = conn.sock.recv(1) == b""
                self.server_closes += ended
            except BlockingIOError:
                return
            except OSError:
                ended = True
        self.reopen(conn, now)
