"""The stored run that the report's golden test renders, and how it was made.

    python -m tests.golden            makes the run anew (only when the schema or the synthetic runs change)
    python -m tests.golden page       accepts the page as it is now, after it was looked at

`page.txt` is the page with each chart replaced by its texts: what matplotlib draws may differ by a version's digits,
what the page says may not.
"""

from __future__ import annotations

import re
import shutil
from html import unescape
from pathlib import Path

from results.schema import Record, Run, Sample
from results.store import load

HERE = Path(__file__).parent
RUN = HERE / "run"
PAGE = HERE / "page.txt"


def make() -> tuple[Run, list[Record]]:
    """Make the run: four stacks, two runtimes, two workloads, three blocks, every kind of fault, no histograms."""
    from tests.synthetic import synthetic_run

    stacks = ["asyncio", "tornado", "twisted", "flask@gunicorn-sync"]
    run, records = synthetic_run(stacks, workloads=("hello", "echo"), blocks=3, seed=7, windows=6, run_id="golden")
    for record in records:
        if isinstance(record, Sample) and record.load is not None:
            record.load.histogram = None
    return run, records


def page() -> str:
    """Render the stored run."""
    from reports.page import render
    from results.summarise import summarise

    loaded = load(RUN)
    return render(loaded.run, loaded.records, summarise(loaded.run, loaded.records))


def readable(html: str) -> str:
    """Return a page with each chart replaced by its texts, without the styles that belong to charts."""

    def texts(match: re.Match[str]) -> str:
        found = re.findall(r"<(?:title|desc|text)[^>]*>([^<]*)", match[0])
        return "\n".join(["[chart", *(unescape(text) for text in found), "chart]"])

    html = re.sub(r'<svg class="chart narrow".*?</svg>', "", html, flags=re.DOTALL)  # the same again, for phones
    html = re.sub(r'<svg class="chart".*?</svg>', texts, html, flags=re.DOTALL)
    return re.sub(r"^\.k[0-9a-f]{6}\{.*?</style>", "</style>", html, flags=re.DOTALL | re.MULTILINE)


def main(arguments: list[str]) -> int:
    """Do what the module's text says."""
    if arguments == ["page"]:
        PAGE.write_text(readable(page()), "utf-8")
        return 0
    from tests.synthetic import write

    run, records = make()
    shutil.rmtree(RUN, ignore_errors=True)
    write(HERE, run, records).rename(RUN)
    shutil.rmtree(RUN / "logs")
    return main(["page"])
