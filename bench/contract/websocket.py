"""A WebSocket to the server, opened by hand; what its handshake shows."""

from __future__ import annotations

from contextlib import suppress
from types import TracebackType

from bench.contract.frames import Message, Opcode, Reader, accept_key, encode, new_key
from bench.contract.model import Broken, Garbage, Gone, Outcome, Probe, failed, passed, show, skipped
from bench.contract.wire import Answer, request


def handshake(path: str, key: str, connection: str = "Upgrade", upgrade: str = "websocket") -> bytes:
    """The request that opens a WebSocket."""
    headers = [f"Upgrade: {upgrade}", f"Connection: {connection}", f"Sec-WebSocket-Key: {key}"]
    return request(path, *headers, "Sec-WebSocket-Version: 13")


def wrong_handshake(answer: Answer) -> str | None:
    """What is wrong with the answer to a handshake, but for its accept key; None when nothing is."""
    if answer.status != 101:
        return answer.line
    if "websocket" not in answer.tokens("upgrade"):
        return f"101, but Upgrade: {answer.header('upgrade')}"
    if "upgrade" not in answer.tokens("connection"):
        return f"101, but Connection: {answer.header('connection')}"
    for name in ("sec-websocket-extensions", "sec-websocket-protocol"):
        if answer.header(name):
            return f"101, but with {name}: {answer.header(name)}, which was not asked for"
    return None


def judge_accept(answer: Answer, key: str) -> Outcome:
    """The accept key proves that the server has understood the request."""
    got, right = answer.header("sec-websocket-accept"), accept_key(key)
    return passed(got) if got == right else failed(f"{got} for the key {key}, whose answer is {right}")


class Socket:
    """An open WebSocket. Raises Broken when the handshake fails."""

    def __init__(self, probe: Probe, connection: str = "Upgrade", upgrade: str = "websocket") -> None:
        self.wire = probe.connect()
        self._reader = Reader()
        self._messages: list[Message] = []
        self._wrong: Garbage | None = None
        try:
            self.key = new_key()
            self.wire.send(handshake(probe.spec.path, self.key, connection, upgrade))
            self.answer = self.wire.answer(headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")])
            if self.answer.status != 101:
                raise Garbage(f"no WebSocket: {self.answer.line}")
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Socket:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection, without a close frame."""
        self.wire.close()

    def send(self, opcode: int, payload: bytes, fin: bool = True, mask: bytes | None = b"\x37\xfa\x21\x3d") -> None:
        """Send one frame."""
        self.wire.send(encode(opcode, payload, fin, mask))

    def message(self) -> Message | None:
        """The next message or control frame, None when the server has closed the connection. Raises Broken."""
        while not self._messages:
            if self._wrong is not None:
                raise self._wrong
            data = self.wire.receive()
            if not data:
                if self._reader.pending:
                    raise Garbage(f"closed in the middle of a frame: {show(self._reader.pending)}")
                return None
            try:
                for message in self._reader.feed(data):
                    self._messages.append(message)
            except Garbage as error:  # its turn comes after that of the messages before it
                self._wrong = error
        return self._messages.pop(0)

    def rest(self) -> bytes:
        """What comes after the close frame, or from where it is no frame on, up to the end. Raises Silent."""
        rest = bytearray(self._reader.after_close or self._reader.pending)
        with suppress(Gone):  # a reset is an end as well
            while data := self.wire.receive():
                rest += data
        return bytes(rest)

    def expect(self, opcode: Opcode, payload: bytes) -> Message:
        """Take the next message. Raises Garbage unless it is this one; a ping on the way is answered."""
        while True:
            message = self.message()
            if message is None:
                raise Gone("closed without an echo" if opcode != Opcode.PONG else "closed without a pong")
            if message.opcode == Opcode.PING and opcode != Opcode.PING:
                self.send(Opcode.PONG, message.payload)
                continue
            if (message.opcode, message.payload) != (opcode, payload):
                raise Garbage(difference(message, opcode, payload))
            return message

    def echoes(self, opcode: Opcode, payload: bytes) -> Message:
        """Send a message. Raises Broken unless it comes back as it was."""
        self.send(opcode, payload)
        return self.expect(opcode, payload)


def difference(message: Message, opcode: Opcode, payload: bytes) -> str:
    """How a message is not the expected one, in words."""
    if message.payload == payload and message.opcode != opcode:
        return f"came back as {message.opcode.name.lower()} instead of {opcode.name.lower()}"
    if message.opcode != opcode:
        return f"{message} instead of {opcode.name.lower()}"
    if len(message.payload) != len(payload):
        return f"{len(message.payload)} bytes instead of {len(payload)}: {show(message.payload)}"
    where = next(i for i, (a, b) in enumerate(zip(message.payload, payload, strict=True)) if a != b)
    return f"byte {where} is {message.payload[where]:#04x} instead of {payload[where]:#04x}"


Opened = tuple[Answer, str]


def open_first(probe: Probe) -> Opened:
    """The first handshake: its answer and its key. Raises Broken when there is no answer."""
    with probe.connect() as wire:
        key = new_key()
        wire.send(handshake(probe.spec.path, key))
        return wire.answer(headers=[("Upgrade", "websocket"), ("Connection", "Upgrade")]), key


def judge_opening(opened: Opened | Broken) -> list[tuple[str, str, Outcome]]:
    """Name, expectation and outcome of what the first handshake shows."""
    handshake_ = ("handshake", "HTTP/1.1 101, Upgrade: websocket, Connection: Upgrade, nothing unasked")
    accept = ("accept key", "the Sec-WebSocket-Accept that belongs to the key")
    if isinstance(opened, Broken):
        return [(*handshake_, failed(str(opened))), (*accept, skipped("not checked: no handshake"))]
    answer, key = opened
    wrong = wrong_handshake(answer)
    first = failed(wrong) if wrong is not None else passed(answer.line)
    second = judge_accept(answer, key) if answer.status == 101 else skipped("not checked: no handshake")
    return [(*handshake_, first), (*accept, second)]
