"""What creeps is found against an anchor that does not move."""

from __future__ import annotations

import numpy as np
import pytest

from tools.judging.likelihood import Nights, Noise
from tools.judging.trend import Trend, trend

NOISE = Noise(0.005, 0.01, 3000)


def found(nights: int, began: int, slope: float, seed: int = 1) -> Trend | None:
    """Of nights that creep from one on, each of two series."""
    noise = np.hypot(0.005, 0.01 / np.sqrt(2)) * np.random.default_rng(seed).standard_normal(nights)
    log_s = noise + slope * np.maximum(np.arange(1, nights + 1) - began, 0)
    return trend(Nights(log_s, np.full(nights, 2.0), np.zeros(nights)), NOISE)


@pytest.mark.parametrize("seed", range(5))
def test_a_creep_is_found_with_the_night_it_began(seed: int) -> None:
    creep = found(80, 45, 0.001, seed)

    assert creep is not None
    assert abs(creep.began - 45) <= 10
    assert creep.risen == pytest.approx(0.035, rel=0.4)


@pytest.mark.parametrize("slope", [0.0, -0.001])
def test_what_stays_or_becomes_faster_is_not_reported(slope: float) -> None:
    assert [None] * 20 == [found(100, 45, slope, seed) for seed in range(20)]


def test_nothing_is_said_without_an_anchor() -> None:
    assert found(33, 0, 0.01) is None


def test_one_night_far_off_is_no_creep() -> None:
    """However often it was measured."""
    log_s, series = np.zeros(60), np.full(60, 2.0)
    log_s[50], series[50] = 0.5, 40.0

    assert trend(Nights(log_s, series, np.zeros(60)), NOISE) is None
