"""Reading runs and writing their pages: with the picture's, the only module here that touches files."""

from __future__ import annotations

import re
from pathlib import Path

from reports.index import Entry, render_index
from reports.page import render
from results import store
from results.schema import Record, Run, Sample
from results.summarise import summarise
from results.summary import Summary

HTML = Path(__file__).parent / "html"
CALIBRATION = "calibration.html"


class ReportError(Exception):
    """Something that keeps a report from being made. The text is one line for the user."""


def page_path(run_id: str, html: Path = HTML) -> Path:
    """Return where a run's page is written. The id is a file's name, whatever it was made of."""
    return html / f"{_file_name(run_id)}.html"


def _file_name(run_id: str) -> str:
    return re.sub(r"[^\w.-]", "_", run_id).lstrip(".")[:120] or "run"


def load(folder: Path) -> tuple[Run, list[Record], Summary]:
    """Read and summarise a run; lines that cannot be read become complaints. StoreError if run.json cannot be read."""
    loaded = store.load(folder, strict=False)
    complaints = [
        complaint.replace(f"{folder}/", "") for complaint in loaded.complaints
    ]  # the same page wherever it lies
    return loaded.run, loaded.records, summarise(loaded.run, loaded.records, complaints)


def build(folder: Path, out: Path) -> Summary:
    """Write the page of the run in `folder` to `out`. StoreError: the run is the trouble; ReportError: the file is."""
    run, records, summary = load(folder)
    write(out, render(run, records, summary))
    return summary


def build_index(runs: Path = store.RUNS, html: Path = HTML) -> Path:
    """Write the page that lists all runs, newest first, with links to the pages there are. Return its path."""
    entries = []
    for folder in reversed(store.list_runs(runs)):
        try:
            run = store.read_run(folder)
            samples = _count_samples(folder)
        except (store.StoreError, OSError) as error:
            entries.append(Entry(folder.name, trouble=" ".join(str(error).replace(f"{folder}/", "").split())))
            continue
        page = page_path(run.run_id, html)
        entries.append(
            Entry(
                run.run_id,
                created_at=run.created_at,
                profile=run.plan.profile,
                stacks=len(run.stacks),
                runtimes=[runtime.id for runtime in run.runtimes],
                blocks=len(run.plan.blocks),
                samples=samples,
                href=page.name if page.is_file() else "",
            )
        )
    calibration = html / CALIBRATION
    out = html / "index.html"
    write(out, render_index(entries, calibration.name if calibration.is_file() else ""))
    return out


def _count_samples(folder: Path) -> int:
    """Count a journal's samples without decoding them: the list must stay quick with a hundred runs."""
    path = folder / store.JOURNAL_FILE
    tag = f'"kind":"{Sample.__struct_config__.tag}"'.encode()
    if not path.is_file():
        return 0
    with path.open("rb") as file:
        return sum(1 for line in file if tag in line[:40])


def write(out: Path, text: str) -> None:
    """Write a page, wholly or not at all. ReportError if it cannot be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        store.write_atomically(out, text.encode("utf-8", "replace"))
    except (OSError, store.StoreError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise ReportError(f"{out}: cannot be written: {reason}") from None
