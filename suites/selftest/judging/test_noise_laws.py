"""What the estimates of nights may not depend on: units, the order of cases, nights of no series.

Beside these laws the same estimates stand once more, written out plainly for a single case.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from tools.judging.likelihood import HUBER, TRUSTED, Known, Nights, Noise, evidence, huber_centre, known
from tools.judging.spread import noise_of
from tools.judging.trend import ANCHOR, creeping, start_of

NOISE = Noise(0.004, 0.009, 900, 16.0, 6.0)
NO_LEAN = (np.zeros(()), np.full((), np.inf))
SHIFTS = (math.log1p(0.01), math.log1p(0.05))


def measured(cases: int = 12, nights: int = 40, seed: int = 1) -> Nights:
    """Cases of quite other speeds, with nights of one to five series, some of none, one wild."""
    chance = np.random.default_rng(seed)
    series = chance.integers(1, 6, (cases, nights)).astype(float)
    level = chance.normal(-4.0, 1.0, (cases, 1))
    log_s = level + 0.005 * chance.standard_normal((cases, nights)) + 0.01 * chance.standard_normal((cases, nights)) / np.sqrt(series)
    log_s[np.arange(cases), chance.integers(0, nights, cases)] += 0.2
    squares = 1e-4 * np.where(series > 1, chance.chisquare(np.maximum(series - 1, 1)), 0.0)
    gone = chance.random((cases, nights)) < 0.1
    return Nights(np.where(gone, 0.0, log_s), np.where(gone, 0.0, series), np.where(gone, 0.0, squares))


def shifted(nights: Nights, by: np.ndarray) -> Nights:
    return nights._replace(log_s=np.where(nights.series > 0, nights.log_s + by[:, None], nights.log_s))


def with_empty(nights: Nights, columns: list[int]) -> Nights:
    """The nights with columns between them in which nothing was measured, whatever stands there."""
    return Nights(np.insert(nights.log_s, columns, 7.0, axis=1), np.insert(nights.series, columns, 0.0, axis=1),
                  np.insert(nights.squares, columns, 0.0, axis=1))


def all_of(noise: Noise) -> tuple[float, ...]:
    return tuple(float(value) for value in (noise.between, noise.within, noise.nights, noise.alike_between, noise.alike_within))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_noise_does_not_depend_on_how_fast_cases_are(seed: int) -> None:
    """A clip that takes a hundred times as long adds the same to every logarithm of its case."""
    nights = measured(seed=seed)
    by = np.random.default_rng(seed).uniform(-5, 5, len(nights.log_s))
    assert all_of(noise_of(shifted(nights, by))) == pytest.approx(all_of(noise_of(nights)))


@pytest.mark.parametrize("change", [
    lambda nights: with_empty(nights, [0, 3, 3, 40]),
    lambda nights: Nights(*(value[::-1] for value in nights)),
    lambda nights: Nights(*(value[:, ::-1] for value in nights)),
], ids=["empty nights", "other order of cases", "other order of nights"])
def test_a_noise_is_that_of_the_nights_and_of_nothing_else(change: Callable[[Nights], Nights]) -> None:
    nights = measured()
    assert all_of(noise_of(change(nights))) == pytest.approx(all_of(noise_of(nights)))


def test_cases_that_are_unlike_are_told_from_cases_that_are_alike() -> None:
    """A pool counts for less where half of the cases are four times as noisy, and only in what they are."""
    chance = np.random.default_rng(5)
    shape = (40, 60)
    alike = Nights(0.01 * chance.standard_normal(shape), np.ones(shape), np.zeros(shape))
    factor = np.where(np.arange(40)[:, None] % 2, 4.0, 1.0)
    found, unlike = noise_of(alike), noise_of(alike._replace(log_s=alike.log_s * factor))
    assert (found.alike_between, found.alike_within) == (60.0, 60.0)
    assert min(float(unlike.alike_between), float(unlike.alike_within)) < 60.0


def test_more_alike_series_of_a_night_are_less_noise_within_it() -> None:
    """What series of a night differ by is noise within; what nights differ by beyond that is between."""
    chance = np.random.default_rng(6)
    shape = (60, 50)
    for within, between in ((0.004, 0.012), (0.012, 0.004)):
        log_s = between * chance.standard_normal(shape) + within * chance.standard_normal(shape) / 2
        found = noise_of(Nights(log_s, np.full(shape, 4.0), within**2 * chance.chisquare(3, shape)))
        assert (float(found.between), float(found.within)) == pytest.approx((between, within), rel=0.12)


def plain_known(log_s: list[float], series: list[float], squares: list[float], noise: Noise) -> tuple[float, float, float, float, float]:
    """Centre, its variance, the case's variance between nights, how well that is known, the one within."""
    between, within, alike_between, alike_within = (float(value) for value in (
        noise.between, noise.within, noise.alike_between, noise.alike_within))
    freedom = alike_within + sum(count - 1 for count in series)
    own_within = (alike_within * within**2 + sum(squares)) / freedom
    variance = [between**2 + own_within / count for count in series]
    total = sum(1 / one for one in variance)
    centre = sum(value / one for value, one in zip(log_s, variance, strict=True)) / total
    reach = [HUBER * math.sqrt(one) for one in variance]
    for _ in range(2):
        centre += sum(max(-far, min(far, value - centre)) / one for value, one, far in zip(log_s, variance, reach, strict=True)) / total
    off = [min((value - centre) ** 2, TRUSTED**2 * one) for value, one in zip(log_s, variance, strict=True)]
    nights = len(log_s)
    precision = sum(1 / one**2 for one in variance) / 2 + alike_between / 2 / between**4
    excess = nights / (nights - 1) * sum(far / one**2 for far, one in zip(off, variance, strict=True)) / 2 - sum(
        1 / one for one in variance) / 2
    own_between = max(between**2 + excess / precision, between**2 / 4)
    return centre, 1 / sum(1 / (own_between + own_within / count) for count in series), own_between, precision, own_within


def everything(before: Known) -> np.ndarray:
    return np.array([before.centre, before.error2, before.between, before.precision, before.within])


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_nights_tell_is_what_the_formulas_give_written_out(seed: int) -> None:
    nights = measured(1, 25, seed)
    there = nights.series[0] > 0
    log_s, series, squares = (value[0, there].tolist() for value in nights)
    plain = plain_known(log_s, series, squares, NOISE)
    assert everything(known(nights, NO_LEAN, NOISE))[:, 0] == pytest.approx(plain)


def test_what_a_night_says_does_not_depend_on_units_or_on_empty_nights() -> None:
    """Nor on what stands where nobody measured."""
    nights, tonight = measured(), Nights(np.full(12, -4.0), np.full(12, 5.0), np.full(12, 3e-4))
    by = np.linspace(-3, 3, 12)
    first = evidence(known(nights, NO_LEAN, NOISE), tonight, SHIFTS)
    moved = evidence(known(shifted(nights, by), NO_LEAN, NOISE), tonight._replace(log_s=tonight.log_s + by), SHIFTS)
    padded = evidence(known(with_empty(nights, [0, 9, 40]), NO_LEAN, NOISE), tonight, SHIFTS)
    assert first.ratio == pytest.approx(moved.ratio)
    assert first.faster == pytest.approx(moved.faster)
    assert np.array(first) == pytest.approx(np.array(padded))


def test_deviations_twice_as_large_beside_a_noise_twice_as_large_say_the_same() -> None:
    """So no number in the formulas has a unit of its own."""
    nights, tonight = measured(), Nights(measured().log_s.mean(axis=1), np.full(12, 5.0), np.full(12, 3e-4))
    twice = Nights(2 * nights.log_s, nights.series, 4 * nights.squares)
    double = Noise(2 * NOISE.between, 2 * NOISE.within, NOISE.nights, NOISE.alike_between, NOISE.alike_within)
    first = evidence(known(nights, NO_LEAN, NOISE), tonight, SHIFTS)
    second = evidence(known(twice, NO_LEAN, double), Nights(2 * tonight.log_s, tonight.series, 4 * tonight.squares),
                      (2 * SHIFTS[0], 2 * SHIFTS[1]))
    assert first.ratio == pytest.approx(second.ratio)
    assert 2 * first.error == pytest.approx(second.error)


def test_a_centre_of_nights_that_agree_is_their_mean_by_weight() -> None:
    log_s, variance = np.array([[0.01, 0.02, 0.03]]), np.array([[1.0, 2.0, 4.0]])
    centre, error2 = huber_centre(Nights(log_s, np.ones((1, 3)), np.zeros((1, 3))), variance)
    assert centre[0] == pytest.approx((0.01 + 0.01 + 0.0075) / 1.75)
    assert error2[0] == pytest.approx(1 / 1.75)


def creep(nights: int = 90, begins: int = 45, seed: int = 3) -> Nights:
    chance = np.random.default_rng(seed)
    rising = np.maximum(np.arange(nights) - begins, 0) * 0.0015
    return Nights((rising + 0.003 * chance.standard_normal(nights))[None], np.ones((1, nights)), np.zeros((1, nights)))


def test_a_creep_does_not_depend_on_units_or_on_nights_that_were_not_measured() -> None:
    nights = creep()
    found, moved = creeping(nights, NOISE), creeping(shifted(nights, np.array([-4.2])), NOISE)
    assert (found.ratio, found.began) == (pytest.approx(moved.ratio), moved.began)
    first, second = start_of(creep(), NOISE), start_of(shifted(nights, np.array([2.0])), NOISE)
    assert (first[0], first[2]) == (second[0], pytest.approx(second[2]))
    assert second[1] - first[1] == pytest.approx(2.0)


def test_a_creep_is_as_likely_as_its_formula_says_written_out() -> None:
    """For every first night: the rise by least squares, beside an anchor that has an error of its own."""
    nights = creep()
    variance = float(NOISE.between) ** 2 + float(NOISE.within) ** 2
    anchor, error2 = huber_centre(Nights(*(value[:, :ANCHOR] for value in nights)), np.full((1, ANCHOR), variance))
    late, best = nights.log_s[0, ANCHOR:], -math.inf
    for start in range(len(late) - 3):
        rise = [0.001 * (night - start + 1) if night >= start else 0.0 for night in range(len(late))]
        off = [max(-3 * math.sqrt(variance), min(value - anchor[0], 3 * math.sqrt(variance) + 0.001 * (night + 1)))
               for night, value in enumerate(late)]
        square = sum(one**2 for one in rise) / variance
        multiple = sum(one * far for one, far in zip(rise, off, strict=True)) / variance / square
        anchored = sum(rise) / variance / square
        best = max(best, (multiple - 0.5) / (1 / square + anchored**2 * error2[0]))
    assert creeping(nights, NOISE).ratio[0] == pytest.approx(best)


def test_a_creep_begins_where_a_flat_line_and_a_rising_one_fit_best_written_out() -> None:
    """Nights of more series weigh more; the beginning is the median of all, by how well they fit."""
    nights = creep()._replace(series=np.where(np.arange(90) % 3, 1.0, 6.0)[None])
    weight = [1 / (float(NOISE.between) ** 2 + float(NOISE.within) ** 2 / count) for count in nights.series[0]]
    told, log_s = [], nights.log_s[0]
    for start in range(4, 87):
        rise = [max(night + 1 - start, 0.0) for night in range(90)]
        total = sum(weight)
        middle, mean = (sum(one * value for one, value in zip(weight, values, strict=True)) / total for values in (rise, log_s))
        spread = sum(one * (far - middle) ** 2 for one, far in zip(weight, rise, strict=True)) + 0.001**-2
        slope = (sum(one * (far - middle) * (value - mean) for one, far, value in zip(weight, rise, log_s, strict=True)) + 1000) / spread
        told.append((slope**2 * spread / 2 - math.log(spread) / 2, start, mean - slope * middle, slope))
    best = max(fit for fit, *_ in told)
    chances = [math.exp(fit - best) for fit, *_ in told]
    middle_one = next(number for number in range(len(told)) if sum(chances[:number + 1]) >= sum(chances) / 2)
    assert start_of(nights, NOISE) == (told[middle_one][1], pytest.approx(told[middle_one][2]), pytest.approx(told[middle_one][3]))
