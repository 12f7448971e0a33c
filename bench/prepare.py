"""Everything before the first measurement: choose, find interpreters, make environments, plan."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench import catalog, environments, machine, plan, runtimes
from bench.catalog import Stack
from bench.environments import Made, Recipe
from bench.errors import UserError
from bench.profile import Profile
from bench.progress import Terminal
from bench.runtimes import Interpreter
from bench.setting import Target
from results import schema
from results.schema import Cell, Missing
from results.spec import spec_hash


@dataclass(frozen=True)
class Choice:
    """What the user asked for."""

    servers: Sequence[str] | None = None
    stacks: Sequence[str] | None = None
    runtimes: Sequence[str] | None = None
    workloads: Sequence[str] | None = None


@dataclass
class Prepared:
    """What can be measured here: environments are made."""

    stacks: list[Stack]
    interpreters: list[Interpreter]
    cells: list[Cell]
    missing: list[Missing]
    made: dict[tuple[str, str], Made] = field(default_factory=dict)

    def targets(self) -> dict[tuple[str, str], Target]:
        """How each stack is started on each runtime; keys are (stack id, runtime id)."""
        found: dict[tuple[str, str], Target] = {}
        for stack in self.stacks:
            for interpreter in self.interpreters:
                made = self.made.get((stack.environment_name(), interpreter.id))
                if made is not None and made.python is not None:
                    found[stack.id, interpreter.id] = Target(
                        _starter(stack, made.python), stack.folder, stack.workloads
                    )
        return found

    def environments(self) -> list[schema.Environment]:
        """One record a stack and runtime."""
        found = []
        for stack in self.stacks:
            for interpreter in self.interpreters:
                made = self.made.get((stack.environment_name(), interpreter.id))
                if made is not None:
                    record = made.environment
                    found.append(
                        schema.Environment(
                            stack=stack.id,
                            runtime=interpreter.id,
                            status=record.status,
                            reason=record.reason,
                            packages=record.packages,
                            locked=record.locked,
                            hash=record.hash,
                        )
                    )
        return found


def _starter(stack: Stack, python: Path) -> Callable[[str, int], list[str]]:
    return lambda host, port: stack.argv(python, host, port)


def choose(choice: Choice, servers: Path, terminal: Terminal, fetch: bool = True) -> Prepared:
    """Read the catalogue, select, find interpreters; nothing is installed yet except an interpreter that is missing.

    Raises UserError for bad input, or when no interpreter is left.
    """
    catalogue = catalog.load(servers)
    stacks = catalog.select(catalogue, choice.servers, choice.stacks)
    unknown = [name for name in choice.workloads or [] if name not in catalog.WORKLOADS]
    if unknown:
        raise UserError(f"--workloads: no workload {unknown[0]!r}; there are: {', '.join(catalog.WORKLOADS)}")
    interpreters, absent = runtimes.resolve(choice.runtimes, say=terminal.say, fetch=fetch)
    for missing in absent:
        terminal.say(f"not here: {missing.runtime}: {missing.reason}{'; ' + missing.hint if missing.hint else ''}")
    if not interpreters:
        raise UserError("no interpreter to measure: " + "; ".join(f"{m.runtime}: {m.reason}" for m in absent))
    workloads = plan.workloads_for(stacks, choice.workloads)
    cells, missing_cells = plan.cells(stacks, [interpreter.id for interpreter in interpreters], workloads)
    if not cells:
        reasons = (
            "; ".join(sorted({m.reason for m in missing_cells})) or "the stacks chosen serve none of the workloads"
        )
        raise UserError(f"nothing to measure: {reasons}")
    return Prepared(stacks, interpreters, cells, absent + missing_cells)


def install(prepared: Prepared, folder: Path, terminal: Terminal) -> None:
    """Make every environment; what cannot be made becomes a missing row with its reason."""
    needed = {(cell.stack, cell.runtime) for cell in prepared.cells}
    recipes = [
        recipe
        for interpreter in prepared.interpreters
        for recipe in catalog.recipes(
            [stack for stack in prepared.stacks if (stack.id, interpreter.id) in needed], interpreter.id
        )
    ]
    terminal.begin(len(recipes), "environments")

    def progress(recipe: Recipe, made: Made) -> None:
        terminal.now(f"environment {recipe.name} on {recipe.runtime}")
        if made.environment.status == "failed":
            terminal.say(f"  cannot be installed: {recipe.name} on {recipe.runtime}: {made.environment.reason}")
        terminal.step(f"{recipe.name} on {recipe.runtime}")

    try:
        by_id = {interpreter.id: interpreter for interpreter in prepared.interpreters}
        prepared.made = environments.make(recipes, by_id, folder, progress)
    finally:
        terminal.end()
    names = {stack.id: stack.environment_name() for stack in prepared.stacks}
    broken = {key: made for key, made in prepared.made.items() if made.python is None}
    lost = sorted({(c.stack, c.runtime) for c in prepared.cells if (names[c.stack], c.runtime) in broken})
    for stack, runtime in lost:
        reason = broken[names[stack], runtime].environment.reason or "unknown"
        prepared.missing.append(Missing(f"cannot be installed: {reason}", stack, runtime))
    prepared.cells = [cell for cell in prepared.cells if (cell.stack, cell.runtime) not in set(lost)]


def describe(
    prepared: Prepared, run_id: str, profile_name: str, profile: Profile, seed: int, command: list[str]
) -> schema.Run:
    """The record of everything known before the first measurement."""
    run = schema.Run(
        schema=schema.SCHEMA,
        run_id=run_id,
        created_at=machine.now(),
        command=command,
        suite=machine.suite(),
        machine=machine.facts(),
        plan=plan.make(prepared.cells, profile, profile_name, seed),
        stacks=[stack.record() for stack in prepared.stacks],
        runtimes=[interpreter.info for interpreter in prepared.interpreters],
        environments=prepared.environments(),
        missing=prepared.missing,
    )
    run.suite["spec"] = spec_hash(run)
    return run
