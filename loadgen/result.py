"""The result of a load as a JSON object."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from loadgen.course import Course
from loadgen.guard import Facts, busiest, judge
from loadgen.latency import Latencies
from loadgen.open import OpenLoop
from loadgen.pool import Pool
from loadgen.spec import Spec

Json = dict[str, object]


@dataclass
class Part:
    """What one process measured; several are merged without loss. Times in the units of the names, `_ns` exact."""

    latencies: Latencies
    windows: list[dict[str, float | int | str | None]]
    window_latencies: list[Latencies]
    first: int
    measure_from: int
    measure_to: int
    steady: bool | None
    warmup_requests: int
    warmup_errors: int
    in_time: int
    errors: dict[str, int]
    examples: dict[str, str]
    cpu_s: float
    starved_ns: int | None
    idle_ns: int
    closing_ns: int
    overrun_ns: int
    reopened: int
    connects: Latencies
    stopped: str | None = None
    service: Latencies = field(default_factory=Latencies)
    lag: Latencies = field(default_factory=Latencies)
    lateness: Latencies = field(default_factory=Latencies)
    sent: int = 0
    unsent: int = 0
    drained: int = 0
    close_handshakes: int = 0

    @property
    def duration_s(self) -> float:
        """Seconds of the measured part."""
        return (self.measure_to - self.measure_from) / 1e9

    @property
    def starved(self) -> float | None:
        """Share of the measured part in which the process was ready to run and had no core; None if not known."""
        return None if self.starved_ns is None else self.starved_ns / max(1, self.measure_to - self.measure_from)

    @property
    def busy(self) -> float:
        """Share of the measured part in which the process did not wait."""
        return 1 - self.idle_ns / (self.measure_to - self.measure_from) if self.measure_to > self.measure_from else 0.0


def part_of(course: Course, loop: Pool) -> Part:
    """What this process measured."""
    part = Part(
        latencies=course.windows.measured,
        windows=[window.record(course.first) for window in course.windows.all],
        window_latencies=course.windows.latencies,
        first=course.first,
        measure_from=course.measure_from,
        measure_to=course.measure_to,
        steady=course.steady,
        warmup_requests=course.warmup_requests,
        warmup_errors=course.warmup_errors,
        in_time=course.in_time,
        errors={str(kind): count for kind, count in course.errors.items()},
        examples=course.examples,
        cpu_s=course.cpu_s,
        starved_ns=course.starved_ns,
        idle_ns=course.idle_ns,
        closing_ns=course.closing_ns,
        overrun_ns=course.overrun_ns,
        reopened=course.reopened,
        connects=course.connects,
        stopped=course.stopped,
    )
    part.close_handshakes = loop.close_handshakes
    if isinstance(loop, OpenLoop):
        part.service = Latencies.of_counts(loop.service)
        part.lag = Latencies.of_counts(loop.lag)
        part.lateness = Latencies.of_counts(loop.lateness)
        part.sent, part.drained = loop.sent, loop.drained
        part.unsent = loop.unsent(course.measure_to)
    return part


def build(spec: Spec, parts: Sequence[Part]) -> Json:
    """The result of a load that one or more processes made. Latencies in microseconds, times in seconds."""
    latencies = merged(part.latencies for part in parts)
    seconds = max(part.duration_s for part in parts)
    in_time = sum(part.in_time for part in parts)
    requests = in_time if spec.turn_s else latencies.count
    rps = in_time / seconds if seconds else 0.0
    mean_us = latencies.mean_us()
    summary = latencies.summary_us()
    lateness = merged(part.lateness for part in parts)
    late_us = lateness.percentiles_us((99.0,))[99.0]
    closed = spec.rate is None
    in_flight = rps * mean_us / 1e6 if closed and mean_us is not None else None
    # Where connections are opened for each request, a place is also taken while the server closes the last one.
    closing = sum(part.closing_ns for part in parts) / 1e9 / seconds if seconds else 0.0
    errors = sum((Counter(part.errors) for part in parts), Counter[str]())
    busy = busiest([part.busy for part in parts])
    shares = [part.starved for part in parts if part.starved is not None]
    starved = max(shares) if shares else None
    expected = spec.connections * spec.depth
    law = in_flight + closing if in_flight is not None and not errors else None
    shown = summary
    if spec.turn_s:
        shown = within_turns(summary, spec.turn_s)
    verdict = judge(
        Facts(
            busy=busy,
            starved=starved,
            requests=requests,
            in_flight=None if spec.turn_s else law,  # the first round of a turn has requests, but no latencies
            expected_in_flight=expected,
            lateness_p99_us=late_us,
            p50_us=summary["p50"],
        )
    )
    extra: Json = {
        "warmup_errors": sum(part.warmup_errors for part in parts),
        "reopened": sum(part.reopened for part in parts),
    }
    stopped = [part.stopped for part in parts if part.stopped is not None]
    if stopped:
        extra["stopped"] = stopped[0]
    if spec.turn_s:
        extra["overrun_s"] = sum(part.overrun_ns for part in parts) / 1e9
    if spec.url.startswith("ws"):
        extra["close_handshakes"] = sum(part.close_handshakes for part in parts)
    connects = merged(part.connects for part in parts)
    if connects.count:
        extra |= {"connects": connects.count} | flat("connect", connects)
    if not closed:
        extra |= open_loop(parts)
    cpu_s = sum(part.cpu_s for part in parts)
    return {
        "requests": requests,
        "errors": dict(errors),
        "duration_s": seconds,
        "rps": rps,
        "latency_us": shown,
        "client": {
            "cpu_s": cpu_s,
            "cpu_us_per_request": cpu_s * 1e6 / requests if requests else None,
            "busy": busy,
            "starved": starved,
            "limited": verdict.limited,
            "verdict": verdict.text,
            "in_flight": in_flight,
            "lateness_p99_us": late_us,
            "gc": "off",
            "wait": wait_text(spec),
            "python": f"{platform.python_implementation()} {platform.python_version()}",
            "processes": len(parts),
        },
        "windows": merged_windows(parts),
        "histogram": latencies.encoded() if latencies.count and whole(shown, summary) else None,
        "examples": {kind: text for part in reversed(parts) for kind, text in part.examples.items()},
        "connections": spec.connections,
        "mode": "closed" if closed else "open",
        "offered_rps": spec.rate,
        "steady": parts[0].steady,
        "warmup_s": (parts[0].measure_from - parts[0].first) / 1e9,
        "warmup_requests": sum(part.warmup_requests for part in parts),
        "engine": "native",
        "settings": spec.settings(),
        "extra": extra,
    }


def within_turns(summary: dict[str, float | None], turn_s: float) -> dict[str, float | None]:
    """Latencies (us) that turns can tell: under half of a turn. What takes longer would have been cut short by its end.

    The mean is told where the maximum is.
    """
    limit = turn_s / 2 * 1e6
    told = {name: value if value is not None and value <= limit else None for name, value in summary.items()}
    return told if told.get("max") is not None else {**told, "mean": None}


def whole(shown: dict[str, float | None], summary: dict[str, float | None]) -> bool:
    """Whether no percentile was left out, or not the maximum where there is none: then the distribution is told too."""
    known = [name for name, value in summary.items() if name.startswith("p") and value is not None]
    return all(shown[name] == summary[name] for name in known or ["max"])


def wait_text(spec: Spec) -> str:
    """How the client waited, which is part of what it measured."""
    if not spec.spin_us:
        return "sleeps"
    return f"spins {spec.spin_us:g} us, then sleeps" + ("; sleeps at once while busy" if spec.rate is None else "")


def merged(several: Iterable[Latencies]) -> Latencies:
    """Distributions merged into one."""
    total = Latencies()
    for one in several:
        total.merge(one)
    return total


def open_loop(parts: Sequence[Part]) -> Json:
    """What only an open loop has: what was offered and sent, service time, send lag, lateness (us)."""
    sent, unsent = sum(part.sent for part in parts), sum(part.unsent for part in parts)
    counted = sum(part.latencies.count for part in parts)
    failed = sum(sum(part.errors.values()) for part in parts)
    return {
        "due": sent + unsent,
        "sent": sent,
        "unsent": unsent,
        "unanswered": max(0, sent - counted - failed),
        "answered_after_the_end": sum(part.drained for part in parts),
        **flat("service", merged(part.service for part in parts)),
        **flat("send_lag", merged(part.lag for part in parts)),
        **flat("lateness", merged(part.lateness for part in parts)),
    }


def flat(name: str, latencies: Latencies) -> Json:
    """A distribution as plain values, in microseconds."""
    return {f"{name}_{key}_us": value for key, value in latencies.summary_us().items()}


def merged_windows(parts: Sequence[Part]) -> list[Json]:
    """The windows of all processes, which have common boundaries, as one list."""
    if len(parts) == 1:
        return [dict(window) for window in parts[0].windows]
    merged_list: list[Json] = []
    for index in range(min(len(part.windows) for part in parts)):
        same = [part.windows[index] for part in parts]
        latencies = merged(part.window_latencies[index] for part in parts)
        found = latencies.percentiles_us((50.0, 99.0))
        merged_list.append(
            {
                "start_s": same[0]["start_s"],
                "duration_s": same[0]["duration_s"],
                "phase": same[0]["phase"],
                "requests": latencies.count,
                "errors": sum(int(window["errors"] or 0) for window in same),
                "mean_us": latencies.mean_us(),
                "p50_us": found[50.0],
                "p99_us": found[99.0],
            }
        )
    return merged_list
