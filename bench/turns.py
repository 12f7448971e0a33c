"""Turns: who of several measurements may use the machine. One at a time, in a ring, until each has left."""

from __future__ import annotations

import threading


class Cancelled(Exception):  # noqa: N818 - nothing went wrong: the run is being ended
    """There are no more turns: whoever waits for one is to give up."""


class Ring:
    """Gives `members`, numbered from 0, the turn one after the other. A member waits for its turn in its own thread."""

    def __init__(self, members: int) -> None:
        self._left = list(range(members))
        self._turn = 0  # a place in what is left
        self._cancelled = False
        self._changed = threading.Condition()

    def wait(self, member: int) -> None:
        """Wait for the turn. Raises Cancelled."""
        with self._changed:
            self._changed.wait_for(lambda: self._cancelled or self._left[self._turn] == member)
            if self._cancelled:
                raise Cancelled

    def next(self, member: int) -> None:
        """Give the turn to the next member and wait until it comes round again. Raises Cancelled."""
        with self._changed:
            self._turn = (self._turn + 1) % len(self._left)
            self._changed.notify_all()
        self.wait(member)

    def leave(self, member: int) -> None:
        """Take no more turns; the next member has this one's."""
        with self._changed:
            place = self._left.index(member)
            del self._left[place]
            if place < self._turn:
                self._turn -= 1
            if self._turn >= len(self._left):
                self._turn = 0
            self._changed.notify_all()

    def cancel(self) -> None:
        """Let everybody who waits, and who will wait, give up."""
        with self._changed:
            self._cancelled = True
            self._changed.notify_all()
