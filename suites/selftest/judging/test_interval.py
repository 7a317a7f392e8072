"""How well times are known: the interval holds the typical time as often as it says, whatever they are."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from tools.judging.interval import Interval, fewest, half_width, outer_rank, student, total, typical_time
from tools.measuring.timing import Statistic

DRAWS = 600


@pytest.mark.parametrize(("count", "confidence", "rank"), [(20, 0.95, 5), (20, 0.975, 4), (6, 0.95, 0), (10, 0.95, 1), (100, 0.95, 39)])
def test_ranks_are_those_of_the_binomial_table(count: int, confidence: float, rank: int) -> None:
    """Between them lies the median with that confidence; one rank further in it would not."""
    missed = [2 * sum(comb(count, below) for below in range(one + 1)) / 2**count for one in (rank, rank + 1)]

    assert rank == outer_rank(count, confidence)
    assert missed[0] <= 1 - confidence < missed[1]


@pytest.mark.parametrize(("freedom", "confidence", "quantile"), [
    (5, 0.95, 2.5706), (6, 0.975, 2.9687), (19, 0.95, 2.0930), (19, 0.975, 2.4334), (60, 0.95, 2.0003),
])
def test_quantiles_are_those_of_students_table(freedom: int, confidence: float, quantile: float) -> None:
    """To the digits that tables print, where there are not very few blocks."""
    assert quantile == pytest.approx(student(freedom, confidence), abs=1e-4 if freedom > 6 else 2e-3)


def test_the_shortest_series_is_six_blocks_of_ten() -> None:
    """Of 60 times that rise the interval ends at the medians of the first ten and of the last ten."""
    assert [60, 70] == [fewest(0.95), fewest(0.975)]
    assert Interval(4.5, 29.5, 54.5) == typical_time([float(number) for number in range(60)], "median", 0.95)


@pytest.mark.parametrize("statistic", ["median", "mean"])
@pytest.mark.parametrize("count", [6, 8, 12, 19, 30, 59, 60, 100])
def test_half_of_the_interval_of_few_times_is_known_as_well(count: int, statistic: Statistic) -> None:
    """With 95 % confidence the typical time of independent times is no farther off than that."""
    chance, missed = np.random.default_rng(count), 0
    for _ in range(DRAWS):
        series = 1 + 0.03 * chance.standard_normal(count)
        half, low = half_width(series.tolist(), statistic), typical_time(series.tolist(), statistic, 0.95)
        assert half is not None
        missed += abs(low.measured - 1) > half * low.measured
    assert missed / DRAWS <= 0.07


@pytest.mark.parametrize(("series", "statistic", "half"), [
    ([1.0] * 5, "median", None), ([1.0] * 6, "median", 0.0), ([1.0, 1.0, 1.0, 1.0, 1.0, 3.0], "median", 1.0),
    ([1.0, 3.0] * 29, "median", 0.5), ([1.0, 3.0] * 30, "median", 0.0), ([1.0, 3.0] * 30, "mean", 0.0),  # of 60 on blocks alone tell it
    ([1.0] * 9 + [3.0], "median", 0.0),  # of ten the last but one on either side
    ([1.0] * 40 + [3.0] * 10, "median", 1.0),  # nor less than the blocks show
    ([1.0, 2.0] * 3, "mean", 2.5706 * 0.5477 / 6**0.5 / 1.5), ([float(number) for number in range(60)], "median", 25 / 29.5),
])
def test_the_interval_of_few_times_is_between_ranks_or_students(series: list[float], statistic: Statistic, half: float | None) -> None:
    assert half_width(series, statistic) == (half if half is None else pytest.approx(half, abs=2e-3))


def test_a_block_may_begin_anywhere() -> None:
    """A spell of ten slow times is one block, wherever it lies."""
    for begin in range(51):
        series = [2.0 if begin <= number < begin + 10 else 1.0 for number in range(60)]

        assert Interval(1.0, 1.0, 2.0) == typical_time(series, "median", 0.95)


def test_of_several_networks_ends_are_added_and_turned_over_in_a_rate() -> None:
    """The fastest rate belongs to the shortest time."""
    both = total([Interval(1, 2, 4), Interval(1, 3, 4)])

    assert Interval(2, 5, 8) == both
    assert Interval(0.125, 0.2, 0.5) == both.inverse()
    assert Interval(20, 50, 80) == both.times(10)


def held(series: list[np.ndarray], statistic: Statistic, truth: float) -> float:
    found = [typical_time(one.tolist(), statistic, 0.95) for one in series]
    return float(np.mean([one.low <= truth <= one.high for one in found]))


def alike(count: int, likeness: float) -> np.ndarray:
    """Times of which each resembles the one before."""
    steps, found = np.random.default_rng(count).standard_normal((count + 50, DRAWS)), [np.zeros(DRAWS)]
    for step in steps:
        found.append(likeness * found[-1] + np.sqrt(1 - likeness**2) * step)
    return 1 + 0.03 * np.array(found[51:]).T


@pytest.mark.parametrize("statistic", ["median", "mean"])
@pytest.mark.parametrize("count", [60, 97, 400])
def test_the_interval_holds_the_typical_time_as_often_as_it_says(count: int, statistic: Statistic) -> None:
    """With 95 % confidence, but for the luck of the draw: of times with a long tail, and of few."""
    times = np.random.default_rng(1).gamma(4.0, 0.01, (DRAWS, count)) + 1
    typical = np.median(np.random.default_rng(2).gamma(4.0, 0.01, 400_000)) + 1 if statistic == "median" else 1.04

    assert held(list(times), statistic, float(typical)) >= 0.93


def spells(count: int, length: int) -> np.ndarray:
    """Times at a level that another follows every *length* iterations or so."""
    chance = np.random.default_rng(length * count)
    number = np.cumsum(chance.random((DRAWS, count)) < 1 / length, axis=1, dtype=np.intp)
    return 1 + 0.03 * np.take_along_axis(chance.standard_normal((DRAWS, count + 1)), number, axis=1)


@pytest.mark.parametrize("count", [60, 120, 400])
def test_a_bound_is_seldom_kept_by_luck(count: int) -> None:
    """A bound that is just the typical time seems kept, or missed, in about one of 17 series at most.

    The rest is the luck of these few draws: with 300 of each kind, both ends counted, it is 0.9 % either way.
    """
    independent = 1 + 0.03 * np.random.default_rng(count).standard_normal((DRAWS, count))
    for kind in (independent, alike(count, 0.9), spells(count, 5), spells(count, 10)):
        assert (1 - held(list(kind[:300]), "median", 1.0)) / 2 <= 0.06 + 2 * 0.009


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_times_that_resemble_each_other_seem_no_better_known(statistic: Statistic) -> None:
    """The blocks hold what they say where single times, taken as independent, are far from it."""
    times, count = alike(600, 0.8), 600
    rank = outer_rank(count, 0.95)
    naive = [np.sort(one)[rank] <= 1 <= np.sort(one)[-1 - rank] for one in times]

    assert held(list(times), statistic, 1.0) >= 0.92
    assert np.mean(naive) < 0.7


@pytest.mark.parametrize("statistic", ["median", "mean"])
def test_the_measured_value_lies_in_its_interval(statistic: Statistic) -> None:
    """Of two levels, of equal times and of one time too; and no mean is below the shortest time."""
    uneven = [1.0, 1.0, 5.0] * 15 + [5.0] * 15, [5.0, 5.0, 1.0] * 15 + [1.0] * 15  # most blocks are not like most times
    for series in (*uneven, [1.0] * 21 + [2.0] * 20, [1.0] * 30, [1.0], [1.0] * 19 + [30.0], [1.0, 2.0] * 15):
        found = typical_time(series, statistic, 0.95)

        assert min(series) <= found.low <= found.measured <= found.high
    assert Interval(1.0, 1.0, 1.0) == typical_time([1.0] * 30, statistic, 0.95)
