"""asyncio and the standard library alone: HTTP/1.1 and RFC 6455 by hand, in two protocols."""

import asyncio
import base64
import hashlib
import json
import signal
import struct
import sys

HEAD_LIMIT = 64 * 1024
MESSAGE_LIMIT = 16 * 1024 * 1024
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


def hello():
    return b"text/plain", b"Hello, World!"


def as_json():
    return b"application/json", json.dumps({"message": "Hello, World!"}).encode()


ROUTES = {b"/": hello, b"/json": as_json}


class Connection(asyncio.Protocol):
    """What both protocols share: bytes that came and are not used yet, and a writer that must not be outrun."""

    def __init__(self):
        self.transport = None
        self.data = b""

    def connection_made(self, transport):
        self.transport = transport

    def pause_writing(self):
        self.transport.pause_reading()

    def resume_writing(self):
        self.transport.resume_reading()


class Http(Connection):
    def data_received(self, data):
        self.data += data
        while self.data and not self.transport.is_closing():
            end = self.data.find(b"\r\n\r\n")
            if end > HEAD_LIMIT or (end < 0 and len(self.data) > HEAD_LIMIT):
                self.answer(b"431 Request Header Fields Too Large")
                return
            if end < 0:
                return
            lines = self.data[:end].split(b"\r\n")
            headers = {}
            for line in lines[1:]:
                name, _, value = line.partition(b":")
                headers[name.lower()] = value.strip()
            try:
                method, target, version = lines[0].split(b" ")
                length = int(headers.get(b"content-length", b"0"))
                if not version.startswith(b"HTTP/1.") or length < 0:
                    raise ValueError
            except ValueError:
                self.answer(b"400 Bad Request")
                return
            if b"transfer-encoding" in headers:
                self.answer(b"501 Not Implemented")
                return
            if len(self.data) < end + 4 + length:
                return
            self.data = self.data[end + 4 + length :]
            if self.request(method, target.partition(b"?")[0], version, headers):
                return

    def request(self, method, path, version, headers):
        """Answers one request; true when the connection is HTTP no longer."""
        connection = headers.get(b"connection", b"").lower()
        keep = b"close" not in connection if version == b"HTTP/1.1" else b"keep-alive" in connection
        if path == b"/ws" and method == b"GET":
            key = headers.get(b"sec-websocket-key")
            if headers.get(b"upgrade", b"").lower() == b"websocket" and key and b"upgrade" in connection:
                accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
                self.transport.write(
                    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                    b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
                )
                echo = Echo()
                self.transport.set_protocol(echo)
                echo.connection_made(self.transport)
                echo.data_received(self.data)
                return True
            self.answer(b"426 Upgrade Required", keep=keep)
        elif path not in ROUTES:
            self.answer(b"404 Not Found", keep=keep, head=method == b"HEAD")
        elif method not in (b"GET", b"HEAD"):
            self.answer(b"405 Method Not Allowed", keep=keep)
        else:
            kind, body = ROUTES[path]()
            self.answer(b"200 OK", kind, body, keep, method == b"HEAD", version == b"HTTP/1.0")
        return False

    def answer(self, status, kind=b"text/plain", body=b"", keep=False, head=False, old=False):
        connection = b"" if keep and not old else b"Connection: keep-alive\r\n" if keep else b"Connection: close\r\n"
        self.transport.write(
            b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n%b\r\n%b"
            % (status, kind, len(body), connection, b"" if head else body)
        )
        if not keep:
            self.transport.close()


class Echo(Connection):
    def __init__(self):
        super().__init__()
        self.opcode = None  # of the message whose first fragment has come
        self.fragments = []

    def data_received(self, data):
        self.data += data
        while len(self.data) >= 2 and not self.transport.is_closing():
            first, second = self.data[0], self.data[1]
            length, start = second & 127, 2
            if length == 126:
                start = 4
            elif length == 127:
                start = 10
            if len(self.data) < start:
                return
            if start > 2:
                length = int.from_bytes(self.data[2:start], "big")
            if first & 0x70 or not second & 128 or (first & 8 and (length > 125 or not first & 128)):
                self.close(1002)
                return
            if length > MESSAGE_LIMIT:
                self.close(1009)
                return
            end = start + 4 + length
            if len(self.data) < end:
                return
            mask, payload = self.data[start : start + 4], self.data[start + 4 : end]
            self.data = self.data[end:]
            if length:  # xor as two big numbers: bytes have no xor of their own
                mask = (mask * (length // 4 + 1))[:length]
                payload = (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(length, "big")
            self.frame(first & 15, first & 128, payload)

    def frame(self, opcode, final, payload):
        if opcode == PING:
            self.send(PONG, payload)
        elif opcode == CLOSE:
            self.close(struct.unpack("!H", payload[:2])[0] if len(payload) >= 2 else 1000)
        elif opcode in (TEXT, BINARY, 0):
            if (opcode == 0) == (self.opcode is None):  # a continuation of nothing, or a message within a message
                self.close(1002)
                return
            self.opcode = self.opcode or opcode
            self.fragments.append(payload)
            if sum(map(len, self.fragments)) > MESSAGE_LIMIT:
                self.close(1009)
            elif final:
                self.message(self.opcode, b"".join(self.fragments))
                self.opcode, self.fragments = None, []
        elif opcode != PONG:
            self.close(1002)

    def message(self, opcode, payload):
        if opcode == TEXT:
            try:
                payload.decode()
            except UnicodeDecodeError:
                self.close(1007)
                return
        self.send(opcode, payload)

    def send(self, opcode, payload):
        length = len(payload)
        if length < 126:
            head = struct.pack("!BB", 128 | opcode, length)
        elif length < 65536:
            head = struct.pack("!BBH", 128 | opcode, 126, length)
        else:
            head = struct.pack("!BBQ", 128 | opcode, 127, length)
        self.transport.write(head + payload)

    def close(self, code):
        self.send(CLOSE, struct.pack("!H", code))
        self.transport.close()


async def main(host, port):
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await loop.create_server(Http, host, port)
    await stop.wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
