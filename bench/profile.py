"""Profiles: how much a run measures, from profiles.toml and the command line."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast, get_args

import msgspec

from bench.errors import UserError


class Profile(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """The values of a profile; names end in their unit. `claims` is false where too little is measured.

    `start_s` is how long a server may take to its first right answer: PyPy compiles eventlet's monkey-patching for
    up to 8 s, longer on a loaded machine. `memory_mib` is what a server's process tree may take, 0 for half of what
    the machine has. Where `turn_s` is not 0, the cells of a workload are measured in turns of that length.
    """

    summary: str
    claims: bool
    blocks: int
    connections: int
    window_s: float
    measure_s: float
    turn_s: float = 0.0
    warmup_requests: int
    warmup_s: float
    warmup_max_s: float
    warmup_jit_s: float
    warmup_jit_max_s: float
    sentinel_s: float
    reruns: int
    connection_counts: list[int] = []
    latency_fractions: list[float] = []
    latency_rates: list[float] = []
    latency_s: float = 2.0
    knee_steps: int = 0
    knee_p99_ms: float = 50.0
    start_s: float = 60.0
    memory_mib: int = 0

    def warmup(self, runtime: str) -> tuple[float, float]:
        """Least and most seconds of warm-up on a runtime."""
        if runtime.startswith("pypy"):
            return self.warmup_jit_s, max(self.warmup_jit_s, self.warmup_jit_max_s)
        return self.warmup_s, max(self.warmup_s, self.warmup_max_s)

    def after_s(self) -> float:
        """How long the loads after the main one take, in seconds."""
        loads = len(self.latency_fractions) + len(self.latency_rates) + self.knee_steps
        return loads * (self.latency_s + SETTLE_S) + len(self.connection_counts) * (self.measure_s + SETTLE_S)


def rule_s(window_s: float) -> float:
    """The least time (s) that the load generator's rule for steadiness needs: two stretches of four windows and 2 s."""
    return 2 * max(4, math.ceil(2.0 / window_s)) * window_s


SETTLE_S = 0.25
"""Seconds of load before each further measured part on a process that is already warm."""

TURN_LEAST_S = 0.01
"""The shortest turn that the load generator accepts (s)."""

POSITIVE = {"blocks", "connections", "window_s", "measure_s", "sentinel_s", "latency_s", "start_s"}


def overridable() -> dict[str, Callable[[str], Any]]:
    """The values that the command line may give, and how each is read."""
    fields = msgspec.structs.fields(Profile)
    return {field.name: _reader(field.type) for field in fields if field.name not in {"summary", "claims"}}


def _reader(kind: Any) -> Callable[[str], Any]:
    """How a value of a type is read from the command line; a list is separated by commas, an empty one is `none`."""
    [item] = get_args(kind) or [None]
    if item is None:
        return cast("Callable[[str], Any]", kind)

    def numbers(text: str) -> list[Any]:
        return [] if text == "none" else [item(part) for part in text.split(",")]

    return numbers


def load(path: Path) -> dict[str, Profile]:
    """Read all profiles.

    Raises UserError when the file is wrong.
    """
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        return {name: msgspec.convert(values, Profile) for name, values in data.items()}
    except (OSError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UserError(f"bench/{path.name}: {error}") from None


def choose(profiles: Mapping[str, Profile], name: str, overrides: Mapping[str, Any]) -> Profile:
    """Take a profile and replace the values that are given.

    Raises UserError for an unknown name or a value that makes no sense.
    """
    if name not in profiles:
        near = difflib.get_close_matches(name, profiles, 1)
        hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(profiles)}"
        raise UserError(f"--profile: no profile {name!r}; {hint}")
    given = {key: value for key, value in overrides.items() if value is not None}
    for key, value in given.items():
        numbers = value if isinstance(value, list) else [value]
        if any(number < 0 or (number == 0 and (key in POSITIVE or number is not value)) for number in numbers):
            raise UserError(f"--{key.replace('_', '-')}: {value} is too small")
    profile = msgspec.structs.replace(profiles[name], **given)
    if profile.measure_s < profile.window_s:
        raise UserError(f"--measure-s: {profile.measure_s} is shorter than one window ({profile.window_s} s)")
    if profile.turn_s and not TURN_LEAST_S <= profile.turn_s <= profile.window_s:
        raise UserError(
            f"--turn-s: {profile.turn_s} is not from {TURN_LEAST_S} to the length of a window ({profile.window_s} s); "
            "0 is for no turns"
        )
    for option in ("warmup", "warmup_jit"):
        least, most = getattr(profile, f"{option}_s"), getattr(profile, f"{option}_max_s")
        room = rule_s(profile.window_s)
        if least < most < room:
            name = option.replace("_", "-")
            raise UserError(
                f"--{name}-max-s: within {most:g} s no server can be called steady: the rule looks at {room:g} s; "
                f"give at least that, or {least:g} as --{name}-s for a fixed warm-up"
            )
    return profile
