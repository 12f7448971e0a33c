"""server.toml and host.toml: what an author declares, read and validated without importing the framework."""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Literal, TypeVar

import msgspec

Family = Literal["callback", "coroutine", "greenlet", "thread", "wsgi", "asgi", "raw"]
Interface = Literal["wsgi", "asgi"]
Workload = Literal["hello", "json", "echo"]
NAME = re.compile(r"[a-z0-9][a-z0-9_-]*\Z")


class NoteDeclaration(msgspec.Struct, forbid_unknown_fields=True):
    """A public, numbered deviation."""

    id: int
    text: str


class Option(msgspec.Struct, forbid_unknown_fields=True):
    """A variant of a stack: `args` are appended to the command."""

    description: str
    title: str | None = None
    args: list[str] = []
    packages: list[str] = []
    default: bool = False
    workloads: list[Workload] | None = None
    notes: list[NoteDeclaration] = []


class Declaration(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """What implementations and hosts have in common."""

    name: str
    homepage: str
    family: Family
    packages: list[str] = []
    keep_alive: bool = True
    packages_on: dict[str, list[str]] = {}
    unsupported: dict[str, str] = {}
    unsupported_workloads: dict[Workload, dict[str, str]] = {}
    options: dict[str, Option] = {}
    notes: list[NoteDeclaration] = []


class Implementation(Declaration, kw_only=True):
    """A server.toml. A hosted app has an `interface` and `hosts`, of which the first is the recommended one."""

    workloads: list[Workload]
    interface: Interface | None = None
    hosts: list[str] = []
    command: list[str] = msgspec.field(default_factory=lambda: ["{python}", "app.py", "{host}", "{port}"])


class Host(Declaration, kw_only=True):
    """A host.toml. `workloads` are those that the host can carry."""

    interface: Interface
    command: list[str]
    workloads: list[Workload] = msgspec.field(default_factory=lambda: ["hello", "json", "echo"])


D = TypeVar("D", Implementation, Host)


class DeclarationError(Exception):
    """One line that names the file, the key and what is wrong with it."""


def parse(text: str, kind: type[D], where: str) -> D:
    """Read a declaration from TOML text. `where` names the file in errors.

    Raises DeclarationError.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise DeclarationError(f"{where}: not valid TOML: {error}") from None
    try:
        declared = msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        raise DeclarationError(f"{where}: {_explain(str(error), kind)}") from None
    for problem in _problems(declared):
        raise DeclarationError(f"{where}: {problem}")
    return declared


def read(path: Path, kind: type[D], where: str) -> D:
    """Read a declaration from a file.

    Raises DeclarationError, also when the file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise DeclarationError(
            f"{where}: missing; a folder of servers/ needs one (see docs/adding-a-framework.md)"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise DeclarationError(f"{where}: cannot be read: {error}") from None
    return parse(text, kind, where)


def _explain(message: str, kind: type) -> str:
    """Turn msgspec's message into one that starts with the key."""
    text, _, place = message.partition(" - at `$")
    key = place.rstrip("`").lstrip(".")
    unknown = re.search(r"unknown field `(.+)`", text)
    if unknown:
        name = unknown[1]
        known = [field.name for field in msgspec.structs.fields(Option if key.startswith("options") else kind)]
        near = difflib.get_close_matches(name, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
        return f"{key + '.' if key else ''}{name}: unknown key; {hint}"
    missing = re.search(r"missing required field `(.+)`", text)
    if missing:
        return f"{key + '.' if key else ''}{missing[1]}: missing; it is required"
    return f"{key}: {text[:1].lower()}{text[1:]}" if key else text


def _problems(declared: Declaration) -> list[str]:
    """What types alone cannot say."""
    found = []
    if not declared.name.strip():
        found.append("name: empty")
    if not re.match(r"https?://\S+\Z", declared.homepage):
        found.append(f"homepage: {declared.homepage!r} is not an http or https address")
    ids = [note.id for note in declared.notes]
    ids += [note.id for option in declared.options.values() for note in option.notes]
    found += [f"notes: id {number} is given twice" for number in sorted({i for i in ids if ids.count(i) > 1})]
    found += [
        f"options.{name}: a name has lower-case letters, digits, - and _ only"
        for name in declared.options
        if not NAME.match(name)
    ]
    if isinstance(declared, Implementation):
        if not declared.workloads:
            found.append("workloads: empty; name at least one of hello, json, echo")
        if declared.interface and not declared.hosts:
            found.append("hosts: empty; an app with an interface needs at least one host")
        if declared.hosts and not declared.interface:
            found.append('interface: missing; an app with hosts says "wsgi" or "asgi"')
    if isinstance(declared, Implementation | Host):
        found += [
            f"command: {part!r} has an unknown placeholder; known are {{python}} {{host}} {{port}} {{folder}}"
            for part in declared.command
            if set(re.findall(r"\{(\w*)\}", part)) - {"python", "host", "port", "folder"}
        ]
        joined = " ".join(declared.command)
        found += [f"command: {{{key}}} is missing" for key in ("host", "port") if f"{{{key}}}" not in joined]
    return found
