"""What the WebSocket clients share: the message, the count of what came back, and the line that they print.

No client of its own. It lies beside them because each runs by itself in an environment without the suite.
"""

import asyncio
import json
import sys
import time

import uvloop

MESSAGE = "Hello, World!"
WARMUP_S = 1.0


class Tally:
    """What all connections have done."""

    done = 0
    wrong = 0


async def count(seconds):
    """Warm up, count for so long, print one line of JSON. The connections are at work meanwhile."""
    await asyncio.sleep(WARMUP_S)
    done, wrong, cpu, began = Tally.done, Tally.wrong, time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    done, wrong = Tally.done - done, Tally.wrong - wrong
    print(json.dumps({"requests": done, "errors": wrong, "duration_s": took, "cpu_s": cpu}), flush=True)


def run(main):
    """Run `main(url, connections, seconds)` on uvloop, with what the command line says."""
    host, port, connections, seconds = sys.argv[1:]
    uvloop.run(main(f"ws://{host}:{int(port)}/ws", int(connections), float(seconds)))
