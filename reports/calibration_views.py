"""What the parts of a calibration's page are made of: figures, rows of tables, and the words beside them."""

from __future__ import annotations

from dataclasses import dataclass, field

from reports.charts.forest import RatioRow
from reports.charts.svg import Chart
from reports.trust import SYMBOLS, Mood

WORKLOADS = {"hello": "HTTP", "echo": "WebSocket echo"}
TIMES = "\N{MULTIPLICATION SIGN}"
MICRO = "\N{MICRO SIGN}s"

UNDERSTANDING = {
    "truth": "The server answers by a rule that is known, so the right percentiles can be worked out on paper: the "
    "ticks. The marks are what the client reported. They should stand on the ticks; a hollow mark is a row with a "
    "percentile that is off by more than 2 % and more than 100 microseconds.",
    "stall": "The broad line was worked out on paper: what users see who know nothing of one another, while the server "
    "serves for a second and then stalls for half of one. A client that waits for an answer before it asks again sends "
    "next to nothing during the stall, and so hardly sees it; users do. Such clients find out well how much a server "
    "can do. Their percentiles are not what users feel.",
    "agreement": "Both clients measured the same server process one after the other, again and again in turn. The "
    "ratio is taken within each round, so that what the machine did in between does not matter. On a real server, "
    "which is slower than either client, it should be 1: then the server was measured, not the client.",
    "echo": "All three clients asked the same process of a null server, in turn. The ratio is taken within each round. "
    "The other clients are Python libraries on uvloop, as their documentation has it; each compares every message too.",
    "ceiling": "What this client reaches against a server that does next to nothing. A server whose figure comes near "
    "to this cannot be measured with one process of the client.",
}


@dataclass(frozen=True)
class Figure:
    """A chart with its words."""

    kind: str
    anchor: str
    title: str
    subtitle: str
    chart: Chart
    understanding: str
    ratios: list[RatioRow] = field(default_factory=list)


@dataclass(frozen=True)
class TableRow:
    """A row of a table: its head, cells ("figure|small print"), how well it did (None: nothing was asked), a remark."""

    head: str
    cells: list[str]
    mood: Mood | None = None
    remark: str = ""
    failed: str = ""

    @property
    def symbol(self) -> str:
        """How well it did, as a sign."""
        return SYMBOLS[self.mood] if self.mood else ""
