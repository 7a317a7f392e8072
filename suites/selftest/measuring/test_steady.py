"""A series is steady or says why not: where it settles, and whether it creeps from there on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from tools.measuring.steady import BLOCKS, CHANCE, SETTLING_S, chance_of, drift, settling, spread

Doubles = NDArray[np.float64]
DRAWS = 150


def noises(count: int, deviation: float) -> Iterator[Doubles]:
    """Times around 1: normal, with heavy tails, and with a tail to one side; DRAWS of each."""
    chance = np.random.default_rng(count)
    for _ in range(DRAWS):
        yield np.exp(deviation * chance.standard_normal(count))
        yield np.exp(deviation * chance.standard_t(3, count) / 3**0.5)
        yield 1 + deviation * chance.exponential(size=count)


@pytest.mark.parametrize(("first", "cut"), [
    ([], 0), ([3.0], 1), ([1.5, 1.2, 1.1], 3), ([0.5, 0.7], 2), ([1.004], 0), ([1.006], 1), ([1.0, 3.0], 0), ([1.1] * 9, 9),
])
def test_calls_before_the_first_usual_one_are_warm_up(first: list[float], cut: int) -> None:
    """Longer or shorter than the later ones by more than half a percent; a late spike is none."""
    assert cut == settling([*first, *[1.0] * 30])


def test_at_most_a_third_and_ten_seconds_are_warm_up() -> None:
    assert 10 == settling([0.9] * 11 + [0.1] * 19)
    assert 5 == settling([2.0] * 9 + [0.5] * 30)
    assert (10.0, 0) == (SETTLING_S, settling([10.5] + [1.0] * 30))


@pytest.mark.parametrize("count", [0, 1, 2, 3, 7])
def test_too_few_calls_do_not_tell_what_is_usual(count: int) -> None:
    assert 0 == settling([5.0, *[1.0] * count][:count])


def test_one_late_long_call_does_not_hide_a_long_first_one() -> None:
    """The band leaves out the farthest of the later calls."""
    assert 1 == settling([3.0, *[1.0, 1.01] * 10, 4.0])


def test_a_slow_decline_within_the_spread_is_found() -> None:
    """No single call shows it: the medians of a few in a row do."""
    chance = np.random.default_rng(5)
    found = []
    for _ in range(40):
        series = np.exp(0.03 * chance.standard_normal(200))
        series[:40] *= 1 + 0.2 * np.exp(-np.arange(40) / 15)
        found.append(settling(series.tolist()))
    assert 8 <= np.median(found) <= 40


@pytest.mark.parametrize("count", [20, 60, 400])
@pytest.mark.parametrize("deviation", [0.02, 0.1])
def test_noise_is_neither_warm_up_nor_drift(count: int, deviation: float) -> None:
    """Of steady series hardly anything is cut, and none creeps."""
    cut = [settling(series.tolist()) / count for series in noises(count, deviation)]

    assert np.mean(cut) < 0.005
    assert {0.0} == {drift(series.tolist()) for series in noises(count, deviation)}


@pytest.mark.parametrize("share", [0.061, -0.061, 0.03])
def test_what_creeps_is_told_by_its_share(share: float) -> None:
    """From the first to the last call, with a spread of half a percent, and one long call in twenty."""
    chance = np.random.default_rng(6)
    for _ in range(20):
        series = (1 + share * np.linspace(0, 1, 100)) * np.exp(0.005 * chance.standard_normal(100))
        series[chance.integers(0, 100, 5)] *= 3
        assert share == pytest.approx(drift(series.tolist()), rel=0.25)


@pytest.mark.parametrize("count", [1, 2, 8])
def test_very_few_calls_do_not_tell_a_trend(count: int) -> None:
    """Eight in a row rise by chance once in 20,000 times."""
    assert 0.0 == drift([1.0 + number for number in range(count)])


@pytest.mark.parametrize("count", [2, 3, 6])
def test_the_chance_of_a_trend_is_the_share_of_orders(count: int) -> None:
    """As all orders of so many values show."""
    found = [abs(sum(np.sign(order[second] - order[first]) for first in range(count) for second in range(first + 1, count)))
             for order in permutations(range(count))]
    for score in set(found):
        assert (np.mean(np.array(found) >= score) if score else 1.0) == pytest.approx(chance_of(count, score))


def test_a_thousand_nights_have_no_more_than_a_few_false_trends() -> None:
    """126 cases a night, and trends so small are not told."""
    assert 126 * CHANCE < 2e-3
    assert chance_of(BLOCKS, 190) < chance_of(BLOCKS, 150) < 1e-6


def test_the_spread_of_normal_times_is_their_deviation() -> None:
    """And a few far ones do not change it."""
    times = 2 * np.exp(0.03 * np.random.default_rng(7).standard_normal(4000))
    times[:40] *= 10

    assert 0.03 == pytest.approx(spread(times), rel=0.05)
