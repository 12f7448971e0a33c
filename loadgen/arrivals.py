"""When requests are due in an open loop: pure generators of intended send times."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Literal

Arrivals = Literal["poisson", "constant"]


def intended(start: int, rate: float, kind: Arrivals, seed: int) -> Iterator[int]:
    """Intended send times in ns from `start` on, `rate` a second on average.

    Poisson arrivals are those of users who know nothing of one another; constant ones never come in bunches, and so
    make a server look better than it is.
    """
    gap = 1e9 / rate
    at = float(start)
    if kind == "constant":
        n = 0
        while True:
            n += 1
            yield start + int(n * gap)
    exponential = random.Random(seed).expovariate
    while True:
        at += exponential(1.0) * gap
        yield int(at)
