"""WebSocket echo with the client of `websockets`: `python websockets_echo.py HOST PORT CONNECTIONS SECONDS`.

As its documentation has it, on uvloop, without compression. Each connection sends its next message when the last has
come back; every message is compared. After a second of warm-up it counts for SECONDS and prints one line of JSON.
"""

import asyncio

from counting import MESSAGE, Tally, count, run
from websockets.asyncio.client import connect


async def echo(websocket):
    """One connection, until it is cancelled."""
    while True:
        await websocket.send(MESSAGE)
        if await websocket.recv() == MESSAGE:
            Tally.done += 1
        else:
            Tally.wrong += 1


async def main(url, connections, seconds):
    """Connect, count, cancel."""
    websockets = [await connect(url, compression=None) for _ in range(connections)]
    tasks = [asyncio.create_task(echo(websocket)) for websocket in websockets]
    await count(seconds)
    for task in tasks:
        task.cancel()


if __name__ == "__main__":
    run(main)
