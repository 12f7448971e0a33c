"""Whatever a server, a version or a file name says stays text."""

from __future__ import annotations

import json
import re

from results.schema import Check, Contract, Flag, Load, Note, Record, Run, Sample
from tests.pages import Page, rendered
from tests.synthetic import synthetic_run

HOSTILE = '</script><img src=x onerror="alert(1)"><!-- {{ 7 * 7 }} $x$ \u2028 \' & ]]>'


def hostile_run() -> tuple[Run, list[Record]]:
    """Make a run in which everything that a server or a file can say is hostile."""
    run, records = synthetic_run(2, workloads=("hello",), blocks=2, seed=3, windows=4, faults=False)
    run.run_id = HOSTILE
    run.command = ["nox", HOSTILE]
    run.machine["cpu_model"] = HOSTILE
    run.machine[HOSTILE] = [HOSTILE]
    run.suite["commit"] = HOSTILE
    for stack in run.stacks:
        stack.title = HOSTILE
        stack.family = HOSTILE
        stack.homepage = f"javascript:alert(1)//{HOSTILE}"
        stack.files = {f"{HOSTILE}.py": HOSTILE, "server.toml": HOSTILE, "x.bin": HOSTILE}
        stack.notes = [Note(1, HOSTILE)]
    for environment in run.environments:
        environment.packages = {HOSTILE: HOSTILE}
    for runtime in run.runtimes:
        runtime.build = runtime.origin = runtime.version = HOSTILE
    for record in records:
        if isinstance(record, Contract):
            record.checks = [Check(HOSTILE, "hello", "fail", HOSTILE, HOSTILE)]
            record.argv = [HOSTILE]
        if isinstance(record, Sample):
            record.flags = [Flag(HOSTILE, HOSTILE)]
            if record.block == 1 and record.cell.runtime.startswith("pypy"):
                record.status, record.stage, record.reason, record.load = "failed", "start", HOSTILE, None
            if isinstance(record.load, Load):
                record.load.errors = {HOSTILE: 3}
            if record.server is not None:
                record.server.argv = [HOSTILE]
                record.server.env = {HOSTILE: HOSTILE}
    return run, records


def test_hostile_strings_stay_text() -> None:
    """Names, versions, sources, reasons: whatever they hold, the page has only its own elements and scripts."""
    run, records = hostile_run()
    html = rendered(run, records)
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert "img" not in tags
    assert [attrs.get("type") for tag, attrs in page.tags if tag == "script"] == ["application/json", None]
    assert not [name for _, attrs in page.tags for name in attrs if name.startswith("on")]
    assert not [href for href in page.attributes("href") if href.lower().startswith("javascript")]
    assert "<!--" not in html
    assert "49 $x$" not in page.text
    assert "{{ 7 * 7 }}" in page.text
    data = json.loads(re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', html, re.DOTALL)[0])
    assert data["run"] == HOSTILE


def test_hostile_ids_make_harmless_places() -> None:
    """A stack's id becomes letters, digits and dashes where it is a place in the page; two never share one."""
    run, records = synthetic_run(["stack-1", "stack-2"], workloads=("hello",), blocks=2, windows=4, faults=False)
    for stack, name in zip(run.stacks, ('a"><script>', "a<>script"), strict=True):
        stack.title = name
    ids = Page(rendered(run, records)).attributes("id")
    assert all(re.fullmatch(r"[A-Za-z][\w-]*", name) for name in ids)
