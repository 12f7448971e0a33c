"""Open loops for synthetic runs: latency at common rates and at shares of each process's own throughput, and a knee."""

from __future__ import annotations

from collections.abc import Iterable

from results.schema import Load, Record, Sample

RATES = (1000.0, 5000.0)
FRACTIONS = (0.3, 0.5, 0.7, 0.85)


def add_open_loops(records: Iterable[Record], rates: Iterable[float] = RATES) -> None:
    """Add open loops to every sample that has a load: latency rises with the load, and overload is not kept up with."""
    wanted = list(rates)
    for record in records:
        if not isinstance(record, Sample) or record.load is None or record.sentinel:
            continue
        own = record.load.rps
        offered = [(own * share, {"fraction": share}) for share in FRACTIONS] + [
            (rate, {"rate": rate}) for rate in wanted
        ]
        record.latency = [_loop(rate, own, dict(extra)) for rate, extra in offered]
        record.knee_rps = own * 0.9


def _loop(rate: float, own: float, extra: dict[str, float | int | str | bool | None]) -> Load:
    busy = min(rate / own, 0.98)
    median = 0.6e6 / own / (1 - busy)
    return Load(
        requests=int(rate * 2),
        errors={},
        duration_s=2.0,
        rps=min(rate, own * 0.97),
        latency_us={
            "mean": median * 1.1,
            "p50": median,
            "p90": median * 2.3,
            "p99": median * 4.6,
            "p99.9": median * 7,
            "max": median * 9,
        },
        client={"busy": 0.3},
        mode="open",
        offered_rps=rate,
        extra=extra,
    )
