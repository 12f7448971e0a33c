"""What a synthetic process does: its rate, latencies, windows and memory, scattered around the truth."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from typing import Literal

from hdrh.histogram import HdrHistogram

from results.schema import Cell, Load, Sample, Server, Window
from tests.synthetic.stacks import true_rps

CLIENT_US = 6.8  # what the client spends on a request: with the rate it says how busy it was
CONNECTIONS = 64


def null_sample(
    cell: Cell, block: int, at: str, rng: random.Random, drift: float, windows: int, histograms: Histograms
) -> Sample:
    """Return a sentinel's sample: the client at its limit against a server that does nothing."""
    sample = make_sample(cell, block, at, rng, drift / 4, 0.005, windows, histograms)
    sample.sentinel = True
    if sample.load is not None:
        sample.load.client["busy"] = 0.98
    return sample


def make_sample(
    cell: Cell,
    block: int,
    at: str,
    rng: random.Random,
    drift: float,
    process_sd: float,
    windows: int,
    histograms: Histograms,
) -> Sample:
    """Make the sample of one process."""
    rps = true_rps(*_key(cell)) * math.exp(drift + rng.gauss(0, process_sd))
    cpu_us = 0.97e6 / true_rps(*_key(cell)) * math.exp(0.3 * drift + rng.gauss(0, process_sd / 2))
    pypy = cell.runtime.startswith("pypy")
    shape = list(_windows(rng, windows, rps, cpu_us, pypy))
    warm = sum(1 for window in shape if window.phase == "warm-up")
    measured = shape[warm:]
    requests, duration = sum(w.requests for w in measured), sum(w.duration_s for w in measured)
    mean_us = CONNECTIONS / rps * 1e6
    latency = {name: mean_us * factor * math.exp(rng.gauss(0, 0.02)) for name, factor in LATENCY.items()}
    seen: dict[str, float | None] = {**latency, "p99.9": latency["p99.9"] if requests >= 20_000 else None}
    load = Load(
        requests=requests,
        errors={"timeout": 2} if rng.random() < 0.01 else {},
        duration_s=duration,
        rps=rps,
        latency_us=seen,
        client={
            "cpu_s": requests * CLIENT_US / 1e6,
            "cpu_us_per_request": CLIENT_US,
            "busy": min(0.99, rps * CLIENT_US / 1e6),
            "implementation": "CPython",
        },
        windows=shape,
        histogram=histograms.encoded(mean_us),
        connections=CONNECTIONS,
        steady=True,
        warmup_s=measured[0].start_s if measured else None,
        warmup_requests=sum(w.requests for w in shape[:warm]),
    )
    rest = int((55e6 if pypy else 24e6) * math.exp(rng.gauss(0, 0.01)))
    server = Server(
        argv=["python", "app.py", "127.0.0.1", "8000"],
        start_s=(0.9 if pypy else 0.25) * math.exp(rng.gauss(0, 0.1)),
        stop_s=0.05,
        cpu_s=requests * cpu_us / 1e6,
        cpu_us_per_request=cpu_us,
        pss_rest_bytes=rest,
        pss_load_bytes=int(rest * (1.9 if pypy else 1.15)),
        processes=1,
        threads=1,
        exit="0",
    )
    return Sample(cell, block, at, "ok", load=load, server=server)


# The quantiles of a log-normal distribution of mean 1 and sigma 0.35.
SIGMA = 0.35
LATENCY = {
    "mean": 1.0,
    **{
        name: math.exp(z * SIGMA - SIGMA**2 / 2)
        for name, z in (("p50", 0.0), ("p90", 1.2816), ("p99", 2.3263), ("p99.9", 3.0902), ("max", 4.2))
    },
}


def _windows(rng: random.Random, count: int, rps: float, cpu_us: float, pypy: bool) -> Iterator[Window]:
    length = 0.25
    requests_before = 0
    for i in range(count):
        slow = 1 + (2.2 if pypy else 0.05) * math.exp(-i / (count / 10 if pypy else 0.5))
        rate = rps / slow * math.exp(rng.gauss(0, 0.015))
        requests = max(1, round(rate * length))
        requests_before += requests
        phase: Literal["warm-up", "measure"] = "warm-up" if i < count // 2 else "measure"
        mean = CONNECTIONS / rate * 1e6
        cost = cpu_us * slow * math.exp(rng.gauss(0, 0.01))
        yield Window(
            i * length, length, phase, requests, 0, mean, mean * 0.94, mean * 2.1, min(length, requests * cost / 1e6)
        )


class Histograms:
    """Encoded histograms of a log-normal latency; for big runs one for each 5 % of the mean, since they cost 3 ms."""

    def __init__(self, exact: bool) -> None:
        self.exact = exact
        self.cache: dict[float, str] = {}

    def encoded(self, mean_us: float) -> str:
        """Return the base64 text of a histogram in nanoseconds."""
        if not self.exact:
            mean_us = math.exp(round(math.log(mean_us) * 20) / 20)
        if mean_us not in self.cache:
            histogram = HdrHistogram(1, 3_600_000_000_000, 3)
            for z, count in _NORMAL:
                histogram.record_value(int(mean_us * 1e3 * math.exp(z * SIGMA - SIGMA**2 / 2)), count)
            self.cache[mean_us] = histogram.encode().decode()
        return self.cache[mean_us]


_NORMAL = [
    (z / 20, round(40_000 / 20 * math.exp(-((z / 20) ** 2) / 2) / math.sqrt(2 * math.pi)) or 1) for z in range(-84, 85)
]


def _key(cell: Cell) -> tuple[str, str, str]:
    return cell.stack, cell.runtime, cell.workload
