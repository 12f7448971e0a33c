"""The catalogue: every stack that servers/ declares, and what it needs on a runtime."""

from __future__ import annotations

import ast
import difflib
import fnmatch
import io
import re
import tokenize
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import msgspec

from bench.declaration import NAME, D, Declaration, DeclarationError, Host, Implementation, Option, read
from bench.environments import Recipe
from bench.errors import UserError
from results import schema

WORKLOADS = {
    "hello": "GET / on kept-alive connections",
    "json": "GET /json on kept-alive connections, serialised anew each time",
    "echo": "WebSocket messages that come back as they were",
    "connect": "GET / with a new connection for each request",
}


@dataclass(frozen=True)
class Stack:
    """An implementation, the host that serves it, and an option: what is started and measured."""

    implementation: str
    app: Implementation
    folder: Path
    host: str | None = None
    served_by: Host | None = None
    option: str | None = None
    variant: Option = field(default_factory=lambda: Option(description=""))

    @property
    def id(self) -> str:
        """`implementation[@host][+option]`."""
        return self.base + (f"+{self.option}" if self.option else "")

    @property
    def base(self) -> str:
        """The id without the option: stacks that share it share an environment."""
        return self.implementation + (f"@{self.host}" if self.host else "")

    @property
    def title(self) -> str:
        """The name that people read."""
        if self.variant.title:
            return self.variant.title
        name = f"{self.app.name} on {self.served_by.name}" if self.served_by else self.app.name
        return f"{name} +{self.option}" if self.option else name

    @property
    def default(self) -> bool:
        """Whether it is measured unless somebody asks for others: the recommended host, plain or a default option."""
        recommended = self.host is None or self.host == self.app.hosts[0]
        return recommended and (self.option is None or self.variant.default)

    @property
    def keep_alive(self) -> bool:
        """Whether connections stay open; a stack that closes each is measured under `connect` only."""
        return self.app.keep_alive and (self.served_by is None or self.served_by.keep_alive)

    @property
    def workloads(self) -> list[str]:
        """The workloads under which it can be measured."""
        able = set(self.app.workloads)
        if self.served_by:
            able &= set(self.served_by.workloads)
        if self.variant.workloads is not None:
            able &= set(self.variant.workloads)
        names = [name for name in ("hello", "json", "echo") if name in able]
        if not self.keep_alive:
            return [name for name in names if name == "echo"] + (["connect"] if "hello" in names else [])
        return names + (["connect"] if "hello" in names else [])

    def _declarations(self) -> list[Declaration]:
        return [self.app, *([self.served_by] if self.served_by else [])]

    def unsupported(self, runtime: str) -> str | None:
        """Why it cannot run on a runtime, or None."""
        for declared in self._declarations():
            for pattern, reason in declared.unsupported.items():
                if fnmatch.fnmatchcase(runtime, pattern):
                    return reason
        return None

    def unsupported_workload(self, runtime: str, workload: str) -> str | None:
        """Why it cannot serve a workload on a runtime where it does run, or None."""
        for declared in self._declarations():
            for name, patterns in declared.unsupported_workloads.items():
                for pattern, reason in patterns.items():
                    if name == workload and fnmatch.fnmatchcase(runtime, pattern):
                        return reason
        return None

    def requirements(self, runtime: str) -> tuple[str, ...]:
        """What its environment needs on a runtime, unpinned."""
        wanted: list[str] = []
        for declared in self._declarations():
            packages = declared.packages
            for pattern, replacement in declared.packages_on.items():
                if fnmatch.fnmatchcase(runtime, pattern):
                    packages = replacement
                    break
            wanted += packages
        return tuple(dict.fromkeys([*wanted, *self.variant.packages]))

    def environment_name(self) -> str:
        """The environment's name: that of the stack without its option, unless the option adds packages."""
        return self.id if self.variant.packages else self.base

    def lock(self, runtime: str) -> Path:
        """Where the pins of its environment are kept."""
        rest = self.environment_name()[len(self.implementation) :].lstrip("@")
        return self.folder / "locks" / (f"{rest}.{runtime}.txt" if rest else f"{runtime}.txt")

    def argv(self, python: Path, host: str, port: int) -> list[str]:
        """The command that starts it."""
        declared = self.served_by or self.app
        folder = self.folder.parent / "hosts" / self.host if self.host else self.folder
        values = {"python": str(python), "host": host, "port": str(port), "folder": str(folder)}
        return [part.format(**values) for part in declared.command] + self.variant.args

    def files(self) -> dict[str, str]:
        """The sources that make it what it is: path below servers/ -> text."""
        folders = [self.folder, *([self.folder.parent / "hosts" / self.host] if self.host else [])]
        paths = [path for folder in folders for path in sorted(folder.iterdir()) if path.suffix in {".py", ".toml"}]
        return {path.relative_to(self.folder.parent).as_posix(): path.read_text(encoding="utf-8") for path in paths}

    def record(self) -> schema.Stack:
        """What a run stores of it."""
        notes = [note for declared in self._declarations() for note in declared.notes] + self.variant.notes
        return schema.Stack(
            id=self.id,
            title=self.title,
            implementation=self.implementation,
            host=self.host,
            option=self.option,
            homepage=self.app.homepage,
            family=self.app.family,
            workloads=self.workloads,
            files=self.files(),
            lines_of_code=lines_of_code((self.folder / "app.py").read_text(encoding="utf-8")),
            keep_alive=self.keep_alive,
            default=self.default,
            # An app's and its host's notes are numbered apart; one stack shows one list.
            notes=[schema.Note(number, note.text) for number, note in enumerate(notes, 1)],
        )


def load(servers: Path) -> dict[str, Stack]:
    """Read every declaration below a servers/ folder; keys are stack ids, in alphabetical order.

    Raises UserError with one line for each file that is wrong.
    """
    complaints: list[str] = []
    hosts = _read_all(servers / "hosts", "host.toml", Host, complaints)
    apps = _read_all(servers, "server.toml", Implementation, complaints)
    for name, app in apps.items():
        complaints += [f"servers/{name}/server.toml: {problem}" for problem in _bad_hosts(app, hosts)]
    if complaints:
        raise UserError("\n".join(complaints))
    stacks = [stack for name, app in sorted(apps.items()) for stack in _stacks(name, app, servers / name, hosts)]
    return {stack.id: stack for stack in stacks}


def _read_all(folder: Path, file: str, kind: type[D], complaints: list[str]) -> dict[str, D]:
    """Read the declarations below a folder; what is wrong is added to the complaints."""
    found: dict[str, D] = {}
    root = folder.parent if kind is Implementation else folder.parent.parent
    paths = sorted(folder.iterdir()) if folder.is_dir() else []
    for path in paths:
        if not path.is_dir() or path.name[0] in "._" or (kind is Implementation and path.name == "hosts"):
            continue
        where = (path.relative_to(root) / file).as_posix()
        try:
            if not NAME.match(path.name):
                raise DeclarationError(f"{where}: a folder's name has lower-case letters, digits, - and _ only")
            found[path.name] = read(path / file, kind, where)
            if kind is Implementation and not (path / "app.py").is_file():
                raise DeclarationError(f"{where}: app.py is missing beside it")
        except DeclarationError as error:
            complaints.append(str(error))
    _complain_of_duplicates(found, file, folder.relative_to(root).as_posix(), complaints)
    return found


def _complain_of_duplicates(found: Mapping[str, Declaration], file: str, folder: str, complaints: list[str]) -> None:
    first: dict[str, str] = {}
    for name, declared in found.items():
        other = first.setdefault(declared.name.casefold(), name)
        if other != name:
            what = f"{declared.name!r} is already the name of {folder}/{other}"
            complaints.append(f"{folder}/{name}/{file}: name: {what}")


def _bad_hosts(app: Implementation, hosts: dict[str, Host]) -> Iterable[str]:
    for name in app.hosts:
        if name not in hosts:
            yield f"hosts: there is no servers/hosts/{name}{_suggest(name, hosts)}"
        elif hosts[name].interface != app.interface:
            yield f"hosts: {name} serves {hosts[name].interface} apps, this is a {app.interface} app"
    for name in app.hosts:
        if app.hosts.count(name) > 1:
            yield f"hosts: {name} is named twice"
            return


def _stacks(name: str, app: Implementation, folder: Path, hosts: dict[str, Host]) -> Iterable[Stack]:
    choices: list[str | None] = [*app.hosts] or [None]
    for host in choices:
        served_by = hosts[host] if host else None
        yield Stack(name, app, folder, host, served_by)
        for option, variant in {**(served_by.options if served_by else {}), **app.options}.items():
            yield Stack(name, app, folder, host, served_by, option, variant)


def lines_of_code(source: str) -> int:
    """Lines that are neither blank, comment nor docstring: what somebody had to write."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, documented) and ast.get_docstring(node, clean=False) is not None:
            first = node.body[0]
            docstrings |= set(range(first.lineno, (first.end_lineno or first.lineno) + 1))
    noise = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in noise:
            lines |= set(range(token.start[0], token.end[0] + 1))
    return len(lines - docstrings)


def _suggest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1)
    return f"; did you mean {near[0]}?" if near else f"; known are: {', '.join(sorted(known))}"


AGAIN = "again"


def again(stack: Stack) -> Stack:
    """The same stack under a second name: whatever differs between the two is noise (an A/A experiment)."""
    option = "-".join(part for part in (stack.option, AGAIN) if part)
    variant = msgspec.structs.replace(stack.variant, title=f"{stack.title}, again", default=False)
    return replace(stack, option=option, variant=variant)


def _find(catalogue: dict[str, Stack], name: str) -> Stack:
    base = re.sub(rf"[+-]{AGAIN}$", "", name)
    if name in catalogue:
        return catalogue[name]
    if base in catalogue and again(catalogue[base]).id == name:
        return again(catalogue[base])
    raise UserError(f"no stack {name}{_suggest(name, catalogue)}")


def split(catalogue: dict[str, Stack], names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Words of the command line as implementations and, all the others, stacks."""
    implementations = {stack.implementation for stack in catalogue.values()}
    return [name for name in names if name in implementations], [name for name in names if name not in implementations]


def select(
    catalogue: dict[str, Stack], servers: Sequence[str] | None = None, stacks: Sequence[str] | None = None
) -> list[Stack]:
    """Choose stacks: by implementation (`servers`), by stack id, `all` or `default` (`stacks`).

    Raises UserError for a name that is not in the catalogue, with the nearest one that is.
    """
    implementations = {stack.implementation for stack in catalogue.values()}
    for name in servers or []:
        if name not in implementations:
            raise UserError(f"--servers: no folder servers/{name}{_suggest(name, implementations)}")
    pool = [stack for stack in catalogue.values() if not servers or stack.implementation in servers]
    if not stacks or list(stacks) == ["default"]:
        return [stack for stack in pool if stack.default]
    if "all" in stacks:
        return pool
    chosen = [_find(catalogue, name) for name in dict.fromkeys(stacks)]
    return chosen if not servers else chosen + [s for s in pool if s.default and s not in chosen]


def recipes(stacks: Iterable[Stack], runtime: str) -> list[Recipe]:
    """The environments that stacks need on a runtime, each once; unsupported stacks need none."""
    groups: dict[str, list[Stack]] = {}
    for stack in stacks:
        if stack.unsupported(runtime) is None:
            groups.setdefault(stack.environment_name(), []).append(stack)
    return [
        Recipe(
            name=name,
            stacks=tuple(stack.id for stack in members),
            runtime=runtime,
            requirements=members[0].requirements(runtime),
            lock=members[0].lock(runtime),
        )
        for name, members in groups.items()
    ]
