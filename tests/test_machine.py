"""Facts about the machine."""

import json
import os
import socket

from bench import machine
from results import spec
from tests.synthetic import synthetic_run


def test_facts_are_plain_and_present() -> None:
    """What any Linux machine can tell is there, and all of it can be stored as JSON."""
    facts = machine.facts()
    assert {"cpus", "cpus_allowed", "kernel", "memory_bytes", "architecture", "uptime_s"} <= set(facts)
    assert json.loads(json.dumps(facts)) == facts


def test_what_is_compared_and_what_tests_make_up_has_the_names_that_are_stored() -> None:
    """A fact under another name would never differ, so spec and synthetic runs use the names that bench writes."""
    assert set(spec.SAME_MACHINE) <= machine.FACTS.keys()
    assert set(spec.STATE) <= machine.FACTS.keys()
    assert synthetic_run(1, blocks=1)[0].machine.keys() <= machine.FACTS.keys()


def test_the_machine_stays_anonymous() -> None:
    """Reports are shown to others: neither host name nor user name is stored."""
    text = json.dumps([machine.facts(), machine.suite()])
    assert f'"{socket.gethostname()}"' not in text


def test_cores_are_disjoint_where_there_are_two() -> None:
    """Server and client do not share a core unless there is only one."""
    server, client = machine.cores()
    assert len(server) == 1
    assert client
    assert bool(set(server) & set(client)) == (len(os.sched_getaffinity(0)) == 1)


def test_an_unreadable_fact_is_left_out(monkeypatch) -> None:
    """Absent facts are not invented."""

    def fails() -> None:
        raise OSError

    monkeypatch.setitem(machine.FACTS, "governor", fails)
    monkeypatch.setitem(machine.FACTS, "turbo", lambda: None)
    assert not {"governor", "turbo"} & set(machine.facts())


def test_cpu_lists_are_expanded() -> None:
    """The kernel writes 0,4-6 for four CPUs."""
    assert machine._expand("0,4-6") == [0, 4, 5, 6]
