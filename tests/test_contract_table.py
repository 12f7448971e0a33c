"""bench.contract.table: readable at 80 columns, and what a server sent stays text."""

from __future__ import annotations

import io

from rich.console import Console

from bench.contract import failed
from bench.contract.table import table
from results.schema import Check

GOOD = Check("body", "hello", "pass", "Hello, World!", "'Hello, World!'")
NO_DATE = [Check("date", name, "note", "a Date header is now", "no Date header") for name in ("hello", "json")]
BAD = Check("ping", "echo", "fail", "a ping is answered with its payload", "no pong: nothing within 10 s")


def printed(*checks: Check, title: str = "tornado on cpython3.13") -> str:
    """The table as a terminal of 80 columns shows it, without colours."""
    file = io.StringIO()
    Console(file=file, width=80, color_system=None).print(table(checks, title))
    return file.getvalue()


def test_failures_and_notes_are_shown_in_full_and_passes_by_name() -> None:
    """Failures come first; the title counts."""
    text = printed(GOOD, *NO_DATE, BAD)
    assert text.splitlines()[0] == "tornado on cpython3.13  ✗ 1 passed, 2 noted, 1 failed"
    assert text.index("no pong: nothing within 10 s") < text.index("no Date header")
    assert "✓ pass  hello  body" in text.replace("   ", "  ")


def test_what_is_alike_in_two_workloads_is_one_row() -> None:
    """No Date is no Date, whatever was asked for."""
    assert printed(*NO_DATE).count("no Date header") == 1


def test_no_line_is_longer_than_the_terminal() -> None:
    """However long and unbroken what came is."""
    long = Check("framing", "json", "fail", "x" * 200, "y" * 500)
    assert max(map(len, printed(GOOD, long, *NO_DATE).splitlines())) <= 80


def test_what_a_server_sent_neither_styles_nor_moves_anything() -> None:
    """Markup of rich and escape sequences are shown, not obeyed."""
    text = printed(Check("body", "hello", "fail", "x", "[bold]\x1b[2J\r\n[/bold]"))
    assert "[bold]" in text and "\x1b" not in text


def test_a_failure_of_the_server_fails_all_workloads() -> None:
    """A workload's own failure is the better reason."""
    stops = Check("stops", "server", "fail", "ends within 5 s of SIGTERM", "killed by SIGKILL after 5.0 s")
    reasons = failed([GOOD, BAD, stops])
    assert set(reasons) == {"hello", "echo"}
    assert reasons["echo"].startswith("ping: no pong") and reasons["hello"].startswith("stops: killed")
    assert failed([GOOD, *NO_DATE]) == {}
