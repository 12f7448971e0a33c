"""Samples, counts, percentiles, histograms."""

import random
from array import array

from hdrh.histogram import HdrHistogram
from hypothesis import given
from hypothesis import strategies as st

from loadgen.latency import Latencies, estimate_us, middle, percentiles_us, quantise

nanoseconds = st.integers(0, 3_600_000_000_000)


@given(nanoseconds)
def test_quantised_values_stay_in_their_bucket(value: int) -> None:
    """A quantised value is in the same HdrHistogram bucket, and its middle is within 0.1 % of the value."""
    histogram = HdrHistogram(1, 3_600_000_000_000, 3)
    assert histogram.get_lowest_equivalent_value(value) == quantise(value)
    assert abs(middle(quantise(value)) - value) <= max(value * 0.001, 0)


@given(st.lists(nanoseconds, max_size=60), st.lists(nanoseconds, max_size=60))
def test_merging_is_exact(some: list[int], more: list[int]) -> None:
    """Two distributions merged are the distribution of all samples."""
    one, two, both = Latencies(), Latencies(), Latencies()
    one.record(some)
    two.record(more)
    both.record(some + more)
    one.merge(two)
    for name in Latencies.__slots__:
        assert getattr(one, name) == getattr(both, name)


def test_percentiles_are_within_a_tenth_of_a_percent() -> None:
    """Against the sorted samples."""
    rng = random.Random(7)
    samples = [int(rng.lognormvariate(12, 1)) for _ in range(50_000)]
    latencies = Latencies()
    latencies.record(samples)
    samples.sort()
    for percent, value in latencies.percentiles_us().items():
        assert value is not None
        exact = samples[int(len(samples) * percent / 100) - 1] / 1000
        assert abs(value - exact) <= exact * 0.0015


def test_no_percentile_without_twenty_samples_above_it() -> None:
    """p99 needs 2,000 samples, p50 40."""
    latencies = Latencies()
    latencies.record(range(1000, 2999))
    found = latencies.summary_us()
    assert found["p99"] is None
    assert found["p90"] is not None
    latencies.record([5000])
    assert latencies.summary_us()["p99"] is not None
    assert percentiles_us({}, 0) == {50.0: None, 90.0: None, 99.0: None, 99.9: None}


def test_the_encoded_histogram_decodes_to_the_same() -> None:
    """The standard form can be read back by the field's own library, with every count."""
    latencies = Latencies()
    latencies.record([1_000, 25_000, 25_001, 3_000_000_000])
    back = HdrHistogram.decode(latencies.encoded())
    assert back.get_total_count() == 4
    assert back.get_max_value() >= 3_000_000_000 * 0.999


def test_mean_and_extremes_are_exact() -> None:
    """They come from the samples, not from buckets."""
    latencies = Latencies()
    latencies.record([100_001, 200_003, 300_002])
    assert latencies.mean_us() == 200.002
    assert latencies.maximum == 300_002
    assert latencies.minimum == 100_001


def test_estimates_read_a_part_of_many_samples() -> None:
    """A window of 100,000 samples is estimated well from 4096 of them."""
    rng = random.Random(3)
    samples = array("Q", (rng.randrange(1_000_000) for _ in range(100_000)))
    mean, p50, p99 = estimate_us(samples)
    assert mean is not None and abs(mean - 499.5) < 20
    assert p50 is not None and abs(p50 - 500) < 20
    assert p99 is not None and abs(p99 - 990) < 10
    assert estimate_us(array("Q")) == (None, None, None)
