"""What Locust measured: kept apart from the native client's figures, never ranked, with its limits beside it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from results.schema import Flag, Record, Run, Sample, Stage, Step
from results.store import final_samples

LOCUST = "locust"
"""The engine's name in `Load.engine`, in the settings of a plan, and in the names of run folders."""

LIMITS = (
    "One Locust process makes at most about 14,000 requests a second with a core of its own, half of that on a busy "
    "machine (docs/locust.md): near that the figures are Locust's, not the server's, and different servers look alike.",
    "Its latencies are rounded: to whole milliseconds below 100 ms, to two digits above. They include the waiting "
    "within Locust's one process, and failed requests as well.",
    "They leave out what was not sent (coordinated omission): a user who waits for an answer asks nothing meanwhile, "
    "so a stall is charged to few requests; pacing with constant_throughput does not make up for it.",
    "So they say how one stack treats its users on a journey. They rank nothing, and are not to be held against the "
    "native client's figures.",
)
"""Sentences that stand wherever a figure of Locust's is shown."""

NO_RANKING = "it was made with Locust, whose figures show journeys of users and rank nothing"


class LocustRow(msgspec.Struct, kw_only=True):
    """One test that Locust made of a stack, or the reason why there is none; figures as in `schema.Load`.

    `think` is MIN-MAX seconds. `complete` is false where it was stopped before its time. `client_busy` is the share of
    a core that Locust used: from 0.7 on (then there is a flag) the figures say little of the server. Everything of
    which there is no figure is None.
    """

    stack: str
    runtime: str
    title: str
    journey: str
    status: str
    test: int = 0
    at: str = ""
    stage: Stage | None = None
    reason: str | None = None
    hint: str | None = None
    users: int | None = None
    spawn_rate: float | None = None
    think: str | None = None
    duration_s: float | None = None
    complete: bool = True
    requests: int = 0
    errors: dict[str, int] = {}
    examples: dict[str, str] = {}
    rps: float | None = None
    latency_us: dict[str, float | None] = {}
    client_busy: float | None = None
    client_cpu_us_per_request: float | None = None
    server_cpu_us_per_request: float | None = None
    pss_load_bytes: int | None = None
    flags: list[Flag] = []
    steps: list[Step] = []
    version: str | None = None

    @property
    def failed(self) -> int:
        """Requests that failed."""
        return sum(self.errors.values())


def made_by_locust(run: Run) -> bool:
    """Whether the whole run is one of Locust's."""
    return run.plan.settings.get("engine") == LOCUST


def is_locust(run: Run, sample: Sample) -> bool:
    """Whether Locust made a sample; one without a load is of the engine that its run is of."""
    return sample.load.engine == LOCUST if sample.load is not None else made_by_locust(run)


def split(run: Run, records: Iterable[Record]) -> tuple[list[Record], list[Sample]]:
    """Return the records without Locust's samples, and those samples, in order."""
    ours: list[Record] = []
    locust: list[Record] = []
    for record in records:
        (locust if isinstance(record, Sample) and is_locust(run, record) else ours).append(record)
    return ours, [sample for _, sample in sorted(final_samples(locust).items(), key=lambda item: item[0][0])]


def rows(run: Run, samples: Iterable[Sample]) -> list[LocustRow]:
    """One row a test, in the order in which they were made; then what could not be tested at all."""
    titles = {stack.id: stack.title for stack in run.stacks}
    found = [_row(sample, titles.get(sample.cell.stack, sample.cell.stack)) for sample in samples]
    if made_by_locust(run):
        journey = str(run.plan.settings.get("journey", ""))
        found += [
            LocustRow(
                stack=entry.stack,
                runtime=entry.runtime,
                title=titles.get(entry.stack, entry.stack),
                journey=journey,
                status="missing",
                reason=entry.reason,
                hint=entry.hint,
            )
            for entry in run.missing
            if entry.stack is not None and entry.runtime is not None
        ]
    return found


def _row(sample: Sample, title: str) -> LocustRow:
    row = LocustRow(
        stack=sample.cell.stack,
        runtime=sample.cell.runtime,
        title=title,
        journey=sample.cell.workload,
        status=sample.status,
        test=sample.block,
        at=sample.at,
        stage=sample.stage,
        reason=sample.reason,
        flags=sample.flags,
    )
    if sample.server is not None:
        row.server_cpu_us_per_request = sample.server.cpu_us_per_request
        row.pss_load_bytes = sample.server.pss_load_bytes
    load = sample.load
    if load is not None:
        row.users, row.duration_s, row.requests, row.rps = load.connections, load.duration_s, load.requests, load.rps
        row.errors = {kind: count for kind, count in load.errors.items() if count}
        row.examples, row.latency_us, row.steps = load.examples, load.latency_us, load.steps
        row.spawn_rate = _number(load.settings.get("spawn_rate"))
        row.think = _text(load.settings.get("think"))
        row.version = _text(load.settings.get("locust"))
        row.client_busy = _number(load.client.get("busy"))
        row.client_cpu_us_per_request = _number(load.client.get("cpu_us_per_request"))
        row.complete = load.extra.get("complete") is not False
    return row


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _text(value: object) -> str | None:
    return str(value) if value is not None else None


def milliseconds(us: float | None) -> str:
    """One of Locust's rounded percentiles in ms: "12", "350"; its 0 is anything up to half a millisecond."""
    if us is None:
        return ""
    return f"{us / 1000:,.0f}" if us else "\N{LESS-THAN OR EQUAL TO}0.5"


def conditions(row: LocustRow, *, users: bool = True) -> str:
    """What a row was measured under: 200 users, mixed journey, thinking 0.5-1.5 s, 30 s."""
    parts = []
    if users and row.users is not None:
        parts.append(f"{row.users:,} user{'' if row.users == 1 else 's'}")
    parts.append(f"{row.journey} journey")
    if row.think not in (None, "0-0"):
        parts.append(f"thinking {row.think} s")
    if row.duration_s is not None:
        parts.append(f"{row.duration_s:.0f} s" + ("" if row.complete else ", stopped before its time"))
    return ", ".join(parts)


def remarks(row: LocustRow) -> list[str]:
    """What must be known of a row beside its figures, in sentences."""
    found = []
    if row.status != "ok":
        found.append(f"{row.status}{f' at {row.stage}' if row.stage else ''}: {row.reason or 'no reason was given'}")
    if row.hint:
        found.append(row.hint)
    if row.errors:
        found.append("errors: " + ", ".join(f"{kind} {count:,}" for kind, count in sorted(row.errors.items())))
        found += [f"first of {kind}: {text}" for kind, text in sorted(row.examples.items())]
    return found + [f"{flag.name}: {flag.detail}" for flag in row.flags if flag.name != "errors"]


def flat(row: LocustRow) -> list[dict[str, object]]:
    """A row for spreadsheets: one record for all requests together, and one for each step."""
    total = Step("all", row.requests, row.failed, row.rps or 0.0, row.latency_us)
    steps = [total, *row.steps] if row.rps is not None else [None]
    return [
        {
            "stack": row.stack,
            "title": row.title,
            "runtime": row.runtime,
            "journey": row.journey,
            "load generator": LOCUST,
            "status": row.status,
            "reason": row.reason,
            "users": row.users,
            "users started per second": row.spawn_rate,
            "think (s)": row.think,
            "duration (s)": row.duration_s,
            "step": step.name if step else None,
            "requests": step.requests if step else None,
            "failed": step.errors if step else None,
            "requests per second (not comparable with the native client's)": step.rps if step else None,
            **{
                f"latency {name} (us, rounded by Locust)": step.latency_us.get(name) if step else None
                for name in ("mean", "p50", "p90", "p99", "p99.9", "max")
            },
            "client busy (share of a core)": row.client_busy,
        }
        for step in steps
    ]
