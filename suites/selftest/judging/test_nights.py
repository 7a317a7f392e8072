"""A short form of the simulated nights: the bounds hold, and the rules of neighbours do not."""

from __future__ import annotations

import numpy as np
import pytest

from suites.speed import nights
from suites.speed.creeping import first_report
from suites.speed.farm import CASES, Farm, World
from suites.speed.lines import at_least, at_most
from tools.judging.likelihood import Nights, Noise


@pytest.fixture(scope="module")
def farm() -> Farm:
    """Two machines after thirty good nights."""
    farm = Farm(World(0.02, 0.005), 2, np.random.default_rng(7))
    for _ in range(30):
        farm.night(days=np.zeros((2, 1)))
    return farm


def test_good_nights_are_green(farm: Farm) -> None:
    """No FAIL in 40 nights of 126 cases, and few more series."""
    words = [farm.night(days=np.zeros((2, 1))) for _ in range(20)]

    assert not any(one.slow.any() or one.bad_day.any() for one in words)
    assert np.mean([one.own + one.control for one in words]) <= 2.5
    assert np.abs(farm.noise.within - 0.02).max() < 0.002


def test_a_step_is_found_the_same_night(farm: Farm) -> None:
    """5 % in 95 of 100, and never taken for a bad day."""
    apart = np.arange(CASES) % 3 == 0
    words = farm.night(np.log1p(0.05 * apart), np.zeros((2, 1)), apart)

    assert words.slow[:, apart].mean() > 0.9
    assert not words.slow[:, ~apart].any()
    assert not words.bad_day.any()


def test_a_bad_day_is_no_case_s_fault(farm: Farm) -> None:
    words = farm.night(days=np.full((2, 1), 0.10))

    assert words.bad_day.mean() > 0.9
    assert not words.slow.any()


def test_a_creep_is_reported_from_the_first_night_that_tells_it() -> None:
    log_s = np.concatenate([np.zeros(30), 0.001 * np.arange(1, 61)])[None, None]
    noise = Noise(np.full((1, 1), 0.005), np.full((1, 1), 0.01), 0)

    first = first_report(Nights(log_s, np.full(log_s.shape, 2.0), np.zeros(log_s.shape)), noise)

    assert 45 <= float(first[0, 0]) <= 70


def test_a_bound_must_hold_with_the_limit_of_chance() -> None:
    """Nothing seen in 1,000 nights is no proof of 1 in 1,000."""
    assert not at_most("", 0, 1000, 0.001).kept
    assert at_most("", 0, 3000, 0.001).kept
    assert not at_least("", 95, 100, 0.95).kept
    assert at_least("", 100, 100, 0.95).kept


def test_the_command_ends_with_1_where_a_bound_does_not_hold(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    rows = {"held": at_most("red", 0, 3000, 0.001), "missed": at_most("red", 9, 3000, 0.001)}
    monkeypatch.setattr(nights, "table", lambda: {name: lambda _, line=line: iter([line]) for name, line in rows.items()})

    assert [nights.main(["--only", name]) for name in rows] == [0, 1]
    assert "at most 1 in 1,000, NOT KEPT" in capsys.readouterr().out
