"""Measuring in turns: one at a time, in a ring; groups of what is compared; samples as of cells measured alone."""

import random
import sys
import threading
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import guards, machine
from bench import profile as profiles
from bench.errors import UserError
from bench.groups import MEMBERS, Job, groups, order
from bench.guards import Counters
from bench.measure import measure
from bench.paths import PROFILES, SERVERS
from bench.setting import Bench, Target
from bench.turns import Cancelled, Ring
from results.schema import Cell, Sample

names = st.sampled_from("abcdefghijkl")
cells = st.lists(st.builds(Cell, names, st.sampled_from("pq"), st.sampled_from("vw")), unique=True, max_size=60)


@given(st.lists(st.integers(0, 4), min_size=1, max_size=6))
def test_members_have_their_turns_one_after_the_other(wanted: list[int]) -> None:
    """Each member has as many turns as it takes, never two at a time, and nobody twice while another waits."""
    ring = Ring(len(wanted))
    told: list[int] = []
    inside = 0

    def one(member: int) -> None:
        nonlocal inside
        ring.wait(member)
        for number in range(wanted[member] + 1):
            if number:
                inside -= 1
                ring.next(member)
            inside += 1
            assert inside == 1
            told.append(member)
        inside -= 1
        ring.leave(member)

    threads = [threading.Thread(target=one, args=(member,)) for member in range(len(wanted))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert Counter(told) == {member: count + 1 for member, count in enumerate(wanted)}
    rounds = [[m for m, count in enumerate(wanted) if count >= n] for n in range(max(wanted) + 1)]
    assert told == [member for one_round in rounds for member in one_round]


def test_who_waits_gives_up_when_the_turns_are_cancelled() -> None:
    """An interrupt must not leave a thread that waits for ever; whoever comes later gives up too."""
    ring = Ring(2)
    caught = threading.Event()

    def wait() -> None:
        with pytest.raises(Cancelled):
            ring.wait(1)
        caught.set()

    thread = threading.Thread(target=wait)
    thread.start()
    ring.cancel()
    thread.join(10)
    assert caught.is_set()
    with pytest.raises(Cancelled):
        ring.wait(0)


@given(cells, st.integers())
def test_groups_hold_what_is_compared(some: list[Cell], seed: int) -> None:
    """A block has every cell once; a group has one workload and whole stacks, few, and no loner beside a crowd."""
    block = order(some, random.Random(seed))
    assert sorted(block) == sorted(some)
    made = groups([Job(0, cell) for cell in block], turns=True)
    assert [job.cell for group in made for job in group] == block
    stacks: dict[str, list[set[str]]] = {}
    for group in made:
        [workload] = {job.cell.workload for job in group}
        assert len(group) <= MEMBERS
        stacks.setdefault(workload, []).append({job.cell.stack for job in group})
    for parts in stacks.values():
        assert sum(map(len, parts)) == len(set().union(*parts))
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert groups([Job(0, cell) for cell in block], turns=False) == [[Job(0, cell)] for cell in block]


def test_the_order_within_groups_and_of_groups_is_the_seeds() -> None:
    """Neither who begins nor which group comes first is always the same."""
    some = [Cell(stack, runtime, workload) for stack in "abcd" for runtime in "pq" for workload in "vw"]
    blocks = [order(some, random.Random(seed)) for seed in range(20)]
    assert {block[0].workload for block in blocks} == {"v", "w"}
    assert {block[0].runtime for block in blocks} == {"p", "q"}
    assert {block[0].stack for block in blocks} == set("abcd")


@given(st.lists(st.tuples(st.floats(0.01, 1), st.floats(0, 1), st.floats(0, 1), st.integers(0, 2)), min_size=1))
def test_stretches_are_judged_by_their_sums(parts: list[tuple[float, float, float, int]]) -> None:
    """Several stretches have the wall time, work, steal and throttling of all of them, and nothing of the rests."""
    stretches = []
    at = 0.0
    for wall, busy, steal, throttled in parts:
        before = Counters(at, {1: at}, at, 7, None, at)
        after = replace(
            before,
            at=at + wall,
            busy_s={1: at + busy},
            steal_s=at + steal,
            throttled=7 + throttled,
            ours_s=at + busy / 2,
        )
        stretches.append((before, after))
        at += 10.0
    first, last = guards.together(stretches)
    sums = [sum(part[index] for part in parts) for index in range(4)]
    assert last.at - first.at == pytest.approx(sums[0])
    assert sum(last.busy_s.values()) - sum(first.busy_s.values()) == pytest.approx(sums[1])
    assert last.steal_s - first.steal_s == pytest.approx(sums[2])
    assert (last.throttled or 0) - (first.throttled or 0) == sums[3]
    assert last.ours_s - first.ours_s == pytest.approx(sums[1] / 2)


def bench_of(tmp_path: Path) -> Bench:
    """A short profile with turns."""
    short = {"measure_s": 0.6, "window_s": 0.2, "turn_s": 0.05, "warmup_s": 0.4, "warmup_max_s": 0.4, "connections": 8}
    server_cores, client_cores = machine.cores()
    profile = profiles.choose(profiles.load(PROFILES), "smoke", {**short, "connection_counts": [2]})
    return Bench(profile, server_cores, client_cores, tmp_path)


def pair(tmp_path: Path) -> list[Sample]:
    """Two servers, measured in turns with one another."""
    ring, samples = Ring(2), [Sample(Cell("", "", ""), 0, "", "failed")] * 2
    make = lambda host, port: [sys.executable, "app.py", host, str(port)]  # noqa: E731

    def one(number: int) -> None:
        try:
            ring.wait(number)
            target = Target(make, SERVERS / "asyncio", ["hello"])
            cell = Cell(f"asyncio+{number}", "x", "hello")
            samples[number] = measure(cell, target, bench_of(tmp_path), 0, next_turn=lambda: ring.next(number))
        finally:
            ring.leave(number)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return samples


def test_two_servers_in_turns_give_the_samples_of_two_servers(tmp_path: Path) -> None:
    """Each has its own throughput, CPU time and memory; the CPU per request of windows and of the sample agree."""
    for sample in pair(tmp_path):
        assert (sample.status, sample.reason) == ("ok", None)
        assert {flag.name for flag in sample.flags} <= guards_of_a_busy_machine()
        load, server = sample.load, sample.server
        assert load
        assert server
        assert load.errors == {}
        assert load.duration_s == pytest.approx(sum(w.duration_s for w in load.windows if w.phase == "measure"))
        assert load.duration_s >= 0.6
        measured = [window for window in load.windows if window.phase == "measure"]
        assert len(measured) == 3
        assert all(window.server_cpu_s and window.server_cpu_s > 0 for window in load.windows)
        assert server.cpu_s == pytest.approx(sum(window.server_cpu_s or 0 for window in measured))
        assert server.cpu_us_per_request == pytest.approx((server.cpu_s or 0) / load.requests * 1e6)
        assert 0 < (server.cpu_s or 0) < 1.3 * load.duration_s + 0.1
        assert [count.connections for count in sample.counts] == [2], "what follows is measured as ever"
        assert server.exit == "exit 0"


def guards_of_a_busy_machine() -> set[str]:
    """What other tests at the same time may cause."""
    return {"neighbour", "steal", "client-limited", "client-stopped", "throttled", "frequency", "shared-core"}


@pytest.mark.parametrize("turn_s", [0.6, 0.001])
def test_a_turn_that_makes_no_sense_is_refused(turn_s: float) -> None:
    """Longer than a window, or shorter than the load generator can make it."""
    with pytest.raises(UserError, match="--turn-s"):
        profiles.choose(profiles.load(PROFILES), "quick", {"turn_s": turn_s})
