"""The command line of reports.

Exit codes: 0 done, 1 a regression was found, or a calibration that was to be checked did not pass, 2 something was
wrong, in one line.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from reports import build
from results import calibration_store, store
from results.calibration import verdict


def main(argv: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        if words[:1] == ["compare"]:
            return _compare(words[1:])
        if words[:1] == ["picture"]:
            return _picture(words[1:])
        if words[:1] == ["calibration"]:
            return _calibration(words[1:])
        return _report(words)
    except (store.StoreError, build.ReportError) as error:
        print(f"reports: {error}", file=sys.stderr)
        return 2


def _parser(prog: str, description: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description=description)
    parser.add_argument("--runs", type=Path, default=store.RUNS, help="where runs are kept (default: results/runs)")
    return parser


def _report(words: list[str]) -> int:
    parser = _parser("python -m reports", "Write the page of a run, and the list of all runs' pages.")
    parser.epilog = "Also: python -m reports compare RUN_A RUN_B, picture RUN --out FILE.png, calibration [ID]"
    parser.add_argument(
        "run", nargs="?", default="latest", help="id, beginning of an id, path, or latest (the default)"
    )
    parser.add_argument("--out", type=Path, help="file to write (default: reports/html/<run-id>.html, and index.html)")
    options = parser.parse_args(words)
    folder = store.resolve(options.run, options.runs)
    out = options.out or build.page_path(store.read_run(folder).run_id)
    build.build(folder, out)
    if options.out is None:
        build.build_index(options.runs)
    print(out)
    return 0


def _compare(words: list[str]) -> int:
    from reports import versus  # noqa: PLC0415  (its page is not needed to write a report)

    parser = _parser(
        "python -m reports compare", "Write a page of ratios A/B; exit 1 on a significant regression of A."
    )
    parser.add_argument("a", metavar="RUN_A", help="the run that is looked at (the newer one)")
    parser.add_argument("b", metavar="RUN_B", help="the run it is held against")
    parser.add_argument("--out", type=Path, help="file to write (default: reports/html/<A>-vs-<B>.html)")
    parser.add_argument(
        "--fail-on-regression",
        type=versus.share,
        metavar="5%",
        help="exit 1 if a cell of A is significantly slower than in B by more than this, or fails in A",
    )
    parser.add_argument(
        "--anyway", action="store_true", help="compare although the machines, or what was measured, differ"
    )
    options = parser.parse_args(words)
    folders = store.resolve(options.a, options.runs), store.resolve(options.b, options.runs)
    return versus.run(folders, options.out, options.fail_on_regression, anyway=options.anyway)


def _picture(words: list[str]) -> int:
    from reports import picture  # noqa: PLC0415  (as above)

    parser = _parser("python -m reports picture", "Take a picture of a run's page with headless Chromium.")
    parser.add_argument(
        "run", nargs="?", default="latest", help="id, beginning of an id, path, or latest (the default)"
    )
    parser.add_argument("--out", type=Path, required=True, help="PNG file to write")
    parser.add_argument("--width", type=int, default=1280, help="pixels (default 1280)")
    parser.add_argument("--height", type=int, default=1600, help="pixels (default 1600)")
    parser.add_argument("--dark", action="store_true", help="the dark page")
    options = parser.parse_args(words)
    folder = store.resolve(options.run, options.runs)
    picture.take(folder, options.out, (options.width, options.height), dark=options.dark)
    print(options.out)
    return 0


def _calibration(words: list[str]) -> int:
    from reports import calibration  # noqa: PLC0415  (as above)

    parser = argparse.ArgumentParser(
        prog="python -m reports calibration", description="Write the page of a calibration of the load generator."
    )
    parser.add_argument("id", nargs="?", default="latest", help="id, beginning of an id, path, or latest (the default)")
    parser.add_argument("--out", type=Path, help="file to write (default: reports/html/calibration.html)")
    parser.add_argument("--check", action="store_true", help="exit 1 if the calibration did not pass")
    options = parser.parse_args(words)
    record = calibration_store.read(calibration_store.resolve(options.id))
    out = options.out or calibration.page_path(build.HTML)
    build.write(out, calibration.render(record))
    if options.out is None:
        build.build_index()
    print(out)
    return 1 if options.check and not verdict(record).passed else 0
