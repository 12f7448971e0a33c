"""The checks of one server as a table for the terminal: what differs in full, what is right in one line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from results.schema import Check

MARKS = {"pass": ("✓", "green"), "note": ("•", "yellow"), "fail": ("✗", "bold red"), "skip": ("-", "dim")}
WORDS = {"pass": "passed", "note": "noted", "fail": "failed", "skip": "skipped"}


def table(checks: Sequence[Check], title: str = "") -> RenderableType:
    """A title with the counts, then failures, notes and skips in full, then what passed, by name.

    Made for 80 columns. What a server sent is shown as text: it can neither style nor move anything.
    """
    parts: list[RenderableType] = [headline(checks, title)]
    if any(check.verdict != "pass" for check in checks):
        parts.append(differences(checks))
    right = passes(checks)
    if right.row_count:
        parts.append(right)
    return Group(*parts)


def headline(checks: Sequence[Check], title: str) -> Text:
    """The title and how many checks came out how."""
    counts = {verdict: sum(check.verdict == verdict for check in checks) for verdict in MARKS}
    line = Text(title, style="bold")
    worst = "fail" if counts["fail"] else "pass"
    line.append("  " if title else "")
    line.append(f"{MARKS[worst][0]} ", MARKS[worst][1])
    said = [f"{count} {WORDS[verdict]}" for verdict, count in counts.items() if count]
    line.append(", ".join(said) or "nothing was checked", "not bold" if title else "")
    return line


def differences(checks: Iterable[Check]) -> Table:
    """A row for each check that did not pass; workloads in which the same came share one."""
    out = Table(box=None, padding=(0, 1), show_header=True, header_style="dim", expand=False)
    out.add_column("", no_wrap=True)
    out.add_column("workload", no_wrap=True)
    out.add_column("check", max_width=18)
    out.add_column("expected, and what came", overflow="fold")
    for verdict in ("fail", "note", "skip"):
        for check, workloads in merged(each for each in checks if each.verdict == verdict):
            mark, style = MARKS[verdict]
            text = Text()
            if verdict != "skip":
                text.append(f"{check.expected}\n", "dim")
            text.append(clean(check.got), style if verdict == "fail" else "dim" if verdict == "skip" else "")
            out.add_row(Text(f"{mark} {verdict}", style), Text("\n".join(workloads)), Text(check.name), text)
    return out


def merged(checks: Iterable[Check]) -> list[tuple[Check, list[str]]]:
    """Checks that are alike but for the workload, with their workloads."""
    groups: dict[tuple[str, str, str], tuple[Check, list[str]]] = {}
    for check in checks:
        key = check.name, check.verdict, check.got
        groups.setdefault(key, (check, []))[1].append(check.workload)
    return list(groups.values())


def passes(checks: Iterable[Check]) -> Table:
    """A row for each workload: the names of the checks that passed."""
    names: dict[str, list[str]] = {}
    for check in checks:
        if check.verdict == "pass":
            names.setdefault(check.workload, []).append(check.name)
    out = Table(box=None, padding=(0, 1), show_header=False)
    mark, style = MARKS["pass"]
    for workload, of in names.items():
        out.add_row(Text(f"{mark} pass", style), Text(workload), Text(", ".join(of), "dim"))
    return out


def clean(text: str) -> str:
    """The text without control characters: what a server sent cannot move the cursor."""
    return "".join(c if c.isprintable() else "�" for c in text)
