"""Put runs of one specification on one machine together: their blocks become the blocks of one new run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from results import store
from results.schema import Cell, Event, Record, Run, Sample
from results.spec import machine_differences, spec_differences
from results.store import Loaded, StoreError


def refusal(loaded: Sequence[Loaded]) -> str | None:
    """Why runs cannot be put together, in one line; None when they can."""
    first = loaded[0].run
    if any(one.run.run_id == other.run.run_id for i, one in enumerate(loaded) for other in loaded[:i]):
        return "a run cannot be merged with itself"
    for other in loaded[1:]:
        pair = f"{first.run_id} and {other.run.run_id}"
        if differences := list(machine_differences(first.machine, other.run.machine)):
            return f"{pair} are from different machines: {'; '.join(differences)}"
        if differences := list(spec_differences(first, other.run)):
            more = f" (and {len(differences) - 3} more)" if len(differences) > 3 else ""
            return f"{pair} did not measure the same: {'; '.join(differences[:3])}{more}"
    return None


def merged(loaded: Sequence[Loaded], run_id: str) -> tuple[Run, list[Record]]:
    """The run and the records that the runs come to together; blocks are counted on from one run to the next."""
    first = loaded[0].run
    blocks: list[list[Cell]] = []
    records: list[Record] = []
    for part, (run, own, _) in enumerate(loaded):
        start = len(blocks)
        blocks += run.plan.blocks
        for record in own:
            if isinstance(record, Sample):
                records.append(msgspec.structs.replace(record, block=record.block + start))
            elif isinstance(record, Event):
                detail = f"{record.detail} (of {run.run_id})" if record.detail else f"of {run.run_id}"
                records.append(msgspec.structs.replace(record, detail=detail))
            elif part == 0:
                records.append(record)  # the contract is the same in each of them, since the sources are
    ids = [item.run.run_id for item in loaded]
    plan = msgspec.structs.replace(
        first.plan, blocks=blocks, settings={**first.plan.settings, "blocks": len(blocks), "until": None}
    )
    command = ["nox", "-s", "merge", "--", *ids]
    return msgspec.structs.replace(first, run_id=run_id, command=command, plan=plan), records


def merge(names: Sequence[str], runs: Path = store.RUNS) -> Path:
    """Write a new run from several; the old ones stay. Returns its folder.

    Raises StoreError with the reason when they do not belong together.
    """
    loaded = [store.load(store.resolve(name, runs)) for name in names]
    reason = refusal(loaded)
    if reason is not None:
        raise StoreError(f"not merged: {reason}")
    folder = store.new_folder(runs)
    run, records = merged(loaded, folder.name)
    store.write_run(folder, run)
    with store.Journal(folder) as journal:
        for record in records:
            journal.append(record)
    return folder
