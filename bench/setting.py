"""What a measurement needs to know beside its cell: how the server is started, and where and how it is measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from bench.profile import Profile


@dataclass(frozen=True)
class Target:
    """How a stack is started: `make(host, port)` gives the argv."""

    make: Callable[[str, int], list[str]]
    cwd: Path
    workloads: Sequence[str]


@dataclass(frozen=True)
class Bench:
    """Where measuring happens: cores for both sides, the profile, and the folder for logs."""

    profile: Profile
    server_cores: Sequence[int]
    client_cores: Sequence[int]
    logs: Path
    seed: int = 0
    tell: Callable[[str], None] = field(default=lambda _: None)

    @property
    def memory_limit_bytes(self) -> int:
        """A server that takes more than this is ended: what the profile says, or half of what the machine has."""
        return self.profile.memory_mib << 20 or int(psutil.virtual_memory().total // 2)
