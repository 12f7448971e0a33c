"""A server that keeps its contract and then fails: `python app.py HOST PORT`.

The name of its folder says how. Its first start is the contract check's, in which it is as good as the suite's own
baseline, whose source lies beside it as good.py; from the second start on it has its fault. The file `starts` counts.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import good

FAULT = Path(__file__).parent.name
STARTS = Path(__file__).with_name("starts")
HARMLESS = 40  # requests that are answered before the fault
served = 0
first = None
leaked = []


def count_start():
    """How often it was started, this time included."""
    with STARTS.open("a") as file:
        file.write("x")
    return STARTS.stat().st_size


def fault_at_start(host, port, start):
    """Faults that show before it listens."""
    match FAULT:
        case "start-crash":
            sys.exit("fatal: no such luck")
        case "start-hang":
            time.sleep(3600)
        case "port-once" if start == 2:
            squatter = socket.create_server((host, port))  # in a process of its own, as somebody else's would be
            if os.fork() == 0:
                signal.pause()
            squatter.close()
        case "fork" if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            signal.pause()


def fault_in_request():
    """Faults that show under load. True where nothing must be answered any more."""
    global first
    first = first or time.monotonic()
    match FAULT:
        case "warm-crash":
            print("fatal: the fixture crashed", file=sys.stderr, flush=True)
            os.abort()
        case "measure-crash" if time.monotonic() - first > 0.4:
            os.kill(os.getpid(), signal.SIGSEGV)
        case "load-hang":
            time.sleep(3600)
        case "load-wrong":
            good.ROUTES[b"/"] = lambda: (b"text/plain", b"Hello, W0rld!")
        case "leak" if len(leaked) < 3:  # the first is beyond what it may take, however slow the machine is
            leaked.append(b"x" * (256 << 20))


def main():
    """Serve, well at first."""
    start = count_start()
    host, port = sys.argv[1], int(sys.argv[2])
    if start > 1:
        fault_at_start(host, port, start)
        answer = good.Http.request

        def request(self, *rest):
            global served
            served += 1
            if served > HARMLESS:
                fault_in_request()
            return answer(self, *rest)

        good.Http.request = request
    asyncio.run(good.main(host, port))


main()
