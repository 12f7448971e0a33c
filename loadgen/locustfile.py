"""Users for Locust: they ask, think, and ask again; every answer is verified.

    python -m locust -f loadgen/locustfile.py --host http://127.0.0.1:8000 MixedUser

from the checkout's root, so that `loadgen` can be imported; or `nox -s locust`, which starts the server as well. What
Locust is good at, and what its figures cannot be used for, is in docs/locust.md. Locust hands the whole process to
gevent: nothing else of the suite may import this module.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from typing import Any
from urllib.parse import urlsplit

import gevent  # type: ignore[import-untyped]  # it ships no types that mypy may read
from geventhttpclient._parser import HTTPParseError
from geventhttpclient.response import HTTPConnectionClosed
from locust import FastHttpUser, User, events, task
from locust.env import Environment
from locust.exception import CatchResponseError, StopTest

from loadgen.answers import show
from loadgen.errors import Failure, UsageError, from_oserror
from loadgen.locust_echo import EchoSocket
from loadgen.locust_record import Events, Record
from loadgen.target import parse

TIMEOUT_S = 5.0
BACK_OFF_S = 0.1
"""Where no connection can be opened a user waits so long: 200 of them would only spin."""

STEPS = ("hello", "json", "echo")
PAGES = {"hello": "/", "json": "/json"}
MESSAGES = 3
"""Messages that a user of the mixed journey sends on each WebSocket."""


def parse_think(text: str) -> tuple[float, float]:
    """Seconds from MIN to MAX, "0.5-1.5", or one number; argparse makes a message of the ValueError."""
    low, _, high = text.partition("-")
    found = float(low), float(high or low)
    if not 0 <= found[0] <= found[1] < 1e6:
        raise ValueError(text)
    return found


def parse_steps(text: str) -> tuple[str, ...]:
    """Steps of the mixed journey, in the order in which they are done."""
    names = tuple(name for name in text.split(",") if name)
    if not names or any(name not in STEPS for name in names):
        raise ValueError(text)
    return names


@events.init_command_line_parser.add_listener
def _options(parser: Any) -> None:
    parser.add_argument(
        "--think", type=parse_think, default=(0.0, 0.0), metavar="MIN-MAX", include_in_web_ui=False,
        help="seconds that a user waits between two requests, drawn evenly from MIN to MAX",
    )  # fmt: skip
    parser.add_argument(
        "--steps", type=parse_steps, default=STEPS, metavar="A,B", include_in_web_ui=False,
        help="what a user of the mixed journey does: hello, json, echo",
    )  # fmt: skip
    parser.add_argument(
        "--hold", type=float, default=0.0, metavar="SECONDS", include_in_web_ui=False,
        help="end so long after all users are there; what is counted begins with the last of them",
    )  # fmt: skip
    parser.add_argument(
        "--allow-remote", action="store_true", include_in_web_ui=False, help="visit a host that is not this machine"
    )
    parser.add_argument("--events", type=int, include_in_web_ui=False, help=argparse.SUPPRESS)


class _Book:
    """The record of the process, made when Locust has begun."""

    record: Record | None = None


@events.init.add_listener
def _begin(environment: Environment, **_: object) -> None:
    options = environment.parsed_options
    assert options is not None
    if environment.host and (problem := _complaint(environment)):  # without one it is asked for on Locust's page
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(2)
    settings = {"think": "-".join(f"{second:g}" for second in options.think), "steps": ",".join(options.steps)}
    environment.events.test_start.add_listener(_stay_here)
    _Book.record = Record(environment, Events(options.events), options.hold, lambda: dict(settings))


def _stay_here(environment: Environment, **_: object) -> None:
    """Refuse another machine that was typed into Locust's page."""
    if problem := _complaint(environment):
        raise StopTest(problem)


def _complaint(environment: Environment) -> str:
    """What is wrong with the host; nothing where it is this machine, or --allow-remote was given."""
    options = environment.parsed_options
    assert options is not None
    try:
        parse(environment.host or "", allow_remote=options.allow_remote)
    except UsageError as error:
        return str(error)
    return ""


def failure_of(error: BaseException) -> Failure:
    """What an exception of Locust's HTTP client says about the server."""
    if isinstance(error, Failure):
        return error
    if isinstance(error, TimeoutError | gevent.Timeout):
        return Failure("timeout", f"no complete answer within {TIMEOUT_S:g} s")
    if isinstance(error, HTTPConnectionClosed):
        return Failure("closed", "the server closed the connection while a request was in flight")
    if isinstance(error, HTTPParseError):
        return Failure("protocol", f"the answer is not valid HTTP: {error}")
    if isinstance(error, ConnectionRefusedError):
        return Failure("connect", "cannot connect: connection refused")
    if isinstance(error, OSError):
        return from_oserror(error)
    return Failure("protocol", f"{type(error).__name__}: {error}")


def noted(failure: Failure) -> CatchResponseError:
    """Count a failure, and give Locust what it prints for it."""
    assert _Book.record is not None
    if failure.kind == "connect":
        gevent.sleep(BACK_OFF_S)
    return CatchResponseError(_Book.record.failed(failure.kind, failure.message))


def verify(name: str, status: int, content_type: str, body: bytes) -> None:
    """Raise Failure where an answer is not what the contract of the servers says."""
    if status != 200:
        raise Failure("status", f"expected 200, got {status} with body {show(body)}")
    wanted = {"hello": "text/plain", "json": "application/json"}[name]
    if content_type.partition(";")[0].strip().lower() != wanted:
        raise Failure("content-type", f"expected {wanted!r}, got {content_type!r}")
    if name == "hello":
        right = body == b"Hello, World!"
    else:
        try:
            right = json.loads(body) == {"message": "Hello, World!"}
        except ValueError:
            right = False
    if not right:
        raise Failure("body", f"not the {name} that was expected: {show(body)}")


class Person(FastHttpUser):
    """What a user can do; the classes below say what it does."""

    abstract = True
    connection_timeout = TIMEOUT_S
    network_timeout = TIMEOUT_S
    max_redirects = 0
    concurrency = 1

    def wait_time(self) -> float:
        """Seconds to think."""
        options = self.environment.parsed_options
        assert options is not None
        low, high = options.think
        return float(random.uniform(low, high)) if high else 0.0

    def ask(self, name: str) -> None:
        """Ask for a page, and look at the answer."""
        with self.client.get(PAGES[name], name=name, catch_response=True) as response:
            try:
                if not response.status_code:  # nothing came that could be called an answer
                    raise failure_of(response.request_meta["exception"])
                kind = str((response.headers or {}).get("content-type", ""))
                verify(name, response.status_code, kind, response.content or b"")
            except Failure as failure:
                response.failure(noted(failure))


class HelloUser(Person):
    """Asks for the hello page."""

    @task
    def visit(self) -> None:
        """One request."""
        self.ask("hello")


class JsonUser(Person):
    """Asks for JSON."""

    @task
    def visit(self) -> None:
        """One request."""
        self.ask("json")


class Talk:
    """A user's WebSocket, with each of its round trips reported to Locust."""

    def __init__(self, user: User) -> None:
        parts = urlsplit(user.host or "")
        self._address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self._authority = parts.netloc
        self._user = user
        self._sent = 0
        self._socket: EchoSocket | None = None

    @property
    def is_open(self) -> bool:
        """Whether the next message can be sent."""
        return self._socket is not None

    def open(self) -> None:
        """Connect and shake hands."""

        def work() -> None:
            self._socket = EchoSocket(*self._address, TIMEOUT_S)
            self._socket.open(self._authority, "/ws")

        self._timed("ws open", work)

    def echo(self) -> None:
        """Send a message that no other is like, and wait for it."""
        socket = self._socket
        assert socket is not None
        self._sent += 1
        payload = f"message {self._sent} of user {id(self._user):x}".encode()
        self._timed("echo", lambda: socket.echo(payload), len(payload))

    def close(self) -> None:
        """Say good-bye."""
        socket, self._socket = self._socket, None
        if socket is not None:
            self._timed("ws close", socket.close)

    def drop(self) -> None:
        """Close without a word."""
        if self._socket is not None:
            self._socket.drop()
            self._socket = None

    def _timed(self, name: str, work: Any, size: int = 0) -> None:
        error: CatchResponseError | None = None
        epoch, began = time.time(), time.perf_counter()
        try:
            work()
            took = time.perf_counter() - began
        except Failure as failure:
            took = time.perf_counter() - began
            self.drop()
            error = noted(failure)
        self._user.environment.events.request.fire(
            request_type="WS",
            name=name,
            response_time=took * 1000,
            response_length=size,
            exception=error,
            start_time=epoch,
            context={},
        )


class EchoUser(Person):
    """Keeps one WebSocket open and sends message after message; a connection that fails is opened anew."""

    def on_start(self) -> None:
        """A user's first act."""
        self.talk = Talk(self)

    def on_stop(self) -> None:
        """A user's last."""
        self.talk.drop()

    @task
    def visit(self) -> None:
        """One message."""
        if not self.talk.is_open:
            self.talk.open()
        if self.talk.is_open:
            self.talk.echo()


class MixedUser(Person):
    """Reads the page, fetches JSON, talks a little over a WebSocket; thinks after each, and comes back."""

    @task
    def visit(self) -> None:
        """The whole journey."""
        options = self.environment.parsed_options
        assert options is not None
        for number, step in enumerate(options.steps):
            if number:
                gevent.sleep(self.wait_time())
            if step == "echo":
                self.chat()
            else:
                self.ask(step)

    def chat(self) -> None:
        """A WebSocket with some messages."""
        talk = Talk(self)
        try:
            talk.open()
            for number in range(MESSAGES):
                if not talk.is_open:
                    return
                if number:
                    gevent.sleep(self.wait_time())
                talk.echo()
            talk.close()
        finally:
            talk.drop()  # a user that is stopped in the middle leaves nothing open
