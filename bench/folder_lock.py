"""One maker at a time: a lock file that the kernel releases, whatever becomes of its holder."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_STEP_S = 0.1


@contextmanager
def locked(
    path: Path, waiting: Callable[[], None] | None = None, stop: Callable[[], bool] | None = None
) -> Iterator[int]:
    """Hold `path` locked, and yield its file descriptor: a child that inherits it keeps the lock when we are gone.

    `waiting` is called once when somebody else holds it; `stop` is asked while waiting, and ends it with
    InterruptedError. Raises OSError where the file cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        told = False
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pass
            if waiting is not None and not told:
                waiting()
            told = True
            if stop is not None and stop():
                raise InterruptedError("stopped while waiting for a lock")
            time.sleep(_STEP_S)
        yield file.fileno()
