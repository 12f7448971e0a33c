"""`python -m results RUN`: print a run's summary and write summary.json and summary.csv again.

Exit codes: 0 printed; 1 printed, but lines of the journal could not be read and were left out; 2 wrong usage, no such
run, or it cannot be read or written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console

from results import export, store
from results.merge import merge
from results.short_table import print_short
from results.summarise import summarise
from results.table import print_summary


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    options = _parser().parse_args(argv)
    try:
        return _run(options)
    except store.StoreError as error:
        print(f"results: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0  # the reader has seen enough


def _run(options: argparse.Namespace) -> int:
    folder = merge(options.merge, options.runs) if options.merge else store.resolve(options.run, options.runs)
    loaded = store.load(folder, strict=not options.salvage)
    summary = summarise(loaded.run, loaded.records, loaded.complaints)
    if not options.no_write:
        export.write_summary(folder, summary)
    if options.parquet:
        count = export.write_parquet(options.parquet, loaded.run, loaded.records)
        print(f"{count} samples in {options.parquet}", file=sys.stderr)
    if options.pyperf:
        export.write_pyperf(options.pyperf, loaded.run, summary, options.runtime, options.measure)
        print(f"written for pyperf: {options.pyperf}", file=sys.stderr)
    if options.json:
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(summary), indent=1).decode() + "\n")
    elif options.csv:
        sys.stdout.write(export.frame(summary).to_csv(index=False, lineterminator="\n"))
    # Without a terminal the full table is as wide as it needs to be: it goes to a file or a pager.
    elif options.full:
        print_summary(summary, Console() if sys.stdout.isatty() else Console(width=160))
    else:
        print_short(summary, Console())
    for complaint in loaded.complaints:
        print(f"results: {complaint}", file=sys.stderr)
    # A last line cut short by a kill is no loss: its cell was never finished.
    lost = [complaint for complaint in loaded.complaints if "cut short" not in complaint]
    return 1 if lost else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m results",
        description="Prints the summary of a run and writes its summary.json and summary.csv again.",
        epilog="Exit codes: 0 printed; 1 printed, but lines of the journal could not be read and were left out; "
        "2 wrong usage, no such run, or it cannot be read or written.",
    )
    parser.add_argument("run", nargs="?", default="latest", help="a run's id, the beginning of it, a folder, or latest")
    parser.add_argument("--merge", nargs="+", metavar="RUN", help="put these runs together into a new one")
    parser.add_argument("--runs", type=Path, default=store.RUNS, metavar="DIR", help="where the runs are")
    parser.add_argument("--full", action="store_true", help="every figure of every cell, in a wide table")
    parser.add_argument("--salvage", action="store_true", help="leave out lines of the journal that cannot be read")
    parser.add_argument("--no-write", action="store_true", help="print only")
    shape = parser.add_mutually_exclusive_group()
    shape.add_argument("--json", action="store_true", help="print the summary as JSON instead of a table")
    shape.add_argument("--csv", action="store_true", help="print it as CSV")
    parser.add_argument("--parquet", type=Path, metavar="FILE", help="write all samples as Parquet (needs pyarrow)")
    parser.add_argument("--pyperf", type=Path, metavar="FILE", help="write the processes' figures as pyperf's JSON")
    parser.add_argument("--runtime", metavar="ID", help="for --pyperf: this runtime only, so that two can be compared")
    parser.add_argument(
        "--measure", choices=("rps", "cpu"), default="rps", help="for --pyperf: wall or CPU time per request"
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
