"""The servers' environments: one virtual environment for each implementation, host and runtime, made by uv.

An environment is a folder `<root>/<runtime>/<name>/` with a marker file that is written last: what has no marker, or
one of another recipe, interpreter or lock, or no longer holds what was installed, is removed and made again; what has a
good one is used as it is, within milliseconds. A failure is an answer, never an exception: a row with its reason.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from queue import SimpleQueue

import msgspec

from bench import debian_prefix
from bench.folder_lock import locked
from bench.install_reason import NO_NETWORK, reason
from bench.pins import normal, stale_against
from bench.probe import Interpreter
from bench.uv_tool import UvMissingError, find_uv, uv_environment
from results import schema

MARKER = "anemometer.json"
AT_ONCE = 2  # runtimes: one waits for the network or a disk while the other computes
_STEP_TIMEOUT_S = 1800.0  # a C extension on a slow machine takes minutes
KEEPER = Path(__file__).with_name("keeper.py")


@dataclass(frozen=True)
class Recipe:
    """What an environment is made of. `stacks` are the ids that use it; `lock` is where its pins are, or would be."""

    name: str
    stacks: tuple[str, ...]
    runtime: str
    requirements: tuple[str, ...]
    lock: Path | None = None


@dataclass(frozen=True)
class Made:
    """An environment, or why there is none: `python` is None then. `environment.stack` is the recipe's name."""

    python: Path | None
    environment: schema.Environment
    reused: bool = False


class Marker(msgspec.Struct):
    """What a whole environment says of itself. `installed` lists the folders of its packages' metadata."""

    recipe: str
    folder: str
    locked: bool
    packages: dict[str, str]
    installed: list[str]


class InstallError(Exception):
    """An environment cannot be made; the message is one line for a person."""


class StoppedError(Exception):
    """The run is being stopped: give up at once."""


# --- decisions -------------------------------------------------------------------------------------------------------


def uses_lock(recipe: Recipe) -> bool:
    """Whether the recipe's lock exists and names everything that the recipe asks for."""
    return recipe.lock is not None and recipe.lock.is_file() and not stale_against(recipe.requirements, recipe.lock)


def recipe_hash(recipe: Recipe, interpreter: Interpreter) -> str:
    """Changes with anything that would make another environment: requirements, lock, interpreter."""
    pins = recipe.lock.read_text(encoding="utf-8", errors="replace") if recipe.lock and recipe.lock.is_file() else ""
    info = interpreter.info
    parts = [
        *sorted(recipe.requirements),
        "lock",
        pins,
        "interpreter",
        str(interpreter.executable),
        info.version,
        info.build,
    ]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def lanes(recipes: Iterable[Recipe]) -> list[list[Recipe]]:
    """What may be made at the same time: a lane for each runtime, PyPy's first, since there is more to compile.

    Within a lane one follows the other. uv, asked twice at once for a package that must be compiled, compiles it
    twice, one after the other; asked again later, it has it.
    """
    found: dict[str, list[Recipe]] = {}
    for recipe in recipes:
        found.setdefault(recipe.runtime, []).append(recipe)
    return [found[runtime] for runtime in sorted(found, key=lambda runtime: not runtime.startswith("pypy"))]


def pins_hash(packages: Mapping[str, str]) -> str:
    """A short name for a set of installed packages, equal where the sets are."""
    lines = "\n".join(sorted(f"{normal(name)}=={version}" for name, version in packages.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]


def existing(folder: Path, wanted: str) -> Marker | None:
    """The marker of a whole environment that answers to the hash `wanted`; None for everything else."""
    try:
        marker = msgspec.json.decode((folder / MARKER).read_bytes(), type=Marker)
    except (OSError, msgspec.DecodeError):
        return None
    if marker.recipe != wanted or marker.folder != str(folder) or not os.access(_python(folder), os.X_OK):
        return None
    return marker if _installed(folder) == marker.installed else None


# --- making them -----------------------------------------------------------------------------------------------------


@dataclass
class _Processes:
    """The installers that run now, so that all can be ended together."""

    stopping: threading.Event = field(default_factory=threading.Event)
    running: set[subprocess.Popen[bytes]] = field(default_factory=set)
    guard: threading.Lock = field(default_factory=threading.Lock)

    def run(self, argv: Sequence[str], log: Path, env: Mapping[str, str], keep: int) -> bool:
        """Run to the end, output appended to `log`; returns whether it succeeded. The child keeps the lock `keep` open.

        It runs below a keeper, as servers do: nothing of it, compilers included, outlives this process.
        """
        with log.open("ab") as out:
            out.write(f"$ {' '.join(argv)}\n".encode())
        # Not in the caller's folder, whose files uv might heed.
        cores = sorted(os.sched_getaffinity(0))
        spec = {"argv": list(argv), "cwd": str(log.parent), "env": dict(env), "cores": cores, "log": str(log)}
        with self.guard:
            if self.stopping.is_set():
                raise StoppedError
            keeper = subprocess.Popen(
                [sys.executable, "-I", "-S", str(KEEPER), json.dumps(spec)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,
                pass_fds=(keep,),
            )
            self.running.add(keeper)
        late = threading.Timer(_STEP_TIMEOUT_S, _end, [keeper])
        late.daemon = True
        late.start()
        began = time.monotonic()
        try:
            exit_ = _exit(keeper)
        finally:
            late.cancel()
            _end(keeper)
            keeper.wait()
            with self.guard:
                self.running.discard(keeper)
            if self.stopping.is_set():
                raise StoppedError
        if exit_ is None and time.monotonic() - began >= _STEP_TIMEOUT_S:
            raise InstallError(f"took longer than {_STEP_TIMEOUT_S / 60:.0f} minutes")
        if exit_ is None or exit_.startswith("killed"):
            raise InstallError(f"the installer was ended from outside ({exit_ or 'with its keeper'})")
        return exit_ == "exit 0"

    def stop(self) -> None:
        """End them all, with everything that they started."""
        self.stopping.set()
        with self.guard:
            keepers = list(self.running)
        for keeper in keepers:
            _end(keeper)


def _exit(keeper: subprocess.Popen[bytes]) -> str | None:
    """How the installer ended, in the keeper's words; None where the keeper ended first."""
    assert keeper.stdout is not None
    with keeper.stdout:
        for line in keeper.stdout:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if event["event"] == "exited":
                    return str(event["exit"])
                if event["event"] == "failed":
                    raise InstallError(f"the installer cannot be started: {event['reason']}")
    return None


def _end(keeper: subprocess.Popen[bytes]) -> None:
    """Have the keeper end everything below it; from any thread, also when it has ended."""
    assert keeper.stdin is not None
    with contextlib.suppress(OSError, ValueError):
        keeper.stdin.close()


def make(
    recipes: Iterable[Recipe],
    interpreters: Mapping[str, Interpreter],
    root: Path,
    progress: Callable[[Recipe, Made], None],
) -> dict[tuple[str, str], Made]:
    """Make every environment below `root`, on two runtimes at a time; keys are (recipe's name, runtime).

    `progress` is called in the caller's thread as each is done. A failure is in the answer, with its reason; the whole
    output is in `<root>/logs/`. An interrupt ends the installers and goes on up; what was half made is not used later.
    """
    root = root.absolute()
    made: dict[tuple[str, str], Made] = {}
    processes = _Processes()
    done: SimpleQueue[tuple[Recipe, Made]] = SimpleQueue()

    def work(lane: Sequence[Recipe]) -> None:
        for recipe in lane:
            done.put((recipe, _one(recipe, interpreters.get(recipe.runtime), root, processes)))

    todo = lanes(recipes)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="install") as pool:
        try:
            for lane in todo:
                pool.submit(work, lane)
            for _ in range(sum(map(len, todo))):
                recipe, answer = done.get()
                made[recipe.name, recipe.runtime] = answer
                progress(recipe, answer)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            processes.stop()
            raise
    return made


def _one(recipe: Recipe, interpreter: Interpreter | None, root: Path, processes: _Processes) -> Made:
    """One environment; only a stop is raised."""
    try:
        if interpreter is None:
            raise InstallError(f"there is no {recipe.runtime} on this machine")
        return _find_or_make(recipe, interpreter, root, processes)
    except (StoppedError, InterruptedError):
        raise
    except (InstallError, UvMissingError) as error:
        return _failed(recipe, str(error))
    except OSError as error:
        return _failed(recipe, f"{error.filename or root}: {error.strerror or error}")
    except Exception as error:  # whatever it is, the other stacks are still to be measured
        return _failed(recipe, f"{type(error).__name__}: {error}")


def _failed(recipe: Recipe, why: str) -> Made:
    record = schema.Environment(recipe.name, recipe.runtime, "failed", reason=why, locked=uses_lock(recipe))
    return Made(None, record)


def _find_or_make(recipe: Recipe, interpreter: Interpreter, root: Path, processes: _Processes) -> Made:
    folder = root / recipe.runtime / recipe.name
    wanted = recipe_hash(recipe, interpreter)
    if marker := existing(folder, wanted):
        return _good(recipe, folder, marker, reused=True)
    with locked(folder.with_name(f".{folder.name}.lock"), stop=processes.stopping.is_set) as keep:
        if marker := existing(folder, wanted):  # somebody else has just made it
            return _good(recipe, folder, marker, reused=True)
        logs = root / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        log = logs / f"install-{recipe.name}.{recipe.runtime}.log"
        log.unlink(missing_ok=True)
        _remove(folder)
        _install(recipe, interpreter, folder, log, processes, keep)
        packages = {dist.metadata["Name"]: dist.version for dist in distributions(path=[str(_site(folder))])}
        marker = Marker(wanted, str(folder), uses_lock(recipe), dict(sorted(packages.items())), _installed(folder))
        unfinished = folder / f"{MARKER}.new"
        with unfinished.open("wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(marker)))
            file.flush()
            os.fsync(file.fileno())
        unfinished.replace(folder / MARKER)
        return _good(recipe, folder, marker, reused=False)


def _good(recipe: Recipe, folder: Path, marker: Marker, *, reused: bool) -> Made:
    record = schema.Environment(
        recipe.name,
        recipe.runtime,
        "ok",
        packages=marker.packages,
        locked=marker.locked,
        hash=pins_hash(marker.packages),
    )
    return Made(_python(folder), record, reused)


def _install(
    recipe: Recipe, interpreter: Interpreter, folder: Path, log: Path, processes: _Processes, keep: int
) -> None:
    """Two calls of uv; raises `InstallError` with the reason found in their output."""
    uv = str(find_uv())
    env = uv_environment()
    env.update(debian_prefix.build_environment(interpreter.executable))
    steps = [[uv, "venv", "--no-project", "--python", str(interpreter.executable), str(folder)]]
    if recipe.requirements:
        install = [uv, "pip", "install", "--python", str(_python(folder))]
        if recipe.lock is not None and uses_lock(recipe):
            install += ["--requirements", str(recipe.lock.absolute())]
        else:
            install += ["--", *recipe.requirements]
        steps.append(install)
    for step in steps:
        if processes.run(step, log, env, keep):
            continue
        why = reason(log.read_text(encoding="utf-8", errors="replace"), recipe.runtime)
        if why.startswith(NO_NETWORK) and processes.run([*step[:1], "--offline", *step[1:]], log, env, keep):
            continue  # everything was in uv's cache
        _remove(folder)
        raise InstallError(why)


def _remove(folder: Path) -> None:
    """Remove an environment, its marker first, so that nothing half removed passes as whole."""
    (folder / MARKER).unlink(missing_ok=True)
    if folder.exists():
        shutil.rmtree(folder)


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _site(folder: Path) -> Path:
    """site-packages, whatever the interpreter calls the folder above it."""
    found = sorted(folder.glob("lib/*/site-packages"))
    return found[0] if found else folder / "lib"


def _installed(folder: Path) -> list[str]:
    """The metadata folders of what is installed, those with a RECORD, which installers write last."""
    return sorted(path.parent.name for path in _site(folder).glob("*.dist-info/RECORD"))
