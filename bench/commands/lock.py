"""`nox -s lock`: pin the newest packages, per runtime."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from bench import catalog, locks, prepare
from bench.paths import ROOT, SERVERS
from bench.prepare import Choice
from bench.progress import Terminal


def main(options: argparse.Namespace) -> int:
    """Renew the lock files of the chosen stacks (default: all) on the chosen runtimes; returns 1 if one failed."""
    terminal = Terminal()
    servers, stacks = catalog.split(catalog.load(SERVERS), options.names)
    servers += options.servers or []
    stacks += options.stacks or []
    prepared = prepare.choose(Choice(servers or None, stacks or ["all"], options.runtimes), SERVERS, terminal)
    by_id = {interpreter.id: interpreter for interpreter in prepared.interpreters}
    recipes = [recipe for runtime in by_id for recipe in catalog.recipes(prepared.stacks, runtime)]
    results = locks.lock(recipes, by_id)
    failed = 0
    for result in results:
        where = result.path.relative_to(ROOT)
        if result.error:
            failed += 1
            print(f"{where}: left as it was: {result.error}")
        else:
            print(f"{where}: {_changes(result.changes)}")
    return 1 if failed else 0


def _changes(changes: Sequence[str]) -> str:
    """What changed in a lock file, on one line; the names do not matter where there was none before."""
    if len(changes) > 4 and all(change.endswith(" is new") for change in changes):
        return f"{len(changes)} packages are new"
    return ", ".join(changes) or "unchanged"
