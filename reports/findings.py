"""What the figures say, in sentences. Nothing is claimed here that an interval does not carry.

Every function returns plain text, and takes the neutral wording where the run makes no claims (a smoke run, one block).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from reports.figures import count, duration, interval, significant, spoken, times
from reports.names import runtime_name, workload_name
from reports.rates import at_rate, trouble
from results.summary import CellSummary, Ranking, Ratio, RuntimeRatio, Summary


@dataclass(frozen=True)
class Sentence:
    """One finding; `href` leads to where it can be seen."""

    text: str
    href: str


@dataclass(frozen=True)
class WorkloadFindings:
    """What was found about a workload."""

    heading: str
    href: str
    sentences: list[Sentence]


@dataclass(frozen=True)
class Effects:
    """What a runtime does to the stacks of one workload, against the baseline."""

    runtime: str
    baseline: str
    faster: list[RuntimeRatio]
    slower: list[RuntimeRatio]
    undecided: list[RuntimeRatio]
    unclaimed: list[RuntimeRatio]

    @property
    def total(self) -> int:
        """Number of stacks about which a claim could be made."""
        return len(self.faster) + len(self.slower) + len(self.undecided)


def effects(summary: Summary, workload: str) -> list[Effects]:
    """Sort the runtime ratios of a workload into faster, slower, undecided, one entry for each runtime."""
    found = []
    for runtime in summary.runtimes:
        ratios = [r for r in summary.runtime_ratios if r.workload == workload and r.runtime == runtime and r.rps]
        if not ratios:
            continue
        sides: dict[str, list[RuntimeRatio]] = {"faster": [], "slower": [], "undecided": [], "unclaimed": []}
        for ratio in ratios:
            sides[_side(ratio.rps)].append(ratio)
        for side in sides.values():
            side.sort(key=_value, reverse=True)
        found.append(Effects(runtime, ratios[0].baseline, **sides))
    return found


def _side(ratio: Ratio | None) -> str:
    if ratio is None or ratio.significant is None:
        return "unclaimed"
    if not ratio.significant:
        return "undecided"
    return "faster" if ratio.value > 1 else "slower"


def _value(ratio: RuntimeRatio) -> float:
    return ratio.rps.value if ratio.rps else 0.0


def cells_of(summary: Summary, workload: str) -> list[CellSummary]:
    """Return a workload's cells, in the summary's order."""
    return [cell for cell in summary.cells if cell.workload == workload]


def titles(summary: Summary) -> dict[str, str]:
    """Map a stack's id to its display name."""
    return {cell.stack: cell.title for cell in summary.cells}


def main_ranking(summary: Summary, workload: str) -> Ranking | None:
    """Return the ranking that a workload's heading speaks of: the baseline's largest."""
    mine = [r for r in summary.rankings if r.workload == workload and r.order]
    preferred = [r for r in mine if r.runtime == summary.baseline] or mine
    return max(preferred, key=lambda r: (len(r.order), -r.workers), default=None)


def headline(summary: Summary) -> str:
    """Return the verdict: who leads, and what PyPy does to it."""
    if summary.locust and not summary.cells:
        return "Journeys of users, made with Locust"
    if not summary.trust.claims:
        return "This run makes no claims"
    parts = []
    for workload in summary.workloads:
        ranking = main_ranking(summary, workload)
        if ranking and ranking.tiers:
            parts.append(_lead(summary, ranking))
            if pypy := pypy_sentence(summary, workload):
                parts.append(pypy)
            break
    return ". ".join(parts) + "." if parts else "Nothing in this run could be ranked."


def _lead(summary: Summary, ranking: Ranking, *, bare: bool = False) -> str:
    names = titles(summary)
    top = [names.get(stack, stack) for stack in ranking.tiers[0]]
    heading = "" if bare else workload_name(ranking.workload).heading + " "
    where = f"{heading}on {runtime_name(ranking.runtime)}"
    at = f"at {where}" if heading else where
    if len(ranking.order) == 1:
        return f"Only {top[0]} was ranked {at}"
    if len(ranking.tiers) == 1:
        return f"No stack is clearly fastest {at}"
    if len(top) == 1:
        # A stack that outran the client has no rank, but it may well be faster.
        beyond = any(cell.censored and cell.runtime == ranking.runtime for cell in cells_of(summary, ranking.workload))
        return f"{top[0]} is fastest of those ranked {at}" if beyond else f"{top[0]} is fastest {at}"
    if len(top) > 4:
        return f"{len(top)} stacks share the lead {at}"
    return f"{spoken(top)} share the lead {at}"


def pypy_sentence(summary: Summary, workload: str) -> str:
    """Say shortly what PyPy (the newest one measured) does to a workload's throughput; empty if there is none."""
    pypy = [effect for effect in effects(summary, workload) if effect.runtime.startswith("pypy")]
    if not pypy or not pypy[-1].total:
        return ""
    effect = pypy[-1]
    name = runtime_name(effect.runtime)
    if not effect.faster and not effect.slower:
        return f"{name} makes no clear difference"
    if not effect.faster:
        return f"{name} makes {_many(len(effect.slower), effect.total)} slower"
    text = f"{name} makes {_many(len(effect.faster), effect.total)} faster"
    return f"{text} and {_these(effect.slower, bare=True)} slower" if effect.slower else text


def _many(some: int, total: int) -> str:
    if not some:
        return f"none of {count(total, 'stack')}"
    if some == total:
        return {1: "its one stack", 2: "both stacks"}.get(total, f"all {total} stacks")
    return f"{some} of {count(total, 'stack')}"


def _these(ratios: list[RuntimeRatio], *, bare: bool = False) -> str:
    names = [ratio.title for ratio in ratios]
    if len(names) > 3:
        return str(len(names)) if bare else f"{len(names)} are"
    return spoken(names) if bare else f"{spoken(names)} {'is' if len(names) == 1 else 'are'}"


def _range(ratio: Ratio | None) -> str:
    if ratio is None:
        return ""
    digits = 3 if abs(ratio.value - 1) < 0.1 else 2  # near 1 two digits would say 1.0-1.0
    if ratio.low is None or ratio.high is None:
        return times(ratio.value, digits)
    return f"{interval(ratio.low, ratio.high, digits)}\N{MULTIPLICATION SIGN}"


def workload_findings(summary: Summary) -> list[WorkloadFindings]:
    """Return the findings of a run, workload by workload; none where no claims may be made."""
    found: list[WorkloadFindings] = []
    for workload in summary.workloads if summary.trust.claims else []:
        sentences = []
        ranking = main_ranking(summary, workload)
        if ranking and len(ranking.order) > 1:
            sentences.append(Sentence(throughput_title(summary, workload, bare=True) + ".", f"#throughput-{workload}"))
        for index, effect in enumerate(effects(summary, workload)):
            if effect.total:
                place = f"#forest-{workload}" + (f"-{index + 1}" if index else "")
                sentences.append(Sentence(_effect_sentence(effect, "") + ".", place))
        if sentences:
            found.append(WorkloadFindings(workload_name(workload).heading, f"#w-{workload}", sentences))
    return found


def _effect_sentence(effect: Effects, workload: str) -> str:
    base, name = runtime_name(effect.baseline), runtime_name(effect.runtime)
    heading = workload_name(workload).heading + " " if workload else ""
    verb = f"serves {heading.strip()}" if heading else "is"
    if effect.total == 1:
        only = (effect.faster + effect.slower + effect.undecided)[0]
        if effect.undecided:
            text = f"{only.title} serves {heading}about as fast on {name} as on {base} ({_range(only.rps)}, undecided)"
        else:
            text = f"{only.title} serves {heading}{_range(only.rps)} as fast on {name} as on {base}"
        return text + _differing(effect)
    if effect.faster:
        text = f"{name} {verb} faster than {base} with {_many(len(effect.faster), effect.total)}"
        most = " most" if len(effect.faster) > 1 else ""
        text += f", {effect.faster[0].title}{most} ({_range(effect.faster[0].rps)})"
        if effect.slower:
            text += f"; slower with {_these(effect.slower, bare=True)}"
    elif effect.slower:
        text = f"{name} {verb} slower than {base} with {_many(len(effect.slower), effect.total)}"
        text += f", {effect.slower[-1].title} most" if len(effect.slower) > 1 else f", {effect.slower[0].title}"
    else:
        return f"{name} and {base} are not told apart with any of {count(effect.total, 'stack')}" + _differing(effect)
    if effect.slower and (len(effect.slower) == 1 or not effect.faster):
        text += f" ({_range(effect.slower[-1].rps)})"
    if effect.undecided:
        text += f"; {_these(effect.undecided)} undecided"
    return text + _differing(effect)


def _differing(effect: Effects) -> str:
    """Say with which stacks it is not the interpreter alone that differs."""
    names = [r.title for r in (*effect.faster, *effect.slower, *effect.undecided) if r.versions_differ]
    if not names:
        return ""
    return f" (packages differ in version with {spoken(names) if len(names) <= 3 else count(len(names), 'stack')})"


def throughput_title(summary: Summary, workload: str, *, bare: bool = False) -> str:
    """Title of the throughput chart: who leads, by how much; `bare` where the workload is named beside it."""
    ranking, name = main_ranking(summary, workload), workload_name(workload)
    if not summary.trust.claims or ranking is None or not ranking.tiers:
        return f"{name.heading}: {name.units} per second"
    by_stack = {c.stack: c for c in cells_of(summary, workload) if c.runtime == ranking.runtime}
    leader = by_stack.get(ranking.order[0])
    text = _lead(summary, ranking, bare=bare)
    if leader is None or leader.rps is None:
        return text
    text += f": {significant(leader.rps.value)} {name.units} per second"
    if len(ranking.tiers) > 1:
        last = by_stack.get(ranking.order[-1])
        if last is not None and last.rps is not None:
            text += f", {times(leader.rps.value / last.rps.value, 2)} as many as {last.title}"
    return text


def forest_title(summary: Summary, workload: str, effect: Effects) -> str:
    """Title of a forest plot."""
    base, name = runtime_name(effect.baseline), runtime_name(effect.runtime)
    if not summary.trust.claims or not effect.total:
        return f"{workload_name(workload).heading}: {name} over {base}"
    return _effect_sentence(effect, workload)


def _ends(
    cells: Iterable[tuple[float, CellSummary]],
) -> tuple[tuple[float, CellSummary], tuple[float, CellSummary]] | None:
    found = sorted(cells, key=lambda pair: (pair[0], pair[1].stack, pair[1].runtime))
    return (found[0], found[-1]) if len(found) > 1 else None


def _who(cell: CellSummary) -> str:
    return f"{cell.title} on {runtime_name(cell.runtime)}"


def cpu_title(summary: Summary, workload: str) -> str:
    """Title of the CPU chart."""
    name = workload_name(workload)
    ends = _ends((c.cpu_us_per_request.value, c) for c in cells_of(summary, workload) if c.cpu_us_per_request)
    if not summary.trust.claims or ends is None:
        return f"{name.heading}: CPU time per {name.unit}"
    (low, least), (high, most) = ends
    return (
        f"{_who(least)} spends {significant(low, 2)} \N{MICRO SIGN}s of CPU on each {name.unit}; "
        f"{_who(most)} spends {significant(high, 2)} \N{MICRO SIGN}s"
    )


def latency_title(summary: Summary, workload: str) -> str:
    """Title of the latency chart."""
    name = workload_name(workload)
    ends = _ends((p99, c) for c in cells_of(summary, workload) if (p99 := c.latency_us.get("p99")) and not c.censored)
    if not summary.trust.claims or ends is None:
        return f"{name.heading}: latency at saturation"
    (low, least), (high, most) = ends
    return (
        f"At saturation, 99 of 100 {name.units} are answered within {duration(low)} by {_who(least)}, "
        f"within {duration(high)} by {_who(most)}"
    )


def rate_title(summary: Summary, workload: str, rate: float) -> str:
    """Title of the chart of latency at a common rate."""
    name = workload_name(workload)
    points = ((at_rate(c, rate), c) for c in cells_of(summary, workload))
    ends = _ends((p99, c) for p, c in points if p is not None and not trouble(p) and (p99 := p.latency_us.get("p99")))
    if not summary.trust.claims or ends is None:
        return f"{name.heading}: latency at a common rate"
    (low, least), (high, most) = ends
    return (
        f"At {rate:,.0f} per second, 99 of 100 {name.units} are answered within {duration(low)} by {_who(least)}, "
        f"within {duration(high)} by {_who(most)}"
    )


def memory_title(summary: Summary, workload: str) -> str:
    """Title of the memory chart."""
    ends = _ends((c.pss_load_bytes, c) for c in cells_of(summary, workload) if c.pss_load_bytes)
    if not summary.trust.claims or ends is None:
        return f"{workload_name(workload).heading}: memory"
    (low, least), (high, most) = ends
    small, large = significant(low / 2**20, 2), significant(high / 2**20, 2)
    return f"Memory after the load: from {small} MiB ({_who(least)}) to {large} MiB ({_who(most)})"


def startup_title(summary: Summary, workload: str) -> str:
    """Title of the start-up chart."""
    ends = _ends((c.start_s, c) for c in cells_of(summary, workload) if c.start_s)
    if not summary.trust.claims or ends is None:
        return "Start-up time"
    (low, least), (high, most) = ends
    return f"Ready to answer after {duration(low * 1e6)} ({_who(least)}) to {duration(high * 1e6)} ({_who(most)})"


def warmup_title(summary: Summary, workload: str) -> str:
    """Title of the warm-up panels."""
    cells = [c for c in cells_of(summary, workload) if c.n]
    total, steady = sum(c.n for c in cells), sum(c.steady for c in cells)
    text = (
        f"{workload_name(workload).heading}: {steady} of {count(total, 'process', 'processes')} reached a steady state"
    )
    slowest = max(((c.steady_after_s, c) for c in cells if c.steady_after_s), key=lambda pair: pair[0], default=None)
    if slowest and slowest[0] >= 1:
        text += f"; {_who(slowest[1])} took longest, {significant(slowest[0], 2)} s"
    return text
