"""Windows: boundaries, and memory that stays flat."""

from __future__ import annotations

from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgen import windows
from loadgen.phases import boundaries, warm_enough
from loadgen.spec import Spec
from loadgen.windows import Window, Windows


def window(start: int, samples: list[int]) -> Window:
    """A measured window of a second."""
    return Window("measure", start, start + 10**9, len(samples), 0, array("Q", samples))


def test_old_samples_are_counted_when_many_have_come_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """At most so many raw samples are held; what is counted early gives the same result."""
    early, late = Windows(), Windows()
    for i in range(20):
        late.add(window(i, [1000 * (i + 1)] * 100))
    monkeypatch.setattr(windows, "MAX_RAW_SAMPLES", 300)
    for i in range(20):
        early.add(window(i, [1000 * (i + 1)] * 100))
        assert sum(len(w.samples) for w in early.all if w.samples is not None) <= 300
    early.finish()
    late.finish()
    assert early.measured.counts == late.measured.counts
    assert [w.record(0) for w in early.all] == [w.record(0) for w in late.all]
    assert all(w.samples is None for w in late.all)


@given(st.integers(0, 10**15), st.integers(1, 10**11), st.integers(10**6, 10**10))
def test_boundaries_cover_the_time_without_slivers(start: int, length: int, size: int) -> None:
    """The last window ends with the time; none but an only one is shorter than half of what was asked for."""
    if length > size * 1000:
        return
    ends = list(boundaries(start, start + length, size))
    assert ends[-1] == start + length
    sizes = [b - a for a, b in zip([start, *ends], ends, strict=False)]
    assert all(s == size for s in sizes[:-1])
    assert len(ends) == 1 or sizes[-1] >= size // 2


def test_when_a_warm_up_is_over() -> None:
    """By time, by requests, by the rule, by the cap."""
    plain = Spec("http://x", warmup_s=2)
    assert warm_enough(plain, 1.9, 10, []) is None
    assert warm_enough(plain, 2.0, 10, []) is True
    both = Spec("http://x", warmup_s=2, warmup_requests=100)
    assert warm_enough(both, 5.0, 99, []) is None
    assert warm_enough(both, 5.0, 100, []) is True
    assert warm_enough(both, 30.0, 99, []) is True
    ruled = Spec("http://x", warmup_s=2, warmup_max_s=20)
    assert warm_enough(ruled, 9.0, 100, [1.0] * 7) is None
    assert warm_enough(ruled, 9.0, 100, [1.0] * 8) is True
    assert warm_enough(ruled, 1.0, 100, [1.0] * 8) is None
    assert warm_enough(ruled, 20.0, 100, [1.0] * 7) is False
