"""Plans and profiles: pure functions."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench import catalog, plan
from bench import profile as profiles
from bench.errors import UserError
from bench.paths import PROFILES, SERVERS
from bench.profile import Profile
from loadgen.steady import sample_size
from results.schema import Cell

PROFILE = profiles.load(PROFILES)["quick"]
names = st.text("abc", min_size=1, max_size=3)
cells = st.lists(st.builds(Cell, names, names, names), unique=True, min_size=1, max_size=20)


@given(cells, st.integers())
def test_every_block_holds_every_cell_once(some: list[Cell], seed: int) -> None:
    """A block is a complete pass; the seed alone decides the order."""
    made = plan.make(some, PROFILE, "quick", seed)
    assert len(made.blocks) == PROFILE.blocks
    assert all(sorted(block) == sorted(some) for block in made.blocks)
    assert plan.make(list(reversed(some)), PROFILE, "quick", seed) == made


def test_blocks_have_shuffles_of_their_own() -> None:
    """Drift of the machine must not hit the same cell in each block."""
    some = [Cell(str(n), "r", "w") for n in range(20)]
    blocks = plan.make(some, PROFILE, "quick", 1).blocks
    assert len({tuple(block) for block in blocks}) == len(blocks)


def test_what_cannot_run_is_missing_with_its_reason() -> None:
    """Unsupported runtimes and workloads leave the plan, but not silently."""
    stacks = catalog.select(catalog.load(SERVERS), ["twisted"])
    possible, missing = plan.cells(stacks, ["cpython3.13", "pypy3.9"], ["hello", "echo"])
    assert {(c.runtime, c.workload) for c in possible} == {
        ("cpython3.13", "hello"),
        ("cpython3.13", "echo"),
        ("pypy3.9", "hello"),
    }
    assert [(m.stack, m.runtime, m.workload) for m in missing] == [("twisted", "pypy3.9", "echo")]
    assert "WebSocket" in missing[0].reason


def test_stacks_that_close_every_connection_get_a_class_of_their_own() -> None:
    """When one is chosen, everybody is measured with a connection per request too."""
    stacks = catalog.load(SERVERS)
    keeping = catalog.select(stacks, ["tornado"])
    assert plan.workloads_for(keeping, None) == ["hello", "json", "echo"]
    both = keeping + catalog.select(stacks, None, ["flask@gunicorn-sync"])
    assert plan.workloads_for(both, None) == ["hello", "json", "echo", "connect"]
    possible, _ = plan.cells(both, ["cpython3.13"], plan.workloads_for(both, None))
    assert [c.workload for c in possible if c.stack == "flask@gunicorn-sync"] == ["connect"]
    assert "connect" in [c.workload for c in possible if c.stack == "tornado"]


def test_profiles_grow() -> None:
    """smoke, quick, standard, publish: each measures more than the one before; only smoke makes no claims."""
    all_ = profiles.load(PROFILES)
    assert list(all_) == ["smoke", "quick", "standard", "publish"]
    assert [p.blocks for p in all_.values()] == sorted(p.blocks for p in all_.values())
    assert [p.claims for p in all_.values()] == [False, True, True, True]
    assert all(p.blocks >= 3 for p in all_.values() if p.claims)


def test_values_are_overridden_or_refused() -> None:
    """The command line wins over the file; nonsense is refused before anything runs."""
    all_ = profiles.load(PROFILES)
    assert profiles.choose(all_, "smoke", {"blocks": 7, "seed": None}).blocks == 7
    for name, changes in (
        ("smok", {}),
        ("smoke", {"blocks": 0}),
        ("smoke", {"measure_s": 0.1}),
        ("smoke", {"warmup_s": -1}),
    ):
        with pytest.raises(UserError):
            profiles.choose(all_, name, changes)


@pytest.mark.parametrize("window_s", [0.1, 0.25, 0.5, 0.7, 1.0])
def test_what_the_rule_looks_at_is_known_to_both_rooms(window_s: float) -> None:
    """bench does not import the instrument, but agrees with it on the least time in which a server can be steady."""
    assert profiles.rule_s(window_s) == 2 * sample_size(window_s) * window_s


def test_a_warm_up_that_could_never_be_steady_is_refused() -> None:
    """A cap above the least, but too short for the rule; equal to it the warm-up is fixed. No profile is like that."""
    all_ = profiles.load(PROFILES)
    for name in all_:
        profiles.choose(all_, name, {})
    with pytest.raises(UserError, match=r"--warmup-max-s: within 3 s no server can .* 4 s; .*, or 1 as --warmup-s"):
        profiles.choose(all_, "standard", {"warmup_max_s": 3.0})
    with pytest.raises(UserError, match="--warmup-jit-max-s: within 6 s"):
        profiles.choose(all_, "quick", {"window_s": 1.0, "warmup_jit_max_s": 6.0})
    assert profiles.choose(all_, "standard", {"warmup_max_s": 1.0}).warmup("cpython3.13") == (1.0, 1.0)


def test_a_broken_profile_file_is_one_line(tmp_path: Path) -> None:
    """An unknown key in profiles.toml is named."""
    path = tmp_path / "profiles.toml"
    path.write_text("[a]\nblokcs = 1\n")
    with pytest.raises(UserError, match=r"profiles\.toml") as error:
        profiles.load(path)
    assert "\n" not in str(error.value)


def test_a_jit_gets_a_warm_up_of_its_own() -> None:
    """PyPy is warmed up longer than CPython, and the cap is never below the least."""
    assert PROFILE.warmup("pypy3.11")[0] > PROFILE.warmup("cpython3.13")[0]
    odd = profiles.choose(profiles.load(PROFILES), "quick", {"warmup_s": 30.0})
    assert odd.warmup("cpython3.13") == (30.0, 30.0)
    assert isinstance(odd, Profile)


@given(cells, st.integers(), st.integers(1, 4))
def test_blocks_added_later_are_those_of_the_longer_plan(some: list[Cell], seed: int, more: int) -> None:
    """Three blocks and two more are the same plan as five."""
    profile = profiles.choose(profiles.load(PROFILES), "quick", {"blocks": 3 + more})
    assert plan.extend(plan.make(some, PROFILE, "quick", seed), more) == plan.make(some, profile, "quick", seed)
