"""A report as its reader gets it: the rendered page, taken apart."""

from __future__ import annotations

from html.parser import HTMLParser

from reports.page import render
from results.schema import Record, Run
from results.summarise import summarise

VOID = {"meta", "link", "br", "input", "img"}

OPTIONAL = {"td", "th", "tr"}


class Page(HTMLParser):
    """Reads a page: its elements, its text, its links; complains of elements that are not closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.script: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element and that it is open."""
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that closes itself."""
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        """Check that what ends is what was open last; cells and rows may be left open, as HTML allows."""
        while self.open and self.open[-1] in OPTIONAL and self.open[-1] != tag and tag not in OPTIONAL:
            self.open.pop()
        if tag in OPTIONAL:
            while self.open and self.open[-1] in OPTIONAL and self.open[-1] != tag:
                self.open.pop()
        assert self.open, f"</{tag}> closes nothing"
        assert self.open[-1] == tag, f"</{tag}> closes <{self.open[-1]}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        """Note text, that of scripts and styles apart."""
        (self.script if self.open and self.open[-1] in {"script", "style"} else self.words).append(data)

    @property
    def text(self) -> str:
        """All of its text, blanks made one."""
        return " ".join("".join(self.words).split())

    def attributes(self, name: str) -> list[str]:
        """All values of an attribute."""
        return [attrs[name] or "" for _, attrs in self.tags if name in attrs]


def rendered(run: Run, records: list[Record]) -> str:
    """Render a run."""
    return render(run, records, summarise(run, records))
