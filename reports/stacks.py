"""What the page says of each stack: sources, versions, command lines, every process, the contract, what failed."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from markupsafe import Markup

from reports.figures import NONE, mebibytes, milliseconds, percent, significant
from reports.names import runtime_kind, runtime_name
from reports.source import highlight
from reports.table import problem
from results.schema import Check, Contract, Environment, Run, Sample, Stack
from results.summary import CellSummary, Process, Summary


@dataclass(frozen=True)
class File:
    """A source file: shown here, or (`shown_at`) already shown with another stack."""

    path: str
    code: Markup
    lines: int
    anchor: str
    shown_at: str = ""


@dataclass(frozen=True)
class Contracted:
    """The contract check of a stack on a runtime: how many checks passed, and those that did not."""

    runtime: str
    passed: int
    total: int
    others: list[Check]


@dataclass(frozen=True)
class ProcessRow:
    """One line of the table of processes, as text; `problem` where it failed."""

    block: int
    workload: str
    runtime: str
    kind: str
    figures: list[str]
    flags: str
    problem: str
    counted: bool


@dataclass
class StackView:
    """A stack's section."""

    id: str
    title: str
    anchor: str
    stack: Stack
    facts: list[tuple[str, str]]
    homepage: str
    files: list[File] = field(default_factory=list)
    runtimes: list[tuple[str, str]] = field(default_factory=list)
    packages: list[tuple[str, list[str], bool]] = field(default_factory=list)
    commands: list[tuple[str, str]] = field(default_factory=list)
    contracts: list[Contracted] = field(default_factory=list)
    troubles: list[tuple[str, str]] = field(default_factory=list)
    processes: list[ProcessRow] = field(default_factory=list)


PROCESS_COLUMNS = ["per second", "CPU \N{MICRO SIGN}s", "p50 ms", "p99 ms", "MiB", "start s", "client busy", "warm-up"]


@dataclass
class Material:
    """What a run holds, sorted by stack once."""

    run: Run
    summary: Summary
    cells: dict[str, list[CellSummary]]
    environments: dict[str, list[Environment]]
    contracts: dict[str, dict[str, Contract]]
    samples: dict[str, list[Sample]]


def gather(run: Run, summary: Summary, contracts: list[Contract], samples: list[Sample]) -> Material:
    """Sort everything by stack; of several contract checks on one runtime the last counts."""
    material = Material(run, summary, {}, {}, {}, {})
    for cell in summary.cells:
        material.cells.setdefault(cell.stack, []).append(cell)
    for environment in run.environments:
        material.environments.setdefault(environment.stack, []).append(environment)
    for contract in contracts:
        material.contracts.setdefault(contract.stack, {})[contract.runtime] = contract
    for sample in samples:
        material.samples.setdefault(sample.cell.stack, []).append(sample)
    return material


def stack_views(material: Material, places: dict[str, str]) -> list[StackView]:
    """Return the sections of all stacks, by display name. A file that several stacks share is shown with the first."""
    shown: dict[tuple[str, str], str] = {}
    known = {stack.id: stack for stack in material.run.stacks}
    ordered = sorted(known.values(), key=lambda stack: (stack.title.lower(), stack.id))
    return [_view(material, stack, places[stack.id], shown) for stack in ordered]


def _view(material: Material, stack: Stack, anchor: str, shown: dict[tuple[str, str], str]) -> StackView:
    environments = material.environments.get(stack.id, [])
    contracts = material.contracts.get(stack.id, {})
    samples = material.samples.get(stack.id, [])
    cells = material.cells.get(stack.id, [])
    order = material.summary.runtimes
    view = StackView(stack.id, stack.title, anchor, stack, _facts(stack), _safe_link(stack.homepage))
    view.files = _files(stack, anchor, shown)
    present = [r for r in order if any(e.runtime == r and e.status == "ok" for e in environments)]
    view.runtimes = [(runtime_name(r), runtime_kind(r)) for r in present]
    view.packages = _packages({e.runtime: e.packages for e in environments if e.runtime in present}, present)
    view.commands = _commands(order, contracts, samples)
    view.contracts = [
        _contracted(contracts[r]) for r in sorted(contracts, key=lambda r: (order.index(r) if r in order else 99, r))
    ]
    view.troubles = _troubles(environments, cells)
    view.processes = [
        _process(cell, process)
        for cell in cells
        for process in sorted(cell.processes, key=lambda p: (p.block, p.attempt))
    ]
    return view


def _facts(stack: Stack) -> list[tuple[str, str]]:
    found = [("family", stack.family), ("implementation", stack.implementation)]
    if stack.host:
        found.append(("served by", stack.host))
    if stack.option:
        found.append(("option", stack.option))
    found.append(("workloads", ", ".join(stack.workloads)))
    found.append(("lines of code", str(stack.lines_of_code)))
    found.append(("server processes", str(stack.workers)))
    found.append(("connections", "kept open" if stack.keep_alive else "closed after each answer"))
    return found


def _safe_link(address: str) -> str:
    """Return an address that may stand in an href, or nothing: http and https only."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return address if parts.scheme in {"http", "https"} and parts.netloc else ""


def _files(stack: Stack, anchor: str, shown: dict[tuple[str, str], str]) -> list[File]:
    found = []
    for index, (path, text) in enumerate(
        sorted(stack.files.items(), key=lambda item: (item[0].endswith(".toml"), item[0]))
    ):
        place = f"{anchor}-file-{index + 1}"
        before = shown.setdefault((path, text), place)
        code = highlight(path, text) if before == place else Markup("")
        found.append(File(path, code, len(text.splitlines()), place, "" if before == place else before))
    return found


def _packages(by_runtime: dict[str, dict[str, str]], runtimes: list[str]) -> list[tuple[str, list[str], bool]]:
    names = sorted({name for packages in by_runtime.values() for name in packages}, key=str.lower)
    rows = []
    for name in names:
        versions = [by_runtime.get(runtime, {}).get(name, NONE) for runtime in runtimes]
        rows.append((name, versions, len(set(versions)) > 1))
    return rows


def _commands(order: list[str], contracts: dict[str, Contract], samples: list[Sample]) -> list[tuple[str, str]]:
    found: dict[str, str] = {}
    for sample in samples:
        if sample.server is not None and sample.server.argv:
            variables = [f"{name}={shlex.quote(value)}" for name, value in sorted(sample.server.env.items())]
            found.setdefault(sample.cell.runtime, " ".join([*variables, shlex.join(sample.server.argv)]))
    for runtime, contract in contracts.items():
        if contract.argv:
            found.setdefault(runtime, shlex.join(contract.argv))
    return [(runtime_name(r), found[r]) for r in sorted(found, key=lambda r: (order.index(r) if r in order else 99, r))]


def _contracted(contract: Contract) -> Contracted:
    passed = sum(1 for check in contract.checks if check.verdict == "pass")
    others = [check for check in contract.checks if check.verdict != "pass"]
    others.sort(key=lambda check: ({"fail": 0, "note": 1, "skip": 2}[check.verdict], check.workload, check.name))
    return Contracted(runtime_name(contract.runtime), passed, len(contract.checks), others)


def _troubles(environments: list[Environment], cells: list[CellSummary]) -> list[tuple[str, str]]:
    found = [
        (runtime_name(e.runtime), f"Could not be installed: {e.reason or 'no reason was recorded'}")
        for e in environments
        if e.status == "failed"
    ]
    broken = {where for where, _ in found}
    for cell in cells:
        name = runtime_name(cell.runtime)
        if cell.rps is None and name not in broken and (said := problem(cell)):
            found.append((f"{name}, {cell.workload}", said))
    return found


def _process(cell: CellSummary, process: Process) -> ProcessRow:
    latency = process.latency_us
    figures = [
        significant(process.rps, 4),
        significant(process.cpu_us_per_request),
        milliseconds(latency.get("p50")),
        milliseconds(latency.get("p99")),
        mebibytes(process.pss_load_bytes),
        significant(process.start_s, 2),
        percent(process.client_busy),
        process.warmup if process.warmup != "unknown" else NONE,
    ]
    words = [flag.name + (f": {flag.detail}" if flag.detail else "") for flag in process.flags]
    words += [f"{number:,} {kind}" for kind, number in sorted(process.errors.items())]
    if process.steady is False:
        words.append("not steady")
    trouble = ""
    if process.status == "failed":
        trouble = (
            f"failed{f' at {process.stage}' if process.stage else ''}: {process.reason or 'no reason was recorded'}"
        )
    return ProcessRow(
        process.block,
        cell.workload,
        runtime_name(cell.runtime),
        runtime_kind(cell.runtime),
        figures,
        "; ".join(words),
        trouble,
        process.counted,
    )
