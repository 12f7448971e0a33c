"""What a server may take of the machine while it is measured: memory, and the disk that its log is on."""

from __future__ import annotations

from bench import tree
from bench.launch import Server
from bench.setting import Bench

LOG_BYTES = 64 << 20
"""A server that prints more than this is ended; what is kept of a log in the end is far less."""


class LimitError(Exception):
    """The server took more than it may; the message is one line."""


def check(server: Server, bench: Bench) -> None:
    """End a server that leaks or prints without end, before it takes the machine with it. Raises LimitError."""
    limit = bench.memory_limit_bytes
    used = tree.rss_bytes(tree.members(server.pid))
    if used > limit:
        raise LimitError(f"the server took {used >> 20} MiB of memory; it may take {limit >> 20} MiB")
    try:
        printed = server.log.stat().st_size
    except OSError:
        return
    if printed > LOG_BYTES:
        raise LimitError(f"the server printed {printed >> 20} MiB into its log; it may print {LOG_BYTES >> 20} MiB")
