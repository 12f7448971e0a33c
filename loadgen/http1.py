"""HTTP/1.1 from the client's side: the bytes of a request, and the slow path that parses every answer not yet known."""

from __future__ import annotations

from collections.abc import Sequence

import h11

from loadgen.answers import MAX_ANSWER, Answer, show
from loadgen.errors import Failure

MAGIC = b"HTTP/1."
MAX_HEAD = 256 << 10
"""The longest status line and headers that are read, in bytes."""


def build_request(
    authority: str,
    path: str,
    *,
    method: str = "GET",
    headers: Sequence[tuple[str, str]] = (),
    body: bytes = b"",
    close: bool = False,
) -> bytes:
    """The bytes of one request. A header given in `headers` replaces the one that would be sent by default."""
    given = {name.lower() for name, _ in headers}
    lines = [f"{method} {path} HTTP/1.1"]
    if "host" not in given:
        lines.append(f"Host: {authority}")
    if (body or method in ("POST", "PUT", "PATCH")) and "content-length" not in given:
        lines.append(f"Content-Length: {len(body)}")
    if close and "connection" not in given:
        lines.append("Connection: close")
    lines += [f"{name}: {value}" for name, value in headers]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


class ResponseParser:
    """Parses the answers on one connection with h11. Holds at most one head and `limit` bytes of body."""

    def __init__(self, method: str = "GET", limit: int = MAX_ANSWER) -> None:
        self._method = method
        self._limit = limit
        self.replies = b""
        self._start(b"")

    def _start(self, rest: bytes) -> None:
        self._conn = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
        self._conn.send(h11.Request(method=self._method, target="/", headers=[("Host", "x")]))
        self._conn.send(h11.EndOfMessage())
        self._head: h11.Response | None = None
        self._body = bytearray()
        self._fed = 0
        self._begin = b""
        if rest:
            self._receive(rest)

    def _receive(self, data: bytes) -> None:
        # h11 waits for a whole head before it looks at it; what is no HTTP at all (a banner) would wait for ever.
        if self._fed < len(MAGIC):
            self._begin += data[: len(MAGIC)]
            if self._begin[: len(MAGIC)] != MAGIC[: len(self._begin)]:
                raise Failure("protocol", f"not valid HTTP/1.1: the answer begins with {show(self._begin, 30)}")
        self._fed += len(data)
        try:
            self._conn.receive_data(data)
        except RuntimeError as error:  # h11's word for data after the end of the stream
            raise Failure("protocol", f"data after the end of the answer: {error}") from None

    @property
    def idle(self) -> bool:
        """Whether nothing of a further answer has come yet."""
        return self._fed == 0

    def feed(self, data: bytes) -> list[Answer]:
        """The answers completed by `data`. Raises Failure for invalid HTTP and for a body beyond the limit."""
        if not data:
            return []
        self._receive(data)
        return self._events()

    def eof(self) -> list[Answer]:
        """The answer that the end of the connection completes. Raises Failure where it cuts one short."""
        if self._fed == 0:
            raise Failure("closed", "the server closed the connection instead of answering")
        self._conn.receive_data(b"")
        return self._events(ended=True)

    def _events(self, *, ended: bool = False) -> list[Answer]:
        answers: list[Answer] = []
        while True:
            try:
                event = self._conn.next_event()
            except h11.RemoteProtocolError as error:
                if ended:
                    raise Failure("closed", f"the server closed the connection within an answer: {error}") from None
                raise Failure("protocol", f"not valid HTTP/1.1: {error}") from None
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return answers
            if isinstance(event, h11.InformationalResponse):
                if event.status_code == 101:
                    raise Failure("status", "got 101 Switching Protocols without having asked for it")
            elif isinstance(event, h11.Response):
                self._head = event
            elif isinstance(event, h11.Data):
                self._body += event.data
                if len(self._body) > self._limit:
                    raise Failure("body", f"longer than the expected {self._limit:,} bytes")
            elif isinstance(event, h11.EndOfMessage):
                answers.append(self._answer())
                rest, closed = self._conn.trailing_data
                if self._conn.their_state is h11.DONE and not closed:
                    self._start(rest)
                    if rest:
                        continue
                elif rest:
                    raise Failure("protocol", f"{len(rest)} bytes after the last answer of the connection")
                return answers

    def _answer(self) -> Answer:
        head = self._head
        assert head is not None
        kind = next((value for name, value in head.headers if name == b"content-type"), b"")
        close = self._conn.their_state is not h11.DONE
        return Answer(head.status_code, kind.decode("latin-1"), bytes(self._body), close)
