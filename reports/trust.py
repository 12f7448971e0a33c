"""How far a run can be believed, at a glance: the tiles of the banner, and the facts about machine and suite."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median
from typing import Literal

from reports.figures import count, give_or_take, percent, significant, spoken
from results.summary import Summary

Mood = Literal["good", "mind", "bad"]
SYMBOLS: dict[Mood, str] = {"good": "\N{CHECK MARK}", "mind": "!", "bad": "\N{MULTIPLICATION X}"}


@dataclass(frozen=True)
class Tile:
    """One statement of the banner: a figure, what it counts, a sentence; `mood` also as a sign, not by colour alone."""

    figure: str
    label: str
    detail: str
    mood: Mood

    @property
    def symbol(self) -> str:
        """The mood as a sign."""
        return SYMBOLS[self.mood]


def tiles(summary: Summary) -> list[Tile]:
    """Return the banner of a run."""
    trust = summary.trust
    if summary.locust and not summary.cells:
        return []  # they speak of blocks, a sentinel and steadiness, of which Locust's runs have none
    found = [_blocks(summary), _precision(summary), _machine(summary)]
    found.append(
        Tile(
            str(trust.processes_not_steady),
            "not steady",
            f"of {count(trust.processes_done, 'process', 'processes')} had not settled before they were measured",
            "good" if not trust.processes_not_steady else "mind",
        )
    )
    found.append(
        Tile(
            str(trust.cells_censored),
            "client-limited",
            "lower bounds, not ranked" if trust.cells_censored else "the load generator was never the limit",
            "good" if not trust.cells_censored else "mind",
        )
    )
    lost = trust.cells_failed + trust.cells_missing + trust.cells_partial
    words = [
        f"{number} {word}"
        for number, word in (
            (trust.cells_failed, "failed"),
            (trust.cells_missing, "missing"),
            (trust.cells_partial, "in part"),
        )
        if number
    ]
    found.append(
        Tile(
            f"{trust.cells - lost} of {trust.cells}",
            "cells complete",
            f"{spoken(words)}; reasons in the tables" if words else "nothing failed, nothing is missing",
            "good" if not lost else "mind",
        )
    )
    return found


def unquiet(summary: Summary) -> str:
    """Say in a sentence that the machine was too busy for this run to be believed as it stands; empty if it was not."""
    trust = summary.trust
    words = []
    if trust.processes_done and trust.processes_flagged * 2 >= trust.processes_done:
        words.append(f"{trust.processes_flagged} of {count(trust.processes_done, 'process', 'processes')} are flagged")
    if trust.blocks_done and len(trust.blocks_moved) * 2 > trust.blocks_done:
        words.append(f"the sentinel moved in {len(trust.blocks_moved)} of {count(trust.blocks_done, 'block')}")
    if not words:
        return ""
    text = spoken(words)
    return (
        f"{text[0].upper()}{text[1:]}. Measure again when it is quiet before believing anything but large differences."
    )


def _blocks(summary: Summary) -> Tile:
    trust = summary.trust
    figure = f"{trust.blocks_done} of {trust.blocks_planned}"
    if not trust.claims:
        return Tile(figure, "blocks", f"no claims: {trust.why or 'too few to claim anything'}", "bad")
    if not trust.finished:
        return Tile(figure, "blocks", "the run is not finished", "mind")
    if trust.until is not None:
        aim = f"{percent(trust.until)}"
        return Tile(figure, "blocks", f"adaptive: as many as each cell needs for \N{PLUS-MINUS SIGN}{aim}", "good")
    return Tile(figure, "blocks", "each cell in a fresh process in every block", "good")


def _precision(summary: Summary) -> Tile:
    widths = [w for c in summary.cells if c.rps and not c.censored and (w := c.rps.half_width) is not None]
    if not widths or not summary.trust.claims:
        return Tile("\N{EN DASH}", "typical interval", "none without more blocks", "mind")
    middle = median(widths)
    mood: Mood = "good" if middle <= 0.05 else "mind"
    return Tile(
        give_or_take(middle),
        "typical interval",
        "half-width of throughput, median of the cells",
        mood,
    )


def _machine(summary: Summary) -> Tile:
    trust = summary.trust
    words = []
    if trust.processes_flagged:
        kinds = spoken(f"{name} ({number})" for name, number in sorted(trust.flags.items()))
        words.append(f"flags: {kinds}" if kinds else "")
    if trust.processes_rejected:
        words.append(f"{trust.processes_rejected} rejected and measured again")
    if trust.blocks_moved:
        where = spoken(str(block + 1) for block in trust.blocks_moved)
        words.append(f"the sentinel moved in block {where}")
    detail = "; ".join(word for word in words if word) or "no guard was raised, the sentinel held still"
    return Tile(str(trust.processes_flagged), "flagged", detail, "mind" if words else "good")


def machine_facts(facts: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return facts as (name, text), in their own order; sizes in bytes also in GiB."""
    return [(name.replace("_", " "), _fact(name, value)) for name, value in facts.items() if value is not None]


def _fact(name: str, value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value)
    if isinstance(value, int) and name.endswith("_bytes"):
        unit, size = ("GiB", 2**30) if value >= 2**30 else ("MiB", 2**20)
        return f"{significant(value / size)} {unit}"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)
