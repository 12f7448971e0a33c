"""The command line: what it prints, what it refuses and how, and its exit codes."""

from __future__ import annotations

import json
import re
import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hdrh.histogram import HdrHistogram

from loadgen.cli import main
from tests.loadgen.conftest import HELLO, ROOT, ScriptedServer, loadgen, null_server, read_request

Serve = Callable[..., ScriptedServer]
QUICK = ("-d", "0.2", "-c", "2")


def test_a_summary_for_people(null_port: int) -> None:
    """Throughput, latency, errors and the verdict on the client; exit code 0."""
    done = loadgen(f"http://127.0.0.1:{null_port}/", *QUICK, "--rate", 300)
    assert done.returncode == 0
    assert done.stderr == ""
    for words in ("open loop", "per second", "latency p50", "never sent", "errors", "the client was"):
        assert words in done.stdout


def test_json_to_a_file_and_to_standard_output(null_port: int, tmp_path: Path) -> None:
    """The same object either way."""
    url = f"http://127.0.0.1:{null_port}/"
    assert loadgen(url, *QUICK, "--json", tmp_path / "r.json").returncode == 0
    assert json.loads((tmp_path / "r.json").read_text())["requests"] > 0
    assert json.loads(loadgen(url, *QUICK, "--json", "-").stdout)["requests"] > 0


def test_the_text_form_of_a_histogram(null_port: int, tmp_path: Path) -> None:
    """What HdrHistogram's plotter reads: four columns, and the totals."""
    loadgen(f"http://127.0.0.1:{null_port}/", *QUICK, "--hdr", tmp_path / "h.hgrm", "--json", tmp_path / "r.json")
    lines = (tmp_path / "h.hgrm").read_text().splitlines()
    found = json.loads((tmp_path / "r.json").read_text())
    assert lines[0].split() == ["Value", "Percentile", "TotalCount", "1/(1-Percentile)"]
    rows = [line.split() for line in lines if re.match(r"\s+\d", line)]
    assert int(rows[-1][2]) == found["requests"] == HdrHistogram.decode(found["histogram"]).get_total_count()
    assert float(rows[-1][0]) == pytest.approx(found["latency_us"]["max"] / 1000, rel=0.002)
    assert any(line.startswith("#[Mean") for line in lines)


def test_errors_are_told_and_exit_with_1(null_port: int) -> None:
    """The kind, how many, the first of them."""
    done = loadgen(f"http://127.0.0.1:{null_port}/missing", *QUICK)
    assert done.returncode == 1
    assert "status" in done.stdout
    assert "expected 2xx, got 404" in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["https://127.0.0.1/"], "TLS"),
        (["wss://127.0.0.1/"], "TLS"),
        (["127.0.0.1:80"], "must begin with http://"),
        (["http://"], "no host"),
        (["http://127.0.0.1:99999/"], "not a URL"),
        (["http://127.0.0.1:0/"], "port 0"),
        (["http://[::1/"], "not a URL"),
        (["http://u:p@127.0.0.1/"], "user name"),
        (["http://127.0.0.1/a b"], "white space"),
        (["http://127.0.0.1/\u00e9"], "not ASCII"),
        (["http://192.0.2.1/"], "--allow-remote"),
        (["http://no.such.host.invalid/"], "cannot be resolved"),
        (["http://127.0.0.1/", "-c", "0"], "-c 0"),
        (["http://127.0.0.1/", "-d", "0"], "-d 0"),
        (["http://127.0.0.1/", "-d", "nan"], "-d nan"),
        (["http://127.0.0.1/", "--warmup", "5", "--warmup-max", "2"], "below"),
        (["http://127.0.0.1/", "--rate", "0"], "--rate"),
        (["http://127.0.0.1/", "--rate", "1e9"], "--rate"),
        (["http://127.0.0.1/", "--rate", "5", "--pipeline", "2"], "several in flight"),
        (["http://127.0.0.1/", "--pipeline", "2", "--no-keepalive"], "drop --no-keepalive"),
        (["http://127.0.0.1/", "--processes", "3", "-c", "2"], "at least as many connections"),
        (["http://127.0.0.1/", "--idle", "5", "--rate", "5"], "--idle"),
        (["http://127.0.0.1/", "-H", "nonsense"], "not a header"),
        (["http://127.0.0.1/", "-H", "a b: c"], "not a header"),
        (["http://127.0.0.1/", "-H", "a: b\r\nc: d"], "not a header"),
        (["http://127.0.0.1/", "--data", "@/no/such/file"], "No such file"),
        (["http://127.0.0.1/", "--json", "/no/such/folder/x"], "No such file"),
        (["http://127.0.0.1/", "--cpu", "x"], "--cpu"),
        (["http://127.0.0.1/", "--cpu", "4000"], "may use CPUs"),
        (["http://127.0.0.1/", "--expect-status", "20"], "--expect-status"),
        (["http://127.0.0.1/", "-X", "GE T"], "-X"),
        (["ws://127.0.0.1/", "--size", "-1"], "--size"),
        (["ws://127.0.0.1/", "--size", "1", "--message", "x"], "not both"),
        (["ws://127.0.0.1/", "--no-keepalive"], "--no-keepalive"),
        (["http://127.0.0.1/", "--window", "0"], "--window"),
        (["http://127.0.0.1/", "--spin", "-1"], "--spin"),
    ],
)
def test_what_cannot_be_done_is_one_line(words: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit code 2, one line that names the option or the part of the URL, no traceback."""
    assert main(words) == 2
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert told in lines[0]
    assert out == ""


def test_an_unknown_option() -> None:
    """argparse's own words, and the same exit code."""
    assert loadgen("http://127.0.0.1/", "--no-such-option").returncode == 2


def test_nothing_listens() -> None:
    """A refused connection names address and port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    done = loadgen(f"http://127.0.0.1:{port}/", *QUICK)
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1
    assert f"port {port}" in done.stderr


def test_too_few_file_descriptors() -> None:
    """The limit is named, with what to raise it to."""
    done = subprocess.run(
        [sys.executable, "-m", "loadgen", "http://127.0.0.1:1/", "-c", "2000000000"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100)),
    )
    assert done.returncode == 2
    assert "the hard limit is 100" in done.stderr
    assert "ulimit -Hn 2000000064" in done.stderr


def test_the_soft_limit_is_raised(null_port: int) -> None:
    """As long as the hard limit allows."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    done = subprocess.run(
        [sys.executable, "-m", "loadgen", f"http://127.0.0.1:{null_port}/", "-c", "200", "-d", "0.1"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (50, hard)),
    )
    assert done.returncode == 0, done.stderr


def test_ipv6() -> None:
    """An address in brackets."""
    try:
        with null_server("::1") as port:
            done = loadgen(f"http://[::1]:{port}/", *QUICK)
    except (OSError, IndexError, ValueError):
        pytest.skip("no IPv6 here")
    assert done.returncode == 0, done.stderr


def test_post_with_headers(serve: Serve) -> None:
    """Method, body and headers arrive."""
    seen: list[bytes] = []

    def script(sock: socket.socket, number: int) -> None:
        while True:
            data = b""
            while not data.endswith(b"\r\n\r\nhello"):
                data += sock.recv(1)
            seen.append(data)
            sock.sendall(HELLO)

    done = loadgen(serve(script).url, *QUICK, "--data", "hello", "-H", "X-Key: value")
    assert done.returncode == 0, done.stdout
    assert seen[0].startswith(b"POST / HTTP/1.1\r\n")
    assert b"\r\nX-Key: value\r\n" in seen[0]
    assert seen[0].endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_several_in_flight(null_port: int, scheme: str) -> None:
    """Labelled, and each answer counted."""
    path = "ws" if scheme == "ws" else ""
    done = loadgen(f"{scheme}://127.0.0.1:{null_port}/{path}", *QUICK, "--pipeline", 8)
    assert done.returncode == 0, done.stdout
    assert "8 in flight" in done.stdout


def test_an_interrupt_is_one_line(null_port: int) -> None:
    """Ctrl-C: no result, no traceback."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loadgen", f"http://127.0.0.1:{null_port}/", "-d", "600", "--events", "--window", "0.1"],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 2
    assert json.loads(out.splitlines()[-1]) == {"event": "error", "message": "interrupted"}
    assert err.splitlines() == ["loadgen: interrupted"]


def test_an_interrupt_that_is_dropped_is_repeated() -> None:
    """Python drops what is raised while a finalizer runs: Ctrl-C must not be lost for it."""
    code = """
import os, signal, sys, time
from loadgen import cli, engine

class Dropping:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.01)

def run(spec, emit):
    Dropping()
    time.sleep(10)
    raise AssertionError("the interrupt was lost")

engine.run = run
sys.exit(cli.main(["http://127.0.0.1:1/", "-q"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.splitlines()[-1] == "loadgen: interrupted"


def test_help_is_a_manual() -> None:
    """It names the exit codes, what is verified, and what the latencies mean."""
    text = loadgen("--help").stdout
    for words in ("exit code", "what is verified", "what the latencies mean", "was the client the limit", "examples"):
        assert words in text


def drip(sock: socket.socket, number: int) -> None:
    """One byte of an answer now and then."""
    read_request(sock)
    for byte in HELLO:
        sock.sendall(bytes([byte]))
        sock.settimeout(0.1)
        try:
            sock.recv(1)
            return
        except TimeoutError:
            continue


def flood(begin: bytes, piece: bytes) -> Callable[[socket.socket, int], None]:
    """An answer without end."""

    def script(sock: socket.socket, number: int) -> None:
        read_request(sock)
        sock.sendall(begin)
        for _ in range((100 << 20) // len(piece)):
            sock.sendall(piece)

    return script


def garbage(sock: socket.socket, number: int) -> None:
    """Bytes that are no HTTP."""
    read_request(sock)
    sock.sendall(bytes(range(256)) * 10)


@pytest.mark.parametrize(
    ("script", "kind", "told"),
    [
        (garbage, "protocol", "not valid HTTP"),
        (flood(b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 60_000 + b"\r\n"), "protocol", "not valid HTTP"),
        (
            flood(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"ea60\r\n" + b"x" * 60_000 + b"\r\n"),
            "body",
            "longer than",
        ),
        (flood(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 60_000), "body", "longer than"),
        (drip, "timeout", "an answer had begun"),
    ],
    ids=["garbage", "headers", "chunks", "stream", "drip"],
)
def test_a_hostile_server_gets_a_clear_line(
    serve: Serve, script: Callable[[socket.socket, int], None], kind: str, told: str
) -> None:
    """Garbage, headers and bodies without end, a byte at a time: an error of the right kind, in bounded memory."""
    server = serve(script)
    done = subprocess.run(
        [sys.executable, "-m", "loadgen", server.url, "-d", "0.8", "-c", "2", "--timeout", "0.5"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30)),
    )
    assert done.returncode in (1, 2)
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    assert kind in text
    assert told in text


def test_the_servers_words_are_not_markup(serve: Serve) -> None:
    """A body in square brackets is shown as it is."""

    def script(sock: socket.socket, number: int) -> None:
        read_request(sock)
        sock.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 9\r\n\r\n[/bold]x!")

    done = loadgen(serve(script).url, *QUICK)
    assert done.returncode == 1
    assert "[/bold]x!" in done.stdout
