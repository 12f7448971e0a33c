"""The command line's options: their help, and the spec they make."""

from __future__ import annotations

import argparse
from pathlib import Path

from loadgen.errors import UsageError
from loadgen.spec import Output, Spec

DESCRIPTION = """\
Load an HTTP/1.1 or WebSocket server on this machine, verify every answer byte for byte, and report throughput,
latency, and whether the client itself was the limit.

Closed loop (the default): each connection sends its next request when its last answer has come. It finds the
capacity of a server; its latencies are those of an overloaded one.
Open loop (--rate): requests are due at times that do not depend on the server, and latency counts from then, so
that a stall is charged to every request that it delayed. This is what users feel.
"""

EPILOG = """\
examples:
  python -m loadgen http://127.0.0.1:8000/ -c 64 -d 10
  python -m loadgen http://127.0.0.1:8000/ --rate 5000 -d 30          open loop, Poisson arrivals
  python -m loadgen http://127.0.0.1:8000/ --warmup 2 --warmup-max 30 measure when the server is warm
  python -m loadgen ws://127.0.0.1:8000/ws --size 65536 --binary      WebSocket echo
  python -m loadgen http://127.0.0.1:8000/ --idle 20000 -d 60         hold idle connections
  python -m loadgen http://127.0.0.1:8000/api --data @order.json -H 'Content-Type: application/json'

what is verified:
  Status, content type and body of every answer. The first answer on a connection is parsed in full and teaches what
  is expected, unless --expect-... says it; the same bytes again need no parser, other bytes (a new Date) are parsed.
  No failed request is counted as done. Kinds of errors: connect, reset, timeout, status, content-type, body,
  protocol, closed (the server closed the connection while a request was in flight).

what the latencies mean:
  Closed loop: from sending a request to having read its whole answer; where the request needed a new connection, from
  connect(). Open loop: from the time at which the request was due. A percentile is given only where at least 20
  samples lie above it.

was the client the limit?
  Yes, or maybe, where it was busy 70 % of the time or more, where 1 % of its requests were sent later than 1 ms (or
  10 % of the median) after they were due, or where rate x mean latency is not the number of requests in flight.
  Give it a core that the server does not use (--cpu), or more of them (--processes).

exit code:
  0  measured, without an error
  1  measured, with errors (or with no answer at all)
  2  not measured: wrong options, or the server cannot be reached
"""


def parser() -> argparse.ArgumentParser:
    """The options and their help."""
    p = argparse.ArgumentParser(
        prog="python -m loadgen",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=lambda prog: argparse.RawDescriptionHelpFormatter(prog, max_help_position=34, width=118),
        allow_abbrev=False,
    )
    p.add_argument("url", metavar="URL", help="http://HOST:PORT/PATH, or ws:// for WebSocket echo")
    load = p.add_argument_group("load")
    load.add_argument("-c", "--connections", type=int, default=64, metavar="N", help="connections (default 64)")
    load.add_argument("-d", "--duration", type=float, default=10.0, metavar="S", help="seconds measured (default 10)")
    load.add_argument("--rate", type=float, metavar="R", help="open loop: R requests per second over all connections")
    load.add_argument(
        "--arrivals",
        choices=("poisson", "constant"),
        default="poisson",
        help="open loop: at random as users come (default), or evenly",
    )
    load.add_argument("--seed", type=int, default=1, metavar="N", help="open loop: of the random arrivals (default 1)")
    load.add_argument("--no-keepalive", action="store_true", help="a new connection for each request")
    load.add_argument(
        "--pipeline",
        "--in-flight",
        type=int,
        default=1,
        metavar="N",
        dest="depth",
        help="closed loop: requests or messages in flight on each connection, sent as one batch (default 1)",
    )
    load.add_argument("--timeout", type=float, default=5.0, metavar="S", help="seconds a request may take (default 5)")
    load.add_argument(
        "--idle", type=int, default=0, metavar="N", help="no load: open N connections, hold them for -d, then ask each"
    )
    warm = p.add_argument_group("warm-up, before the measured part and on the same connections")
    warm.add_argument("--warmup", type=float, default=0.0, metavar="S", help="at least so many seconds (default 0)")
    warm.add_argument("--warmup-requests", type=int, default=0, metavar="N", help="at least so many requests")
    warm.add_argument(
        "--warmup-max", type=float, metavar="S", help="go on until the rate is steady, at most so many seconds"
    )
    expect = p.add_argument_group("what every answer must be (default: as the first one, with a status of 2xx)")
    expect.add_argument("--expect-status", type=int, metavar="CODE", help="this status")
    expect.add_argument("--expect-type", metavar="TYPE", help="exactly this content type")
    expect.add_argument("--expect-body", metavar="TEXT", help="exactly this body; @FILE reads it from a file")
    http = p.add_argument_group("HTTP request")
    http.add_argument("-H", "--header", action="append", default=[], metavar="'NAME: VALUE'", help="an extra header")
    http.add_argument("-X", "--method", metavar="METHOD", help="default GET, POST with --data")
    http.add_argument("--data", metavar="TEXT", help="a body; @FILE reads it from a file")
    ws = p.add_argument_group("WebSocket")
    ws.add_argument("--message", metavar="TEXT", help="what is sent and must come back (default 'Hello, World!')")
    ws.add_argument("--size", type=int, metavar="BYTES", help="a message of so many bytes instead")
    ws.add_argument("--binary", action="store_true", help="binary messages (default text)")
    out = p.add_argument_group("output")
    out.add_argument("--json", type=Path, metavar="FILE", help="write the result as JSON; - for standard output")
    out.add_argument("--hdr", type=Path, metavar="FILE", help="write the percentiles as HdrHistogram's plotter reads")
    out.add_argument("--window", type=float, default=1.0, metavar="S", help="length of a window (default 1)")
    out.add_argument(
        "--turn",
        type=float,
        default=0.0,
        metavar="S",
        help="measure in turns of S seconds; rest before each until a line comes on standard input (for programs that "
        "measure several servers alternately)",
    )
    out.add_argument("--events", action="store_true", help="JSON Lines on standard output, for programs")
    out.add_argument("-q", "--quiet", action="store_true", help="no progress and no summary")
    how = p.add_argument_group("client")
    how.add_argument("--cpu", metavar="N[,M]", help="run on these CPUs only (numbers as in /proc/cpuinfo)")
    how.add_argument("--processes", type=int, default=1, metavar="N", help="share the load among N processes")
    how.add_argument(
        "--spin",
        type=float,
        default=200.0,
        metavar="US",
        help="wait so long awake before sleeping (default 200 us; with 0 the waking of an idle core is measured too)",
    )
    how.add_argument(
        "--quickack", action="store_true", help="acknowledge at once: hides what delayed ACKs do to some servers"
    )
    how.add_argument("--allow-remote", action="store_true", help="allow a host that is not this machine")
    return p


def read(args: argparse.Namespace) -> tuple[Spec, Output]:
    """The options as a spec. Raises UsageError."""
    body = _bytes("--data", args.data) or b""
    message = _bytes("--message", args.message)
    if args.size is not None:
        if message is not None:
            raise UsageError("give --message or --size, not both")
        if not 0 <= args.size <= 1 << 24:
            raise UsageError(f"--size {args.size}: from 0 to 16777216 bytes")
        message = (b"0123456789abcdef" * (args.size // 16 + 1))[: args.size]
    if message is not None and not args.binary:
        try:
            message.decode()
        except UnicodeDecodeError:
            raise UsageError(f"--message {args.message}: not UTF-8 text; add --binary") from None
    spec = Spec(
        url=args.url,
        connections=args.connections,
        duration_s=args.duration,
        warmup_s=args.warmup,
        warmup_requests=args.warmup_requests,
        warmup_max_s=args.warmup_max,
        window_s=args.window,
        turn_s=args.turn,
        timeout_s=args.timeout,
        keep_alive=not args.no_keepalive,
        method=args.method or ("POST" if args.data is not None else "GET"),
        headers=tuple(_header(text) for text in args.header),
        body=body,
        expect_status=args.expect_status,
        expect_type=args.expect_type,
        expect_body=_bytes("--expect-body", args.expect_body),
        message=b"Hello, World!" if message is None else message,
        binary=args.binary,
        depth=args.depth,
        rate=args.rate,
        arrivals=args.arrivals,
        seed=args.seed,
        processes=args.processes,
        idle=args.idle,
        spin_us=args.spin,
        quickack=args.quickack,
        allow_remote=args.allow_remote,
        cpus=_cpus(args.cpu),
    )
    return spec, Output(json=args.json, hdr=args.hdr, events=args.events, quiet=args.quiet)


def _bytes(option: str, text: str | None) -> bytes | None:
    if text is None:
        return None
    if not text.startswith("@"):
        return text.encode()
    try:
        return Path(text[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"{option} {text}: {error.strerror}") from None


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon:
        raise UsageError(f"--header {text!r}: not a header; write it like 'Accept: text/plain'")
    return name.strip(), value.strip()


def _cpus(text: str | None) -> tuple[int, ...]:
    if text is None:
        return ()
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise UsageError(f"--cpu {text}: give numbers, for example --cpu 1 or --cpu 2,3") from None
