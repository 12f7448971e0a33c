"""Runs put together, or refused with the reason."""

from pathlib import Path

import msgspec
import pytest

from results import merge, spec, store
from results.schema import Sample
from results.store import StoreError
from results.summarise import summarise
from tests.synthetic import synthetic_run


def write(runs: Path, seed: int, blocks: int = 3, **changes: object) -> str:
    """Write a synthetic run, with parts of it replaced, and return its id."""
    run, records = synthetic_run(stacks=2, blocks=blocks, seed=seed, faults=False)
    folder = store.new_folder(runs)
    store.write_run(folder, msgspec.structs.replace(run, run_id=folder.name, **changes))
    with store.Journal(folder) as journal:
        for record in records:
            journal.append(record)
    return folder.name


def test_blocks_add_up(tmp_path: Path) -> None:
    """Three blocks and two blocks are a run of five, with every sample of both, and narrower intervals."""
    a, b = write(tmp_path, 1, 3), write(tmp_path, 2, 2)
    folder = merge.merge([a, b], tmp_path)
    loaded = store.load(folder)
    assert len(loaded.run.plan.blocks) == 5
    finals = store.final_samples(loaded.records)
    assert {block for block, _ in finals} == {0, 1, 2, 3, 4}
    assert all(cell.n == 5 for cell in summarise(loaded.run, loaded.records).cells if cell.status == "ok")
    assert len(store.list_runs(tmp_path)) == 3, "the runs that were merged are still there"
    samples = [r for name in (a, b) for r in store.load(tmp_path / name).records if isinstance(r, Sample)]
    assert len([r for r in loaded.records if isinstance(r, Sample)]) == len(samples)


def test_another_machine_is_refused(tmp_path: Path) -> None:
    """The reason names the fact that differs."""
    run, _ = synthetic_run(stacks=2, blocks=3, seed=1)
    a, b = write(tmp_path, 1), write(tmp_path, 1, machine={**run.machine, "memory_bytes": 1})
    with pytest.raises(StoreError, match=r"different machines: memory bytes is \d+ and 1"):
        merge.merge([a, b], tmp_path)
    assert len(store.list_runs(tmp_path)) == 2


def test_another_specification_is_refused(tmp_path: Path) -> None:
    """A setting, a source or an interpreter's build that differs is named; more blocks are no difference."""
    run, _ = synthetic_run(stacks=2, blocks=3, seed=1)
    plan = msgspec.structs.replace(run.plan, settings={**run.plan.settings, "connections": 7})
    stacks = [msgspec.structs.replace(run.stacks[0], files={"x": "y"}), *run.stacks[1:]]
    runtimes = [msgspec.structs.replace(run.runtimes[0], build="other"), *run.runtimes[1:]]
    a = write(tmp_path, 1)
    for changes, says in (
        ({"plan": plan}, "connections is"),
        ({"stacks": stacks}, "the sources of"),
        ({"runtimes": runtimes}, "the build of"),
    ):
        with pytest.raises(StoreError, match=f"did not measure the same: .*{says}"):
            merge.merge([a, write(tmp_path, 1, **changes)], tmp_path)
    with pytest.raises(StoreError, match="itself"):
        merge.merge([a, a], tmp_path)


def test_the_hash_is_the_specifications(tmp_path: Path) -> None:
    """Equal for more blocks and another seed, another for another setting."""
    three, _ = synthetic_run(stacks=2, blocks=3, seed=1)
    five, _ = synthetic_run(stacks=2, blocks=5, seed=2)
    other = msgspec.structs.replace(
        three, plan=msgspec.structs.replace(three.plan, settings={**three.plan.settings, "connections": 7})
    )
    assert spec.spec_hash(three) == spec.spec_hash(five) != spec.spec_hash(other)
    assert list(spec.spec_differences(three, five)) == []
    assert list(spec.spec_differences(three, other)) != []
