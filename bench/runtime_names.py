"""The names of runtimes: cpython3.13, cpython3.14t, pypy3.11. Nothing here looks at the machine."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

_NAME = re.compile(r"(cpython|pypy)3\.(\d{1,2})(t?)")
OLDEST_CPYTHON = 10
OLDEST_PYPY = 9
KNOWN = (
    *(f"cpython3.{minor}" for minor in range(OLDEST_CPYTHON, 15)),
    "cpython3.14t",
    *(f"pypy3.{minor}" for minor in range(OLDEST_PYPY, 12)),
)
NEWEST_PYPY = "pypy3.11"
WORDS = ("cpython", "pypy", "all")  # the newest of a kind; everything that is here


@dataclass(frozen=True, order=True)
class Name:
    """A runtime's name, taken apart; ordered by implementation, version, and free-threading last."""

    implementation: str
    minor: int
    free_threaded: bool = False

    def __str__(self) -> str:
        return f"{self.implementation}3.{self.minor}{'t' if self.free_threaded else ''}"

    @classmethod
    def parse(cls, text: str) -> Name:
        """Raises ValueError for what is not a runtime's name."""
        match = _NAME.fullmatch(text)
        if match is None:
            raise ValueError(f"not the name of a runtime: {text!r}")
        return cls(match[1], int(match[2]), bool(match[3]))

    @property
    def supported(self) -> bool:
        """Whether it is new enough for the suite's servers."""
        return self.minor >= (OLDEST_CPYTHON if self.implementation == "cpython" else OLDEST_PYPY)

    @property
    def uv_request(self) -> str:
        """How `uv python install` spells it: 3.13, 3.14t, pypy3.11."""
        return str(self).removeprefix("cpython")


def suggestion(text: str, here: Iterable[str] = ()) -> str | None:
    """The known name that somebody who typed `text` most likely meant: python3.13, CPython-3.13, 3.13t, pypy311 ..."""
    plain = re.sub(r"[\s_-]+", "", text.lower())
    plain = re.sub(r"^(?:python|py|cp|cpy)?(?=\d)", "cpython", plain)
    plain = re.sub(r"^(?=3)", "cpython", plain)
    plain = re.sub(r"^(cpython|pypy)3(?=\d)", r"\g<1>3.", plain)
    choices = sorted({*KNOWN, *WORDS, *here})
    if plain in choices:
        return plain
    full = re.match(r"((?:cpython|pypy)3\.\d+t?)\.\d+", plain)  # cpython3.13.1: a patch level is not part of the name
    if full is not None and full[1] in choices:
        return full[1]
    close = difflib.get_close_matches(plain, choices, n=1, cutoff=0.75)
    return close[0] if close else None
