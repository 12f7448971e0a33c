"""Take the damaged lines out of a journal, so that a run can go on: what they said is measured again.

Nothing is thrown away: their bytes are kept in `journal.damaged`, and an event in the journal tells of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from results.schema import Event, Record
from results.store import JOURNAL_FILE, LOCK_FILE, Journal, Lock, damaged_lines, write_atomically

DAMAGED_FILE = "journal.damaged"
DAMAGED = "damaged"
"""The name of the event; its detail has the numbers that the lines had."""


def salvage(folder: Path, at: str) -> list[int]:
    """Repair a run's journal; returns the numbers of the lines that were taken out. `at` is the event's time.

    A last line that is merely cut short is left to `Journal`, which repairs it. Raises StoreError.
    """
    path, kept = folder / JOURNAL_FILE, folder / DAMAGED_FILE
    with Lock(folder / LOCK_FILE, f"run {folder.name}"):
        bad = damaged_lines(folder)
        if not bad:
            return []
        with path.open("rb") as file:
            lines = list(enumerate(file, 1))
        before = kept.read_bytes() if kept.is_file() else b""
        write_atomically(kept, before + b"".join(line for number, line in lines if number in bad))
        write_atomically(path, b"".join(line for number, line in lines if number not in bad))
    with Journal(folder) as journal:
        journal.append(Event(at, DAMAGED, ", ".join(map(str, bad))))
    return bad


def complaints(records: Iterable[Record]) -> list[str]:
    """What a reader of the results should know of repairs, in sentences."""
    return [
        f"line {record.detail} of the journal was damaged: kept in {DAMAGED_FILE}, and what it said was measured again"
        for record in records
        if isinstance(record, Event) and record.name == DAMAGED
    ]
