"""What a load is asked to be: one frozen record, checked before anything is opened."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loadgen.arrivals import Arrivals
from loadgen.errors import UsageError

MAX_RATE = 1_000_000


@dataclass(frozen=True)
class Spec:
    """The options of a load. `_s` is seconds; None where an option was not given.

    `first` is no option: where several processes share idle connections, the number of this one's first.
    """

    url: str
    connections: int = 64
    duration_s: float = 10.0
    warmup_s: float = 0.0
    warmup_requests: int = 0
    warmup_max_s: float | None = None
    window_s: float = 1.0
    turn_s: float = 0.0
    timeout_s: float = 5.0
    keep_alive: bool = True
    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    expect_status: int | None = None
    expect_type: str | None = None
    expect_body: bytes | None = None
    message: bytes = b"Hello, World!"
    binary: bool = False
    depth: int = 1
    rate: float | None = None
    arrivals: Arrivals = "poisson"
    seed: int = 1
    processes: int = 1
    idle: int = 0
    first: int = 0
    spin_us: float = 200.0
    quickack: bool = False
    allow_remote: bool = False
    cpus: tuple[int, ...] = ()

    def check(self) -> None:
        """Raise UsageError for a value that makes no sense, naming the option."""
        if self.connections < 1:
            raise UsageError(f"-c {self.connections}: at least one connection is needed")
        if self.depth < 1:
            raise UsageError(f"--pipeline {self.depth}: at least one request must be in flight")
        for name, value in (("-d", self.duration_s), ("--window", self.window_s), ("--timeout", self.timeout_s)):
            if not 0.001 <= value <= 1e6:
                raise UsageError(f"{name} {value:g}: give seconds, from 0.001 to 1,000,000")
        if self.warmup_s < 0 or self.warmup_requests < 0:
            raise UsageError("--warmup and --warmup-requests cannot be negative")
        if self.warmup_max_s is not None and self.warmup_max_s < self.warmup_s:
            raise UsageError(f"--warmup-max {self.warmup_max_s:g} is below --warmup {self.warmup_s:g}")
        if self.expect_status is not None and not 200 <= self.expect_status <= 599:
            raise UsageError(f"--expect-status {self.expect_status}: an answer's status is from 200 to 599")
        if self.depth > 1 and not self.keep_alive:
            raise UsageError("several requests in flight need a connection that stays open: drop --no-keepalive")
        if not self.method or not self.method.isascii() or not self.method.isalpha():
            raise UsageError(f"-X {self.method!r}: not a method; write it like PUT")
        if not 0 <= self.spin_us <= 1e6:
            raise UsageError(f"--spin {self.spin_us:g}: give microseconds, from 0 to 1,000,000")
        if self.url.startswith("ws") and not self.keep_alive:
            raise UsageError("--no-keepalive is for http://: a WebSocket for each message is not supported")
        if self.rate is not None and not 0.01 <= self.rate <= MAX_RATE:
            raise UsageError(f"--rate {self.rate:g}: give requests per second, from 0.01 to {MAX_RATE:,}")
        if self.rate is not None and self.depth > 1:
            raise UsageError("--rate sends each request at its own time: it does not go with several in flight")
        if self.turn_s and not 0.01 <= self.turn_s <= self.window_s:
            raise UsageError(f"--turn {self.turn_s:g}: from 0.01 s to the length of a window ({self.window_s:g} s)")
        if self.turn_s and (self.rate is not None or self.idle or self.processes > 1):
            raise UsageError("--turn divides a closed loop of one process: drop --rate, --idle and --processes")
        if self.idle < 0:
            raise UsageError(f"--idle {self.idle}: how many connections to hold cannot be negative")
        if self.idle and (self.rate is not None or self.depth > 1 or not self.keep_alive):
            raise UsageError("--idle holds connections without load: it goes with no option for load")
        if not 1 <= self.processes <= 256:
            raise UsageError(f"--processes {self.processes}: from 1 to 256")
        if (self.idle or self.connections) < self.processes:
            have = self.idle or self.connections
            raise UsageError(f"{self.processes} processes need at least as many connections, not {have}")
        for name, text in self.headers:
            if not name or any(c in name for c in " :\r\n\t") or any(c in text for c in "\r\n\0"):
                raise UsageError(f"--header {name + ': ' + text!r}: not a header; write it like 'Accept: text/plain'")
            if not (name + text).isascii():
                raise UsageError(f"--header {name}: {text}: only ASCII is supported")

    @property
    def warmup_cap_s(self) -> float:
        """When a warm-up ends whatever happens. Without --warmup-max the minimum of requests may take 30 s, or four
        times the minimum of seconds."""
        if self.warmup_max_s is not None:
            return self.warmup_max_s
        return max(30.0, 4 * self.warmup_s) if self.warmup_requests else self.warmup_s

    def settings(self) -> dict[str, float | int | str | bool | None]:
        """The options as plain values, for the record."""
        return {
            "url": self.url,
            "connections": self.connections,
            "duration_s": self.duration_s,
            "warmup_s": self.warmup_s,
            "warmup_requests": self.warmup_requests,
            "warmup_max_s": self.warmup_max_s,
            "window_s": self.window_s,
            "turn_s": self.turn_s,
            "timeout_s": self.timeout_s,
            "keep_alive": self.keep_alive,
            "method": self.method,
            "body_bytes": len(self.body),
            "message_bytes": len(self.message),
            "binary": self.binary,
            "depth": self.depth,
            "rate": self.rate,
            "arrivals": self.arrivals if self.rate is not None else None,
            "seed": self.seed if self.rate is not None else None,
            "processes": self.processes,
            "idle": self.idle,
            "spin_us": self.spin_us,
            "quickack": self.quickack,
            "cpus": ",".join(map(str, self.cpus)),
        }


@dataclass(frozen=True)
class Output:
    """Where the result goes."""

    json: Path | None = None
    hdr: Path | None = None
    events: bool = False
    quiet: bool = False
