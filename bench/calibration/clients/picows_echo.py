"""WebSocket echo with picows' client: `python picows_echo.py HOST PORT CONNECTIONS SECONDS`.

As its documentation has it, on uvloop. Each connection sends its next message when the last has come back; every
message is compared. After a second of warm-up it counts for SECONDS and prints one line of JSON.
"""

from counting import MESSAGE, Tally, count, run
from picows import WSListener, WSMsgType, ws_connect

PAYLOAD = MESSAGE.encode()


class Echo(WSListener):
    """One connection."""

    def on_ws_connected(self, transport):
        """Send the first message."""
        transport.send(WSMsgType.TEXT, PAYLOAD)

    def on_ws_frame(self, transport, frame):
        """A message has come back: look at it, send the next."""
        if frame.msg_type == WSMsgType.TEXT:
            if frame.get_payload_as_bytes() == PAYLOAD:
                Tally.done += 1
            else:
                Tally.wrong += 1
            transport.send(WSMsgType.TEXT, PAYLOAD)


async def main(url, connections, seconds):
    """Connect, count, disconnect."""
    transports = [(await ws_connect(Echo, url))[0] for _ in range(connections)]
    await count(seconds)
    for transport in transports:
        transport.disconnect()


if __name__ == "__main__":
    run(main)
