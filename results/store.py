"""The folder of a run: made, written so that nothing stored is lost, read back, found again.

Everything that touches the disk and can fail raises `StoreError`, one line that says what, where, and what to do.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import secrets
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import msgspec

from results.schema import SCHEMA, Cell, Record, Run, Sample

RUNS = Path(os.environ.get("ANEMOMETER_RUNS") or Path(__file__).resolve().parent / "runs")
"""Where runs are kept; the environment variable is for tests, which must not leave any among the real ones."""

RUN_FILE = "run.json"
JOURNAL_FILE = "journal.jsonl"
LOCK_FILE = "lock"
LOCUST_SUFFIX = "-locust"
"""Ends the names of the folders of Locust's runs, so that "latest" can pass them over."""


class StoreError(Exception):
    """Something is wrong with what is stored, or cannot be stored. The text is one line for the user."""


class Migration(NamedTuple):
    """How to turn run.json and a journal's line, as plain dicts, into those of the next schema version."""

    run: Callable[[dict[str, Any]], dict[str, Any]]
    record: Callable[[dict[str, Any]], dict[str, Any]]


MIGRATIONS: dict[int, Migration] = {}
"""From a schema version to the next one. Empty while there has only been one."""


class Loaded(NamedTuple):
    """A run as read from disk. `complaints` are sentences about what could not be read."""

    run: Run
    records: list[Record]
    complaints: list[str]


def new_folder(runs: Path = RUNS, now: datetime | None = None, suffix: str = "") -> Path:
    """Make the folder of a new run and return it; its name is the run's id, like 2026-11-21T0130Z-ab12 + suffix."""
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H%MZ")
    for _ in range(1000):
        folder = runs / f"{stamp}-{secrets.token_hex(2)}{suffix}"
        try:
            runs.mkdir(parents=True, exist_ok=True)
            folder.mkdir()  # fails if it exists: two runs can never share one
            (folder / "logs").mkdir()
        except FileExistsError:
            continue
        except OSError as error:
            raise _cannot(f"make the run's folder {folder}", error) from error
        return folder
    raise StoreError(f"cannot find a free name for a run in {runs}: remove runs that are no longer needed")


def write_run(folder: Path, run: Run) -> None:
    """Write run.json, wholly or not at all."""
    write_atomically(folder / RUN_FILE, msgspec.json.format(msgspec.json.encode(run), indent=1))


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` into `path` such that a reader, or a crash, sees either the old file or the whole new one."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _cannot(f"write {path}", error) from error


def make_folder(folder: Path) -> None:
    """Make a folder, and those above it, unless it is there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _cannot(f"make {folder}", error) from error


class Lock:
    """An exclusive lock on a file, held while this object is open; the kernel drops it when the process dies."""

    def __init__(self, path: Path, what: str = "") -> None:
        what = what or str(path.parent)
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise _cannot(f"open {path}", error) from error
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._fd, 32, 0).decode("ascii", "replace").strip()
            os.close(self._fd)
            if error.errno not in (errno.EAGAIN, errno.EACCES):
                raise _cannot(f"lock {path}", error) from error
            by = f" by process {holder}" if holder else ""
            raise StoreError(f"{what} is being written{by}: wait for it to end, or stop it") from None
        try:
            os.ftruncate(self._fd, 0)
            os.pwrite(self._fd, str(os.getpid()).encode(), 0)
        except OSError:
            pass  # the process id is for the message only; on a full disk the lock still holds

    def close(self) -> None:
        """Let go of the lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Journal:
    """journal.jsonl opened for appending, by one writer at a time.

    Opening it repairs a last line that a kill left unfinished; `recovered` then says so, else it is None.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL_FILE
        self._lock = Lock(folder / LOCK_FILE, f"run {folder.name}")
        try:
            self._fd = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
            self.recovered = self._repair()
            _sync_folder(folder)
        except OSError as error:
            self._lock.close()
            raise _cannot(f"open {self.path}", error) from error

    def _repair(self) -> str | None:
        size = os.fstat(self._fd).st_size
        tail = _tail(self._fd, size)
        if not tail:
            return None
        if _is_record(tail):  # only the newline is missing
            os.write(self._fd, b"\n")
            os.fsync(self._fd)
            return f"{self.path}: the last line lacked its end, which was added"
        os.ftruncate(self._fd, size - len(tail))
        os.fsync(self._fd)
        return (
            f"{self.path}: the last line was cut short ({len(tail)} bytes) and was removed; its cell is measured again"
        )

    def append(self, record: Record) -> None:
        """Store a record; when this returns it is on disk. On StoreError the journal is as it was before."""
        line = msgspec.json.encode(record) + b"\n"
        size = os.fstat(self._fd).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._fd, rest) :]
            os.fsync(self._fd)
        except OSError as error:
            os.ftruncate(self._fd, size)  # giving back space works on a full disk
            raise _cannot(f"store a record in {self.path}", error) from error

    def close(self) -> None:
        """Close the file and let go of the lock."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
            self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def load(folder: Path, strict: bool = True) -> Loaded:
    """Read a run. A last line cut short by a kill is left out with a complaint.

    Any other line that cannot be read is a StoreError that names file and line; with `strict=False` it becomes a
    complaint, and the good lines are returned. A run.json that cannot be read is always a StoreError.
    """
    return _load(folder, strict)[0]


def damaged_lines(folder: Path) -> list[int]:
    """The numbers of the journal's lines that cannot be read; a last one that is cut short is not among them."""
    return _load(folder, strict=False)[1]


def _load(folder: Path, strict: bool) -> tuple[Loaded, list[int]]:
    run, migrations = _read_run(folder)
    path = folder / JOURNAL_FILE
    records: list[Record] = []
    complaints: list[str] = []
    damaged: list[int] = []
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    records.append(_decode_record(line, migrations))
                except (ValueError, TypeError, KeyError) as error:  # msgspec's errors are ValueErrors
                    if not line.endswith(b"\n"):
                        complaints.append(f"{path}, line {number}: cut short ({len(line)} bytes), left out")
                        break
                    complaint = f"{path}, line {number}: {_one_line(error)}"
                    if strict:
                        raise StoreError(f"{complaint}; read the other lines with --salvage") from error
                    complaints.append(f"{complaint}; left out")
                    damaged.append(number)
    except FileNotFoundError:
        pass  # killed before its first record
    except OSError as error:
        raise _cannot(f"read {path}", error) from error
    return Loaded(run, records, complaints), damaged


def read_run(folder: Path) -> Run:
    """Read run.json alone."""
    return _read_run(folder)[0]


def list_runs(runs: Path = RUNS) -> list[Path]:
    """Return the folders of the runs there are, oldest first. A folder without run.json is not a run."""
    if not runs.is_dir():
        return []
    return sorted(path.parent for path in runs.glob(f"*/{RUN_FILE}"))


def resolve(name: str, runs: Path = RUNS) -> Path:
    """Find a run's folder by its id, the beginning of its id, "latest", or a path. StoreError if none or several.

    "latest" is the run of the native client that was written to last, so that it is the one just resumed, whatever the
    clock said when it began; Locust's are runs of another kind: "latest-locust".
    """
    if (Path(name) / RUN_FILE).is_file():
        return Path(name)
    found = list_runs(runs)
    if not found:
        raise StoreError(f"there are no runs in {runs}: make one with nox -s bench")
    if name in ("latest", f"latest{LOCUST_SUFFIX}"):
        wanted = name != "latest"
        same = [folder for folder in found if folder.name.endswith(LOCUST_SUFFIX) == wanted]
        if not same:
            kind, session = ("made with Locust", "locust -- NAME") if wanted else ("but Locust's", "bench")
            raise StoreError(f"there are no runs {kind} in {runs}: make one with nox -s {session}")
        return max(same, key=_written)
    matching = [folder for folder in found if folder.name == name]
    matching = matching or [folder for folder in found if name and folder.name.startswith(name)]
    if not matching:
        raise StoreError(f"no run {name!r} in {runs}; the latest is {found[-1].name}")
    if len(matching) > 1:
        names = ", ".join(folder.name for folder in matching[-5:])
        raise StoreError(f"{name!r} is the beginning of {len(matching)} runs: {names}; give more of it")
    return matching[0]


def _written(folder: Path) -> tuple[int, str]:
    """When a run was last written to (ns), and its name, which decides where that is equal."""
    times = [path.stat().st_mtime_ns for file in (RUN_FILE, JOURNAL_FILE) if (path := folder / file).is_file()]
    return max(times, default=0), folder.name


def final_samples(records: Iterable[Record]) -> dict[tuple[int, Cell], Sample]:
    """Return the sample that counts for each block and cell: the last that is neither a sentinel's nor rejected."""
    return {
        (record.block, record.cell): record
        for record in records
        if isinstance(record, Sample) and not record.sentinel and not record.rejected
    }


def done(records: Iterable[Record], block: int, cell: Cell) -> bool:
    """Tell whether this block and cell have a final sample. A failure is one: it is a result, not a gap."""
    return (block, cell) in final_samples(records)


class _Versioned(msgspec.Struct):
    schema: int


_LINE: msgspec.json.Decoder[Record] = msgspec.json.Decoder(Record)


def _read_run(folder: Path) -> tuple[Run, list[Migration]]:
    path = folder / RUN_FILE
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise StoreError(f"{folder} is not a run: it has no {RUN_FILE}") from error
    except OSError as error:
        raise _cannot(f"read {path}", error) from error
    try:
        schema = msgspec.json.decode(data, type=_Versioned).schema
        if schema > SCHEMA:
            raise StoreError(f"{path} has schema {schema}, this suite reads up to {SCHEMA}: update the suite")
        if any(version not in MIGRATIONS for version in range(schema, SCHEMA)):
            raise StoreError(
                f"{path} has schema {schema}, which this suite no longer reads: use the suite that wrote it"
            )
        migrations = [MIGRATIONS[version] for version in range(schema, SCHEMA)]
        if not migrations:
            return msgspec.json.decode(data, type=Run), []
        plain = json.loads(data)
        for migration in migrations:
            plain = migration.run(plain)
        return msgspec.convert(plain, Run), migrations
    except (ValueError, TypeError, KeyError) as error:
        raise StoreError(f"{path}: {_one_line(error)}") from error


def _decode_record(line: bytes, migrations: list[Migration]) -> Record:
    if not migrations:
        return _LINE.decode(line)
    plain = json.loads(line)
    for migration in migrations:
        plain = migration.record(plain)
    return msgspec.convert(plain, Record)  # type: ignore[no-any-return]  # msgspec's stub knows no unions


def _is_record(line: bytes) -> bool:
    # Any JSON object is taken: an older schema's line is whole too.
    try:
        return isinstance(msgspec.json.decode(line), dict)
    except ValueError:
        return False


def _tail(fd: int, size: int) -> bytes:
    """Return what follows the last newline of a file."""
    tail = b""
    position = size
    while position > 0:
        length = min(65536, position)
        position -= length
        chunk = os.pread(fd, length, position)
        cut = chunk.rfind(b"\n")
        if cut >= 0:
            return chunk[cut + 1 :] + tail
        tail = chunk + tail
    return tail


def _sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _cannot(what: str, error: OSError) -> StoreError:
    remedy = {
        errno.ENOSPC: "make room on that disk",
        errno.EDQUOT: "make room within your quota",
        errno.EACCES: "check the permissions",
        errno.EROFS: "the file system is read-only",
        errno.EFBIG: "raise the limit on file sizes (ulimit -f)",
    }.get(error.errno or 0)
    reason = (error.strerror or str(error)).lower()
    return StoreError(f"cannot {what}: {reason}" + (f"; {remedy}" if remedy else ""))
