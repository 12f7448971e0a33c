"""Guards: doubt, with its reason."""

import os
import subprocess
import sys
import time

import psutil
from hypothesis import given
from hypothesis import strategies as st

from bench import guards
from bench.guards import Counters, judge
from results.schema import Load

QUIET = Counters(at=0, busy_s={}, steal_s=0, throttled=0, mhz=None, ours_s=0)


def load(busy: float) -> Load:
    """Make what a client reports, with how busy it was."""
    return Load(requests=1, errors={}, duration_s=1, rps=1, latency_us={}, client={"busy": busy})


def names(after: Counters, report: Load | None = None, shared: bool = False) -> set[str]:
    """Judge one window that began with all counters at zero."""
    return {flag.name for flag in judge(QUIET, after, report, shared)}


def test_a_quiet_window_has_no_flag() -> None:
    """Our own work is no disturbance."""
    assert names(Counters(2, {1: 2.9}, 0, 0, None, 2.9), load(0.3)) == set()


def test_each_disturbance_has_its_flag() -> None:
    """Steal, neighbours, throttling, a moving clock, one core for both, and a client at its limit."""
    cpus = os.cpu_count() or 1
    assert names(Counters(2, {1: 2.9}, 0.03 * 2 * cpus, 0, None, 2.9)) == {"steal"}
    assert names(Counters(2, {1: 3.2}, 0, 0, None, 2.9)) == {"neighbour"}
    assert names(Counters(2, {1: 2.9}, 0, 3, None, 2.9)) == {"throttled"}
    slow = Counters(0, {1: 0}, 0, 0, 3000, 0)
    assert {flag.name for flag in judge(slow, Counters(2, {1: 2}, 0, 0, 2500, 2), None)} == {"frequency"}
    assert names(Counters(2, {1: 2.9}, 0, 0, None, 2.9), shared=True) == {"shared-core"}
    assert names(Counters(2, {1: 2.9}, 0, 0, None, 2.9), load(0.71)) == {"client-limited"}


def test_readings_out_of_order_are_told() -> None:
    """Without time between the readings nothing is concluded from them."""
    assert names(QUIET) == {"clock"}


@given(st.floats(0.1, 100), st.floats(0, 100), st.floats(0, 100))
def test_more_of_our_own_work_never_adds_a_neighbour(wall: float, busy: float, ours: float) -> None:
    """The neighbour is what remains when our own work is subtracted."""
    less = "neighbour" in names(Counters(wall, {1: busy}, 0, 0, None, ours))
    more = "neighbour" in names(Counters(wall, {1: busy}, 0, 0, None, ours + 1))
    assert less or not more


def test_a_real_neighbour_is_seen() -> None:
    """A second busy process on this machine raises the flag."""
    before = guards.take(time.monotonic(), time.process_time())
    busy = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(1.0)
        after = guards.take(time.monotonic(), time.process_time())
        assert psutil.Process(busy.pid).cpu_times().user > 0.1
    finally:
        busy.kill()
        busy.wait()
    assert "neighbour" in {flag.name for flag in judge(before, after, None)}


def test_work_that_comes_with_the_clocks_ticks_is_not_taken_for_a_neighbours() -> None:
    """A process that wakes at each tick and sleeps again is counted for what it uses, not for whole ticks."""
    code = "import time\nwhile True: time.sleep(0.004)"
    before = guards.take(time.monotonic(), time.process_time())
    sleeper = subprocess.Popen([sys.executable, "-c", code])
    try:
        time.sleep(1.0)
        after = guards.take(time.monotonic(), time.process_time())
        used = after.busy_s[sleeper.pid]
        assert 0 < used < 0.5
        real = psutil.Process(sleeper.pid).cpu_times()
        assert abs(used - real.user - real.system) < 0.1
    finally:
        sleeper.kill()
        sleeper.wait()
    assert sleeper.pid not in before.busy_s


def test_processes_that_end_do_not_hide_others() -> None:
    """What a process that is gone had used before is not subtracted from what others use now."""
    before = Counters(at=0, busy_s={1: 100.0, 2: 1.0}, steal_s=0, throttled=0, mhz=None, ours_s=0)
    after = Counters(at=2, busy_s={2: 2.0}, steal_s=0, throttled=0, mhz=None, ours_s=0)
    assert {flag.name for flag in judge(before, after, None)} == {"neighbour"}
