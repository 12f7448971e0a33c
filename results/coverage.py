"""`python -m results.coverage`: simulated experiments with known answers, judged by the code that judges the real ones.

Prints the tables of docs/statistics.md. Every table has its own fixed seed, so that it comes out the same each time.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import signal, special

from results.changepoint import classify_logs
from results.statistics import critical_t, mean_interval, paired_ratio
from results.tiers import rank

Array = NDArray[np.float64]

PROCESS_SD = 0.03
BLOCK_SD = 0.03
WINDOW_SD = 0.03
CORRELATION = 0.6
TAILS_DF = 4  # Student's t with four degrees of freedom: an outlier of 5 sd once in 200 processes
WINDOWS = 10
RATIO = 1.1
BLOCKS = (3, 5, 10, 20)


def windows_of_pairs(
    rng: np.random.Generator, experiments: int, blocks: int, ratio: float = RATIO, block_sd: float = BLOCK_SD
) -> Array:
    """Return ln y of simulated windows, shape (experiments, 2, blocks, windows); the first arm is `ratio` x the second.

    Blocks shift both arms alike; processes have heavy tails; the windows of a process are correlated.
    """
    shape = (experiments, 2, blocks)
    block = rng.normal(0, block_sd, (experiments, 1, blocks))
    process = rng.standard_t(TAILS_DF, shape) * PROCESS_SD / math.sqrt(TAILS_DF / (TAILS_DF - 2))
    arm = np.array([math.log(ratio), 0.0])[None, :, None]
    return (arm + block + process)[..., None] + correlated(rng, (*shape, WINDOWS), WINDOW_SD, CORRELATION)


def correlated(rng: np.random.Generator, shape: tuple[int, ...], sd: float, correlation: float) -> Array:
    """Return AR(1) noise along the last axis, with standard deviation `sd`."""
    warm = 50
    white = rng.normal(0, sd * math.sqrt(1 - correlation**2), (*shape[:-1], shape[-1] + warm))
    noise: Array = signal.lfilter([1.0], [1.0, -correlation], white, axis=-1)[..., warm:]
    return noise


def pooled(logs: Array) -> Array:
    """Return intervals of ln ratio by pooling all windows as if they were independent: the wrong way."""
    flat = logs.reshape(len(logs), 2, -1)
    n = flat.shape[2]
    centre = flat[:, 0].mean(1) - flat[:, 1].mean(1)
    half = critical_t(2 * n - 2) * np.sqrt((flat.var(2, ddof=1) / n).sum(1))
    return np.stack([centre - half, centre + half], axis=1)


def hierarchical_bootstrap(logs: Array, rng: np.random.Generator, resamples: int = 1000) -> Array:
    """Return percentile intervals of ln ratio from resampled processes and, within them, resampled windows."""
    experiments, arms, blocks, windows = logs.shape
    intervals = np.empty((experiments, 2))
    arm = np.arange(arms)[None, :, None, None]
    for i in range(experiments):
        process = rng.integers(blocks, size=(resamples, arms, blocks, 1))
        window = rng.integers(windows, size=(resamples, arms, blocks, windows))
        means = np.log(np.exp(logs[i][arm, process, window]).mean((2, 3)))
        intervals[i] = np.percentile(means[:, 0] - means[:, 1], [2.5, 97.5])
    return intervals


def bca(logs: Array, rng: np.random.Generator, resamples: int = 1000) -> Array:
    """Return BCa bootstrap intervals of ln ratio, the blocks' paired differences resampled."""
    differences = logs.mean(3)[:, 0] - logs.mean(3)[:, 1]
    experiments, blocks = differences.shape
    intervals = np.empty((experiments, 2))
    for i, d in enumerate(differences):
        boot = np.sort(d[rng.integers(blocks, size=(resamples, blocks))].mean(1))
        below = min(max((boot < d.mean()).mean(), 0.5 / resamples), 1 - 0.5 / resamples)
        bias = special.ndtri(below)
        left_out = (d.sum() - d) / (blocks - 1)
        spread = left_out.mean() - left_out
        squares = float((spread**2).sum())
        acceleration = float((spread**3).sum()) / (6 * squares**1.5) if squares > 0 else 0.0
        z = bias + special.ndtri(np.array([0.025, 0.975]))
        intervals[i] = np.quantile(boot, special.ndtr(bias + z / (1 - acceleration * z)))
    return intervals


def paired(logs: Array) -> Array:
    """Return the intervals of ln ratio that the suite itself computes."""
    figures = np.exp(logs.mean(3))
    intervals = np.empty((len(logs), 2))
    for i, (a, b) in enumerate(figures):
        ratio = paired_ratio(dict(enumerate(a.tolist())), dict(enumerate(b.tolist())))
        if ratio is None or ratio.low is None or ratio.high is None:
            raise AssertionError("every simulated experiment has an interval")
        intervals[i] = math.log(ratio.low), math.log(ratio.high)
    return intervals


def contains(intervals: Array, truth: float) -> float:
    """Return the share of intervals that contain the truth."""
    return float(((intervals[:, 0] <= truth) & (truth <= intervals[:, 1])).mean())


def paired_coverage(experiments: int, blocks: int, ratio: float = RATIO, seed: int = 1) -> float:
    """Return how often the suite's 95 % interval of a ratio contains the true one."""
    rng = np.random.default_rng([seed, blocks])
    return contains(paired(windows_of_pairs(rng, experiments, blocks, ratio)), math.log(ratio))


def mean_coverage(experiments: int, blocks: int, seed: int = 2) -> float:
    """Return how often the suite's 95 % interval of one cell's figure contains the true one."""
    rng = np.random.default_rng([seed, blocks])
    figures = np.exp(windows_of_pairs(rng, experiments, blocks)[:, 1].mean(2))
    found = [mean_interval(row.tolist()) for row in figures]
    return sum(1 for i in found if i.low is not None and i.high is not None and i.low <= 1 <= i.high) / experiments


def aa_ties(experiments: int, blocks: int, seed: int = 3) -> tuple[float, float]:
    """Return, of simulated A/A runs, the shares whose interval contains 1 and whose two names share a tier."""
    rng = np.random.default_rng([seed, blocks])
    logs = windows_of_pairs(rng, experiments, blocks, ratio=1.0)
    ties = 0
    for a, b in np.exp(logs.mean(3)):
        ties += len(rank({"a": dict(enumerate(a.tolist())), "b": dict(enumerate(b.tolist()))}).tiers) == 1
    return contains(paired(logs), 0.0), ties / experiments


def false_tiers(
    experiments: int, blocks: int, stacks: int, noisy: bool, lost: float = 0.0, seed: int = 4, own_blocks: bool = True
) -> tuple[float, float]:
    """Rank stacks that are all equal; return the shares of runs with a significant pair, and with a second tier.

    `noisy`: every fourth stack scatters three times as much as the others, which Tukey's method does not foresee.
    `lost`: share of processes that fail.
    """
    rng = np.random.default_rng([seed, blocks, stacks, int(noisy)])
    significant = tiered = 0
    for _ in range(experiments):
        block = rng.normal(0, BLOCK_SD, blocks)
        sd = np.where(np.arange(stacks) % 4 == 0, 3.0 if noisy else 1.0, 1.0)[:, None] * PROCESS_SD
        process = rng.standard_t(TAILS_DF, (stacks, blocks)) * sd / math.sqrt(TAILS_DF / (TAILS_DF - 2))
        kept = rng.random((stacks, blocks)) >= lost
        figures = {
            f"s{i:02d}": {b: math.exp(block[b] + process[i, b]) for b in range(blocks) if kept[i, b]}
            for i in range(stacks)
        }
        result = rank(figures, own_blocks=own_blocks)
        k = len(result.order)
        significant += any(interval != (1, k) for interval in result.ranks.values())
        tiered += len(result.tiers) > 1
    return significant / experiments, tiered / experiments


def found_gap(experiments: int, blocks: int, stacks: int, gap: float, seed: int = 6, own_blocks: bool = True) -> float:
    """Rank equal stacks and one that is slower by `gap`; return how often a given other one is told apart from it."""
    rng = np.random.default_rng([seed, blocks, stacks])
    found = 0
    for _ in range(experiments):
        scale = PROCESS_SD / math.sqrt(TAILS_DF / (TAILS_DF - 2))
        y = rng.normal(0, BLOCK_SD, blocks) + rng.standard_t(TAILS_DF, (stacks, blocks)) * scale
        y[0] += math.log1p(-gap)
        figures = {f"s{i:02d}": dict(enumerate(np.exp(y[i]).tolist())) for i in range(stacks)}
        result = rank(figures, own_blocks=own_blocks)
        found += result.tier_of("s00") > result.tier_of("s01")
    return found / experiments


def steadiness_rates(processes: int, windows: int, correlation: float, penalty: float, seed: int = 5) -> list[float]:
    """Return the shares of right classes: flat ones called flat; a step of 10 % and a JIT's warm-up called warm-up."""
    rng = np.random.default_rng([seed, windows, int(correlation * 10)])
    noise = correlated(rng, (processes, windows), 0.02, correlation)
    step = np.where(np.arange(windows) < windows // 3, 0.1, 0.0)
    jit = np.log1p(1.5 * np.exp(-np.arange(windows) / (windows / 12)))
    shares = []
    for shape, right in ((np.zeros(windows), "flat"), (step, "warm-up"), (jit, "warm-up")):
        classes = [kind for kind, _ in classify_logs(noise + shape, penalty)]
        shares.append(classes.count(right) / processes)  # type: ignore[arg-type]  # mypy widens `right` to str
    return shares


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    print("| " + " | ".join(head) + " |")
    print("|" + "---|" * len(head))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    print()


def main(argv: Sequence[str] | None = None) -> int:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m results.coverage", description=__doc__)
    parser.add_argument("--experiments", type=int, default=2000, help="simulated experiments for each figure")
    parser.add_argument("--windows", action="store_true", help="only the table of change points")
    options = parser.parse_args(argv)
    n = options.experiments
    if not options.windows:
        _print_coverage(n)
    _print_steadiness(n)
    return 0


def _print_coverage(n: int) -> None:
    print(f"Nominal 95 % intervals of a ratio, {n} simulated experiments each: share that contains the true one.\n")
    for title, block_sd in (
        ("the machine is the same in all blocks", 0.0),
        ("it drifts between blocks, sd 3 %", BLOCK_SD),
    ):
        rows: list[list[str]] = [["pool all windows"], ["hierarchical percentile bootstrap"], ["BCa over blocks"]]
        rows.append(["**paired t on the blocks' log ratios** (`paired_ratio`)"])
        for blocks in BLOCKS:
            rng = np.random.default_rng([1, blocks])
            logs = windows_of_pairs(rng, n, blocks, block_sd=block_sd)
            methods = (pooled(logs), hierarchical_bootstrap(logs, rng), bca(logs, rng), paired(logs))
            for row, intervals in zip(rows, methods, strict=True):
                row.append(f"{contains(intervals, math.log(RATIO)):.3f}")
        _table([title, *(f"{blocks} blocks" for blocks in BLOCKS)], rows)

    print("The same of one cell's figure, the machine drifting.\n")
    means = [f"{mean_coverage(n, blocks):.3f}" for blocks in BLOCKS]
    _table(["", *(f"{blocks} blocks" for blocks in BLOCKS)], [["t over processes (`mean_interval`)", *means]])

    print("A/A: one stack under two names, 1000 simulated experiments each.\n")
    found = [aa_ties(1000, blocks) for blocks in BLOCKS]
    _table(
        ["", *(f"{blocks} blocks" for blocks in BLOCKS)],
        [
            ["interval of the ratio contains 1", *(f"{inside:.1%}" for inside, _ in found)],
            ["both names in one tier", *(f"{tie:.1%}" for _, tie in found)],
        ],
    )

    _print_tiers(n)


def _print_tiers(n: int) -> None:
    print(f"Equal stacks ranked, {n} simulated runs each: share with a significant pair, by Tukey alone -> by both.\n")
    head = ["", "3 blocks", "5 blocks", "10 blocks"]
    rows = []
    for stacks in (3, 7, 20):
        for label, noisy, lost in (
            ("all alike", False, 0.0),
            ("every tenth process fails", False, 0.1),
            ("every fourth stack three times as noisy", True, 0.0),
        ):
            alone = [false_tiers(n, b, stacks, noisy, lost, own_blocks=False)[0] for b in (3, 5, 10)]
            both = [false_tiers(n, b, stacks, noisy, lost)[0] for b in (3, 5, 10)]
            shown = [f"{x:.1%} -> {y:.1%}" for x, y in zip(alone, both, strict=True)]
            rows.append([f"{stacks} stacks, {label}", *shown])
    _table(head, rows)

    print(f"One stack really slower, {n} simulated runs each: share that puts it in a lower tier than another.\n")
    rows = []
    for stacks in (3, 7, 20):
        for gap in (0.05, 0.10, 0.20):
            alone = [found_gap(n, b, stacks, gap, own_blocks=False) for b in (3, 5, 10)]
            both = [found_gap(n, b, stacks, gap) for b in (3, 5, 10)]
            shown = [f"{x:.1%} -> {y:.1%}" for x, y in zip(alone, both, strict=True)]
            rows.append([f"{stacks} stacks, {gap:.0%} slower", *shown])
    _table(head, rows)


def _print_steadiness(n: int) -> None:
    print(f"Right classes of {n} simulated processes, windows with sd 2 %: flat / step of 10 % / a JIT's warm-up.\n")
    rows = []
    for penalty in (3.0, 4.0, 6.0, 8.0, 12.0):
        for correlation in (0.0, 0.3, 0.6):
            rates = [steadiness_rates(n, windows, correlation, penalty) for windows in (8, 12, 20, 40)]
            cells = [" / ".join(f"{rate:.3f}" for rate in row) for row in rates]
            rows.append([f"{penalty:.0f}", f"{correlation}", *cells])
    _table(["penalty", "correlation", "8 windows", "12", "20", "40"], rows)


if __name__ == "__main__":
    raise SystemExit(main())
