"""bench.contract.frames: frames are written as wsproto reads them, and read strictly."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from wsproto.connection import Connection, ConnectionState, ConnectionType
from wsproto.events import BytesMessage, CloseConnection, Ping, Pong, TextMessage

from bench.contract.frames import Message, Opcode, Reader, accept_key, close_code, close_payload, encode
from bench.contract.model import Broken

SIZES = st.sampled_from([0, 125, 126, 127, 65535, 65536])
PAYLOADS = st.one_of(st.binary(max_size=300), SIZES.map(lambda size: (b"payload" * 10_000)[:size]))
MESSAGES = st.lists(
    st.one_of(
        st.tuples(st.just(Opcode.BINARY), PAYLOADS),
        st.tuples(st.just(Opcode.TEXT), st.text(max_size=200).map(str.encode)),
        st.tuples(st.sampled_from([Opcode.PING, Opcode.PONG]), st.binary(max_size=125)),
    ),
    max_size=6,
)


def read(data: bytes, cuts: list[int]) -> list[Message]:
    """What a Reader makes of bytes that come in these pieces."""
    reader = Reader()
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    return [message for start, stop in itertools.pairwise(places) for message in reader.feed(data[start:stop])]


@given(MESSAGES, st.lists(st.integers(0, 400), max_size=8))
def test_any_split_gives_the_same_messages_as_the_whole(messages: list[tuple[Opcode, bytes]], cuts: list[int]) -> None:
    """Where TCP cuts the stream does not matter."""
    data = b"".join(encode(opcode, payload, mask=None) for opcode, payload in messages)
    assert read(data, cuts) == [Message(opcode, payload) for opcode, payload in messages]


@given(st.binary(max_size=60))
def test_garbage_gives_messages_or_broken_and_nothing_else(data: bytes) -> None:
    """No bytes make the reader raise anything that the check does not expect."""
    try:
        for message in Reader().feed(data):
            assert isinstance(str(message), str)
    except Broken as error:
        assert str(error)


@given(PAYLOADS)
def test_wsproto_reads_what_a_client_sends(payload: bytes) -> None:
    """The masked frames made by hand are those of RFC 6455, for every form of the length."""
    server = Connection(ConnectionType.SERVER)
    server.receive_data(encode(Opcode.BINARY, payload))
    assert b"".join(bytes(event.data) for event in server.events() if isinstance(event, BytesMessage)) == payload


@given(st.text(max_size=200), st.binary(max_size=125))
def test_what_wsproto_sends_is_read(text: str, payload: bytes) -> None:
    """A right server's frames give its messages."""
    server = Connection(ConnectionType.SERVER)
    data = b"".join(
        server.send(event)
        for event in (
            TextMessage(data=text[:3], message_finished=False),
            Ping(payload=payload),
            TextMessage(data=text[3:]),
            Pong(payload=payload),
            CloseConnection(code=1001, reason="bye"),
        )
    )
    assert list(Reader().feed(data)) == [
        Message(Opcode.PING, payload),
        Message(Opcode.TEXT, text.encode(), frames=2),
        Message(Opcode.PONG, payload),
        Message(Opcode.CLOSE, close_payload(1001, "bye")),
    ]
    assert server.state == ConnectionState.LOCAL_CLOSING


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"\xc1\x00", "reserved bits"),
        (b"\x83\x00", "unknown opcode 3"),
        (b"\x81\x80\0\0\0\0", "masked"),
        (b"\x89\x7e\x00\x7e" + bytes(126), "longer than 125"),
        (b"\x09\x00", "fragmented"),
        (b"\x82\x7e\x00\x05hello", "shortest"),
        (b"\x82\x7f" + bytes(6) + b"\xff\xff", "shortest"),
        (b"\x82\x7f\xff" + bytes(7), "a frame of"),
        (b"\x80\x00", "continuation of no message"),
        (b"\x01\x00\x81\x00", "before the last fragment"),
        (b"\x88\x01\x03", "half a code"),
        (b"\x88\x02\x03\xed", "code 1005"),
        (b"\x88\x02\x07\xd0", "code 2000"),
        (b"\x88\x03\x03\xe8\xff", "not UTF-8"),
    ],
)
def test_what_a_server_must_not_send_is_refused(data: bytes, complaint: str) -> None:
    """Each rule of RFC 6455, section 5, has its complaint."""
    with pytest.raises(Broken, match=complaint):
        list(Reader().feed(data))


def test_what_follows_a_close_is_kept_unread() -> None:
    """After a close frame nothing is a frame."""
    reader = Reader()
    messages = list(reader.feed(encode(Opcode.CLOSE, close_payload(1000), mask=None) + b"HTTP/1.1 200"))
    assert [close_code(message.payload) for message in messages] == [1000]
    assert (reader.after_close, reader.pending) == (b"HTTP/1.1 200", b"")
    assert list(reader.feed(b" OK")) == [] and reader.after_close == b"HTTP/1.1 200 OK"


def test_the_accept_key_of_the_rfc() -> None:
    """The example of RFC 6455, section 1.3."""
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
