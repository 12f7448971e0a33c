"""Truth: what clients report of servers whose latencies are known in advance, beside the values worked out on paper."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from bench.calibration import programs
from bench.calibration.laws import Fixed, Law, Mixture, Stall, connections, duration_s
from bench.calibration.plan import START_S, Setting, Step, has_locust
from bench.calibration.quiet import Watch
from bench.journeys import Journey, Locust, LocustError, arguments
from bench.launch import Server, StartError
from results.calibration import OURS, PERCENTILES, Loop, Truth, judge

LAWS: tuple[Law, ...] = (Fixed(0.010), Mixture(0.002, 0.020, 20), Stall(1.0, 0.5, 100_000.0))
DEMO_RATE = 1_000
"""Demonstrations are held against users who arrive at this rate."""
DEMO_CONNECTIONS = 64
FILES_BESIDE = 300
LOCUST_THINK_S = 0.1
SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99.9": 0.999}


def expected_us(law: Law, rate: float) -> dict[str, float]:
    """What is right, in microseconds."""
    return {name: law.quantile(SHARES[name], rate) * 1e6 for name in PERCENTILES}


def steps(setting: Setting, wrk: str | None, laws: tuple[Law, ...] = LAWS) -> list[Step]:
    """The instrument in open loop on each law at each rate; then others, and itself in closed loop, on the stall."""
    found = [_open(setting, law, rate) for law in laws for rate in setting.size.rates]
    for law in laws:
        if isinstance(law, Stall):
            found += _demonstrations(setting, law, wrk)
    return found


def _entry(setting: Setting, law: Law, client: str, loop: Loop, rate: float, **more: Any) -> Truth:
    entry = Truth(
        kind=law.kind,
        law=law.words(),
        client=client,
        loop=loop,
        rate=rate,
        expected_us=expected_us(law, rate),
        judged=loop == "open",
        reason="not measured",
        **more,
    )
    setting.record.truth.append(entry)
    return entry


# --- the instrument, in open loop ------------------------------------------------------------------------------------


def _open(setting: Setting, law: Law, rate: float) -> Step:
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1] - FILES_BESIDE
    count = connections(law, rate, most)
    # A stall's share of evenly spaced requests is exact; of random ones it is only so on average, which at 1,000 per
    # second moves its 90th percentile by more than a client may be off.
    arrivals = "constant" if isinstance(law, Stall) else "poisson"
    seconds = duration_s(law, rate, setting.size.truth_s, setting.size.tail)
    warmup = max(law.cycle_s, min(1.0, setting.size.truth_s / 3), 1.2 * count / rate)
    entry = _entry(setting, law, OURS, "open", rate, connections=count, arrivals=arrivals)
    if count == most:
        entry.note = f"more connections were needed than files may be open ({most:,}): some requests waited for one"

    def work() -> None:
        def load(server: Server) -> None:
            words = [f"http://{server.host}:{server.port}/", "--expect-status", "200", "-c", str(count)]
            words += ["-d", f"{seconds:g}", "--warmup", f"{warmup:g}", "--rate", f"{rate:g}", "--arrivals", arrivals]
            shot, result = programs.loadgen([*words, "--seed", "1"], setting.client_cores)
            entry.reason, entry.errors = shot.reason, shot.errors
            if result:
                _fill(entry, result)
                entry.lateness_us = _number(result["client"].get("lateness_p99_us"))
                entry.unsent = int(result["extra"].get("unsent") or 0)
                if result["client"].get("limited"):
                    entry.note = "; ".join(filter(None, (entry.note, str(result["client"].get("verdict")))))

        _against(setting, law, entry, load, skip=round(rate * warmup))

    return Step(f"truth: {law.words()} at {rate:,}/s", START_S * 2 + warmup + seconds, work)


def _fill(entry: Truth, result: Mapping[str, Any]) -> None:
    """Put a load's figures into an entry; Locust's and the instrument's are of one shape."""
    entry.requests, entry.rps = int(result["requests"]), float(result["rps"])
    entry.reported_us = {name: _number(result["latency_us"].get(name)) for name in PERCENTILES}
    entry.errors = sum(result["errors"].values())


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None


def _against(setting: Setting, law: Law, entry: Truth, load: Callable[[Server], None], skip: int = 0) -> None:
    """Start the known server, load it, and ask it what it did itself, after the first `skip` requests."""

    def make(host: str, port: int) -> list[str]:
        return [sys.executable, "-m", "bench.calibration.known", host, str(port), law.spec(), str(skip)]

    entry.reason = None
    try:
        with setting.start(make, "hello") as server:
            watch = Watch(server)
            load(server)
            entry.flags = watch.flags()
            server.stop()
            log = server.log.read_text("utf-8", "replace") if server.log.exists() else ""
            account = account_of(log)
            entry.late_us, entry.served_us = account.get("late_us", {}), account.get("served_us", {})
    except StartError as error:
        entry.reason = f"the known server {error}"
    except KeyboardInterrupt:
        entry.reason = "interrupted"
        raise
    setting.say(in_words(entry))


def account_of(log: str) -> dict[str, dict[str, float]]:
    """The known server's own account (us, by what it is of and percentile); empty where it gave none."""
    for line in reversed(log.splitlines()):
        if line.startswith('{"late_us"'):
            try:
                return msgspec.json.decode(line, type=dict[str, dict[str, float]])
            except msgspec.DecodeError:
                break
    return {}


def in_words(entry: Truth) -> str:
    """A measurement on one line."""
    loop = f"open loop, {entry.rate:,.0f}/s" if entry.loop == "open" else "closed loop"
    what = f"{entry.law}: {entry.client}, {loop}"
    if entry.reason is not None:
        return f"{what}: {entry.reason}"
    parts = [
        f"{j.name} {'-' if j.reported is None else f'{j.reported / 1000:,.2f}'} ({j.expected / 1000:,.2f})"
        + (f" {j.verdict}" if entry.judged and j.verdict != "within" else "")
        for j in judge(entry)
    ]
    return f"{what}: {', '.join(parts)} ms; in brackets: on paper"


# --- demonstrations --------------------------------------------------------------------------------------------------


def _demonstrations(setting: Setting, law: Law, wrk: str | None) -> list[Step]:
    size, cores = setting.size, setting.client_cores
    seconds = duration_s(law, DEMO_RATE, size.demo_s, tail=1.0, above=1)

    def demo(client: str, count: int, note: str, load: Callable[[Truth, Server], None], extra_s: float) -> Step:
        entry = _entry(setting, law, client, "closed", DEMO_RATE, connections=count, note=note)
        label = f"demonstration: {client} on a server that stalls"
        return Step(label, START_S * 2 + seconds + extra_s, lambda: _against(setting, law, entry, _bound(entry, load)))

    def with_loadgen(entry: Truth, server: Server) -> None:
        words = [f"http://{server.host}:{server.port}/", "-c", str(entry.connections), "-d", f"{seconds:g}"]
        shot, result = programs.loadgen([*words, "--warmup", f"{law.cycle_s:g}"], cores)
        entry.reason = shot.reason
        if result:
            _fill(entry, result)

    def with_wrk(entry: Truth, server: Server) -> None:
        assert wrk is not None
        url = f"http://{server.host}:{server.port}/"
        shot = programs.run_wrk(wrk, url, entry.connections, seconds, cores)
        entry.reason, entry.requests, entry.errors, entry.rps = shot.reason, shot.requests, shot.errors, shot.rps
        entry.reported_us = {name: shot.latency_us.get(name) for name in PERCENTILES if shot.latency_us}

    def with_locust(entry: Truth, server: Server) -> None:
        users = entry.connections
        journey = Journey("hello", users, float(users), seconds, (LOCUST_THINK_S, LOCUST_THINK_S))
        try:
            with Locust(
                lambda events: arguments(journey, ["hello"], server.host, server.port, events, None),
                cores,
                setting.logs / "locust.log",
            ) as locust:
                results = [event["result"] for event in locust.events() if event["event"] == "result"]
        except LocustError as error:
            entry.reason = str(error)
            return
        if results and results[0]["requests"]:
            _fill(entry, results[0])
        else:
            entry.reason = "Locust told of no request"

    count = DEMO_CONNECTIONS
    found = [
        demo(OURS, count, f"{count} connections, each waits for its answer before it asks again", with_loadgen, 1.5)
    ]
    if wrk is not None:
        note = f"{count} connections, each waits for its answer; wrk 4 corrects by guesswork for what it did not send"
        found.append(demo("wrk", count, note, with_wrk, 1.0))
    else:
        missing = _entry(setting, law, "wrk", "closed", DEMO_RATE)
        missing.reason = f"wrk is not installed: {programs.INSTALL_WRK}"
    if has_locust():
        users = setting.size.users
        most = f"{users / LOCUST_THINK_S:,.0f}/s at most"
        note = f"{users} users who ask, think for {LOCUST_THINK_S:g} s, and ask again: {most}"
        found.append(demo("locust", users, note, with_locust, 4.0))
    else:
        missing = _entry(setting, law, "locust", "closed", DEMO_RATE)
        missing.reason = "Locust is not installed here; nox -s calibrate installs it"
    return found


def _bound(entry: Truth, load: Callable[[Truth, Server], None]) -> Callable[[Server], None]:
    return lambda server: load(entry, server)
