"""Times: when the loop stops, what a series comes to, and that pytest-benchmark records just that series."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from fixtures.clock import VirtualClock
from suites.selftest.conftest import python
from tools.measuring.steady import settling
from tools.measuring.timing import FLOOR_ITERATIONS, HEARTBEAT_S, MIN_ITERATIONS, MIN_SECONDS, WARM_UP, summarise, time_series

SERIES = (0.1, 0.30000000000000004, 1e-07, 0.3333333333333333, 12.7, 0.1)


def silent(count: int) -> None:
    """Hears the beat and does nothing."""


class Steps:
    """A step that lets a given time pass on a clock of its own; the last duration repeats."""

    def __init__(self, *durations_s: float) -> None:
        self.now_s = 0.0
        self.calls = 0
        self._durations = durations_s

    def __call__(self) -> None:
        self.now_s += self._durations[min(self.calls, len(self._durations) - 1)]
        self.calls += 1

    def clock(self) -> float:
        return self.now_s

    def time(self, budget_s: float, beat: Callable[[int], None] = silent) -> list[float]:
        return time_series(self, budget_s, beat, self.clock)


@pytest.mark.parametrize(("each_s", "budget_s", "iterations"), [
    (0.125, 60, 24),  # 20 are made after 2.5 s, 3 s are full after 24
    (0.0625, 60, 48),
    (0.5, 60, 20),  # 3 s are full after 6, 20 are wanted
    (4, 60, 15),  # the budget ends it before 20
    (10, 60, 6),
    (100, 60, 3),  # never fewer than three
    (100, 0, 3),
    (0.125, 1, 8),  # the budget ends it before 3 s
    (0.125, 0, 3),
])
def test_a_series_stops_by_the_stated_rules(each_s: float, budget_s: float, iterations: int) -> None:
    """A series lasts 3 s and 20 iterations, or until its budget is spent, and never has fewer than 3."""
    assert (3.0, 20, 3) == (MIN_SECONDS, MIN_ITERATIONS, FLOOR_ITERATIONS)
    assert [each_s] * iterations == Steps(each_s).time(budget_s)


def test_warming_up_is_not_kept() -> None:
    """The first calls are made and not kept, however long they take."""
    steps = Steps(*[1000.0] * WARM_UP, 0.25, 0.5, 0.75)
    series = steps.time(1.0)

    assert [0.25, 0.5, 0.75] == series
    assert WARM_UP + 3 == steps.calls


def test_the_calls_before_a_series_settles_do_not_count_among_those_wanted() -> None:
    """They are in what comes back, so that nothing measured is lost; the budget pays for them too."""
    assert [1.5, 1.25] + [0.5] * 20 == Steps(1, 1.5, 1.25, 0.5).time(60)
    assert [0.5] * 2 + [0.25] * 20 == Steps(1, 0.5, 0.5, 0.25).time(60)
    assert [1.5, 1.25] + [0.5] * 14 == Steps(1, 1.5, 1.25, 0.5).time(9.75)


def test_a_series_that_never_settles_ends_all_the_same() -> None:
    """At most a third is warm-up, so no more than half as many calls again are made."""
    series = Steps(1, *(0.25 + 4 / (1 + number) ** 2 for number in range(200))).time(1000)

    assert 20 == len(series) - settling(series)
    assert 20 < len(series) <= 30


def test_a_question_that_more_times_answer_better_takes_the_whole_budget() -> None:
    """It neither stops where enough was timed for a rate, nor before three iterations."""
    steps, few = Steps(1.0), Steps(100.0)

    assert 40 == len(time_series(steps, 40, silent, steps.clock, whole=True))
    assert FLOOR_ITERATIONS == len(time_series(few, 40, silent, few.clock, whole=True))
    assert MIN_ITERATIONS == len(Steps(1.0).time(40))


def test_the_beat_is_heard_between_calls() -> None:
    """The beat hears, every few seconds of timing, how many iterations were made."""
    heard: list[int] = []
    Steps(2.0).time(13, heard.append)

    assert 5.0 == HEARTBEAT_S
    assert [3, 6] == heard


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("fails", [True, False])
def test_the_collector_rests_while_times_are_taken(before: bool, fails: bool) -> None:
    """Garbage collection is off during the timed calls, and afterwards as before, even if a call raises."""
    seen: list[bool] = []

    def step() -> None:
        seen.append(gc.isenabled())
        if fails and len(seen) == WARM_UP + 2:
            raise RuntimeError("device lost")

    was = gc.isenabled()
    (gc.enable if before else gc.disable)()
    try:
        if fails:
            with pytest.raises(RuntimeError, match="device lost"):
                time_series(step, 0, silent)
        else:
            time_series(step, 0, silent)
        after = gc.isenabled()
    finally:
        (gc.enable if was else gc.disable)()

    assert before == after
    assert {False} == set(seen[WARM_UP:])


@pytest.mark.parametrize("order", [(1, 2, 3, 4, 5), (4, 1, 5, 3, 2)])
def test_a_series_is_summed_up(order: Sequence[int]) -> None:
    """Median, quartiles and tail are of the sorted series; the rate is clips that count over the median."""
    found = summarise([float(value) for value in order], valid=6)

    assert (5, 15.0, 3.0, 2.0, 2.0) == (found.iterations, found.total_s, found.median_s, found.iqr_s, found.clips_per_s)
    assert (found.p95_s, found.p99_s) == (pytest.approx(4.8), pytest.approx(4.96))
    assert found.variation == pytest.approx(2.5**0.5 / 3)  # deviation of a sample over its mean


def test_padding_does_not_count_in_the_rate() -> None:
    """A batch of which 15 rows count makes 15 clips an iteration, whatever its size."""
    assert 15 / 0.5 == summarise([0.5] * 20, valid=15).clips_per_s


def test_what_creeps_is_told_with_the_series() -> None:
    assert (0.0, True) == (summarise([0.5] * 20, 1).drift, summarise([0.5 + 0.01 * number for number in range(20)], 1).drift > 0.3)


@pytest.mark.parametrize(("series", "short"), [([0.25] * 20, False), ([0.25] * 19, True), ([0.125] * 20, True), ([4.0] * 15, True)])
def test_a_series_cut_by_its_budget_says_so(series: list[float], short: bool) -> None:
    """A series with fewer than 20 iterations or less than 3 s is marked as short."""
    assert short == summarise(series, valid=1).short


def test_a_single_iteration_has_no_spread() -> None:
    """One time alone has a variation and a range of zero."""
    found = summarise([0.5], valid=1)

    assert (0.0, 0.0, 2.0) == (found.variation, found.iqr_s, found.clips_per_s)


@pytest.mark.benchmark(timer=VirtualClock())
def test_a_replayed_series_is_recorded_exactly(request: pytest.FixtureRequest, benchmark: BenchmarkFixture) -> None:
    """pytest-benchmark records, through the virtual clock, exactly the durations taken, in their order."""
    marker = request.node.get_closest_marker("benchmark")
    assert marker is not None
    clock = marker.kwargs["timer"]
    clock.load(SERIES)
    benchmark.pedantic(clock.step, setup=clock.rewind, rounds=len(SERIES))
    if benchmark.disabled:  # as pytest-xdist has it: then in a run without
        done = python("-m", "pytest", "-p", "no:xdist", "-p", "no:cacheprovider", f"{__file__}::{request.node.originalname}")
        assert "1 passed" in done.stdout, done.stdout
        return

    assert list(SERIES) == benchmark.stats.stats.data
    assert max(SERIES) == benchmark.stats.stats.max
