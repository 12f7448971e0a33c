"""`nox -s new -- NAME`: a folder that passes the contract as it stands, and says what to change."""

from __future__ import annotations

import argparse
from pathlib import Path

from bench.declaration import NAME
from bench.errors import UserError
from bench.paths import SERVERS, TEMPLATES


def main(options: argparse.Namespace) -> int:
    """Write servers/NAME and say what comes next."""
    folder = write(options.name, SERVERS)
    print(
        f"wrote servers/{folder.name}/server.toml and app.py: a server of the standard library that keeps the contract"
    )
    print(f"1. put the framework into app.py, its name and packages into server.toml; 2. nox -s check -- {folder.name}")
    print(f"3. nox -s lock -- {folder.name}; 4. nox -s bench -- --servers {folder.name}   (docs/adding-a-framework.md)")
    return 0


def write(name: str, servers: Path) -> Path:
    """Make the folder from the template.

    Raises UserError for a bad name or a folder that is there already.
    """
    if not NAME.match(name) or name == "hosts":
        raise UserError(
            f"{name!r} cannot be the name of a folder: lower-case letters, digits, - and _ only, not `hosts`"
        )
    folder = servers / name
    if folder.exists():
        raise UserError(f"servers/{name} is there already; nothing was changed")
    texts = {path.stem: path.read_text(encoding="utf-8") for path in sorted((TEMPLATES / "new").glob("*.txt"))}
    folder.mkdir(parents=True)
    for file, text in texts.items():
        (folder / file).write_text(text.replace("NAME", name), encoding="utf-8")
    return folder
