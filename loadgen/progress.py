"""What a person sees while a load goes on: one line on a terminal."""

from __future__ import annotations

from typing import Any, TextIO


class ProgressLine:
    """One line on a terminal, rewritten after each window.

    Formatted by hand: rich would take milliseconds for it, within the load and at the cost of its latencies.
    """

    def __init__(self, stream: TextIO, duration_s: float) -> None:
        self.stream = stream
        self.duration_s = duration_s
        self.done_s = 0.0
        self.width = 0

    def __call__(self, event: dict[str, object]) -> None:
        """Show an event."""
        if event["event"] == "connected":
            self._write("connected")
        elif event["event"] == "window":
            window: Any = event["window"]
            self._write(self.text(window))

    def text(self, window: dict[str, Any]) -> str:
        """The line for a window."""
        if window["phase"] == "measure":
            self.done_s += window["duration_s"]
            where = f"measuring {self.done_s:4.0f} of {self.duration_s:g} s"
        else:
            where = f"warming up {window['start_s'] + window['duration_s']:4.0f} s"
        rate = window["requests"] / window["duration_s"] if window["duration_s"] else 0.0
        text = f"{where}   {rate:10,.0f} per second"
        if window["p50_us"] is not None:
            text += f"   p50 {time_text(window['p50_us'])}"
        if window["p99_us"] is not None:
            text += f"   p99 {time_text(window['p99_us'])}"
        if window["errors"]:
            text += f"   {window['errors']:,} errors"
        return text

    def _write(self, text: str) -> None:
        self.stream.write("\r" + text.ljust(self.width))
        self.stream.flush()
        self.width = len(text)

    def clear(self) -> None:
        """Remove the line."""
        if self.width:
            self.stream.write("\r" + " " * self.width + "\r")
            self.stream.flush()


def time_text(us: float | None) -> str:
    """A time with three significant digits and its unit."""
    if us is None:
        return "-"
    for limit, factor, unit in ((1e3, 1.0, "us"), (1e6, 1e3, "ms")):
        if us < limit * 0.9995:
            return f"{_three(us / factor)} {unit}"
    return f"{_three(us / 1e6)} s"


def _three(value: float) -> str:
    return f"{value:.2f}" if value < 9.995 else f"{value:.1f}" if value < 99.95 else f"{value:,.0f}"
