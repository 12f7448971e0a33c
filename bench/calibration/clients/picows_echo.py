"""WebSocket echo with picows' client: `python picows_echo.py HOST PORT CONNECTIONS SECONDS`.

As its documentation has it, on uvloop. Each connection sends its next message when the last has come back; every
message is compared. After a second of warm-up it counts for SECONDS and prints one line of JSON.
"""

import asyncio
import json
import sys
import time

import uvloop
from picows import WSListener, WSMsgType, ws_connect

MESSAGE = b"Hello, World!"
WARMUP_S = 1.0


class Tally:
    """What all connections have done."""

    done = 0
    wrong = 0


class Echo(WSListener):
    """One connection."""

    def on_ws_connected(self, transport):
        """Send the first message."""
        transport.send(WSMsgType.TEXT, MESSAGE)

    def on_ws_frame(self, transport, frame):
        """A message has come back: look at it, send the next."""
        if frame.msg_type == WSMsgType.TEXT:
            if frame.get_payload_as_bytes() == MESSAGE:
                Tally.done += 1
            else:
                Tally.wrong += 1
            transport.send(WSMsgType.TEXT, MESSAGE)


async def main(host, port, connections, seconds):
    """Connect, warm up, count."""
    url = f"ws://{host}:{port}/ws"
    transports = [(await ws_connect(Echo, url))[0] for _ in range(connections)]
    await asyncio.sleep(WARMUP_S)
    done, wrong, cpu, began = Tally.done, Tally.wrong, time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    done, wrong = Tally.done - done, Tally.wrong - wrong
    print(json.dumps({"requests": done, "errors": wrong, "duration_s": took, "cpu_s": cpu}), flush=True)
    for transport in transports:
        transport.disconnect()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
