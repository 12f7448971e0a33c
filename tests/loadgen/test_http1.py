"""The request's bytes, and the slow path's parser under any split and any garbage."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from loadgen.answers import Answer
from loadgen.errors import Failure
from loadgen.http1 import ResponseParser, build_request

token = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ-", min_size=1, max_size=12)
value = st.text("abcdefghijklmnopqrstuvwxyz0123456789 ;=/,", max_size=20).map(str.strip)


@st.composite
def responses(draw: st.DrawFn) -> tuple[bytes, bytes, bool]:
    """A valid response: its bytes, its body, whether it needs the end of the stream."""
    body = draw(st.binary(max_size=200))
    framing = draw(st.sampled_from(["length", "chunked", "close"]))
    version = draw(st.sampled_from(["1.1", "1.0"])) if framing != "chunked" else "1.1"
    names = draw(st.lists(st.tuples(token.map(lambda n: "X-" + n), value), max_size=4))
    lines = [f"HTTP/{version} {draw(st.sampled_from(['200 OK', '200 ', '200', '404 Not Found']))}"]
    lines += [f"{name}: {text}" for name, text in names]
    lines.append("Content-Type: text/plain")
    payload = body
    if framing == "length":
        lines.append(f"Content-Length: {len(body)}")
    elif framing == "chunked":
        lines.append("Transfer-Encoding: chunked")
        payload, at = b"", 0
        while at < len(body):
            size = draw(st.integers(1, len(body) - at))
            payload += b"%x\r\n%s\r\n" % (size, body[at : at + size])
            at += size
        payload += b"0\r\n\r\n"
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload, body, framing == "close"


def parse(pieces: list[bytes], ended: bool) -> tuple[list[Answer], str | None, bool]:
    """What the parser makes of the pieces: answers, the kind of a failure, whether nothing is left."""
    parser = ResponseParser()
    answers: list[Answer] = []
    try:
        for piece in pieces:
            answers += parser.feed(piece)
        if ended:
            answers += parser.eof()
    except Failure as failure:
        return answers, failure.kind, False
    return answers, None, parser.idle


def split(data: bytes, cuts: list[int]) -> list[bytes]:
    """Data cut at some places."""
    at = sorted({min(cut, len(data)) for cut in cuts})
    return [data[a:b] for a, b in zip([0, *at], [*at, len(data)], strict=True) if a < b]


cuts = st.lists(st.integers(0, 600), max_size=12)


@given(responses(), cuts)
def test_any_split_of_a_response_is_the_whole(response: tuple[bytes, bytes, bool], at: list[int]) -> None:
    """A valid response gives the same answer however it is cut, and its body is what was sent."""
    raw, body, ended = response
    whole = parse([raw], ended)
    assert parse(split(raw, at), ended) == whole
    assert [answer.body for answer in whole[0]] == [body]
    assert whole[1] is None


@given(st.lists(responses().filter(lambda r: not r[2] and b"HTTP/1.1" in r[0]), min_size=2, max_size=4), cuts)
def test_several_responses_in_any_split(several: list[tuple[bytes, bytes, bool]], at: list[int]) -> None:
    """Answers that follow one another are told apart wherever the reads fall."""
    raw = b"".join(r[0] for r in several)
    answers, failure, idle = parse(split(raw, at), ended=False)
    assert [answer.body for answer in answers] == [r[1] for r in several]
    assert failure is None
    assert idle


@given(st.binary(max_size=400), cuts, st.booleans())
def test_garbage_is_a_failure_of_the_right_kind(data: bytes, at: list[int], ended: bool) -> None:
    """Whatever comes: an answer, more needed, or a failure that is counted; never another exception."""
    whole = parse([data] if data else [], ended)
    assert whole[1] in (None, "protocol", "closed", "body", "status")
    assert parse(split(data, at), ended)[:2] == whole[:2]


@given(responses(), st.integers(0, 600), st.integers(0, 255), cuts)
def test_a_response_with_a_wrong_byte(
    response: tuple[bytes, bytes, bool], where: int, byte: int, at: list[int]
) -> None:
    """A damaged response is treated the same however it is cut."""
    raw, _, ended = response
    where %= len(raw)
    damaged = raw[:where] + bytes([byte]) + raw[where + 1 :]
    assert parse(split(damaged, at), ended) == parse([damaged], ended)


def test_a_head_without_end_is_a_failure() -> None:
    """Headers beyond 256 KiB are not read on."""
    parser = ResponseParser()
    kinds = []
    parser.feed(b"HTTP/1.1 200 OK\r\n")
    try:
        for _ in range(10_000):
            parser.feed(b"X-Filler: " + b"x" * 1000 + b"\r\n")
    except Failure as failure:
        kinds.append(failure.kind)
    assert kinds == ["protocol"]


def test_a_chunked_body_without_end_is_a_failure() -> None:
    """A body is read up to what was expected, not for ever."""
    parser = ResponseParser(limit=10_000)
    kinds = []
    parser.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    try:
        for _ in range(1000):
            parser.feed(b"64\r\n" + b"x" * 100 + b"\r\n")
    except Failure as failure:
        kinds.append(failure.kind)
    assert kinds == ["body"]


def test_requests() -> None:
    """The bytes on the wire."""
    assert build_request("h:1", "/p") == b"GET /p HTTP/1.1\r\nHost: h:1\r\n\r\n"
    assert build_request("h", "/", close=True) == b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
    post = build_request("h", "/", method="POST", body=b"ab", headers=[("host", "other"), ("A", "b")])
    assert post == b"POST / HTTP/1.1\r\nContent-Length: 2\r\nhost: other\r\nA: b\r\n\r\nab"
