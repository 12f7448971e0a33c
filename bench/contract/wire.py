"""A raw connection to a server, with a deadline; HTTP answers on it are parsed by h11."""

from __future__ import annotations

import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType

import h11

from bench.contract.model import Broken, Garbage, Gone, Silent, show

LIMIT_BYTES = 1 << 20
"""No answer of the contract is longer: a server that sends more is stopped listening to."""

Header = tuple[str, str]


@dataclass
class Answer:
    """An HTTP answer. `fault` says why the body is not what the head announced; None when it is.

    `framing` says how the end of the body is told. `at` is when its head came, in seconds of time.time().
    """

    status: int
    reason: str
    version: str
    headers: list[Header]
    at: float
    body: bytes = b""
    fault: str | None = None
    framing: str = field(init=False)

    def __post_init__(self) -> None:
        names = {name for name, _ in self.headers}
        if {"content-length", "transfer-encoding"} <= names:
            self.framing = "Content-Length and Transfer-Encoding"
        elif "content-length" in names:
            self.framing = "Content-Length"
        elif "transfer-encoding" in names:
            self.framing = "chunked"
        else:
            self.framing = "until close"

    def header(self, name: str) -> str | None:
        """The value of a header (all of them joined with commas, when it came more than once), None without it."""
        values = [value for key, value in self.headers if key == name]
        return ", ".join(values) if values else None

    def tokens(self, name: str) -> set[str]:
        """The comma-separated tokens of a header, in lower case."""
        return {token.strip().lower() for token in (self.header(name) or "").split(",")} - {""}

    @property
    def line(self) -> str:
        """The status line, for people."""
        return f"HTTP/{self.version} {self.status} {self.reason}".rstrip()


class Wire:
    """A TCP connection. Whatever is done with it must be done before its deadline, `timeout` seconds from now."""

    def __init__(self, host: str, port: int, timeout: float) -> None:
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self.pending = b""
        self.eof = False
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except TimeoutError:
            raise Silent(f"no connection within {timeout:g} s") from None
        except OSError as error:
            raise Gone(f"no connection: {error.strerror or error}") from None
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Wire:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it. Again does nothing."""
        self._socket.close()

    def ends_within(self, seconds: float) -> bool:
        """Whether the server closes within so many seconds. What it sends instead is kept for the next answer."""
        if self.pending or self.eof:
            return self.eof
        self._socket.settimeout(seconds)
        try:
            self.pending = self._socket.recv(1 << 16)
        except TimeoutError:
            return False
        except OSError:  # a reset is an end, too
            return True
        self.eof = not self.pending
        return self.eof

    def renew(self) -> None:
        """From here on, the whole time-out again: for checks of many steps, each of which may take that long."""
        self._deadline = time.monotonic() + self._timeout

    def hurry(self, seconds: float) -> None:
        """From here on, wait no longer than this: for what either comes soon or never."""
        self._deadline = min(self._deadline, time.monotonic() + seconds)

    def _arm(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise Silent(f"nothing more within {self._timeout:g} s")
        self._socket.settimeout(left)

    def send(self, data: bytes) -> None:
        """Send all of it. Raises Gone when the server has closed, Silent when it does not read."""
        self._arm()
        try:
            self._socket.sendall(data)
        except TimeoutError:
            raise Silent(f"what was sent was not read within {self._timeout:g} s") from None
        except OSError:
            raise Gone("the connection was closed while sending") from None

    def reset(self) -> None:
        """Break the connection off as a crashed client does: RST instead of FIN."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self._socket.close()

    def receive(self) -> bytes:
        """What came, b"" at the end of the connection. Raises Silent, and Gone on a reset."""
        if self.pending:
            data, self.pending = self.pending, b""
            return data
        if self.eof:
            return b""
        self._arm()
        try:
            data = self._socket.recv(1 << 18)
        except TimeoutError:
            raise Silent(f"nothing within {self._timeout:g} s") from None
        except OSError:
            raise Gone("the connection was reset") from None
        self.eof = not data
        return data

    def surplus(self, seconds: float) -> bytes:
        """What is there beyond the last answer, or comes within so many seconds."""
        self.ends_within(seconds)
        return self.pending

    def answer(self, method: str = "GET", headers: Sequence[Header] = ()) -> Answer:
        """The next HTTP answer, to a request with this method and these headers (they matter to its framing).

        Raises Silent, Gone or Garbage when no head comes; what is wrong with the body is in the answer's `fault`.
        """
        parser = h11.Connection(h11.CLIENT, max_incomplete_event_size=LIMIT_BYTES)
        parser.send(h11.Request(method=method, target="/", headers=[("Host", "x"), *headers]))
        parser.send(h11.EndOfMessage())
        answer: Answer | None = None
        seen = b""
        body = bytearray()
        while True:
            try:
                event = parser.next_event()
                if event is h11.NEED_DATA:
                    data = self.receive()
                    if answer is None:
                        seen += data
                        _head_may_end(data, seen)
                    parser.receive_data(data)
                    continue
            except h11.RemoteProtocolError as error:
                if answer is None:
                    raise Garbage(f"not HTTP ({error}): {show(seen)}") from None
                return _finish(answer, body, str(error))
            except Broken as error:
                if answer is None:
                    raise
                return _finish(answer, body, f"{error}, after {len(body)} bytes of the body")
            if isinstance(event, h11.Response | h11.InformationalResponse):
                if event.status_code in range(100, 200) and event.status_code != 101:
                    continue
                answer = _head(event)
                if event.status_code == 101:
                    break
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > LIMIT_BYTES:
                    return _finish(answer, body, f"more than {LIMIT_BYTES} bytes")
            elif isinstance(event, h11.EndOfMessage):
                break
        self.pending = parser.trailing_data[0]
        assert answer is not None
        return _finish(answer, body, None)

    def whole_answer(self, method: str = "GET") -> Answer:
        """The next HTTP answer. Raises Broken also when its body is not what its head announced."""
        answer = self.answer(method)
        if answer.fault is not None:
            raise Garbage(answer.fault)
        return answer


def _head_may_end(data: bytes, seen: bytes) -> None:
    if not data and not seen:
        raise Gone("closed without an answer")
    if not data:
        raise Garbage(f"closed in the middle of the head: {show(seen)}")
    if len(seen) > LIMIT_BYTES:
        raise Garbage(f"a head of more than {LIMIT_BYTES} bytes")


def _head(event: h11.Response | h11.InformationalResponse) -> Answer:
    return Answer(
        status=event.status_code,
        reason=bytes(event.reason).decode("latin-1"),
        version=bytes(event.http_version).decode("latin-1"),
        headers=[(name.decode("latin-1"), value.decode("latin-1").strip()) for name, value in event.headers],
        at=time.time(),
    )


def _finish(answer: Answer | None, body: bytearray, fault: str | None) -> Answer:
    assert answer is not None
    answer.body = bytes(body)
    answer.fault = fault
    return answer


def request(
    path: str, *headers: str, method: str = "GET", version: str = "1.1", body: bytes = b"", host: str = "localhost"
) -> bytes:
    """A request as it goes over the wire; each header is `Name: value`."""
    lines = [f"{method} {path} HTTP/{version}", f"Host: {host}", *headers]
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body
