"""A process tree's memory: its proportional set size, as it would be with no other process on the machine.

The kernel divides a page of a file (the interpreter, its libraries) among all who have it mapped, also those outside
the tree: a second server on the same interpreter, or the suite's own, makes each look smaller by megabytes. So pages of
files count once for the tree, whoever else has them; everything else is the tree's own, and is divided within it alone.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

SHARED_MEMORY = ("/dev/zero", "/dev/shm/", "/memfd:", "/SYSV")  # noqa: S108 - names of mappings, not of files to write
"""How mappings begin that have a path, but whose pages are no file's: memory that processes share."""


@dataclass(frozen=True)
class Mapped:
    """What a process has mapped, in bytes: pages of its own (its share of those it has from a fork), and of files."""

    own: int
    files: dict[str, int]


def read(process: psutil.Process) -> Mapped:
    """Read a process's mappings; some milliseconds. Raises psutil.Error, OSError where it is gone or not ours."""
    own = _anonymous(process.pid)
    files: dict[str, int] = {}
    for mapping in process.memory_maps(grouped=True):
        if mapping.path.startswith(SHARED_MEMORY):
            own += mapping.pss
        elif mapping.path.startswith("/"):
            files[mapping.path] = mapping.rss - mapping.anonymous
    return Mapped(own, files)


def _anonymous(pid: int) -> int:
    """A process's share of pages that belong to no file, in bytes (Linux 5.9 and newer tell)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss_Anon:"):
            return int(line.split()[1]) * 1024
    raise OSError("the kernel does not tell Pss_Anon")


def of_tree(processes: Iterable[Mapped]) -> int:
    """Bytes of a tree. Of a file each process may have mapped other pages: as many count as the one with the most."""
    own = 0
    files: dict[str, int] = defaultdict(int)
    for process in processes:
        own += process.own
        for path, size in process.files.items():
            files[path] = max(files[path], size)
    return own + sum(files.values())
