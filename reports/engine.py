"""The template engine, and what templates may call."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from reports.figures import interval, significant, times
from reports.names import runtime_name

TEMPLATES = Path(__file__).parent / "templates"


def templates() -> Environment:
    """Return the template engine: everything that a template prints is escaped unless it was made here as markup."""
    engine = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    engine.globals["asset"] = asset
    engine.filters["when"] = when
    engine.filters["runtime"] = runtime_name
    engine.filters["sentence"] = sentence
    engine.filters["figure"] = significant
    engine.filters["times"] = times
    engine.filters["interval"] = lambda ends: interval(*ends)
    return engine


def sentence(text: str) -> str:
    """Make a sentence of words: a capital first, a full stop last."""
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".")


def asset(name: str) -> Markup:
    """Return one of our own style sheets or scripts, to be placed in the page as it is."""
    return Markup((TEMPLATES / name).read_text("utf-8"))  # noqa: S704  (a file of this folder)


def when(stamp: str) -> str:
    """Write an ISO time for people: 21 November 2026, 01:30 UTC. What is not a time comes back as it is."""
    try:
        moment = dt.datetime.fromisoformat(stamp)
    except ValueError:
        return stamp
    if moment.tzinfo is not None:
        moment = moment.astimezone(dt.UTC)
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"
