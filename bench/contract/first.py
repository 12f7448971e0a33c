"""What the first answer to a workload's request must be like. Each judge is a pure function of that answer."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from bench.contract.model import Broken, Garbage, Outcome, Probe, Spec, failed, noted, passed, show, skipped
from bench.contract.wire import Answer, Wire, request

SURPLUS_S = 0.02
"""Bytes beyond the announced end are nearly always in the same packet; this long they are waited for."""


@dataclass(frozen=True)
class First:
    """The first answer and what came after its end; `connection_closed` whether the server closed then."""

    answer: Answer
    surplus: bytes
    keep_alive: bool


Judge = Callable[[First, Spec], Outcome]


@dataclass(frozen=True)
class Judgement:
    """One thing that must be right with the first answer; `expected` may name fields of the Spec in braces."""

    name: str
    expected: str
    judge: Judge


JUDGEMENTS: list[Judgement] = []


def judges(name: str, expected: str) -> Callable[[Judge], Judge]:
    """Register the decorated function as a judge of the first answer."""

    def register(judge: Judge) -> Judge:
        JUDGEMENTS.append(Judgement(name, expected, judge))
        return judge

    return register


@judges("status", "HTTP/1.1 200 to GET {path}")
def status(first: First, spec: Spec) -> Outcome:
    """200, and in the protocol version of the request."""
    answer = first.answer
    if answer.status != 200:
        return failed(answer.line)
    if answer.version != "1.1" and first.keep_alive:
        return noted(answer.line)
    return passed(answer.line)


@judges("content type", "{media_type}")
def content_type(first: First, spec: Spec) -> Outcome:
    """The media type, with whatever parameters."""
    value = first.answer.header("content-type")
    if value is None:
        return failed("no Content-Type header")
    right = value.partition(";")[0].strip().lower() == spec.media_type
    return passed(value) if right else failed(value)


@judges("framing", "Content-Length or chunked, and the body ends where it says")
def framing(first: First, spec: Spec) -> Outcome:
    """Exactly one way of telling the end, and the right end."""
    answer = first.answer
    if answer.fault is not None:
        return failed(f"{answer.framing}: {answer.fault}")
    if first.surplus:
        return failed(f"{answer.framing}: {len(first.surplus)} bytes beyond the announced end: {show(first.surplus)}")
    if answer.framing == "Content-Length and Transfer-Encoding":
        return failed(f"both {answer.framing}")
    if answer.framing == "until close":
        text = "only the end of the connection tells the end of the body"
        return failed(text) if first.keep_alive else noted(text)
    return passed(answer.framing)


@judges("body", "{body}")
def body(first: First, spec: Spec) -> Outcome:
    """Exact bytes for hello; for JSON any serialisation of exactly that object."""
    if first.answer.fault is not None or first.surplus:
        return skipped("not checked: where it ends is not known (see framing)")
    wrong = wrong_body(first.answer.body, spec)
    return passed(show(first.answer.body)) if wrong is None else failed(wrong)


def wrong_body(data: bytes, spec: Spec) -> str | None:
    """What is wrong with a body, None when it is right."""
    if spec.media_type != "application/json":
        return None if data == spec.body.encode() else show(data)
    try:
        value = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError):
        return f"not JSON: {show(data)}"
    if not isinstance(value, dict):
        return f"not an object: {show(data)}"
    return None if value == json.loads(spec.body) else show(data)


def ask(probe: Probe) -> First:
    """The first request and its answer. Raises Broken when no head of an answer comes."""
    with probe.connect() as wire:
        return receive(wire, probe)


def receive(wire: Wire, probe: Probe) -> First:
    """Send the plain request on this connection and take the answer."""
    wire.send(request(probe.spec.path))
    answer = wire.answer()
    surplus = wire.surplus(SURPLUS_S) if answer.fault is None else b""
    return First(answer, surplus, probe.keep_alive)


def judge_all(first: First | Broken, spec: Spec) -> list[tuple[Judgement, Outcome]]:
    """All judgements of the first answer, or of there being none."""
    if isinstance(first, First):
        return [(each, each.judge(first, spec)) for each in JUDGEMENTS]
    outcomes = [failed(str(first))] + [skipped("not checked: no answer")] * (len(JUDGEMENTS) - 1)
    return list(zip(JUDGEMENTS, outcomes, strict=True))


def usable(first: First | Broken) -> bool:
    """Whether more can be learned: the answer was whole, so that the next one can be told from it."""
    return isinstance(first, First) and first.answer.fault is None and not first.surplus


def same(answer: Answer, first: Answer) -> str | None:
    """How a later answer to the same request differs from the first, None when it does not."""
    if answer.fault is not None:
        return answer.fault
    if answer.status != first.status:
        return answer.line
    if answer.body != first.body:
        return f"another body: {show(answer.body)}"
    if answer.header("content-type") != first.header("content-type"):
        return f"another content type: {answer.header('content-type')}"
    return None


def same_again(wire: Wire, first: Answer, which: str = "the answer") -> Answer:
    """Take the next answer from the connection. Raises Broken unless it is as the first was."""
    answer = wire.answer()
    difference = same(answer, first)
    if difference is not None:
        raise Garbage(f"{which} differs from the first: {difference}")
    return answer
