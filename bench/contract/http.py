"""The checks of HTTP: one small function each, entered into the table by its decorator.

`BOTH` is checked for each HTTP workload on its own path, `ONCE` for the server as a whole.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from email.utils import parsedate_to_datetime
from itertools import pairwise

from bench.contract.first import same, same_again
from bench.contract.model import Broken, Cases, Garbage, Gone, Outcome, Probe, Silent, Stage, noted, passed, show
from bench.contract.wire import Answer, request

BOTH = Cases()
ONCE = Cases()

KEPT = 200
KEPT_S = 0.5
"""So many requests (or messages) on one connection, at least 5, and no more once this time is over."""
PIPELINED = 6
PAUSE_S = 0.01
"""Between the pieces of a fragmented request, so that the server sees each of them alone."""
CLOSE_S = 1.0
"""Closing is no work: a server has done it by then, or does not do it. (Idle connections are closed later.)"""
CLOCK_S = 3.0
"""A Date may be so much off: it has whole seconds, and many servers renew theirs once a second."""
FROZEN_S = 2.5
"""A Date that is still the same after this time does not move."""
BIG = 64 * 1024


def first_of(probe: Probe) -> Answer:
    """The first answer: without it these checks are not made."""
    assert probe.first is not None
    return probe.first


def repeated() -> Iterator[int]:
    """Numbers from 0: as many as time allows for, so that a slow server is neither failed nor waited for."""
    began = time.monotonic()
    for number in range(KEPT):
        if number >= 5 and time.monotonic() - began > KEPT_S:
            return
        yield number


def after_answer(probe: Probe, data: bytes) -> tuple[Answer, bool | None]:
    """Send a request, take its answer, wait for the end of the connection.

    Returns the answer and whether the server closed after it: True, False (it answers a further request on it), None
    (it does neither in time). The further request goes out only late: a server that is about to close may want to read
    whatever comes up to the client's own close (werkzeug does).
    """
    with probe.connect() as wire:
        wire.send(data)
        answer = same_again(wire, first_of(probe))
        try:
            if wire.ends_within(CLOSE_S):
                return answer, True
            wire.hurry(CLOSE_S)
            wire.send(data)
            wire.answer()
        except (Gone, Garbage):
            return answer, True
        except Silent:
            return answer, None
        return answer, False


@BOTH.case("keep-alive", "many requests answered on one connection", only_if_keep_alive=True)
def keep_alive(probe: Probe) -> Outcome:
    """A declared keep-alive is one; a connection is not dropped after some number of requests."""
    with probe.connect() as wire:
        done = 0
        for done in repeated():
            try:
                wire.renew()
                wire.send(request(probe.spec.path))
                same_again(wire, first_of(probe), f"answer {done + 1}")
            except Gone as error:
                raise Gone(f"after {done} answers on one connection: {error}") from None
    return passed(f"{done + 1} answers on one connection")


@BOTH.case("connection: close", "answered, then the server closes the connection")
def connection_close(probe: Probe) -> Outcome:
    """A client that says it is the last request must see the connection end."""
    _, closed = after_answer(probe, request(probe.spec.path, "Connection: close"))
    if closed is None:
        raise Silent(f"answered, but did not close within {CLOSE_S:g} s")
    if not closed:
        raise Garbage("the connection stays open, and a further request on it is answered")
    return passed("answered, then closed")


@BOTH.case("closes", "the connection is closed after each answer, as declared", only_if_keep_alive=False)
def closes(probe: Probe) -> Outcome:
    """Only for stacks that declare keep_alive = false: what is declared should be so."""
    _, closed = after_answer(probe, request(probe.spec.path))
    if closed:
        return passed("answered, then closed")
    return noted("keep_alive = false is declared, but it keeps connections")


@BOTH.case("new connections", "each of 10 connections in a row is answered")
def new_connections(probe: Probe) -> Outcome:
    """A connection per request works more than once."""
    for number in range(10):
        with probe.connect() as wire:
            wire.send(request(probe.spec.path, "Connection: close"))
            same_again(wire, first_of(probe), f"the answer on connection {number + 1}")
    return passed("10 answers on 10 connections")


@BOTH.case("ten connections", "ten connections at once, each answered", Stage.CROWD)
def ten_connections(probe: Probe) -> Outcome:
    """All are open and have sent their request before the first answer is read.

    They stay open until the last is answered, unless the server closes them: then a client that does not close its
    side as well may keep a synchronous worker waiting (gunicorn lingers for 2 s).
    """
    wires = []
    try:
        wires = [probe.connect() for _ in range(10)]
        for wire in wires:
            wire.send(request(probe.spec.path))
        for number, wire in enumerate(wires):
            try:
                same_again(wire, first_of(probe))
                if not probe.keep_alive:
                    wire.close()
            except Broken as error:
                raise type(error)(f"connection {number + 1} of 10: {error}") from None
    finally:
        for wire in wires:
            wire.close()
    return passed("10 answers")


@BOTH.case("http/1.0", "an HTTP/1.0 request is answered, without chunks, then the connection is closed")
def http_1_0(probe: Probe) -> Outcome:
    """An old client gets its answer in a form that it can read."""
    answer, closed = after_answer(probe, request(probe.spec.path, version="1.0"))
    if "transfer-encoding" in dict(answer.headers):
        return noted("answered in chunks, which HTTP/1.0 does not know")
    if not closed:
        return noted("answered, but the connection is left open")
    return passed(f"answered as HTTP/{answer.version}, then closed")


@BOTH.case("pipelining", f"{PIPELINED} requests sent at once: {PIPELINED} answers in order", only_if_keep_alive=True)
def pipelining(probe: Probe) -> Outcome:
    """Requests to all HTTP workloads alternate, so that a wrong order shows.

    A server may answer the first of them and close, and clients must be ready for it (RFC 9112, 9.3.2): gunicorn 23's
    threads do. Lost or exchanged answers on an open connection are another matter.
    """
    turns = [probe.others[number % len(probe.others)] for number in range(PIPELINED)]
    with probe.connect() as wire:
        wire.send(b"".join(request(spec.path) for spec, _ in turns))
        for number, (spec, first) in enumerate(turns):
            try:
                answer = wire.answer()
            except Gone:
                if number == 0:
                    raise
                return noted(f"{number} of {PIPELINED} answers, then the server closes")
            except Broken as error:
                raise type(error)(f"{number} of {PIPELINED} answers, then: {error}") from None
            difference = same(answer, first)
            if difference is not None:
                raise Garbage(f"answer {number + 1} is not the one to GET {spec.path}: {difference}")
    return passed(f"{PIPELINED} answers in order")


@BOTH.case("fragments", "a request that arrives in pieces is answered")
def fragments(probe: Probe) -> Outcome:
    """Cut within the method, the version, a header's name, and each line end."""
    whole = request(probe.spec.path, "X-Fragment: yes")
    end = len(whole)
    line = whole.index(b"\r\n")
    cuts = [0, 1, 5, line - 2, line + 1, whole.index(b"X-F") + 2, end - 3, end - 2, end - 1, end]
    with probe.connect() as wire:
        for start, stop in pairwise(cuts):
            wire.send(whole[start:stop])
            time.sleep(PAUSE_S)
        same_again(wire, first_of(probe))
    return passed(f"answered after {len(cuts) - 1} pieces")


@BOTH.case("date", "if there is a Date header, it is now, and it moves", Stage.LATE)
def date(probe: Probe) -> Outcome:
    """The second answer is taken when the second in the first one is over: nothing but waiting would tell earlier."""
    first = first_of(probe)
    before = first.header("date")
    if before is None:
        return noted("no Date header")
    late = off(first)
    if late is not None:
        raise Garbage(late)
    over = seconds_of(before) + 1.02
    while True:
        time.sleep(max(0.05, min(over - time.time(), FROZEN_S)))
        with probe.connect() as wire:
            wire.send(request(probe.spec.path))
            answer = wire.whole_answer()
        after = answer.header("date")
        if after != before:
            late = off(answer)
            if late is not None:
                raise Garbage(late)
            return passed(f"{before}, later {after}")
        if not 0 <= answer.at - first.at <= FROZEN_S:
            raise Garbage(f"frozen: {before}, and the same {answer.at - first.at:.1f} s later")


def off(answer: Answer) -> str | None:
    """What is wrong with an answer's Date, None when it is the time at which the answer came."""
    value = answer.header("date") or ""
    try:
        ahead = seconds_of(value) - answer.at
    except (ValueError, TypeError, OverflowError):
        return f"not a date: {show(value.encode())}"
    return f"{value!r} is {abs(ahead):.0f} s {'ahead' if ahead > 0 else 'behind'}" if abs(ahead) > CLOCK_S else None


def seconds_of(date: str) -> float:
    """The value of a Date header in seconds since 1970. Raises ValueError, TypeError or OverflowError for others."""
    return parsedate_to_datetime(date).timestamp()


@BOTH.case("head", "HEAD is answered without a body, or refused")
def head(probe: Probe) -> Outcome:
    """Servers differ in it; one that sends a body is told of, since the next answer would be misread."""
    with probe.connect() as wire:
        wire.send(request(probe.spec.path, "Connection: close", method="HEAD"))
        try:
            answer = wire.answer("HEAD")
        except Gone as error:
            return noted(str(error))
        surplus = wire.surplus(0.05)
        if surplus:
            return noted(f"{answer.line}, with a body: {show(surplus)}")
        return passed(answer.line) if answer.status in {200, 405, 501} else noted(answer.line)


@ONCE.case("unknown path", "404 for a path that is not there")
def unknown_path(probe: Probe) -> Outcome:
    """Recorded, not enforced: only no answer at all is a fault."""
    with probe.connect() as wire:
        wire.send(request("/no-such-path", "Connection: close"))
        try:
            line, status = (answer := wire.answer()).line, answer.status
        except Gone as error:
            return noted(str(error))
    return passed(line) if status == 404 else noted(line)


@ONCE.case("wrong method", "405, 404 or 501 for a DELETE of the workload's path")
def wrong_method(probe: Probe) -> Outcome:
    """Recorded, not enforced: only no answer at all is a fault."""
    with probe.connect() as wire:
        wire.send(request(probe.spec.path, "Connection: close", method="DELETE"))
        try:
            line, status = (answer := wire.answer()).line, answer.status
        except Gone as error:
            return noted(str(error))
    return passed(line) if status in {405, 404, 501} else noted(line)


@ONCE.case("big header", "a header of 64 KiB is read or refused", Stage.HOSTILE)
def big_header(probe: Probe) -> Outcome:
    """Any answer will do, an orderly refusal as well."""
    return big(probe, request(probe.spec.path, "Connection: close", "X-Big: " + "x" * BIG))


@ONCE.case("big body", "a body of 64 KiB is read or refused", Stage.HOSTILE)
def big_body(probe: Probe) -> Outcome:
    """Any answer will do, an orderly refusal as well."""
    return big(probe, request(probe.spec.path, "Connection: close", method="POST", body=b"x" * BIG))


def big(probe: Probe, data: bytes) -> Outcome:
    """Send much, and see that the server deals with it. A server that has refused need not read on."""
    with probe.connect() as wire:
        try:
            with suppress(Gone):  # it may have refused and closed before all was sent
                wire.send(data)
            answer = wire.answer()
        except Gone:
            return noted("closed without an answer that could be read")
    if answer.fault is not None and answer.framing != "until close":
        return noted(f"{answer.line}, but {answer.fault}")
    return passed(answer.line) if answer.status < 500 else noted(answer.line)


@ONCE.case("vanished client", "a client that is gone before its answer harms nobody", Stage.HOSTILE)
def vanished(probe: Probe) -> Outcome:
    """Half a request and a reset, and a whole one and a reset; then the server must still answer."""
    for data in (request(probe.spec.path)[:20], request(probe.spec.path)):
        with probe.connect() as wire:
            wire.send(data)
            wire.reset()
    with probe.connect() as wire:
        wire.send(request(probe.spec.path, "Connection: close"))
        same_again(wire, first_of(probe))
    return passed("the next client is answered")
