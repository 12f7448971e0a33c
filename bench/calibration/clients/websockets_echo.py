"""WebSocket echo with the client of `websockets`: `python websockets_echo.py HOST PORT CONNECTIONS SECONDS`.

As its documentation has it, on uvloop, without compression. Each connection sends its next message when the last has
come back; every message is compared. After a second of warm-up it counts for SECONDS and prints one line of JSON.
"""

import asyncio
import json
import sys
import time

import uvloop
from websockets.asyncio.client import connect

MESSAGE = "Hello, World!"
WARMUP_S = 1.0


class Tally:
    """What all connections have done."""

    done = 0
    wrong = 0


async def echo(websocket):
    """One connection, until it is cancelled."""
    while True:
        await websocket.send(MESSAGE)
        if await websocket.recv() == MESSAGE:
            Tally.done += 1
        else:
            Tally.wrong += 1


async def main(host, port, connections, seconds):
    """Connect, warm up, count."""
    url = f"ws://{host}:{port}/ws"
    websockets = [await connect(url, compression=None) for _ in range(connections)]
    tasks = [asyncio.create_task(echo(websocket)) for websocket in websockets]
    await asyncio.sleep(WARMUP_S)
    done, wrong, cpu, began = Tally.done, Tally.wrong, time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    done, wrong = Tally.done - done, Tally.wrong - wrong
    print(json.dumps({"requests": done, "errors": wrong, "duration_s": took, "cpu_s": cpu}), flush=True)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
