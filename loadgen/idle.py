"""Idle connections: open many, hold them, and see at the end that each still answers.

A connection costs four bytes here beside what the kernel keeps: its file descriptor in an array. Everything else lives
only while a connection is being opened or asked.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import socket
import time
from array import array
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from loadgen import exchange
from loadgen.answers import Parser
from loadgen.course import Emit
from loadgen.errors import CannotRunError, Failure, from_oserror
from loadgen.phases import Conductor
from loadgen.result import Json
from loadgen.spec import Spec
from loadgen.target import Target
from loadgen.websocket import Handshake, closing_frame

AT_ONCE = 256
"""Connections being opened, or asked, at the same time."""
PER_ADDRESS = 25_000
"""Connections from one local address: the default range of ports has 28,232."""
CHUNK = 65536
_IN_OUT = select.EPOLLIN | select.EPOLLOUT

clock = time.monotonic


@dataclass
class Busy:
    """A connection that is being opened (`handshake`, or nothing) or asked (`parser`)."""

    since: float
    handshake: Handshake | None = None
    parser: Parser | None = None
    out: bytes = b""


@dataclass
class Crowd:
    """The idle connections. `fds` holds the open ones."""

    spec: Spec
    target: Target
    errors: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    fds: array[int] = field(default_factory=lambda: array("i"))
    busy: dict[int, Busy] = field(default_factory=dict)
    answered: int = 0

    def __post_init__(self) -> None:
        self.exchange = exchange.build(self.spec, self.target)
        self.epoll = select.epoll()

    # Opening

    def open_all(self, count: int) -> None:
        """Open `count` connections, some at a time. What cannot be opened is an error that is counted."""
        begun = 0
        while (begun < count and not self._hopeless()) or self.busy:
            while begun < count and len(self.busy) < AT_ONCE and not self._hopeless():
                self._begin(self.spec.first + begun)
                begun += 1
            self._turn(self._opening)

    def _hopeless(self) -> bool:
        return self.errors.total() >= AT_ONCE

    def _begin(self, number: int) -> None:
        sock = socket.socket(self.target.family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        if number >= PER_ADDRESS and self.target.address[0].startswith("127."):
            # The whole of 127/8 is this machine: another address, another range of ports.
            sock.setsockopt(socket.IPPROTO_IP, 24, 1)  # IP_BIND_ADDRESS_NO_PORT: the port is chosen by connect()
            sock.bind((f"127.0.{number // PER_ADDRESS // 250}.{number // PER_ADDRESS % 250 + 2}", 0))
        code = sock.connect_ex(self.target.address)
        fd = sock.detach()
        if code not in (0, errno.EINPROGRESS):
            self._fail(fd, Failure("connect", os.strerror(code)))
            return
        self.busy[fd] = Busy(clock())
        self.epoll.register(fd, _IN_OUT)

    def _opening(self, fd: int, one: Busy) -> None:
        if one.handshake is None:
            with socket.socket(fileno=os.dup(fd)) as copy:
                code = copy.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            if code:
                raise Failure("connect", os.strerror(code))
            make = self.exchange.handshake
            if make is None:
                self._opened(fd)
                return
            one.handshake = make()
            self.epoll.modify(fd, select.EPOLLIN)
            os.write(fd, one.handshake.request)
            return
        rest = one.handshake.feed(os.read(fd, CHUNK))
        if rest is not None:
            self._opened(fd)
            if rest:
                self._unasked(fd, rest)

    def _opened(self, fd: int) -> None:
        del self.busy[fd]
        self.fds.append(fd)
        self.epoll.modify(fd, select.EPOLLIN)

    # Holding

    def hold(self, seconds: float) -> None:
        """Leave the connections alone; pings are answered, and what the server closes is an error."""
        until = clock() + seconds
        while (left := until - clock()) > 0:
            for fd, _ in self.epoll.poll(left, 1024):
                try:
                    self._unasked(fd)
                except (Failure, OSError) as error:
                    self._drop(fd, error if isinstance(error, Failure) else from_oserror(error))

    def _unasked(self, fd: int, data: bytes | None = None) -> None:
        if data is None:
            data = os.read(fd, CHUNK)
        if not data:
            raise Failure("closed", "the server closed an idle connection")
        if not self.exchange.websocket:
            raise Failure("protocol", "the server sent something on an idle connection")
        one = self.busy.setdefault(fd, Busy(clock(), parser=self.exchange.parser()))
        assert one.parser is not None
        if one.parser.feed(data):
            raise Failure("protocol", "the server sent a message on an idle connection")
        if one.parser.replies:
            os.write(fd, one.parser.replies)
            one.parser.replies = b""
        if one.parser.idle:
            del self.busy[fd]

    # Asking

    def ask_all(self) -> None:
        """Send a request on each connection, some at a time, and verify the answer."""
        waiting = self.fds[:]
        while waiting or self.busy:
            while waiting and len(self.busy) < AT_ONCE:
                fd = waiting.pop()
                if fd not in self.busy:
                    self.busy[fd] = Busy(clock(), parser=self.exchange.parser(), out=self.exchange.request)
                    self.epoll.modify(fd, _IN_OUT)
            self._turn(self._asking)

    def _asking(self, fd: int, one: Busy) -> None:
        if one.out:
            one.out = one.out[os.write(fd, one.out) :]
            if not one.out:
                self.epoll.modify(fd, select.EPOLLIN)
            return
        data = os.read(fd, CHUNK)
        assert one.parser is not None
        answers = one.parser.feed(data) if data else one.parser.eof()
        if one.parser.replies:
            os.write(fd, one.parser.replies)
            one.parser.replies = b""
        for answer in answers:
            self.exchange.expected.verify(answer)
            self.answered += 1
            del self.busy[fd]

    # Common

    def _turn(self, step: object) -> None:
        assert callable(step)
        for fd, _ in self.epoll.poll(0.05, 1024):
            one = self.busy.get(fd)
            try:
                if one is None:
                    self._unasked(fd)
                else:
                    step(fd, one)
            except BlockingIOError:
                continue
            except (Failure, OSError) as error:
                self._drop(fd, error if isinstance(error, Failure) else from_oserror(error))
        late = clock() - self.spec.timeout_s
        for fd in [fd for fd, one in self.busy.items() if one.since < late]:
            self._drop(fd, Failure("timeout", f"no answer within {self.spec.timeout_s:g} s"))

    def _fail(self, fd: int, failure: Failure) -> None:
        self.errors[failure.kind] += 1
        self.examples.setdefault(failure.kind, failure.message)
        os.close(fd)

    def _drop(self, fd: int, failure: Failure) -> None:
        self.busy.pop(fd, None)
        with contextlib.suppress(ValueError):
            self.fds.remove(fd)
        self._fail(fd, failure)

    def close(self) -> None:
        """Close everything; WebSockets are told."""
        farewell = closing_frame() if self.exchange.websocket else b""
        for fd in [*self.fds, *(fd for fd in self.busy if fd not in self.fds)]:
            with contextlib.suppress(OSError):
                if farewell:
                    os.write(fd, farewell)
                os.close(fd)
        self.epoll.close()


def run(spec: Spec, target: Target, emit: Emit, conductor: Conductor | None = None) -> Json:
    """Open `spec.idle` connections, hold them for `spec.duration_s`, ask each. The result as a JSON object.

    Where others open connections too, the conductor says when all of them have theirs. Raises CannotRunError where none
    could be opened.
    """
    crowd = Crowd(spec, target)
    try:
        before = resident_bytes()
        begin = clock()
        crowd.open_all(spec.idle)
        opened_s, opened = clock() - begin, len(crowd.fds)
        if not opened:
            raise CannotRunError(f"{spec.url}: no connection could be opened: {next(iter(crowd.examples.values()))}")
        per_connection = max(0, resident_bytes() - before) / opened
        emit({"event": "connected", "t": time.monotonic()})
        if conductor is not None:
            conductor.begin()
        crowd.hold(spec.duration_s)
        emit({"event": "measured", "t": time.monotonic()})
        lost = opened - len(crowd.fds)
        crowd.ask_all()
        return {
            "mode": "idle",
            "connections": spec.idle,
            "opened": opened,
            "opened_s": opened_s,
            "held_s": spec.duration_s,
            "lost": lost,
            "requests": crowd.answered,
            "errors": dict(crowd.errors),
            "examples": crowd.examples,
            "client": {"bytes_per_connection": per_connection},
            "engine": "native",
            "settings": spec.settings(),
        }
    finally:
        crowd.close()


def merge(spec: Spec, parts: Sequence[dict[str, Any]]) -> Json:
    """The result of several processes that shared `spec.idle` connections: sums, and the time of the last."""

    def total(key: str) -> int:
        return sum(int(part[key]) for part in parts)

    errors: Counter[str] = Counter()
    for part in parts:
        errors.update(part["errors"])
    held = sum(part["client"]["bytes_per_connection"] * part["opened"] for part in parts)
    return {
        **parts[0],
        "connections": spec.idle,
        "opened": total("opened"),
        "opened_s": max(part["opened_s"] for part in parts),
        "lost": total("lost"),
        "requests": total("requests"),
        "errors": dict(errors),
        "examples": {kind: text for part in reversed(parts) for kind, text in part["examples"].items()},
        "client": {"bytes_per_connection": held / total("opened")},
        "settings": spec.settings(),
    }


def resident_bytes() -> int:
    """Memory of this process, in bytes."""
    with open("/proc/self/statm") as statm:  # noqa: PTH123 - a pseudo file, read in one call
        return int(statm.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
