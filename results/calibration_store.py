"""Where calibrations are kept: one file each, written so that nothing stored is lost. Errors are `StoreError`."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from results.calibration import SCHEMA, Calibration
from results.store import RUNS, StoreError, write_atomically

CALIBRATIONS = RUNS.parent / "calibrations"


class _Versioned(msgspec.Struct):
    schema: int


def new_id(now: datetime | None = None) -> str:
    """An id like 2026-11-21T0130Z-ab12: by time, and never the same twice."""
    stamp = (now or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H%MZ")
    return f"{stamp}-{secrets.token_hex(2)}"


def path_of(calibration: Calibration, folder: Path = CALIBRATIONS) -> Path:
    """The file of a calibration."""
    return folder / f"{calibration.id}.json"


def write(calibration: Calibration, folder: Path = CALIBRATIONS) -> Path:
    """Write a calibration, wholly or not at all, and return its file. StoreError if it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"cannot make the folder {folder}: {(error.strerror or str(error)).lower()}") from error
    path = path_of(calibration, folder)
    write_atomically(path, msgspec.json.format(msgspec.json.encode(calibration), indent=1))
    return path


def read(path: Path) -> Calibration:
    """Read a calibration. StoreError names the file and what is wrong with it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise StoreError(f"cannot read {path}: {(error.strerror or str(error)).lower()}") from error
    try:
        schema = msgspec.json.decode(data, type=_Versioned).schema
        if schema > SCHEMA:
            raise StoreError(f"{path} has schema {schema}, this suite reads up to {SCHEMA}: update the suite")
        return msgspec.json.decode(data, type=Calibration)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise StoreError(f"{path}: {' '.join(str(error).split())}") from error


def resolve(name: str, folder: Path = CALIBRATIONS) -> Path:
    """Find a calibration by its id, the beginning of its id, "latest", or a path. StoreError if none or several."""
    if Path(name).is_file():
        return Path(name)
    found = sorted(folder.glob("[!.]*.json")) if folder.is_dir() else []
    if not found:
        raise StoreError(f"there are no calibrations in {folder}: make one with nox -s calibrate")
    if name == "latest":
        return found[-1]
    matching = [path for path in found if name and path.stem.startswith(name)]
    matching = [path for path in matching if path.stem == name] or matching
    if not matching:
        raise StoreError(f"no calibration {name!r} in {folder}; the latest is {found[-1].stem}")
    if len(matching) > 1:
        names = ", ".join(path.stem for path in matching[-5:])
        raise StoreError(f"{name!r} is the beginning of {len(matching)} calibrations: {names}; give more of it")
    return matching[0]
