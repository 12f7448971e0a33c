"""A server that does next to nothing: what the client reaches against it is the ceiling of client and machine.

    python -m loadgen.nullserver HOST PORT

serves GET / (hello), GET /json, and WebSocket echo on /ws. It recognises requests byte for byte after the first, as the
client does with answers, and is no web server: no Date, no time-outs, no other paths.
"""

from __future__ import annotations

import base64
import hashlib
import select
import signal
import socket
import sys
from collections.abc import Callable

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
CHUNK = 65536
MAX_REQUEST = 64 << 10
MAX_MESSAGE = 16 << 20


def answer(content_type: str, body: bytes, *, status: str = "200 OK", close: bool = False) -> bytes:
    """The bytes of an answer."""
    extra = "Connection: close\r\n" if close else ""
    head = f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n{extra}\r\n"
    return head.encode() + body


PAGES = {b"/": ("text/plain", b"Hello, World!"), b"/json": ("application/json", b'{"message": "Hello, World!"}')}


def respond(request: bytes) -> tuple[bytes, bool, bool]:
    """The answer to one complete request, whether to close after it, and whether it opens a WebSocket."""
    lines = request.split(b"\r\n")
    words = lines[0].split(b" ")
    fields = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines[1:])}
    close = fields.get(b"connection", b"").lower() == b"close" or words[-1] == b"HTTP/1.0"
    path = words[1] if len(words) == 3 else b""
    if path == b"/ws" and b"sec-websocket-key" in fields:
        digest = hashlib.sha1(fields[b"sec-websocket-key"] + _GUID, usedforsecurity=False).digest()
        return (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n",
            False,
            True,
        )
    if path in PAGES:
        kind, body = PAGES[path]
        return answer(kind, body, close=close), close, False
    return answer("text/plain", b"not found", status="404 Not Found", close=close), close, False


def request_end(data: bytes) -> int:
    """Where the first request in `data` ends, body included; 0 where it is not complete."""
    end = data.find(b"\r\n\r\n") + 4
    if end < 4:
        return 0
    head = data[:end].lower()
    at = head.find(b"\r\ncontent-length:")
    if at >= 0:
        end += int(head[at + 17 : head.find(b"\r\n", at + 2)])
    return end if len(data) >= end else 0


def echo(frame: bytes) -> tuple[bytes, int]:
    """The unmasked echo of the first masked frame in `frame`, and its length; (b"", 0) where it is not complete."""
    if len(frame) < 2:
        return b"", 0
    length, at = frame[1] & 0x7F, 2
    if length == 126:
        length, at = int.from_bytes(frame[2:4], "big"), 4
    elif length == 127:
        length, at = int.from_bytes(frame[2:10], "big"), 10
    if length > MAX_MESSAGE or not frame[1] & 0x80:
        raise ValueError("a frame that is too long or not masked")
    if len(frame) < at + 4 + length:
        return b"", 0
    pad = (frame[at : at + 4] * (length // 4 + 1))[:length]
    masked = frame[at + 4 : at + 4 + length]
    payload = (int.from_bytes(masked, "big") ^ int.from_bytes(pad, "big")).to_bytes(length, "big")
    first = frame[0] + 2 if frame[0] & 0x0F == 0x9 else frame[0]  # a ping is answered with a pong
    return bytes((first,)) + (frame[1:at].replace(frame[1:2], bytes((frame[1] & 0x7F,)), 1)) + payload, at + 4 + length


class Peer:
    """One connection, as far as the fast path does not know it."""

    __slots__ = ("close", "out", "pending", "sock", "websocket")

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.pending = b""
        self.out = b""
        self.websocket = False
        self.close = False


class NullServer:
    """One epoll loop. `port` says where it listens when port 0 was asked for."""

    def __init__(self, host: str, port: int) -> None:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.listener = socket.create_server((host, port), family=family, backlog=4096)
        self.listener.setblocking(False)
        self.port: int = self.listener.getsockname()[1]
        self.epoll = select.epoll()
        self.epoll.register(self.listener.fileno(), select.EPOLLIN)
        self.peers: dict[int, Peer] = {}
        self.known: dict[bytes, bytes] = {}
        self.recvs: dict[int, Callable[[int], bytes]] = {}

    def serve(self) -> None:
        """Serve until a signal ends the process."""
        listener, recvs, peers = self.listener.fileno(), self.recvs, self.peers
        poll = self.epoll.poll
        while True:
            known = self.known.get
            for fd, _ in poll(-1, 512):
                if fd == listener:
                    self.accept()
                    continue
                try:
                    data = recvs[fd](CHUNK)
                    reply = known(data)
                    peer = peers[fd]
                    if reply is not None and not peer.pending and not peer.out:
                        sent = peer.sock.send(reply)
                        if sent != len(reply):
                            self.later(peer, reply[sent:])
                    else:
                        self.slow(peer, data)
                except BlockingIOError:
                    self.flush(peers[fd])
                except (OSError, ValueError):
                    self.drop(peers[fd])

    def accept(self) -> None:
        """Take every connection that waits."""
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            fd = sock.fileno()
            self.peers[fd] = Peer(sock)
            self.recvs[fd] = sock.recv
            self.epoll.register(fd, select.EPOLLIN)

    def slow(self, peer: Peer, data: bytes) -> None:
        """Everything but a whole request that was seen before."""
        if peer.out:
            self.flush(peer)
        if not data:
            self.drop(peer)
            return
        data = peer.pending + data
        out: list[bytes] = []
        at = 0
        while at < len(data) and not peer.close:
            rest = data[at:] if at else data
            if peer.websocket:
                reply, used = echo(rest)
                if reply[:1] == b"\x88":
                    peer.close = True
            else:
                used = request_end(rest)
                reply = b""
                if used:
                    reply, peer.close, peer.websocket = respond(rest[:used])
            if not used:
                if len(rest) > (MAX_MESSAGE if peer.websocket else MAX_REQUEST) + 14:
                    raise ValueError("a request that is too long")
                break
            # A message's echo depends on nothing but its bytes either, so it can be known as well.
            if used == len(data) and not peer.close and not reply.startswith(b"HTTP/1.1 101") and used <= MAX_REQUEST:
                if len(self.known) >= 64:
                    self.known.clear()
                self.known[data] = reply
            out.append(reply)
            at += used
        peer.pending = data[at:] if at < len(data) else b""
        if out:
            self.later(peer, b"".join(out))

    def later(self, peer: Peer, data: bytes) -> None:
        """Send, and keep what the socket does not take."""
        peer.out += data
        self.epoll.modify(peer.sock.fileno(), select.EPOLLIN | select.EPOLLOUT)
        self.flush(peer)

    def flush(self, peer: Peer) -> None:
        """Send what is left; close where that was the last."""
        if peer.out:
            try:
                peer.out = peer.out[peer.sock.send(peer.out) :]
            except BlockingIOError:
                return
            except OSError:
                self.drop(peer)
                return
        if not peer.out:
            if peer.close:
                self.drop(peer)
            else:
                self.epoll.modify(peer.sock.fileno(), select.EPOLLIN)

    def drop(self, peer: Peer) -> None:
        """Close a connection."""
        fd = peer.sock.fileno()
        if fd >= 0:
            del self.peers[fd], self.recvs[fd]
            peer.sock.close()


def main(argv: list[str]) -> int:
    """Serve on HOST PORT, and print where."""
    if len(argv) != 2 or not argv[1].isdecimal():
        print("usage: python -m loadgen.nullserver HOST PORT", file=sys.stderr)
        return 2
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        server = NullServer(argv[0], int(argv[1]))
    except OSError as error:
        print(f"nullserver: cannot listen on {argv[0]} port {argv[1]}: {error.strerror}", file=sys.stderr)
        return 2
    print(f"listening on {argv[0]} port {server.port}", flush=True)
    try:
        server.serve()
    except KeyboardInterrupt:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
