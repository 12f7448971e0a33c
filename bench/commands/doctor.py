"""`nox -s doctor`: what on this machine makes results worse."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.table import Table
from rich.text import Text

from bench import doctor

MARKS = {"good": ("✓ good", "green"), "note": ("• note", "yellow"), "bad": ("✗ bad", "bold red")}


def main(_options: argparse.Namespace) -> int:
    """Print what was found; returns 0 whatever it is, since nothing was asked to be changed."""
    console = Console()
    findings = doctor.examine()
    table = Table("", "what", "how it is", "what would help", box=None, pad_edge=False)
    for finding in findings:
        word, style = MARKS[finding.weight]
        table.add_row(Text(word, style), finding.what, Text(finding.found), Text(finding.remedy))
    console.print(table)
    bad = sum(finding.weight == "bad" for finding in findings)
    console.print("Nothing was changed. " + (f"{bad} to put right." if bad else "Nothing stands in the way of a run."))
    return 0
