"""The command line of the instrument."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from loadgen import engine, hdr, options
from loadgen.errors import CannotRunError, UsageError
from loadgen.events import JsonLines, die_with_parent
from loadgen.progress import ProgressLine
from loadgen.spec import Output, Spec

WELL, WITH_ERRORS, NO_RESULT = 0, 1, 2
AGAIN_S = 0.25
"""Seconds after which an interrupt that was lost is repeated."""


def main(argv: Sequence[str]) -> int:
    """Run the command line; returns the exit code: 0 well, 1 with errors, 2 no result."""
    args = options.parser().parse_args(argv)
    events = JsonLines() if args.events else None
    if events is not None:
        die_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _interrupted)
    line: ProgressLine | None = None
    try:
        spec, output = options.read(args)
        _check_writable(output)
        if events is None and not output.quiet and sys.stderr.isatty():
            line = ProgressLine(sys.stderr, spec.duration_s)
        found = engine.run(spec, events or line or _silent)
        if line is not None:
            line.clear()
        if events is not None:
            events({"event": "result", "result": found})
        return _report(spec, output, found)
    except (UsageError, CannotRunError) as error:
        return _no_result(str(error), events)
    except KeyboardInterrupt:
        signal.setitimer(signal.ITIMER_REAL, 0)
        return _no_result("interrupted", events)
    except MemoryError:
        return _no_result("out of memory", events)


def _silent(event: dict[str, object]) -> None:
    """Shows nothing."""


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Interrupt, and once more in a moment: where a finalizer happens to run, Python drops what is raised."""
    signal.setitimer(signal.ITIMER_REAL, AGAIN_S)
    raise KeyboardInterrupt


def _report(spec: Spec, output: Output, found: dict[str, Any]) -> int:
    to_stdout = str(output.json) == "-"
    try:
        if output.json is not None:
            text = json.dumps(found, indent=1) + "\n"
            if to_stdout:
                sys.stdout.write(text)
            else:
                output.json.write_text(text)
        if output.hdr is not None and found.get("histogram"):
            output.hdr.write_text(hdr.text(found["histogram"]))
        if not output.events and not output.quiet and not to_stdout:
            from loadgen import show  # noqa: PLC0415 - rich takes a tenth of a second to import: only where it is used

            show.summary(found)
        sys.stdout.flush()
    except BrokenPipeError:
        sys.stderr.close()  # else the interpreter complains about the pipe when it ends
    return WITH_ERRORS if found["errors"] or not found["requests"] else WELL


def _check_writable(output: Output) -> None:
    for option, path in (("--json", output.json), ("--hdr", output.hdr)):
        if path is not None and str(path) != "-":
            try:
                Path(path).open("a").close()
            except OSError as error:
                raise UsageError(f"{option} {path}: {error.strerror}") from None


def _no_result(message: str, events: JsonLines | None) -> int:
    if events is not None:
        events({"event": "error", "message": message})
    print(f"loadgen: {message}", file=sys.stderr)
    return NO_RESULT
