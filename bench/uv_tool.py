"""uv as this suite uses it: where it is, and in which environment it runs.

uv does not read pip's configuration. On a machine whose administrator told pip about a mirror, a certificate or a
proxy, uv must get the same, or it would look in the wrong place: `pip_settings` reads pip's own files and variables,
`translate` says it in uv's words. This happens when uv is started; nothing of it is ever written down.
"""

from __future__ import annotations

import configparser
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from bench.errors import UserError

# Where uv is told which index to use: if any of these is set, the user has configured uv, and pip's word is not heard.
_UV_INDEX_VARIABLES = (
    "UV_DEFAULT_INDEX",
    "UV_INDEX_URL",
    "UV_INDEX",
    "UV_EXTRA_INDEX_URL",
    "UV_FIND_LINKS",
    "UV_CONFIG_FILE",
)
# What would make an interpreter, or uv, look into somebody else's environment.
_LEAKS = (
    "VIRTUAL_ENV",
    "CONDA_PREFIX",
    "__PYVENV_LAUNCHER__",
    "PIP_REQUIRE_VIRTUALENV",
    "UV_PYTHON",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_WORKING_DIR",
    "UV_SYSTEM_PYTHON",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_BUILD_CONSTRAINT",
    "UV_EXCLUDE_NEWER",
    "UV_REQUIRE_HASHES",
    "UV_TORCH_BACKEND",
    "UV_PRERELEASE",
    "UV_RESOLUTION",
    "UV_VENV_SEED",
)


class UvMissingError(UserError):
    """There is no uv on this machine; the message says how to get it."""


def find_uv() -> Path:
    """uv's executable: beside the running interpreter, as the `uv` package installed it, or on PATH.

    Raises `UvMissingError`.
    """
    beside = Path(sys.executable).with_name("uv")
    if os.access(beside, os.X_OK):
        return beside
    try:
        import uv  # noqa: PLC0415 - it may not be installed, which is one of the answers

        return Path(uv.find_uv_bin())
    except (ImportError, FileNotFoundError):
        pass
    found = shutil.which("uv")
    if found is None:
        raise UvMissingError("uv is not installed: run `python -m pip install uv`, then try again")
    return Path(found)


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """An environment without what leads Python or uv astray: PYTHONPATH and its kin, an active virtual environment."""
    return {k: v for k, v in environ.items() if not k.startswith("PYTHON") and k not in _LEAKS}


def uv_environment(environ: Mapping[str, str] | None = None, **extra: str) -> dict[str, str]:
    """The environment for a uv process: `environ` (default: ours) cleaned, pip's configuration put in, and `extra`."""
    base = clean(os.environ if environ is None else environ)
    settings = pip_settings(base, config_files(base))
    base.update(translate(settings, base, uv_configured=_uv_configured(base)))
    # No progress bars and no colours in logs, no download of an interpreter behind our back.
    base.update(UV_NO_PROGRESS="1", NO_COLOR="1", UV_PYTHON_DOWNLOADS="never")
    for colour in ("FORCE_COLOR", "CLICOLOR_FORCE"):
        base.pop(colour, None)
    base.update(extra)
    return base


def config_files(environ: Mapping[str, str]) -> list[Path]:
    """pip's configuration files, in the order in which later ones win. They need not exist."""
    home = Path(environ.get("HOME", "~")).expanduser()
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    dirs = (environ.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")
    files = [Path(d) / "pip" / "pip.conf" for d in reversed(dirs) if d]
    files += [Path("/etc/pip.conf"), home / ".pip" / "pip.conf", config_home / "pip" / "pip.conf"]
    named = environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return []  # pip's own way to say: no configuration file at all
    return [*files, Path(named)] if named else files


def pip_settings(environ: Mapping[str, str], files: Sequence[Path]) -> dict[str, str]:
    """What pip would use: its [global] and [install] settings with PIP_ variables on top, keys in pip's spelling.

    A file that cannot be read or parsed counts as empty: pip will complain of it, that is not our part.
    """
    merged: dict[str, dict[str, str]] = {"global": {}, "install": {}}
    for path in files:
        parser = configparser.RawConfigParser()
        try:
            parser.read_string(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, configparser.Error):
            continue
        for section, values in merged.items():
            if parser.has_section(section):
                values.update((k.lower().replace("_", "-"), v) for k, v in parser.items(section))
    settings = {**merged["global"], **merged["install"]}
    for name, value in environ.items():
        if name.startswith("PIP_") and value and name != "PIP_CONFIG_FILE":
            settings[name[4:].lower().replace("_", "-")] = value
    return settings


def translate(settings: Mapping[str, str], environ: Mapping[str, str], *, uv_configured: bool) -> dict[str, str]:
    """pip's settings in uv's words, but for what `environ` already says and for local folders that are not there."""
    wanted: dict[str, str] = {}
    if not uv_configured:
        index = settings.get("index-url", "").strip()
        if index and _there(index):
            wanted["UV_DEFAULT_INDEX"] = index
        if extra := [url for url in settings.get("extra-index-url", "").split() if _there(url)]:
            wanted["UV_INDEX"] = " ".join(extra)
            wanted["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # which is what pip does
        if links := [url for url in settings.get("find-links", "").split() if _there(url)]:
            wanted["UV_FIND_LINKS"] = " ".join(links)
        if hosts := settings.get("trusted-host", "").split():
            wanted["UV_INSECURE_HOST"] = " ".join(hosts)
    cert = settings.get("cert", "").strip()
    if cert and Path(cert).exists():
        wanted["SSL_CERT_FILE"] = cert
    timeout = settings.get("timeout", settings.get("default-timeout", "")).strip()
    if timeout.isdigit():
        wanted["UV_HTTP_TIMEOUT"] = timeout
    if (proxy := settings.get("proxy", "").strip()) and not any(name.lower() in _PROXIES for name in environ):
        wanted["ALL_PROXY"] = proxy
    return {k: v for k, v in wanted.items() if not environ.get(k)}


_PROXIES = {"http_proxy", "https_proxy", "all_proxy"}


def _there(url: str) -> bool:
    """Whether a local folder exists; what is not local is taken to exist."""
    parts = urlsplit(url)
    if parts.scheme == "file":
        return Path(unquote(parts.path)).exists()
    return bool(parts.scheme) or Path(url).expanduser().exists()


def _uv_configured(environ: Mapping[str, str]) -> bool:
    """Whether the user told uv itself where packages come from, by a variable or in a uv.toml."""
    if any(environ.get(name) for name in _UV_INDEX_VARIABLES):
        return True
    home = Path(environ.get("HOME", "~")).expanduser()
    config_home = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    for path in (config_home / "uv" / "uv.toml", Path("/etc/uv/uv.toml")):
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            continue
        if any(word in text for word in ("index", "find-links")):
            return True
    return False
