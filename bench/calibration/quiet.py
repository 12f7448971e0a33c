"""Was the machine quiet during a load? What other processes did is kept beside each figure."""

from __future__ import annotations

import os
import time

from bench import guards
from bench.launch import Server
from results.schema import Flag


class Watch:
    """From its making on, until it is asked: what disturbed the load. The client must have ended by then."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._before = self._take()

    def _take(self) -> guards.Counters:
        reading, own = self._server.read(), os.times()
        ours = reading.cpu_s + time.process_time() + own.children_user + own.children_system
        return guards.take(reading.at, ours)

    def flags(self) -> list[Flag]:
        """Every reason to doubt the load, but those of the client, who is judged elsewhere."""
        return guards.judge(self._before, self._take(), None)
