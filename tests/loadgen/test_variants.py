"""The sketches of the hot loop: each of them runs, and counts what it did."""

import pytest

from loadgen.variants import VARIANTS, measure


@pytest.mark.parametrize("name", VARIANTS)
def test_a_variant_counts_its_requests(null_port: int, name: str) -> None:
    """A rate and a CPU time per request."""
    rate, cpu_us = measure(f"http://127.0.0.1:{null_port}/", name, 4, 0.05)
    assert rate > 10
    assert 0 < cpu_us < 1e5
