"""How much a calibration does, and in which steps. Sizes are data; a step says what it is, how long, and does it."""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import launch
from bench.calibration.null import Make
from bench.paths import ROOT
from results.calibration import Calibration

PARTS = ("ceiling", "agreement", "echo", "truth")
START_S = 0.5
"""What starting and stopping a server takes, about."""


@dataclass(frozen=True)
class Size:
    """Seconds of each load, and how often. `rates` are those of the open loop; a load lasts at least
    `truth_s`, and until a share of `tail` of its requests is enough for a percentile."""

    seconds: float
    rounds: int
    pairs: int
    warmup_s: float
    truth_s: float
    rates: tuple[int, ...]
    both_servers: bool = True
    counts: tuple[int, ...] = (1, 16, 64, 256)
    compared: tuple[int, ...] = (64, 256)
    echo_connections: int = 64
    demo_s: float = 9.0
    users: int = 100
    tail: float = 0.001


FULL = Size(2.0, 3, 5, 1.0, 6.0, (1_000, 5_000, 20_000))
QUICK = Size(0.5, 1, 2, 0.3, 1.5, (20_000,), both_servers=False, demo_s=3.0, compared=(64,))
"""A minute: shows that everything works, and roughly what it comes to."""


@dataclass
class Setting:
    """What all parts share. `save` stores the record as it is now; `say` prints a line for people."""

    size: Size
    record: Calibration
    server_cores: Sequence[int]
    client_cores: Sequence[int]
    logs: Path
    save: Callable[[], None]
    say: Callable[[str], None]
    nulls: dict[str, Make] = field(default_factory=dict)

    def start(self, make: Callable[[str, int], Sequence[str]], workload: str, cwd: Path = ROOT) -> launch.Server:
        """Start a server on its core. Raises launch.StartError."""
        with tempfile.NamedTemporaryFile(dir=self.logs, suffix=".log", delete=False) as log:
            path = Path(log.name)
        return launch.start(make, cwd, [workload], self.server_cores, path)


@dataclass(frozen=True)
class Step:
    """One thing to be done, about so many seconds; nothing that a server or a client does is raised by `work`."""

    label: str
    seconds: float
    work: Callable[[], None]


def rotated(items: Sequence[str], by: int) -> list[str]:
    """The items in another order each round, such that each is first, second ... equally often."""
    at = by % len(items) if items else 0
    return [*items[at:], *items[:at]]


def has_locust() -> bool:
    """Whether Locust is installed here; importing it would hand this process to gevent."""
    return importlib.util.find_spec("locust") is not None
