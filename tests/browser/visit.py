"""A visit to the page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WIDE = {"width": 1280, "height": 900}
PHONE = {"width": 360, "height": 740}


class Visit:
    """An open page, and what went wrong on it."""

    def __init__(self, browser: Any, file: Path, fragment: str = "", **options: Any) -> None:
        self.context = browser.new_context(viewport=WIDE, reduced_motion="reduce", **options)
        self.page = self.context.new_page()
        self.faults: list[str] = []
        self.requests: list[str] = []
        self.page.on("console", lambda message: self.faults.append(f"console: {message.text}"))
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(file.as_uri() + fragment)

    def settled(self) -> None:
        """Wait until the tables that are not in view have followed too."""
        self.page.wait_for_selector("[aria-busy]", state="detached")

    def rows(self, workload: str = "hello") -> list[str]:
        """The visible rows of a table, as stack|runtime."""
        self.settled()
        script = (
            "t => [...document.querySelectorAll(`#table-${t} tbody tr`)].filter(r => !r.hidden).map(r => r.dataset.k)"
        )
        return self.page.evaluate(script, workload)  # type: ignore[no-any-return]

    def column(self, key: str, workload: str = "hello") -> list[float]:
        """The numbers that a column sorts by, for visible rows that have one."""
        self.settled()
        script = """([table, key]) => [...document.querySelectorAll(`#table-${table} tbody tr`)]
            .filter(row => !row.hidden).map(row => row.querySelector(`td.${key}`))
            .filter(cell => cell && cell.dataset.v !== undefined).map(cell => Number(cell.dataset.v))"""
        return self.page.evaluate(script, [workload, key])  # type: ignore[no-any-return]

    def said(self, key: str, workload: str = "hello") -> dict[str, list[str]]:
        """What a column's cells say beside their figures, each with its tone."""
        self.settled()
        script = """([table, key]) => Object.fromEntries([...document.querySelectorAll(`#table-${table} td.${key}`)]
            .map(cell => [cell.parentNode.dataset.k, [...cell.querySelectorAll('.said')]
            .map(said => `${said.className.split(' ')[1]}: ${said.textContent}`)]))"""
        return self.page.evaluate(script, [workload, key])  # type: ignore[no-any-return]

    def sort(self, key: str, workload: str = "hello") -> None:
        """Click on a column's heading."""
        self.page.click(f"#table-{workload} th[data-key={key}] button")
