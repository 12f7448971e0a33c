"""The private prefix: where it would come from, and that half of one is never used."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import debian_prefix as dp
from bench import runtimes
from bench.debian_prefix import PrefixError, Release
from bench.runtime_names import Name

PYPY = Name("pypy", 11)
BOOKWORM = Release("debian", "bookworm")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"ID": "debian", "VERSION_CODENAME": "bookworm"}, BOOKWORM),
        ({"ID": "debian"}, Release("debian", "sid")),
        ({"ID": "ubuntu", "ID_LIKE": "debian", "VERSION_CODENAME": "noble"}, Release("ubuntu", "noble")),
        (
            {"ID": "linuxmint", "ID_LIKE": "ubuntu debian", "VERSION_CODENAME": "wilma", "UBUNTU_CODENAME": "noble"},
            Release("ubuntu", "noble"),
        ),
        ({"ID": "fedora"}, None),
        ({}, None),
    ],
)
def test_the_distribution_is_told_from_os_release(fields: dict[str, str], expected: Release | None) -> None:
    """Debian, Ubuntu, and what is built on them are known; the codename is that of the archive that they use."""
    assert dp.release(fields) == expected


@pytest.mark.parametrize(
    ("name", "system", "suite"),
    [
        (PYPY, BOOKWORM, "trixie"),
        (PYPY, Release("debian", "forky"), "forky"),
        (PYPY, Release("ubuntu", "noble"), "resolute"),
        (Name("pypy", 9), BOOKWORM, "bookworm"),
        (Name("cpython", 14), BOOKWORM, "sid"),
    ],
)
def test_the_suite_is_the_nearest_that_has_it(name: Name, system: Release, suite: str) -> None:
    """A release that is new enough serves itself; an older one takes from a newer."""
    assert dp.suite_for(name, system) == suite


@pytest.mark.parametrize("name", [Name("pypy", 10), Name("cpython", 12), Name("cpython", 14, True)])
def test_what_no_suite_has_is_refused(name: Name) -> None:
    """The reason names the distribution and the runtime."""
    with pytest.raises(PrefixError, match=f"Debian has no {name}"):
        dp.suite_for(name, BOOKWORM)


@pytest.mark.skipif(shutil.which("apt-get") is None, reason="no apt-get on this machine")
def test_apt_itself_reads_both_formats_of_its_sources(tmp_path: Path) -> None:
    """deb822 files with several addresses and suites, and one-line entries with options, all give their mirrors."""
    parts, lists = tmp_path / "parts", tmp_path / "lists"
    parts.mkdir()
    lists.mkdir()
    (tmp_path / "sources.list").write_text(
        "# comment\n"
        "deb cdrom:[Debian]/ bookworm main\n"
        "deb-src http://source.example/debian bookworm main\n"
        "deb [arch=amd64 signed-by=/x.gpg] http://third.example/party bookworm main\n"
        "deb http://one.example/debian/ bookworm main contrib\n"
        "deb http://one.example/debian-security bookworm-security main\n",
        encoding="utf-8",
    )
    (parts / "x.sources").write_text(
        "Types: deb deb-src\nURIs: mirror+file:/etc/apt/mirrors/debian.list http://two.example/debian\n"
        "Suites: bookworm bookworm-updates\nComponents: main\n\n"
        "Types: deb\nURIs: http://off.example/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n",
        encoding="utf-8",
    )
    options = [
        f"Dir::State::Lists={lists}",
        f"Dir::Etc::SourceList={tmp_path / 'sources.list'}",
        f"Dir::Etc::SourceParts={parts}",
        "Debug::NoLocking=1",
    ]
    argv = ["apt-get", "update", "--print-uris", *(word for option in options for word in ("-o", option))]
    listing = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
    found = dp.mirrors(listing, BOOKWORM)
    official = {"http://one.example/debian", "http://two.example/debian", "mirror+file:/etc/apt/mirrors/debian.list"}
    assert set(found[:3]) == official
    assert set(found[3:]) <= {"http://third.example/party", "http://source.example/debian"}


@given(st.text())
def test_any_listing_is_survived(listing: str) -> None:
    """Whatever apt prints, mirrors are found or not; nothing fails."""
    assert isinstance(dp.mirrors(listing, BOOKWORM), list)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (
            "Err:1 http://m.example trixie InRelease\n  Could not connect\nW: Some index files failed\n",
            "http://m.example trixie InRelease Could not connect",
        ),
        ("E: Unable to locate package pypy3\n", "Unable to locate package pypy3"),
        ("W: GPG error: x: NO_PUBKEY 123\nE: The repository is not signed.\n", "GPG error: x: NO_PUBKEY 123"),
        ("x.c:1:2: error: expected ;\nmore\n", "x.c:1:2: error: expected ;"),
        ("", "apt-get failed and said nothing"),
    ],
)
def test_the_first_error_is_the_reason(output: str, expected: str) -> None:
    """Of all that apt or a compiler prints, the line that names the cause."""
    assert dp.why(output) == expected


def test_headers_of_the_c_library_are_left_out() -> None:
    """Only an interpreter's own headers are unpacked: others would come between the compiler and the system's."""
    assert dp.needed("libpython3.14-dev")
    assert dp.needed("pypy3-dev")
    assert dp.needed("libssl3t64")
    assert not dp.needed("libc6-dev")
    assert not dp.needed("linux-libc-dev")


def test_an_unfinished_prefix_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its marker a prefix is not used; making it anew removes it first, and a failure leaves nothing behind."""
    folder = tmp_path / "pypy3.11"
    (folder / "usr" / "bin").mkdir(parents=True)
    (folder / "usr" / "bin" / "pypy3.11").symlink_to(sys.executable)
    assert dp.existing(folder) is None
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "debian", "VERSION_CODENAME": "bookworm"})
    monkeypatch.setattr(shutil, "which", lambda *_, **__: "/bin/true")

    def fail(*_: object) -> dict[str, str]:
        assert not (folder / "usr").exists()
        raise PrefixError("the mirror is gone")

    monkeypatch.setattr(dp, "_unpack", fail)
    with pytest.raises(PrefixError, match="the mirror is gone"):
        dp.make(PYPY, folder, lambda _: None)
    assert not folder.exists()


def test_a_prefix_that_was_moved_is_not_used(tmp_path: Path) -> None:
    """The interpreter holds the paths of its loader and libraries: elsewhere than its marker says, it is refused."""
    folder = tmp_path / "old"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin" / "x").symlink_to(sys.executable)
    marker = dp.Marker(str(folder), "bin/x", "trixie", "Debian", {})
    (folder / dp.MARKER).write_bytes(dp.msgspec.json.encode(marker))
    assert dp.existing(folder) == (folder / "bin" / "x", "private prefix, Debian trixie")
    folder.rename(tmp_path / "new")
    assert dp.existing(tmp_path / "new") is None


def test_two_makers_wait_for_each_other(tmp_path: Path) -> None:
    """While one holds the lock a second says that it waits, and finds the finished prefix afterwards."""
    folder = tmp_path / "pypy3.11"
    waiting = threading.Event()
    answer: list[Path] = []
    second = threading.Thread(target=lambda: answer.append(dp.make(PYPY, folder, lambda _: waiting.set())))
    with dp.locked(tmp_path / ".pypy3.11.lock"):
        second.start()
        assert waiting.wait(20)
        (folder / "bin").mkdir(parents=True)
        (folder / "bin" / "x").symlink_to(sys.executable)
        marker = dp.Marker(str(folder), "bin/x", "trixie", "Debian", {})
        (folder / dp.MARKER).write_bytes(dp.msgspec.json.encode(marker))
    second.join(20)
    assert answer == [folder / "bin" / "x"]


def test_elsewhere_the_reason_is_in_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a distribution without such packages the error says so, and nothing is made."""
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: {"ID": "fedora"})
    with pytest.raises(PrefixError, match="only Debian and Ubuntu"):
        dp.make(PYPY, tmp_path / "pypy3.11", lambda _: None)
    assert not (tmp_path / "pypy3.11").exists()


@pytest.fixture(scope="module")
def prefix(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The suite's own prefix of PyPy 3.11: made for real, once for this checkout."""
    try:
        return dp.make(PYPY, runtimes.RUNTIMES / str(PYPY), print)
    except PrefixError as error:
        pytest.skip(f"no prefix can be made here: {error}")


def test_the_prefix_runs_on_its_own_libraries(prefix: Path) -> None:
    """Its loader and C library are those of the prefix, so that it runs on a system older than its packages."""
    maps = subprocess.run(
        [prefix, "-c", "print(open('/proc/self/maps').read())"], capture_output=True, text=True
    ).stdout
    loaded = {line.split()[-1] for line in maps.splitlines() if ".so" in line}
    assert loaded
    assert all(Path(path).is_relative_to(prefix.parents[2]) for path in loaded)


def test_the_prefix_proves_itself(prefix: Path) -> None:
    """JIT, TLS, SQLite, ctypes and zlib work, and C extensions compile where there is a compiler."""
    dp._prove(PYPY, prefix)
    assert dp._extension_problem(prefix) is None


def test_the_prefix_is_found_again_at_once(prefix: Path) -> None:
    """A finished prefix is not made twice, and `discover` knows it by its name."""
    before = (prefix.parents[2] / dp.MARKER).stat()
    assert dp.make(PYPY, prefix.parents[2], lambda _: None) == prefix
    assert (prefix.parents[2] / dp.MARKER).stat().st_mtime_ns == before.st_mtime_ns
    assert str(PYPY) in runtimes.discover()


def test_the_prefix_needs_nothing_from_our_environment(prefix: Path) -> None:
    """It starts with an empty environment, and with a library path that leads elsewhere."""
    for environ in ({}, {"LD_LIBRARY_PATH": "/usr/lib/x86_64-linux-gnu", "PATH": os.defpath}):
        subprocess.run([prefix, "-c", "import ssl"], env=environ, check=True)
