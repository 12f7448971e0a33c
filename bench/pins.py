"""Lock files and requirements as text: `name==version`, one a line, nothing else but comments."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import Path

_PIN = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*==\s*([A-Za-z0-9.!+_-]+)")
_NAME = re.compile(r"\s*([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)")


def normal(name: str) -> str:
    """A package's name as packaging compares it: lower case, one hyphen for any run of `-`, `_` and `.`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_name(requirement: str) -> str:
    """The package that a requirement asks for, normalised: `Flask-Sock[x]>=0.7` -> `flask-sock`. Raises ValueError."""
    match = _NAME.match(requirement)
    if match is None:
        raise ValueError(f"not a requirement: {requirement!r}")
    return normal(match[1])


def parse_pins(text: str) -> dict[str, str]:
    """The pins in a lock file's text, by normalised name. Raises ValueError, naming the line, for what is not a pin."""
    pins: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        plain = line.split("#", 1)[0].strip()
        if not plain:
            continue
        match = _PIN.fullmatch(plain)
        if match is None:
            raise ValueError(f"line {number}: not a pin (name==version): {plain!r}")
        pins[normal(match[1])] = match[2]
    return pins


def read_lock(path: Path) -> dict[str, str]:
    """The pins in a lock file. Raises OSError, and ValueError that names the file and the line."""
    try:
        return parse_pins(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def render(pins: Mapping[str, str], comment: str) -> str:
    """A lock file's text: one line of comment, then the pins in order."""
    return "".join([f"# {comment}\n", *(f"{name}=={version}\n" for name, version in sorted(pins.items()))])


def lacking(requirements: Iterable[str], pins: Mapping[str, str]) -> list[str]:
    """The top-level requirements that no pin answers."""
    return [wanted for wanted in requirements if requirement_name(wanted) not in pins]


def stale_against(requirements: Iterable[str], lock: Path) -> bool:
    """Whether a lock file lacks one of the requirements, or cannot be read as one."""
    try:
        return bool(lacking(requirements, read_lock(lock)))
    except (OSError, ValueError):
        return True
