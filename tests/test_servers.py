"""What can be said of every server without its framework; the baseline, which needs none, runs for real."""

import ast
import os
import re
import socket
import sys
from pathlib import Path

import pytest

from bench import catalog, contract, launch
from bench.paths import ROOT, SERVERS, TEMPLATES

CATALOGUE = catalog.load(SERVERS)
APPS = sorted(SERVERS.glob("*/app.py"))
HOSTS = sorted(path.parent for path in SERVERS.glob("hosts/*/host.toml"))
PROGRAMS = [*APPS, *sorted(SERVERS.glob("hosts/*/*.py"))]
DECLARATIONS = [*sorted(SERVERS.glob("*/server.toml")), *sorted(SERVERS.glob("hosts/*/host.toml"))]
TEMPLATE = TEMPLATES / "new" / "app.py.txt"
LIBRARIES = {"asyncio", "tornado", "twisted", "gevent", "eventlet", "flask", "aiohttp"}


def name(path: Path) -> str:
    """A test's id: the path below servers/."""
    return path.relative_to(ROOT).as_posix()


def roots(path: Path) -> set[str]:
    """The top-level modules that a program imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name(path)} has a relative import"
            found.add((node.module or "").partition(".")[0])
    return found


def modules(requirements: list[str]) -> set[str]:
    """The modules that requirements bring, by the convention that all of ours follow."""
    return {re.split(r"[\[<>=!~; ]", requirement)[0].lower().replace("-", "_") for requirement in requirements}


def declared(folder: Path) -> list[str]:
    """All requirements of an implementation's or a host's folder."""
    for stack in CATALOGUE.values():
        if stack.folder == folder:
            return stack.app.packages + [p for option in stack.app.options.values() for p in option.packages]
        if stack.served_by and stack.host == folder.name and folder.parent.name == "hosts":
            return stack.served_by.packages
    raise AssertionError(f"no stack uses {name(folder)}")


def test_the_libraries_that_the_project_is_about_are_there() -> None:
    """Each with hello, json and echo, and one recommended stack."""
    for library in LIBRARIES:
        stacks = [stack for stack in CATALOGUE.values() if stack.implementation == library]
        plain = [stack for stack in stacks if stack.default and stack.option is None]
        assert [stack.workloads for stack in plain] == [["hello", "json", "echo", "connect"]]


@pytest.mark.parametrize("path", [*PROGRAMS, TEMPLATE], ids=name)
def test_programs_keep_to_the_syntax_of_python_3_9(path: Path) -> None:
    """Debian's own PyPy has that."""
    ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))


@pytest.mark.parametrize("path", PROGRAMS, ids=name)
def test_programs_import_the_standard_library_and_what_they_declare(path: Path) -> None:
    """Nothing of the suite, and nothing that happens to be installed."""
    allowed = set(sys.stdlib_module_names) | modules(declared(path.parent))
    if path.name == "serve.py":
        allowed.add("app")
    assert roots(path) <= allowed


def test_the_template_imports_the_standard_library_alone() -> None:
    """It must pass the contract before anything is installed."""
    assert roots(TEMPLATE) <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("path", DECLARATIONS, ids=name)
def test_requirements_are_not_pinned(path: Path) -> None:
    """Lock files pin; a bound with < is a reason, == is not."""
    assert "==" not in path.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DECLARATIONS, ids=name)
def test_notes_are_numbered_from_one_and_are_sentences(path: Path) -> None:
    """Readers cite them by number."""
    text = path.read_text(encoding="utf-8")
    ids = [int(number) for number in re.findall(r"^id = (\d+)$", text, re.MULTILINE)]
    assert ids == list(range(1, len(ids) + 1))
    assert all(note.endswith((".", "?")) for note in re.findall(r'^text = "(.*)"$', text, re.MULTILINE))


@pytest.mark.parametrize("folder", HOSTS, ids=name)
def test_a_host_finds_its_files_and_somebody_uses_it(folder: Path) -> None:
    """A command that names a file of the host's folder names one that exists."""
    stacks = [stack for stack in CATALOGUE.values() if stack.host == folder.name]
    assert stacks
    for part in stacks[0].argv(Path(sys.executable), "127.0.0.1", 80):
        if part.startswith(str(folder)):
            assert Path(part).is_file()


@pytest.mark.parametrize("stack", [s for s in CATALOGUE.values() if s.option], ids=lambda stack: stack.id)
def test_an_options_arguments_are_known_to_the_program(stack: catalog.Stack) -> None:
    """A misspelt option would be measured as the plain stack, or not at all."""
    sources = "".join(stack.files().values())
    assert stack.variant.args
    for argument in stack.variant.args:
        if argument.startswith("--"):
            assert f'"{argument}"' in sources


@pytest.mark.parametrize("path", APPS, ids=name)
def test_an_app_for_a_host_has_app_and_others_have_a_main_part(path: Path) -> None:
    """So that importing one starts nothing, and running one starts it."""
    source = path.read_text(encoding="utf-8")
    hosted = any(stack.folder == path.parent and stack.host for stack in CATALOGUE.values())
    assert (re.search(r"^app = ", source, re.MULTILINE) is not None) == hosted
    assert ('if __name__ == "__main__":' in source) != hosted


def test_a_raw_wsgi_app_answers_head_without_a_body() -> None:
    """Servers for WSGI leave that to the app; those that are frameworks see to it themselves."""
    for library in ("gevent", "eventlet"):
        assert '"HEAD"' in (SERVERS / library / "app.py").read_text(encoding="utf-8")


@pytest.fixture
def baseline(tmp_path: Path):
    """The asyncio server, running."""
    stack = CATALOGUE["asyncio"]
    make = lambda host, port: stack.argv(Path(sys.executable), host, port)  # noqa: E731
    cores = sorted(os.sched_getaffinity(0))
    with launch.start(make, stack.folder, stack.workloads, cores, tmp_path / "log") as server:
        yield server


def test_the_baseline_keeps_the_contract_to_the_letter(baseline: launch.Server) -> None:
    """Written by hand, it may leave out Date, and nothing else."""
    checks = contract.check(baseline, CATALOGUE["asyncio"].workloads)
    assert contract.failed(checks) == {}
    assert {check.name for check in checks if check.verdict != "pass"} == {"date"}


UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
TEXT_X = b"\x81\x81\0\0\0\0x"


@pytest.mark.parametrize(
    ("sent", "came"),
    [
        (b"nonsense\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/2.0\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"HTTP/1.1 400 "),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"HTTP/1.1 400 "),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"HTTP/1.1 501 "),
        (b"PUT / HTTP/1.1\r\nConnection: close\r\n\r\n", b"HTTP/1.1 405 "),
        (b"GET /ws HTTP/1.1\r\nConnection: close\r\n\r\n", b"HTTP/1.1 426 "),
        (b"GET /?a=b HTTP/1.1\r\nConnection: close\r\n\r\n", b"HTTP/1.1 200 "),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /no HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 "),
    ],
)
def test_the_baseline_answers_odd_requests_in_order(baseline: launch.Server, sent: bytes, came: bytes) -> None:
    """Hand-written parsers go wrong at the edges."""
    with socket.create_connection((baseline.host, baseline.port), timeout=10) as client:
        client.sendall(sent)
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(came)


@pytest.mark.parametrize(
    ("frames", "came"),
    [
        (TEXT_X + b"\x88\x80\0\0\0\0", b"\x81\x01x\x88\x02\x03\xe8"),  # a close without a code is answered with 1000
        (b"\x80\x80\0\0\0\0", b"\x88\x02\x03\xea"),  # a continuation of nothing
        (b"\x01\x81\0\0\0\0x" + TEXT_X, b"\x88\x02\x03\xea"),  # a message within a message
        (b"\x09\x80\0\0\0\0", b"\x88\x02\x03\xea"),  # a ping in fragments
        (b"\x83\x80\0\0\0\0", b"\x88\x02\x03\xea"),  # an opcode that there is not
        (b"\xc1\x81\0\0\0\0x", b"\x88\x02\x03\xea"),  # a reserved bit
        (b"\x82\xff" + (2**40).to_bytes(8, "big"), b"\x88\x02\x03\xf1"),  # a terabyte: too big, 1009
        (b"\x8a\x80\0\0\0\0" + b"\x88\x82\0\0\0\0\x03\xe9", b"\x88\x02\x03\xe9"),  # an unasked pong is overlooked
    ],
)
def test_the_baselines_echo_closes_on_wrong_frames(baseline: launch.Server, frames: bytes, came: bytes) -> None:
    """With the code that the standard gives, and then it ends the connection."""
    with socket.create_connection((baseline.host, baseline.port), timeout=10) as client:
        client.sendall(UPGRADE + frames)  # at once: what follows the handshake must not be lost
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, rest = answer.partition(b"\r\n\r\n")
    assert b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in head
    assert rest == came


def test_the_baseline_does_not_outrun_a_client_that_does_not_read(baseline: launch.Server) -> None:
    """It stops reading when its answers are not taken, so that memory stays bounded, and goes on when they are."""
    request = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    pipelined = request * 2000
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect((baseline.host, baseline.port))
        client.settimeout(0.5)
        sent = 0
        with pytest.raises(TimeoutError):
            while sent < 200_000_000:
                sent += client.send(pipelined[sent % len(request) :])
        client.settimeout(10)
        assert client.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_the_baseline_ends_on_sigterm_while_connections_are_open(baseline: launch.Server) -> None:
    """Idle ones, half a request, and a WebSocket."""
    with (
        socket.create_connection((baseline.host, baseline.port), timeout=10),
        socket.create_connection((baseline.host, baseline.port), timeout=10) as half,
        socket.create_connection((baseline.host, baseline.port), timeout=10) as web,
    ):
        half.sendall(b"GET / HTTP")
        web.sendall(UPGRADE + TEXT_X)
        while not web.recv(65536).endswith(b"x"):
            pass
        stopped = baseline.stop()
    assert (stopped.clean, stopped.exit, stopped.orphans) == (True, "exit 0", 0)
