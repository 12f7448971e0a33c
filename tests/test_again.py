"""The short table and A/A experiments."""

import io

import msgspec
from rich.console import Console

from results import again, short_table
from results.schema import Load, Sample
from results.summarise import summarise
from tests.synthetic import synthetic_run


def shown(stacks: int = 3, blocks: int = 5, seed: int = 1) -> str:
    """The short table of a synthetic run, 80 columns wide."""
    run, records = synthetic_run(stacks=stacks, blocks=blocks, seed=seed)
    out = io.StringIO()
    short_table.print_short(summarise(run, records), Console(file=out, width=80))
    return out.getvalue()


def test_the_short_table_fits_eighty_columns() -> None:
    """No line is longer than a terminal is wide, and every stack and workload has its line."""
    text = shown()
    assert all(len(line) <= 80 for line in text.splitlines())
    run, _ = synthetic_run(stacks=3, blocks=5, seed=1)
    for stack in run.stacks:
        assert stack.id in text
    assert "hello: requests per second" in text
    assert "PyPy / CPython" in text


def test_twins_are_compared_and_judged() -> None:
    """A stack under two names: equal figures are a tie, figures that always differ by 10 % are not."""
    run, records = synthetic_run(stacks=2, blocks=5, seed=3)
    first, second = run.stacks[0].id, run.stacks[1].id
    for factor, tie in ((1.0, True), (1.1, False)):
        twin = f"{first}+again"
        own = {
            (r.cell.runtime, r.cell.workload, r.block): r
            for r in records
            if isinstance(r, Sample) and r.cell.stack == first
        }
        changed = []
        for record in records:
            if not isinstance(record, Sample) or record.cell.stack != second:
                changed.append(record)
                continue
            cell = msgspec.structs.replace(record.cell, stack=twin)
            model = own.get((cell.runtime, cell.workload, record.block))
            if model is None or model.load is None or model.status != "ok":
                continue
            wobble = 1 + 0.001 * (record.block % 3 - 1)
            load: Load = msgspec.structs.replace(model.load, rps=model.load.rps * factor * wobble)
            changed.append(msgspec.structs.replace(model, cell=cell, load=load))
        renamed = msgspec.structs.replace(
            run,
            stacks=[run.stacks[0], msgspec.structs.replace(run.stacks[1], id=twin)],
            plan=msgspec.structs.replace(
                run.plan,
                blocks=[
                    [msgspec.structs.replace(c, stack=twin if c.stack == second else c.stack) for c in block]
                    for block in run.plan.blocks
                ],
            ),
        )
        summary = summarise(renamed, changed)
        found = [item for item in again.twins(summary) if item.measure == "rps" and item.tie is not None]
        assert found
        assert all(item.tie is tie for item in found)
        assert any("a tie" in line or "NOT a tie" in line for line in again.sentences(summary))
