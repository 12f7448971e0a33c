"""The list of runs: reports/html/index.html."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from reports.engine import templates
from reports.names import runtime_name


@dataclass(frozen=True)
class Entry:
    """A run in the list; `href` is empty where its page was not made yet, `trouble` says why it cannot be read."""

    run_id: str
    created_at: str = ""
    profile: str = ""
    stacks: int = 0
    runtimes: list[str] = field(default_factory=list)
    blocks: int = 0
    samples: int = 0
    href: str = ""
    trouble: str = ""

    @property
    def runtime_names(self) -> str:
        """Its runtimes for people."""
        return ", ".join(runtime_name(runtime) for runtime in self.runtimes)


def render_index(entries: Sequence[Entry], calibration: str = "") -> str:
    """Return the page that lists the runs, in the order given; `calibration` is its page, where there is one."""
    return templates().get_template("index.html").render(entries=entries, calibration=calibration)
