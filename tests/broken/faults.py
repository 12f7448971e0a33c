"""The faults that the broken server can have: for each, what is done wrong and which check must find it.

A fault is the good `Behaviour` with one thing changed.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

STARTED = time.time()
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def right_accept(key: str) -> str:
    """The accept key that RFC 6455 asks for."""
    return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()


def right_date() -> str | None:
    """Now, as HTTP writes it."""
    return formatdate(usegmt=True)


@dataclass
class Behaviour:
    """How a server answers; as it stands, rightly."""

    # The answer to GET / and GET /json.
    status: int = 200
    hello: bytes = b"Hello, World!"
    hello_type: str | None = "text/plain; charset=utf-8"
    json: bytes = b'{"message": "Hello, World!"}'
    json_type: str | None = "application/json"
    framing: str = "length"  # or chunked, bad-chunk, both, close
    length_off: int = 0  # added to the right Content-Length
    date: Callable[[], str | None] = right_date
    delay_s: float = 0.0
    tenth_close: bool = False  # the tenth GET with Connection: close gets another body
    changes_body: bool = False  # from the third answer on a connection on
    # The connection.
    honours_close: bool = True
    max_requests: int | None = None  # then it is dropped
    reads_on: bool = True  # a head that does not come in one packet is waited for
    pipelines: str = "all"  # or first (and no more), closes (after it), reversed
    http_1_0: str = "right"  # or ignored, chunked, left-open
    big_header: str = "read"  # or hang, drop, crash
    big_body: str = "read"  # or hang
    connections: int | None = None  # so many are served at once, the others are refused
    head_body: bool = False  # HEAD is answered with a body
    unknown_path: int = 404
    wrong_method: int = 405
    # The WebSocket.
    upgrade: bool = True
    accept: Callable[[str], str] = right_accept
    extension: str | None = None  # one that was not asked for
    opcode: Callable[[int], int] = lambda opcode: opcode
    payload: Callable[[bytes], bytes] = lambda payload: payload
    masks: bool = False
    drops_empty: bool = False
    longest: int | None = None  # a longer message ends the connection
    long_form: bool = False  # lengths are always sent in 64 bits
    per_packet: int | None = None  # so many frames of a packet are read, the others are lost
    whole_frames: bool = True  # False: a frame that does not come in one packet is lost
    joins: bool = True  # False: each fragment is echoed as if it were a message
    pong: str = "right"  # or none, other
    answers_pong: bool = False  # an unasked pong ends the connection
    close: str = "right"  # or drop, ignore, left-open, http-after, http-before, other, ping
    max_messages: int | None = None
    wants_mask: bool = True
    wants_utf8: bool = True
    crossed: bool = False  # a message goes to another connection than its own
    exact_upgrade: bool = False  # the Connection header must be just that word
    plain_get: int = 400  # the status for a GET of /ws that is no handshake
    # The process.
    half_request: str = "survive"  # or crash, when the client resets the connection then
    half_frame: str = "survive"
    on_sigterm: str = "exit"  # or ignore, orphan, fail, wait (for its clients)


@dataclass(frozen=True)
class Fault:
    """A deviation: `change` of the good behaviour; `finds` are the checks, as workload/name, that must not pass.

    `verdict` is what these checks must say; `keep_alive` is what the server is declared to do. `also` has the verdicts
    of other checks that cannot help but see it.
    """

    finds: tuple[str, ...]
    change: dict[str, Any]
    verdict: str = "fail"
    keep_alive: bool = True
    also: dict[str, str] = field(default_factory=dict)

    @property
    def workloads(self) -> tuple[str, ...]:
        """What is checked: all, or only the echo when that alone is at fault (there is no Date to wait for, then)."""
        only_echo = self.finds and all(place.startswith("echo/") for place in self.finds)
        return ("echo",) if only_echo else ("hello", "json", "echo")


def both(name: str) -> tuple[str, ...]:
    """A check of both HTTP workloads."""
    return f"hello/{name}", f"json/{name}"


def as_latin_1(payload: bytes) -> bytes:
    """UTF-8 taken for another encoding; what is neither is left as it is."""
    try:
        return payload.decode("utf-8").encode("latin-1", "replace")
    except UnicodeDecodeError:
        return payload


SIZES = ("125", "126", "65,535", "65,536")
FROZEN = formatdate(STARTED, usegmt=True)
HTML = "text/html"

FAULTS = {
    "none": Fault((), {}),
    "chunked": Fault((), {"framing": "chunked"}),
    "closes": Fault((), {"max_requests": 1}, keep_alive=False),
    "slow": Fault((), {"delay_s": 0.1}),  # slow is not wrong
    # The answer.
    "wrong-byte": Fault(("hello/body",), {"hello": b"Hello, world!"}),
    "long-body": Fault(("hello/body",), {"hello": b"Hello, World!\n"}),
    "json-not-json": Fault(("json/body",), {"json": b"{'message': 'Hello, World!'}"}),
    "json-string": Fault(("json/body",), {"json": b'"Hello, World!"'}),
    "json-other-key": Fault(("json/body",), {"json": b'{"massage": "Hello, World!"}'}),
    "json-as-html": Fault(("json/content type",), {"json_type": HTML}),
    "html": Fault(("hello/content type",), {"hello_type": HTML}),
    "no-type": Fault(("hello/content type",), {"hello_type": None}),
    "status-201": Fault(both("status"), {"status": 201}),
    "length-short": Fault(both("framing"), {"length_off": -1}),
    "length-long": Fault(both("framing"), {"length_off": 1}),
    "two-framings": Fault(both("framing"), {"framing": "both"}),
    "bad-chunk": Fault(both("framing"), {"framing": "bad-chunk"}),
    "until-close": Fault(both("framing"), {"framing": "close"}, "note", keep_alive=False),
    "changes-body": Fault((*both("keep-alive"), *both("pipelining")), {"changes_body": True}),
    "no-date": Fault(both("date"), {"date": lambda: None}, "note"),
    "frozen-date": Fault(both("date"), {"date": lambda: FROZEN}),
    "wrong-date": Fault(both("date"), {"date": lambda: formatdate(time.time() - 3600, usegmt=True)}),
    "no-such-date": Fault(both("date"), {"date": lambda: "yesterday"}),
    "tenth-close": Fault(both("new connections"), {"tenth_close": True}),
    # The connection.
    "ignores-close": Fault(both("connection: close"), {"honours_close": False}),
    "closes-undeclared": Fault(both("keep-alive"), {"max_requests": 1}, also=dict.fromkeys(both("pipelining"), "note")),
    "drops-after-20": Fault(both("keep-alive"), {"max_requests": 20}),
    "keeps-undeclared": Fault(both("closes"), {}, "note", keep_alive=False),
    "hangs-on-fragments": Fault(both("fragments"), {"reads_on": False}),
    "pipelining-closes": Fault(both("pipelining"), {"pipelines": "closes"}, "note"),
    "pipelining-lost": Fault(both("pipelining"), {"pipelines": "first"}),
    "pipelining-reversed": Fault(both("pipelining"), {"pipelines": "reversed"}),
    "http-1.0-unanswered": Fault(both("http/1.0"), {"http_1_0": "ignored"}),
    "http-1.0-chunked": Fault(both("http/1.0"), {"http_1_0": "chunked"}, "note"),
    "http-1.0-left-open": Fault(both("http/1.0"), {"http_1_0": "left-open"}, "note"),
    "big-header-hangs": Fault(("server/big header",), {"big_header": "hang"}),
    "big-header-dropped": Fault(("server/big header",), {"big_header": "drop"}, "note"),
    "big-body-hangs": Fault(("server/big body",), {"big_body": "hang"}),
    "head-with-body": Fault(both("head"), {"head_body": True}, "note"),
    "unknown-path-200": Fault(("server/unknown path",), {"unknown_path": 200}, "note"),
    "wrong-method-200": Fault(("server/wrong method",), {"wrong_method": 200}, "note"),
    # The WebSocket.
    "no-upgrade": Fault(("echo/handshake",), {"upgrade": False}),
    "wrong-accept": Fault(("echo/accept key",), {"accept": lambda key: right_accept(key.lower())}),
    "unasked-extension": Fault(("echo/handshake",), {"extension": "permessage-deflate"}),
    "binary-as-text": Fault(
        ("echo/binary", "echo/empty message", *(f"echo/{size} bytes" for size in SIZES)), {"opcode": lambda opcode: 1}
    ),
    "latin-1": Fault(("echo/text", "echo/fragmented message"), {"payload": as_latin_1}),
    "exact-upgrade": Fault(("echo/firefox's handshake",), {"exact_upgrade": True}, "note"),
    "plain-get-200": Fault(("echo/plain get",), {"plain_get": 200}, "note"),
    "drops-empty": Fault(("echo/empty message",), {"drops_empty": True}),
    "no-64-bit-length": Fault(("echo/65,536 bytes",), {"longest": 65535}),
    "four-of-a-packet": Fault(("echo/several at once",), {"per_packet": 4}),
    "frames-in-one-packet": Fault(("echo/frame in pieces",), {"whole_frames": False}),
    "fragments-not-joined": Fault(("echo/fragmented message",), {"joins": False}),
    "no-pong": Fault(("echo/ping", "echo/fragmented message"), {"pong": "none"}),
    "other-pong": Fault(("echo/ping", "echo/fragmented message"), {"pong": "other"}),
    "unasked-pong-closes": Fault(("echo/unasked pong",), {"answers_pong": True}, "note"),
    "no-close-frame": Fault(("echo/close handshake",), {"close": "drop"}),
    "close-ignored": Fault(("echo/close handshake",), {"close": "ignore"}),
    "tcp-left-open": Fault(("echo/close handshake",), {"close": "left-open"}, "note"),
    "http-after-close": Fault(("echo/close handshake",), {"close": "http-after"}, "note"),
    "http-before-close": Fault(("echo/close handshake",), {"close": "http-before"}, "note"),
    "close-1001": Fault(("echo/close handshake",), {"close": "other"}, "note"),
    "ping-for-close": Fault(("echo/close handshake",), {"close": "ping"}),
    "drops-after-20-messages": Fault(("echo/many messages",), {"max_messages": 20}),
    "unmasked-accepted": Fault(("echo/unmasked frame",), {"wants_mask": False}, "note"),
    "utf8-unchecked": Fault(("echo/invalid utf-8",), {"wants_utf8": False}, "note"),
    "crossed": Fault(("echo/ten connections",), {"crossed": True}),
    # The process.
    "ignores-sigterm": Fault(("server/stops",), {"on_sigterm": "ignore"}),
    "waits-for-clients": Fault(("server/stops",), {"on_sigterm": "wait"}),
    "orphan": Fault(("server/no orphans",), {"on_sigterm": "orphan"}),
    "exit-1": Fault(("server/stops",), {"on_sigterm": "fail"}, "note"),
    "crashes-on-big-header": Fault(("server/big header", "server/stays up"), {"big_header": "crash"}),
    "crashes-on-half-request": Fault(("server/vanished client", "server/stays up"), {"half_request": "crash"}),
    "crashes-on-half-frame": Fault(("echo/vanished client", "server/stays up"), {"half_frame": "crash"}),
    "nine-connections": Fault((*both("ten connections"), "echo/ten connections"), {"connections": 9}),
}
