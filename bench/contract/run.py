"""Run the checks: those of a stage at once, the harmless ones before the hostile ones, stopping the server last."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Protocol, TypeVar

from bench.contract import echo, first, http, websocket
from bench.contract.model import Broken, Case, Outcome, Probe, Spec, Stage, failed, noted, one_line, passed, skipped
from bench.contract.wire import Wire, request
from results.schema import Check

TIMEOUT_S = 10.0
"""For a whole check. A server on PyPy may need seconds for its first requests; a hang is one all the same."""
AT_ONCE = 6
ENDING_S = 1.0
SERVER = "server"
GREETING = "Hello, World!"
HTTP_SPECS = {
    "hello": Spec("hello", "/", "text/plain", GREETING),
    "json": Spec("json", "/json", "application/json", f'{{"message": "{GREETING}"}}'),
    "connect": Spec("connect", "/", "text/plain", GREETING),
}
ECHO_SPEC = Spec("echo", "/ws", "", "")
STOPS = "ends within 5 s of SIGTERM, also with clients connected"
CONNECTING = {"connection: close", "new connections", "ten connections"}
CLEAN_EXITS = {"exit 0", "exit 143", "killed by SIGTERM"}
"""How a server may end on SIGTERM: by itself, or as one does that has no handler for it."""


T = TypeVar("T")


class Ended(Protocol):
    """How a server ended: `seconds` from SIGTERM, whether by itself, how in words, how many processes outlived it."""

    @property
    def seconds(self) -> float:
        """From SIGTERM to the end of the first process."""

    @property
    def clean(self) -> bool:
        """Whether it ended by itself within five seconds."""

    @property
    def exit(self) -> str:
        """How it ended, in words."""

    @property
    def orphans(self) -> int:
        """How many of its processes outlived it."""


class Target(Protocol):
    """A running server: where it listens and how to stop it. `bench.launch.Server` is one."""

    host: str
    port: int

    def stop(self) -> Ended:
        """Send SIGTERM, wait for at most five seconds, then kill."""

    def alive(self) -> bool:
        """Whether the server's first process still runs."""


def check(
    target: Target,
    workloads: Sequence[str],
    *,
    keep_alive: bool = True,
    stop: bool = True,
    timeout: float = TIMEOUT_S,
) -> list[Check]:
    """Make every check that these workloads call for, and return what came of each, in the order of the tables.

    `keep_alive` is what the stack declares. With `stop` the server is stopped at the end, and that is checked as well.
    `timeout` is in seconds, for each check. Takes under 2 s when all is well. Nothing that a server does makes it
    raise.
    """
    probes = {
        name: Probe(target.host, target.port, keep_alive, timeout, spec)
        for name, spec in [*HTTP_SPECS.items(), ("echo", ECHO_SPEC)]
        if name in workloads
    }
    with ThreadPoolExecutor(AT_ONCE) as pool:
        run = _Run(target, pool)
        run.begin(probes)
        for stage in Stage:
            run.stage(stage)
        run.stays_up()
    if stop:
        run.stops()
    return run.checks()


class _Run:
    """The checks of one server: what is planned, and what came of it."""

    def __init__(self, target: Target, pool: ThreadPoolExecutor) -> None:
        self._target = target
        self._pool = pool
        self._plan: list[tuple[str, Case, Probe]] = []
        self._probes: dict[str, Probe] = {}
        self._outcomes: dict[tuple[str, str], tuple[str, Outcome]] = {}

    def _put(self, workload: str, name: str, expected: str, outcome: Outcome) -> None:
        self._outcomes[workload, name] = (expected, Outcome(outcome.verdict, one_line(outcome.got)))

    def begin(self, probes: dict[str, Probe]) -> None:
        """The first answer of each workload; from what it shows, plan the rest."""
        self._probes = probes
        asked: dict[str, Future[first.First | Broken]] = {}
        opened: Future[websocket.Opened | Broken] | None = None
        for name, probe in probes.items():
            if name == "echo":
                opened = self._pool.submit(_guarded, websocket.open_first, probe)
            else:
                asked[name] = self._pool.submit(_guarded, first.ask, probe)
        known: dict[str, Probe] = {}
        for name, future in asked.items():
            answer, spec = future.result(), probes[name].spec
            for judgement, outcome in first.judge_all(answer, spec):
                expected = judgement.expected.replace("{path}", spec.path)
                expected = expected.replace("{media_type}", spec.media_type).replace("{body}", spec.body)
                self._put(name, judgement.name, expected, outcome)
            if first.usable(answer):
                assert isinstance(answer, first.First)
                known[name] = replace(probes[name], first=answer.answer)
        others = tuple((probe.spec, probe.first) for probe in known.values() if probe.first is not None)
        for name in asked:
            if name in known:
                self._add(name, cases_for(name, known), replace(known[name], others=others))
            else:
                self._skip(name, http.BOTH, probes[name], "not checked: the first answer was not whole")
        if known:
            self._add(SERVER, http.ONCE, next(iter(known.values())))
        if opened is not None:
            opening = opened.result()
            for check_name, expected, outcome in websocket.judge_opening(opening):
                self._put("echo", check_name, expected, outcome)
            if isinstance(opening, tuple) and opening[0].status == 101:
                self._add("echo", echo.ECHO, probes["echo"])
            else:
                self._skip("echo", echo.ECHO, probes["echo"], "not checked: no handshake")

    def _add(self, workload: str, cases: Iterable[Case], probe: Probe) -> None:
        for case in cases:
            if case.only_if_keep_alive is True and not probe.keep_alive:
                self._put(workload, case.name, case.expected, skipped("keep_alive = false is declared"))
            elif case.only_if_keep_alive is not False or not probe.keep_alive:
                self._put(workload, case.name, case.expected, skipped("not checked: the server had ended"))
                self._plan.append((workload, case, probe))

    def _skip(self, workload: str, cases: Iterable[Case], probe: Probe, why: str) -> None:
        for case in cases:
            if case.only_if_keep_alive in {None, probe.keep_alive}:
                self._put(workload, case.name, case.expected, skipped(why))

    def stage(self, stage: Stage) -> None:
        """Run the checks of this stage, unless the server has ended."""
        planned = [each for each in self._plan if each[1].stage == stage]
        if not stage.at_once:
            for workload, case, probe in planned:
                self._alone(workload, case, probe)
        elif self._target.alive():
            running = [
                (workload, case, self._pool.submit(_outcome, case, probe))
                for workload, case, probe in reversed(planned)  # the last ones wait longest: the echo's, for a close
            ]
            for workload, case, future in running:
                self._put(workload, case.name, case.expected, future.result())

    def _alone(self, workload: str, case: Case, probe: Probe) -> None:
        """Run one check, and should the server end in it, say so there."""
        if not self._target.alive():
            return
        outcome = _outcome(case, probe)
        if outcome.verdict != "pass" and self._ended(probe):
            outcome = failed("the server ended")
        self._put(workload, case.name, case.expected, outcome)

    def _ended(self, probe: Probe) -> bool:
        """Whether the server has ended. That is known only a moment after its connections break: ask it something."""
        try:
            with probe.connect() as wire:
                wire.hurry(ENDING_S)
                wire.send(request(probe.spec.path))
                wire.answer()
        except Broken:
            deadline = time.monotonic() + ENDING_S
            while self._target.alive() and time.monotonic() < deadline:
                time.sleep(0.01)
        return not self._target.alive()

    def stays_up(self) -> None:
        """Whether the server has outlived the checks."""
        up = self._target.alive()
        self._put(SERVER, "stays up", "the server runs until it is told to stop",
                  passed("runs") if up else failed("it ended while it was checked"))  # fmt: skip

    def stops(self) -> None:
        """SIGTERM: within five seconds, also with clients that stay connected, and nothing is left."""
        if not self._target.alive():
            self._put(SERVER, "stops", STOPS, skipped("not checked: the server had ended"))
            return
        with ExitStack() as connections:
            for probe in self._probes.values():
                with suppress(Broken):  # a server that cannot even do this has failed already
                    connections.enter_context(websocket.Socket(probe) if probe.spec is ECHO_SPEC else idle(probe))
            ended = self._target.stop()
        how = f"{ended.exit} after {ended.seconds:.1f} s"
        outcome = failed(how) if not ended.clean else passed(how) if ended.exit in CLEAN_EXITS else noted(how)
        self._put(SERVER, "stops", STOPS, outcome)
        left = f"{ended.orphans} processes were left"
        self._put(SERVER, "no orphans", "no process outlives it", failed(left) if ended.orphans else passed("none"))

    def checks(self) -> list[Check]:
        """All of them: workload by workload, those of the server as a whole last."""
        order = [*HTTP_SPECS, ECHO_SPEC.workload, SERVER]
        entries = sorted(self._outcomes.items(), key=lambda entry: order.index(entry[0][0]))
        return [
            Check(name, workload, outcome.verdict, expected, outcome.got)
            for (workload, name), (expected, outcome) in entries
        ]


def idle(probe: Probe) -> Wire:
    """A connection that has had its answer and stays open, as far as the client is concerned. Raises Broken."""
    wire = probe.connect()
    try:
        wire.send(request(probe.spec.path))
        wire.answer()
    except Broken:
        wire.close()
        raise
    return wire


def cases_for(workload: str, known: Iterable[str]) -> list[Case]:
    """The checks of an HTTP workload. `connect` asks what hello asks: what hello's checks show is not shown twice."""
    if workload == "connect" and "hello" in known:
        return [case for case in http.BOTH if case.name in CONNECTING]
    return list(http.BOTH)


def _guarded(ask: Callable[[Probe], T], probe: Probe) -> T | Broken:
    try:
        return ask(probe)
    except Broken as error:
        return error
    except Exception as error:  # as in _outcome
        return Broken(f"the check broke on what came: {type(error).__name__}: {error}")


def _outcome(case: Case, probe: Probe) -> Outcome:
    try:
        return case.run(probe)
    except Broken as error:
        return failed(str(error))
    except Exception as error:
        # Whatever a server may send, the run goes on: what this check did not foresee is a failed check.
        return failed(f"the check broke on what came: {type(error).__name__}: {error}")
