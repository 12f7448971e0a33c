"""uv gets what the machine's administrator told pip, and nothing of somebody else's environment."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.uv_tool import UvMissingError, clean, config_files, find_uv, pip_settings, translate, uv_environment


def test_python_variables_are_dropped() -> None:
    """PYTHONPATH, an active virtual environment and uv's choice of another do not reach what is started."""
    ours = {
        "PYTHONPATH": "/x",
        "PYTHONHOME": "/y",
        "VIRTUAL_ENV": "/z",
        "UV_PYTHON": "3.8",
        "PATH": "/bin",
        "HOME": "/h",
    }
    assert clean(ours) == {"PATH": "/bin", "HOME": "/h"}


def test_pips_files_and_variables_are_read_as_pip_reads_them(tmp_path: Path) -> None:
    """Later files win, [install] wins over [global], a variable wins over all; a broken file counts as empty."""
    system, user, broken = tmp_path / "system.conf", tmp_path / "user.conf", tmp_path / "broken.conf"
    system.write_text("[global]\nindex-url = http://one.example/simple\nfind_links = /a\n  /b\n", encoding="utf-8")
    user.write_text("[global]\nindex-url = http://two.example/simple\n[install]\ncert = /c.pem\n", encoding="utf-8")
    broken.write_text("index-url = no section\n", encoding="utf-8")
    settings = pip_settings({"PIP_CERT": "/d.pem"}, [system, user, broken, tmp_path / "missing"])
    assert settings["index-url"] == "http://two.example/simple"
    assert settings["find-links"].split() == ["/a", "/b"]
    assert settings["cert"] == "/d.pem"


def test_no_file_is_read_when_pip_is_told_to_read_none() -> None:
    """PIP_CONFIG_FILE=/dev/null is pip's way to ignore all files."""
    assert config_files({"PIP_CONFIG_FILE": "/dev/null", "HOME": "/h"}) == []
    assert config_files({"PIP_CONFIG_FILE": "/x/pip.conf", "HOME": "/h"})[-1] == Path("/x/pip.conf")


def test_settings_become_uvs(tmp_path: Path) -> None:
    """Indexes, links, hosts, certificate, time-out and proxy are passed on; local folders only where they exist."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    settings = {
        "index-url": "http://mirror.example/simple",
        "extra-index-url": f"file://{folder} file:///not/here",
        "find-links": f"{folder} /not/here",
        "trusted-host": "mirror.example",
        "cert": str(folder),
        "timeout": "60",
        "proxy": "http://proxy.example",
    }
    assert translate(settings, {}, uv_configured=False) == {
        "UV_DEFAULT_INDEX": "http://mirror.example/simple",
        "UV_INDEX": f"file://{folder}",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": str(folder),
        "UV_INSECURE_HOST": "mirror.example",
        "SSL_CERT_FILE": str(folder),
        "UV_HTTP_TIMEOUT": "60",
        "ALL_PROXY": "http://proxy.example",
    }


def test_what_the_user_told_uv_wins() -> None:
    """uv's own configuration of indexes is not mixed with pip's, and no variable is overwritten."""
    settings = {"index-url": "http://mirror.example/simple", "timeout": "60", "proxy": "http://proxy.example"}
    assert translate(settings, {"https_proxy": "x", "UV_HTTP_TIMEOUT": "5"}, uv_configured=True) == {}


def test_uvs_own_configuration_file_counts(tmp_path: Path) -> None:
    """A uv.toml that names an index keeps pip's index out."""
    environ = {"HOME": str(tmp_path), "PIP_INDEX_URL": "http://mirror.example/simple"}
    assert uv_environment(environ)["UV_DEFAULT_INDEX"] == "http://mirror.example/simple"
    folder = tmp_path / ".config" / "uv"
    folder.mkdir(parents=True)
    (folder / "uv.toml").write_text('index-url = "http://other.example/simple"\n', encoding="utf-8")
    assert "UV_DEFAULT_INDEX" not in uv_environment(environ)


@given(st.dictionaries(st.sampled_from(["index-url", "extra-index-url", "find-links", "cert", "timeout"]), st.text()))
def test_any_settings_are_survived(settings: dict[str, str]) -> None:
    """Whatever stands in pip's files, the translation does not fail and sets no empty variable."""
    assert all(translate({k: v.replace("\0", "") for k, v in settings.items()}, {}, uv_configured=False).values())


def test_without_uv_the_error_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no uv at all, one line says what to run."""
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(__import__("sys").modules, "uv", None)
    with pytest.raises(UvMissingError, match="pip install uv"):
        find_uv()
