"""What a night comes to, for every way in which a case and its control can have been found."""

from __future__ import annotations

import math

import pytest

from tools.judging.confirmed import MOST_CARRIED, Word, conclude
from tools.judging.slower import Decision, Outcome, Plan

PLAN = Plan()


def decision(outcome: Outcome, shift: float = 0.06, ratio: float = 2.5, alone: float = 99.0, **more: float) -> Decision:
    found = {"series": 20, "nights": 30, "centre": math.log(0.01), "faster": 0.0, "common": 0.0, "told": 20}
    return Decision(outcome=outcome, shift=shift, ratio=ratio, alone=alone, **{**found, **more})  # type: ignore[arg-type]


FINE, SLOW, OPEN = (decision(one, shift, ratio) for one, shift, ratio in (
    (Outcome.FINE, 0.001, -6.0), (Outcome.SLOW, 0.06, 15.0), (Outcome.OPEN, 0.03, 2.5)))
LEARNING, COMMON = decision(Outcome.LEARNING, nights=3), decision(Outcome.COMMON, common=0.02)


@pytest.mark.parametrize(("found", "beside", "word", "carried", "words"), [
    (LEARNING, None, Word.LEARNING, 0.0, "learning (3 of 8 nights)"),
    (FINE, None, Word.FINE, 0.0, "no slower than before: 99.9 clips/s tonight (20 series) beside 100, the centre of 30 nights: +0.1 %"),
    (SLOW, FINE, Word.SLOW, 0.0, "the control is no slower than its nights (+0.1 % time a clip, 20 series)"),
    (SLOW, SLOW, Word.BAD_DAY, 0.0, "the control too takes +6.2 % time a clip"),
    (decision(Outcome.COMMON, common=0.06), FINE, Word.BAD_DAY, 0.0, "the other cases measured tonight typically take +6.2 % time a clip"),
    (COMMON, FINE, Word.SUSPECT, 0.0, "the other cases measured tonight typically take +2.0 % time a clip, so part of it is the whole"),
    (OPEN, None, Word.SUSPECT, 2.5, "that is not enough to tell; what it tells counts in the next night"),
    (OPEN, FINE, Word.SUSPECT, 2.5, "that is not enough to tell"),
    (OPEN, decision(Outcome.OPEN, 0.02, 0.1), Word.SUSPECT, 0.0, "that is not enough to tell"),
    (decision(Outcome.OPEN, 0.03, 99.0), FINE, Word.SUSPECT, MOST_CARRIED, "perhaps slower than before"),
    (decision(Outcome.OPEN, -0.01, -99.0), FINE, Word.SUSPECT, -MOST_CARRIED, "not settled whether it is slower than before"),
    (SLOW, None, Word.SUSPECT, MOST_CARRIED, "no control with nights of its own was measured beside it"),
    (SLOW, LEARNING, Word.SUSPECT, 0.0, "no control with nights of its own was measured beside it"),
    (SLOW, decision(Outcome.OPEN, 0.02, -0.5), Word.SUSPECT, MOST_CARRIED, "whether the control kept its speed is not clear (+2.0 % time"),
    (decision(Outcome.SLOW, 0.06, 15.0, alone=0.0), FINE, Word.SUSPECT, MOST_CARRIED, "the other cases measured tonight typically take"),
    (decision(Outcome.SLOW, told=0, shift=0.041), decision(Outcome.FINE, 0.03, -6.0), Word.SUSPECT, 2.5,
     "the control too takes +3.0 % time a clip, so part of it is the whole machine"),
])
def test_each_pair_comes_to_one_word_and_says_why(
        found: Decision, beside: Decision | None, word: Word, carried: float, words: str) -> None:
    """And carries its evidence into the next night only where the doubt is its own."""
    night = conclude(found, beside, 0, PLAN)
    assert (word, pytest.approx(carried)) == (night.word, night.carried)
    assert words in night.sentence


@pytest.mark.parametrize(("before", "word"), [(0, Word.BAD_DAY), (1, Word.BAD_DAY), (2, Word.MACHINE_SLOW), (7, Word.MACHINE_SLOW)])
def test_the_third_bad_day_in_a_row_is_the_machines_own_fault(before: int, word: Word) -> None:
    assert word is conclude(SLOW, SLOW, before, PLAN).word
