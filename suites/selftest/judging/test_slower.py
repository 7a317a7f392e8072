"""The sequential test beside the nights before, and what a night comes to with a control."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tools.judging.confirmed import Word, conclude, faster
from tools.judging.likelihood import Noise
from tools.judging.slower import Before, Lean, Outcome, Plan, decide, lean_on, next_turn
from tools.judging.spread import PRIOR, noise_of_cases

PLAN, NOISE = Plan(), Noise(0.005, 0.01, 3000)
USUAL = math.log(0.01)  # seconds a clip


def before(nights: int, **changes: float) -> Before:
    """Nights at the usual speed, 1 % up and down in turn."""
    log_s = tuple(USUAL + 0.01 * (-1) ** night for night in range(nights))
    return replace(Before(log_s, (1,) * nights, (0.0,) * nights, tuple(map(str, range(nights)))), **changes)  # type: ignore[arg-type]


def series(count: int, slower: float = 0.0) -> list[float]:
    """Series of one night, 1 % up and down in turn."""
    return [USUAL + math.log1p(slower) + 0.01 * (-1) ** one for one in range(count)]


def test_a_usual_night_is_fine_after_a_series_or_two() -> None:
    assert decide(series(2), before(30), NOISE, PLAN).outcome is Outcome.FINE


def test_a_slower_night_is_slow_once_many_series_say_so() -> None:
    """Few series never decide it, however far off they are: they may be freaks."""
    found = decide(series(20, 0.06), before(30), NOISE, PLAN)

    assert found.outcome is Outcome.SLOW
    assert found.shift == pytest.approx(math.log1p(0.06), abs=0.002)
    assert decide(series(4, 0.20), before(30), NOISE, PLAN).outcome is Outcome.OPEN


def test_a_faster_night_is_fine_and_news() -> None:
    """One-sided: nothing that became faster is doubted; what surely did is told."""
    found = decide(series(20, -0.10), before(30), NOISE, PLAN)

    assert found.outcome is Outcome.FINE
    assert faster(found, "Monday").startswith("+11 % since Monday")
    assert faster(decide(series(2), before(30), NOISE, PLAN), "Monday") == ""


@pytest.mark.parametrize("nights", [0, 1, 7])
def test_seven_nights_judge_nothing(nights: int) -> None:
    found = decide(series(40, 0.5), before(nights), NOISE, PLAN)

    assert found.outcome is Outcome.LEARNING
    assert next_turn(replace(found, series=1), None, 40) == (1, 0)
    assert f"({nights} of 8 nights)" in conclude(found, None, 0, PLAN).sentence


def test_one_night_far_off_hardly_moves_the_centre() -> None:
    """A last night at half the speed leaves tonight, at half the speed, as slow as before."""
    usual = before(30)
    odd = replace(usual, log_s=(*usual.log_s[:-1], USUAL + math.log(2)))
    found = decide(series(20, 1.0), odd, NOISE, PLAN)

    assert found.centre == pytest.approx(USUAL, abs=0.003)
    assert found.outcome is Outcome.SLOW


def test_more_series_of_one_night_tell_less_and_less() -> None:
    """What a whole night is off is common to them, so that a wide spread between nights leaves doubt."""
    wide = Noise(0.02, 0.01, 3000)

    assert decide(series(40, 0.05), before(30), wide, PLAN).outcome is Outcome.OPEN
    assert decide(series(400, 0.05), before(30), wide, PLAN).outcome is Outcome.OPEN


def test_evidence_of_a_suspect_night_counts_once_more() -> None:
    tonight = series(13, 0.03)
    alone, after = (decide(tonight, before(30, carried=carried), NOISE, PLAN) for carried in (0.0, 3.0))

    assert after.ratio == pytest.approx(alone.ratio + 3)


def test_a_stored_figure_is_a_centre_without_error() -> None:
    """The same test, from the first night on."""
    stored = Before((), (), (), lean=Lean(-math.log(100.0), 0.0))

    assert decide(series(20, 0.06), stored, PRIOR, PLAN).outcome is Outcome.SLOW
    assert decide(series(4), stored, PRIOR, PLAN).outcome is Outcome.FINE
    assert decide(series(4), stored, PRIOR, PLAN).centre == pytest.approx(USUAL)


def test_first_nights_lean_on_the_nights_before_a_change() -> None:
    """Two nights at the slow speed do not hide the step; enough of them outweigh the old centre."""
    lean = lean_on(before(30), NOISE, 0.005)
    assert lean is not None
    new = [replace(before(nights), log_s=tuple(one + 0.06 for one in before(nights).log_s), lean=lean) for nights in (0, 2, 40)]
    centres = [decide(series(20, 0.06), nights, NOISE, PLAN).centre - USUAL for nights in new]

    assert decide(series(20, 0.06), new[0], NOISE, PLAN).outcome is Outcome.SLOW
    assert centres[0] < centres[1] < 0.05 < centres[2]
    assert lean_on(before(7), NOISE, 0.005) is None


def test_a_slow_case_is_compared_with_a_control_until_both_are_decided() -> None:
    first = decide(series(1, 0.10), before(30), NOISE, PLAN)
    slow, fine = decide(series(20, 0.10), before(30), NOISE, PLAN), decide(series(6), before(30), NOISE, PLAN)

    assert next_turn(first, None, 40) == (1, 1)
    assert next_turn(slow, None, 40) == (0, 1)
    assert next_turn(slow, fine, 40) == (0, 3)
    assert next_turn(slow, replace(fine, series=13), 40) == (0, 0)
    assert next_turn(fine, None, 40) == (0, 0)
    assert next_turn(first, None, 1) == (0, 0)


def judged(case: float, control: float | None, others: list[float], bad_nights: int = 0) -> Word:
    found = decide(series(28, case), before(30), NOISE, PLAN, others)
    beside = None if control is None else decide(series(28, control), before(30), NOISE, PLAN)
    return conclude(found, beside, bad_nights, PLAN).word


def test_slow_is_who_is_slow_beside_a_control_that_is_not() -> None:
    """No control, or one as slow, or others as slow: then it may be the machine."""
    usual = [0.01 * (-1) ** one for one in range(20)]

    assert judged(0.0, 0.0, usual) is Word.FINE
    assert judged(0.07, 0.0, usual) is Word.SLOW
    assert judged(0.07, None, usual) is Word.SUSPECT
    assert judged(0.07, 0.07, []) is Word.BAD_DAY
    assert judged(0.07, 0.07, [], 2) is Word.MACHINE_SLOW
    assert judged(0.07, 0.0, [one + 0.07 for one in usual]) is Word.BAD_DAY
    assert judged(0.05, 0.0, [one + 0.02 for one in usual]) is Word.SUSPECT


def test_the_sentence_of_a_slow_case_has_its_numbers() -> None:
    found, control = (decide(series(28, slower), before(30), NOISE, PLAN) for slower in (0.07, 0.0))
    sentence = conclude(found, control, 0, PLAN).sentence

    assert "93.46 clips/s tonight (28 series) beside 100, the centre of 30 nights: +7.0 % time a clip" in sentence
    assert "5 % slower is" in sentence
    assert "the control is no slower than its nights (+0.0 % time a clip, 28 series)" in sentence


@pytest.mark.parametrize(("within", "between"), [(0.02, 0.005), (0.01, 0.01)])
def test_the_noise_is_found_that_made_the_nights(within: float, between: float) -> None:
    """Even where only what began slow was measured again."""
    chance = np.random.default_rng(1)
    cases = [drawn(chance, within, between) for _ in range(126)]
    found = noise_of_cases(cases)

    assert found.within == pytest.approx(within, rel=0.1)
    assert found.between == pytest.approx(between, rel=0.25)


def test_nights_of_one_series_each_are_split_as_usual() -> None:
    """Nothing in them tells what differs inside a night, so the sum is theirs and the ratio the prior's."""
    chance = np.random.default_rng(2)
    cases = [replace(before(30), log_s=tuple(0.02 * chance.standard_normal(30))) for _ in range(20)]
    found = noise_of_cases(cases)

    assert float(np.hypot(found.between, found.within)) == pytest.approx(0.02, rel=0.1)
    assert float(found.between) / float(found.within) == pytest.approx(0.5, rel=0.2)


def drawn(chance: np.random.Generator, within: float, between: float) -> Before:
    """Thirty nights, each measured again as long as its mean is slow."""
    nights = []
    for _ in range(30):
        level = between * chance.standard_normal()
        times: list[float] = []
        while len(times) < 1 or (len(times) < 20 and np.mean(times) > 0.003):
            times.append(level + within * chance.standard_normal())
        nights.append((float(np.mean(times)), len(times), float(np.square(np.array(times) - np.mean(times)).sum())))
    log_s, count, squares = zip(*nights, strict=True)
    return Before(log_s, count, squares, tuple(map(str, range(30))))
