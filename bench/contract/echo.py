"""The checks of the WebSocket echo: one small function each, entered into the table by its decorator."""

from __future__ import annotations

import re
import time
from itertools import pairwise

from bench.contract.frames import Message, Opcode, close_code, close_payload, encode
from bench.contract.http import CLOSE_S, PAUSE_S, repeated
from bench.contract.model import Broken, Cases, Garbage, Gone, Outcome, Probe, Silent, Stage, noted, passed, show
from bench.contract.websocket import Socket
from bench.contract.wire import request

ECHO = Cases()

TEXT = "Grüße, 世界 🌍"
FIREFOX = "keep-alive, Upgrade"
"""How Firefox fills the Connection header of a handshake."""


def both_opcodes(probe: Probe, size: int) -> Outcome:
    """A text and a binary message of this size come back."""
    with Socket(probe) as socket:
        answers = [
            socket.echoes(Opcode.TEXT, ascii_text(size)),
            socket.echoes(Opcode.BINARY, (bytes(range(256)) * (size // 256 + 1))[:size]),
        ]
    frames = max(answer.frames for answer in answers)
    return passed("came back" if frames == 1 else f"came back in {frames} frames")


def ascii_text(size: int) -> bytes:
    """Text of so many bytes in which no two neighbouring stretches are alike."""
    return b"".join(b"%06d " % number for number in range(size // 7 + 1))[:size]


@ECHO.case("text", "a text message comes back as text, the same bytes")
def text(probe: Probe) -> Outcome:
    """Characters of one to four bytes."""
    with Socket(probe) as socket:
        socket.echoes(Opcode.TEXT, TEXT.encode())
    return passed("came back")


@ECHO.case("binary", "a binary message comes back as binary, the same bytes")
def binary(probe: Probe) -> Outcome:
    """All byte values, which are not UTF-8."""
    with Socket(probe) as socket:
        socket.echoes(Opcode.BINARY, bytes(range(255, -1, -1)))
    return passed("came back")


@ECHO.case("empty message", "an empty text and an empty binary message come back")
def empty(probe: Probe) -> Outcome:
    """An application must not take an empty message for the end."""
    return both_opcodes(probe, 0)


@ECHO.case("125 bytes", "messages of 125 bytes come back")
def size_125(probe: Probe) -> Outcome:
    """The longest with a length of 7 bits."""
    return both_opcodes(probe, 125)


@ECHO.case("126 bytes", "messages of 126 bytes come back")
def size_126(probe: Probe) -> Outcome:
    """The shortest with a length of 16 bits."""
    return both_opcodes(probe, 126)


@ECHO.case("65,535 bytes", "messages of 65,535 bytes come back")
def size_65535(probe: Probe) -> Outcome:
    """The longest with a length of 16 bits."""
    return both_opcodes(probe, 65535)


@ECHO.case("65,536 bytes", "messages of 65,536 bytes come back")
def size_65536(probe: Probe) -> Outcome:
    """The shortest with a length of 64 bits."""
    return both_opcodes(probe, 65536)


@ECHO.case("many messages", "many messages, one after the other, come back")
def many(probe: Probe) -> Outcome:
    """A connection does not end after some number of messages."""
    with Socket(probe) as socket:
        number = 0
        for number in repeated():
            try:
                socket.wire.renew()
                socket.echoes(Opcode.TEXT, b"message %d" % number)
            except Broken as error:
                raise type(error)(f"after {number} messages: {error}") from None
    return passed(f"{number + 1} came back")


@ECHO.case("several at once", "five messages sent at once come back in order")
def at_once(probe: Probe) -> Outcome:
    """All in one packet."""
    messages = [b"message %d" % number for number in range(5)]
    with Socket(probe) as socket:
        socket.wire.send(b"".join(encode(Opcode.TEXT, each) for each in messages))
        for each in messages:
            socket.expect(Opcode.TEXT, each)
    return passed("came back in order")


@ECHO.case("frame in pieces", "a frame that arrives in pieces comes back")
def pieces(probe: Probe) -> Outcome:
    """Cut within the header, the length, the mask and the payload."""
    payload = ascii_text(300)
    frame = encode(Opcode.TEXT, payload)
    cuts = [0, 1, 3, 6, 8, 100, len(frame)]
    with Socket(probe) as socket:
        for start, stop in pairwise(cuts):
            socket.wire.send(frame[start:stop])
            time.sleep(PAUSE_S)
        socket.expect(Opcode.TEXT, payload)
    return passed("came back")


@ECHO.case("fragmented message", "a message in three frames comes back whole, a ping between them is answered")
def fragmented(probe: Probe) -> Outcome:
    """Cut within a character, and with a control frame in between, as the protocol allows."""
    data = TEXT.encode()
    cut = data.index("世".encode()) + 1
    with Socket(probe) as socket:
        socket.send(Opcode.TEXT, data[:cut], fin=False)
        socket.send(Opcode.CONTINUATION, data[cut : cut + 4], fin=False)
        socket.send(Opcode.PING, b"between")
        socket.send(Opcode.CONTINUATION, data[cut + 4 :])
        got = [socket.message(), socket.message()]
    message, pong = Message(Opcode.TEXT, data), Message(Opcode.PONG, b"between")
    plain = [Message(each.opcode, each.payload) if each else None for each in got]
    if plain in ([pong, message], [message, pong]):
        return passed("came back, and the ping was answered")
    raise Garbage(" and ".join(str(each) if each else "the connection closed" for each in got))


@ECHO.case("ping", "a ping is answered with its payload")
def ping(probe: Probe) -> Outcome:
    """Empty, short, and as long as a control frame may be."""
    with Socket(probe) as socket:
        for payload in (b"", b"ping me", ascii_text(125)):
            socket.send(Opcode.PING, payload)
            try:
                socket.expect(Opcode.PONG, payload)
            except Silent as error:
                raise Silent(f"no pong: {error}") from None
        socket.echoes(Opcode.TEXT, b"after the pings")
    return passed("answered")


@ECHO.case("unasked pong", "a pong that nobody asked for is ignored")
def pong(probe: Probe) -> Outcome:
    """Clients may send one as a heartbeat."""
    with Socket(probe) as socket:
        socket.send(Opcode.PONG, b"heartbeat")
        try:
            socket.echoes(Opcode.TEXT, b"after the pong")
        except Broken as error:
            return noted(str(error))
    return passed("ignored")


@ECHO.case("close handshake", "a close is answered with a close, then the connection ends")
def close_handshake(probe: Probe) -> Outcome:
    """The server answers and is the one that closes TCP."""
    with Socket(probe) as socket:
        socket.echoes(Opcode.TEXT, b"the last one")
        socket.send(Opcode.CLOSE, close_payload(1000, "done"))
        try:
            message = socket.message()
        except Garbage:
            socket.wire.hurry(CLOSE_S)
            rest = socket.rest()
            if re.search(rb"\x88[\x02-\x7d]\x03\xe8", rest):  # so does simple-websocket on werkzeug, at times
                return noted(f"close 1000, but among {show(rest)}")
            raise
        if message is None:
            raise Gone("the connection ends without a close frame")
        if message.opcode != Opcode.CLOSE:
            raise Garbage(f"{message} instead of a close")
        code = close_code(message.payload)
        socket.wire.hurry(CLOSE_S)
        try:
            rest = socket.rest()
        except Silent:
            return noted(f"close {code}, but TCP stays open")
    if rest:
        return noted(f"close {code}, but after it {show(rest)}")
    return passed(f"close {code}") if code in {1000, None} else noted(f"close {code} in answer to 1000")


@ECHO.case("ten connections", "ten connections at once, each gets its own messages back", Stage.CROWD)
def ten_connections(probe: Probe) -> Outcome:
    """All are open before the first message is sent, all messages are sent before the first is read."""
    sockets: list[Socket] = []
    try:
        for number in range(10):
            try:
                sockets.append(Socket(probe))
            except Broken as error:
                raise type(error)(f"with {number} connections open: {error}") from None
        for turn in range(3):
            for number, socket in enumerate(sockets):
                socket.send(Opcode.TEXT, b"%d from %d" % (turn, number))
            for number, socket in enumerate(sockets):
                socket.expect(Opcode.TEXT, b"%d from %d" % (turn, number))
    finally:
        for socket in sockets:
            socket.close()
    return passed("30 messages came back")


@ECHO.case("firefox's handshake", f"Connection: {FIREFOX} opens a WebSocket, too")
def firefox(probe: Probe) -> Outcome:
    """The header is a list of tokens; browsers differ in it."""
    try:
        with Socket(probe, FIREFOX, "WebSocket") as socket:
            socket.echoes(Opcode.TEXT, b"from a browser")
    except Broken as error:
        return noted(str(error))
    return passed("101")


@ECHO.case("plain get", "a GET that is no handshake is refused")
def plain_get(probe: Probe) -> Outcome:
    """Recorded, not enforced."""
    with probe.connect() as wire:
        wire.send(request(probe.spec.path, "Connection: close"))
        try:
            answer = wire.answer()
        except Broken as error:
            return noted(str(error))
    return passed(answer.line) if 400 <= answer.status < 500 else noted(answer.line)


def reaction(probe: Probe, frame: bytes) -> Message | str:
    """What a server does with a frame that it must refuse: its first message, or in words how the connection ended.

    A ping follows the frame: a server that overlooks it answers that, and need not be waited for.
    """
    with Socket(probe) as socket:
        try:
            socket.wire.send(frame + encode(Opcode.PING, b"still there?"))
            message = socket.message()
        except Gone:
            return "the connection was reset"
        except Silent:
            return "nothing: it neither closes nor answers a ping"
        except Garbage as error:
            return str(error)
        return message if message is not None else "the connection was closed without a close frame"


@ECHO.case("unmasked frame", "a frame that is not masked is refused: close 1002", Stage.HOSTILE)
def unmasked(probe: Probe) -> Outcome:
    """Servers must refuse it, but not all do; the load never sends one."""
    got = reaction(probe, encode(Opcode.TEXT, b"not masked", mask=None))
    if isinstance(got, str):
        return noted(got)
    if got.opcode == Opcode.CLOSE:
        return passed(str(got)) if close_code(got.payload) == 1002 else noted(str(got))
    return noted("accepted and echoed" if got.opcode == Opcode.TEXT else f"overlooked: {got}")


@ECHO.case("invalid utf-8", "a text message that is not UTF-8 is refused: close 1007", Stage.HOSTILE)
def invalid_utf8(probe: Probe) -> Outcome:
    """Servers must refuse it, but not all look; the load never sends one."""
    got = reaction(probe, encode(Opcode.TEXT, b"\xc0\xaf wrong"))
    if isinstance(got, str):
        return noted(got)
    if got.opcode == Opcode.CLOSE:
        return passed(str(got)) if close_code(got.payload) == 1007 else noted(str(got))
    return noted("accepted and echoed" if got.opcode == Opcode.TEXT else f"overlooked: {got}")


@ECHO.case("vanished client", "a client that is gone in the middle of a message harms nobody", Stage.HOSTILE)
def vanished(probe: Probe) -> Outcome:
    """Half a frame and a reset, and a long message and a reset before its echo; then the server must still answer."""
    for data in (encode(Opcode.TEXT, b"only half of this")[:9], encode(Opcode.BINARY, bytes(60_000))):
        with Socket(probe) as socket:
            socket.wire.send(data)
            socket.wire.reset()
    with Socket(probe) as socket:
        socket.echoes(Opcode.TEXT, b"the next client")
    return passed("the next client is answered")
