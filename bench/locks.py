"""Lock files: the exact versions that a stack is measured with on a runtime, renewed on request.

A lock file holds pins and one line of comment, and no address: where packages come from is the machine's affair.
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from bench import debian_prefix
from bench.environments import Recipe
from bench.install_reason import reason
from bench.pins import lacking, parse_pins, read_lock, render, stale_against
from bench.probe import Interpreter
from bench.uv_tool import UvMissingError, find_uv, uv_environment

COMMENT = "made by `nox -s lock`; do not edit"
_TIMEOUT_S = 600.0
_AT_ONCE = 2


@dataclass(frozen=True)
class Renewed:
    """What became of a lock file: `changes` like `tornado 6.5 -> 6.6`. With an `error` the file is as it was."""

    path: Path
    changes: tuple[str, ...] = ()
    error: str | None = None


def differences(old: Mapping[str, str], new: Mapping[str, str]) -> tuple[str, ...]:
    """One line for each package that came, went or changed, by name."""
    told = []
    for name in sorted({*old, *new}):
        before, after = old.get(name), new.get(name)
        if before is None:
            told.append(f"{name} {after} is new")
        elif after is None:
            told.append(f"{name} {before} is gone")
        elif before != after:
            told.append(f"{name} {before} -> {after}")
    return tuple(told)


def stale(recipe: Recipe) -> bool:
    """Whether the recipe's lock file is there but lacks one of its requirements, or is not readable as a lock."""
    return recipe.lock is not None and recipe.lock.exists() and stale_against(recipe.requirements, recipe.lock)


def lock(recipes: Iterable[Recipe], interpreters: Mapping[str, Interpreter]) -> list[Renewed]:
    """Resolve each recipe anew, upwards, and write its lock file; a recipe without a path or requirements has none.

    A lock file that is no longer needed (its recipe asks for nothing) is removed. Failures are in the answer.
    """
    todo = [recipe for recipe in recipes if recipe.lock is not None]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(lambda recipe: _renew(recipe, interpreters.get(recipe.runtime)), todo))


def _renew(recipe: Recipe, interpreter: Interpreter | None) -> Renewed:
    assert recipe.lock is not None
    path = recipe.lock
    if interpreter is None:
        return Renewed(path, error=f"there is no {recipe.runtime} on this machine")
    try:
        old = _old_pins(path)
        if not recipe.requirements:
            path.unlink(missing_ok=True)
            return Renewed(path, differences(old, {}))
        new = _resolve(recipe, interpreter)
        if lost := lacking(recipe.requirements, new):
            return Renewed(path, error=f"the resolution lacks {', '.join(lost)}")
        _write(path, render(new, COMMENT))
        return Renewed(path, differences(old, new))
    except (_ResolveError, UvMissingError, ValueError) as error:
        return Renewed(path, error=str(error))
    except OSError as error:
        return Renewed(path, error=f"{error.filename or path}: {error.strerror or error}")


def _old_pins(path: Path) -> dict[str, str]:
    """What the file pins now; nothing when it is not there or is not a lock file, since it is replaced anyway."""
    try:
        return read_lock(path)
    except (OSError, ValueError):
        return {}


class _ResolveError(Exception):
    """uv found no set of versions; the message is one line."""


def _resolve(recipe: Recipe, interpreter: Interpreter) -> dict[str, str]:
    """Ask uv for the newest versions that fit together on this interpreter."""
    options = ["--upgrade", "--no-header", "--no-annotate", "--quiet"]
    environment = uv_environment()
    environment.update(debian_prefix.build_environment(interpreter.executable))
    with tempfile.TemporaryDirectory(prefix="anemometer-lock-") as folder:
        wanted = Path(folder) / "requirements.in"
        wanted.write_text("\n".join(recipe.requirements) + "\n", encoding="utf-8")
        argv = [str(find_uv()), "pip", "compile", "--python", str(interpreter.executable), *options, str(wanted)]
        try:
            done = subprocess.run(
                argv,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise _ResolveError(f"the resolution took longer than {_TIMEOUT_S / 60:.0f} minutes") from None
    if done.returncode:
        raise _ResolveError(reason(done.stderr, recipe.runtime))
    return parse_pins(done.stdout)


def _write(path: Path, text: str) -> None:
    """Replace a file at once: a reader sees the old one or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_text(text, encoding="utf-8")
    unfinished.replace(path)
