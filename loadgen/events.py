"""Events as JSON Lines on standard output, for a program that drives this one and must not be outlived by it."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
BROKEN_PIPE = 2


class JsonLines:
    """Writes one event a line, at once. A reader that is gone ends the program."""

    def __call__(self, event: dict[str, object]) -> None:
        """Write an event; ends the process where standard output is closed."""
        try:
            sys.stdout.write(json.dumps(event, separators=(",", ":")) + "\n")
            sys.stdout.flush()
        except OSError:
            os._exit(BROKEN_PIPE)


def die_with_parent() -> None:
    """Have the kernel kill this process when its parent ends (Linux; elsewhere the broken pipe does it, later)."""
    parent = os.getppid()
    try:
        libc = ctypes.CDLL(None, use_errno=True)
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    except (OSError, AttributeError):
        return
    if os.getppid() != parent:  # it ended before the kernel was asked
        os._exit(BROKEN_PIPE)
