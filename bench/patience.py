"""How often a stack that does not come up is waited for. Pure.

A server that hangs at its start costs the profile's `start_s` each time, in every block and under every workload: with
60 s, ten blocks and four workloads that is forty minutes for one stack on one runtime, in which nothing is learned. One
time-out may be the machine's doing, so the limit is not shortened and the stack gets a second chance; after the second
it is given up on that runtime, for the rest of the run. What it was not started for is stored as failed, with this
reason. Failures that come at once are not counted: they cost nothing, and how often they come is a result.
"""

from __future__ import annotations

from collections.abc import Iterable

from results.schema import Record, Sample

TIMEOUTS = 2
"""Starts that may time out, of one stack on one runtime, under any workload."""

START_TIMEOUT = "start-timeout"
"""The flag of a sample whose server did not answer rightly in time."""


def given_up(records: Iterable[Record], stack: str, runtime: str) -> str | None:
    """Why a stack is not started again on a runtime, or None."""
    timeouts = [
        record
        for record in records
        if isinstance(record, Sample)
        and (record.cell.stack, record.cell.runtime, record.sentinel) == (stack, runtime, False)
        and any(flag.name == START_TIMEOUT for flag in record.flags)
    ]
    if len(timeouts) < TIMEOUTS:
        return None
    return f"not started again: it did not come up {len(timeouts)} times: {timeouts[-1].reason}"
