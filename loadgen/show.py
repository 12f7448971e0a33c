"""What a person sees in the end: a summary."""

from __future__ import annotations

import sys
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from loadgen.errors import MEANING
from loadgen.progress import time_text


def summary(found: dict[str, Any], console: Console | None = None) -> None:
    """Print the result for a person."""
    console = console or Console(file=sys.stdout, highlight=False)
    if found["mode"] == "idle":
        _idle(found, console)
        return
    settings, extra, client = found["settings"], found["extra"], found["client"]
    what = "open loop" if found["mode"] == "open" else "closed loop"
    if settings["depth"] > 1:
        what += f", {settings['depth']} in flight on each connection"
    if not settings["keep_alive"]:
        what += ", a connection for each request"
    if settings["quickack"]:
        what += ", quick ACKs"
    console.print(f"[bold]{escape(settings['url'])}[/]  {what}, {found['connections']} connections", soft_wrap=True)
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column(style="dim")
    table.add_column(justify="right")
    table.add_column()
    table.add_row("requests", f"{found['requests']:,}", f"in {found['duration_s']:.2f} s")
    offered = f"of {found['offered_rps']:,.0f} offered" if found["offered_rps"] else ""
    table.add_row("per second", f"[bold]{found['rps']:,.0f}[/]", offered)
    if found["mode"] == "open":
        table.add_row("never sent", f"{extra['unsent']:,}", f"of {extra['due']:,} that were due")
    for name, value in _latencies(found):
        table.add_row(name, time_text(value), "" if value is not None else "too few samples")
    for key, label in (("connect", "connect"), ("service", "service time")):
        if extra.get(f"{key}_p50_us") is not None:
            p99 = extra.get(f"{key}_p99_us")
            table.add_row(f"{label} p50", time_text(extra[f"{key}_p50_us"]), f"p99 {time_text(p99)}")
    errors = sum(found["errors"].values())
    table.add_row("errors", f"[bold red]{errors:,}[/]" if errors else "0", "")
    console.print(table)
    _errors(found, console)
    if found["steady"] is not None:
        state = "steady" if found["steady"] else "[yellow]not steady[/] when the time for it was over"
        console.print(f"after {found['warmup_s']:.1f} s of warm-up the server was {state}")
    if "stopped" in extra:
        console.print(f"[bold red]ended early[/]: {escape(extra['stopped'])}", soft_wrap=True)
    if found["mode"] == "open" and found["requests"] and extra["unsent"] > 0.01 * extra["due"]:
        console.print(
            f"[yellow]the rate was not reached[/]: {found['rps']:,.0f} of {found['offered_rps']:,.0f} a second; the "
            f"server (or the {found['connections']} connections) could not take more, and the latencies grow with the "
            "duration",
            soft_wrap=True,
        )
    colour = "yellow" if client["limited"] else "green"
    console.print(f"[{colour}]{escape(client['verdict'])}[/]", soft_wrap=True)


def _latencies(found: dict[str, Any]) -> list[tuple[str, float | None]]:
    if found["client"]["limited"] and found["mode"] == "closed":
        # Nearly all of it would be the client's own. The JSON has it.
        return []
    return [(f"latency {name}", value) for name, value in found["latency_us"].items()]


def _errors(found: dict[str, Any], console: Console) -> None:
    for kind, count in sorted(found["errors"].items(), key=lambda item: -item[1]):
        meaning = MEANING.get(kind, "")
        console.print(f"  [red]{kind}[/] {count:,}: {meaning}", soft_wrap=True)
        if kind in found["examples"]:
            console.print(f"    first: {escape(found['examples'][kind])}", soft_wrap=True)


def _idle(found: dict[str, Any], console: Console) -> None:
    console.print(
        f"[bold]{escape(found['settings']['url'])}[/]  {found['opened']:,} of {found['connections']:,} connections "
        f"opened in {found['opened_s']:.2f} s, held for {found['held_s']:g} s; {found['lost']:,} were lost, "
        f"{found['requests']:,} still answered",
        soft_wrap=True,
    )
    console.print(f"client memory: {found['client']['bytes_per_connection']:,.0f} bytes for each connection")
    _errors(found, console)
