"""A server that is right until its Nth request: `python tests/faulty.py FAULT N HOST PORT`."""

import asyncio
import os
import signal
import sys
import time

FAULT, LIMIT, HOST, PORT = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
served = 0
leaked = []


def fault() -> bytes | None:
    """What happens instead of the right answer; None is nothing."""
    match FAULT:
        case "crash":
            print("fatal: the fixture crashed", file=sys.stderr, flush=True)
            os.abort()
        case "exit":
            os._exit(0)
        case "hang":
            time.sleep(3600)
        case "wrong":
            return b"Hello, W0rld!"
        case "leak":
            leaked.append(bytearray(os.urandom(1 << 20)) * 8)
        case "silent":
            return b""
    return None


class Server(asyncio.Protocol):
    """HTTP/1.1 for requests without a body."""

    def connection_made(self, transport):
        """Keep the transport."""
        self.transport, self.rest = transport, b""

    def data_received(self, data):
        """Answer every whole request."""
        global served
        self.rest += data
        while b"\r\n\r\n" in self.rest:
            head, _, self.rest = self.rest.partition(b"\r\n\r\n")
            served += 1
            body = fault() if served > LIMIT else None
            if body == b"":
                return
            body = body or b"Hello, World!"
            self.transport.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
            )
            if b"connection: close" in head.lower():
                self.transport.close()


async def main():
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    if FAULT == "fork" and os.fork() == 0:
        os.setsid()
        signal.pause()
    await loop.create_server(Server, HOST, PORT)
    await stop.wait()


asyncio.run(main())
