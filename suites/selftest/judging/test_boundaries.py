"""What a threshold says just below it, at it, and just above it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from suites.selftest.judging.test_confirmed import decision
from tools.judging import accuracy, confirmed, floors, interval, known, likelihood, plausible, slower, speed, trend, verdict
from tools.judging.confirmed import APART, BAD_NIGHTS, ENOUGH, SURE, Word, conclude
from tools.judging.floors import ANY
from tools.judging.likelihood import Known, Nights, Noise
from tools.judging.rows import Row
from tools.judging.slower import DOUBTFUL, FEW, LEARNING, LEAST_OF_CONTROL, LEAST_SERIES, LOWER, UPPER, Before, Outcome, Plan
from tools.measuring.metrics import Distance
from tools.measuring.timing import MIN_ITERATIONS, summarise
from tools.nights import lines
from tools.nights.comparable import is_grave
from tools.nights.record import Series
from tools.spec.catalog import load_truth
from tools.spec.chips import kind
from tools.spec.expectations import Expectations
from tools.spec.settings import MODELS

TRUTH, PLAN, NOISE = load_truth(MODELS, "tsm"), Plan(0.01, 0.05), Noise(0.01, 0.01, 30)
SUMMARY = summarise([0.1] * 100, 16)
GOOD, BAD = PLAN.shifts
SLOW, CONTROL = decision(Outcome.SLOW, ratio=20.0), decision(Outcome.FINE, shift=0.0)
STEP, WELL = TRUTH.throughput.step, 0.2 * TRUTH.throughput.step
MOST_SPREAD, STORED = TRUTH.throughput.max_variation, 151 * (1 - TRUTH.throughput.max_slowdown)
KNOWN = Known(*(np.array(one) for one in (0.0, 1e-4, 1e-4, 1e8, 1e-4, 60.0)))


def nights(count: int) -> Before:
    return Before((0.0,) * count, (1,) * count, (0.0,) * count)


def hopeless(series: float) -> bool:
    return bool(slower.is_hopeless(KNOWN, Nights(np.array(0.025), np.array(series), np.array(0.0)), (0.0, 0.05), np.array(0.0),
                                   np.array(0.0), 40))


def few_shifts(count: float) -> float:
    return float(likelihood.common_shift(np.full(int(count), 0.02)))


def sure_shift(middle: float) -> bool:
    """Of eight cases of which half lie 0.01 from their median: its error is theirs by the root of eight."""
    apart = np.array([0.01, 0.01, 0.01, 0.01]) * 1.0
    return float(likelihood.common_shift(np.concatenate([middle - apart, middle + apart]))) > 0


def fast(rate: float) -> str:
    found = speed.throughput(replace(SUMMARY, clips_per_s=rate), TRUTH, kind("310P3"), 16)
    return found.verdict.value


def unfit(**more: Any) -> bool:
    return bool(speed.unfit([replace(SUMMARY, **more)], TRUTH))


def word_after(nights_before: float) -> bool:
    bad = decision(Outcome.SLOW, ratio=20.0)
    return conclude(bad, bad, int(nights_before), PLAN).word is Word.MACHINE_SLOW


def reason(length: float) -> str:
    """The end of a line that has a reason of so many letters."""
    row = Row("tiny-bs1-cpu", "accuracy", "mini", "mini", "", "", "", "", "x" * int(length), exit_reason="error")
    return known.line_of([row])[-4:]


def within(**more: float) -> bool:
    return floors.beyond(replace(ANY.gate, **more), ANY)


def close(**more: float) -> list[str]:
    found = Distance(**{"relative": 0.0, "cosine": 1.0, "worst": 0, "flipped": 0, **more})  # type: ignore[arg-type]
    return [one.verdict.value for one in verdict.closeness(found, ["a"], ANY.gate, "logits")]


def is_rate(rate: float) -> bool:
    return lines._is_rate(Series("own", rate, 1, 1.0, 0.0, 0.0))


def expected(share: float) -> str:
    return accuracy.expected({"top1": share}, Expectations.parse("top1=0.93"))[0].verdict.value


Law = tuple[Callable[[float], object], float, object, object, object]
STEPS: dict[str, Law] = {  # a number that is no whole one -> what is told of the next float below it, of it, and of the next above
    "slow": (lambda v: bool(slower.is_slow(np.array(v), np.array(99.0), np.array(LEAST_SERIES))), UPPER, False, True, True),
    "fine": (lambda v: bool(slower.is_fine(np.array(v))), LOWER, True, True, False),
    "alone fine": (lambda v: slower.outcome_of(20.0, v, 40), LOWER, Outcome.COMMON, Outcome.COMMON, Outcome.SLOW),
    "control of a doubt": (lambda v: slower.next_turn(decision(Outcome.OPEN, ratio=v, series=4), None, 40), DOUBTFUL,
                           (2, 0), (2, 0), (2, 1)),
    "alone enough": (lambda v: bool(confirmed.stands_out(np.array(v), np.array(ENOUGH), np.array(0.0), (GOOD, BAD))), UPPER,
                     False, True, True),
    "apart enough": (lambda v: bool(confirmed.stands_out(np.array(UPPER), np.array(0), np.array(v), (GOOD, BAD))),
                     GOOD + APART * (BAD - GOOD), False, False, True),
    "nearer to bad": (lambda v: bool(confirmed.is_bad_day(np.array(v), np.array(ENOUGH), (GOOD, BAD))), (GOOD + BAD) / 2,
                      False, False, True),
    "control seems slow": (lambda v: float(confirmed.carry(np.array(2.0), np.array(v))), 0.0, 2.0, 2.0, 0.0),
    "in part the machine": (lambda v: "so part of it is" in conclude(replace(SLOW, alone=v, told=0), None, 0, PLAN).sentence, UPPER,
                            True, False, False),
    "perhaps slower": (lambda v: "perhaps" in conclude(decision(Outcome.OPEN, shift=v), None, 0, PLAN).sentence, 0.0, False, False, True),
    "slow likelier": (lambda v: confirmed.odds(decision(Outcome.OPEN, ratio=v), PLAN).partition(" slower is")[0], 0.0, "1 %", "1 %", "5 %"),
    "over a million": (lambda v: "over 1e+06" in confirmed.odds(decision(Outcome.OPEN, ratio=v), PLAN), SURE, False, True, True),
    "faster": (lambda v: bool(confirmed.faster(decision(Outcome.FINE, faster=v), "then")), UPPER, False, True, True),
    "creeping": (lambda v: bool(trend.reported(trend.Creep(np.array(v), np.array(30)))), trend.LIMIT, False, True, True),
    "grave doubt": (is_grave, confirmed.MOST_CARRIED - 1e-6, False, True, True),
    "no evidence": (is_grave, 0.0, False, True, False),
    "spread": (lambda v: unfit(variation=v), MOST_SPREAD, False, False, True),
    "drift": (lambda v: unfit(drift=v), STEP / 2, False, False, True),
    "half width": (lambda v: unfit(short=True, half_width=v), WELL, False, False, True),
    "stored rate": (fast, STORED, "FAIL", "PASS", "PASS"),
    "difference": (lambda v: close(relative=v)[0], 0.05, "PASS", "PASS", "FAIL"),
    "cosine": (lambda v: close(cosine=v)[1], 0.99, "FAIL", "PASS", "PASS"),
    "floor's difference": (lambda v: within(max_relative_difference=v), 0.05, False, False, True),
    "floor's cosine": (lambda v: within(min_cosine=v), 0.99, True, False, False),
    "floor's flips": (lambda v: within(max_flipped_share=v), 0.05, False, False, True),
    "least rate": (is_rate, 1e-9, False, False, True),
    "most rate": (is_rate, 1e9, True, False, False),
    "most of a line": (lines._is_small, 1e5, True, True, False),
    "least of a line": (lines._is_small, -1e5, False, True, True),
    "chance of none": (lambda v: plausible.at_most(1, 4, v), 0.0, 1.0, 1.0, 1.0),
    "chance of all": (lambda v: plausible.at_most(1, 4, v) > 0, 1.0, True, False, False),
}
COUNTS: dict[str, Law] = {  # the same of whole numbers
    "series of slow": (lambda v: bool(slower.is_slow(np.array(UPPER), np.array(99.0), np.array(v))), 13, False, True, True),
    "nights of learning": (lambda v: slower.decide([0.0], nights(int(v)), NOISE, PLAN).outcome is Outcome.LEARNING, 8, True, False, False),
    "nights to lean on": (lambda v: slower.lean_on(nights(int(v)), NOISE, 0.1) is None, LEARNING, True, False, False),
    "series of hopeless": (hopeless, FEW, False, True, True),
    "series of a control": (lambda v: slower.next_turn(SLOW, replace(CONTROL, series=int(v)), 40), LEAST_OF_CONTROL,
                            (0, 6), (0, 0), (0, 0)),
    "learning series": (lambda v: slower.next_turn(decision(Outcome.LEARNING, series=int(v)), None, 40), 2, (1, 0), (0, 0), (0, 0)),
    "others of alone": (lambda v: bool(confirmed.stands_out(np.array(UPPER), np.array(v), np.array(0.0), (GOOD, BAD))), 12,
                        False, True, True),
    "others of a bad day": (lambda v: bool(confirmed.is_bad_day(np.array(1.0), np.array(v), (GOOD, BAD))), 12, False, True, True),
    "bad nights": (word_after, BAD_NIGHTS - 1, False, True, True),
    "cases of a shift": (few_shifts, 8, 0.0, 0.02, 0.02),
    "single times": (lambda v: interval.half_width([0.1] * int(v), "median"), 6, None, 0.0, 0.0),
    "length of a reason": (reason, 160, "xxxx", "xxxx", " ..."),
    "iterations": (lambda v: summarise([1.0] * int(v), 1).short, MIN_ITERATIONS, True, False, False),
}


@pytest.mark.parametrize("law", STEPS.values(), ids=STEPS)
def test_a_bound_belongs_to_its_side(law: Law) -> None:
    """And the least that is beyond it to the other."""
    told, bound, below, at, above = law

    assert [below, at, above] == [told(number) for number in (math.nextafter(bound, -math.inf), bound, math.nextafter(bound, math.inf))]


@pytest.mark.parametrize("law", COUNTS.values(), ids=COUNTS)
def test_a_count_is_enough_from_its_own_number_on(law: Law) -> None:
    told, bound, below, at, above = law

    assert [below, at, above] == [told(number) for number in (bound - 1, bound, bound + 1)]


def test_a_machine_is_off_where_chance_makes_no_such_median() -> None:
    """By more than two and a half of the median's own standard errors, which its cases' distances tell."""
    error = 2.5 * 1.2533 * 1.4826 * 0.01 / math.sqrt(8)

    assert [False, True] == [sure_shift(share * error) for share in (0.999, 1.001)]


@pytest.mark.parametrize(("share", "verdict_"), [(0.93 - 1e-8, "FAIL"), (0.93 - 1e-10, "PASS"), (0.93, "PASS")])
def test_a_share_reaches_its_floor_whatever_binary_makes_of_it(share: float, verdict_: str) -> None:
    """A billionth is no clip; the published figures less what may be lost are left behind, not reached."""
    assert verdict_ == expected(share)
    assert TRUTH.accuracy is not None
    floor = TRUTH.figure(TRUTH.references["top1"]).fraction - TRUTH.accuracy.max_drop
    found = [accuracy.against_published("top1", floor + more, TRUTH) for more in (-1e-8, 1e-10, 1e-8)]
    assert ["FAIL", "FAIL", "PASS"] == [one.verdict.value for one in found]


def test_a_centre_from_elsewhere_that_counts_nothing_may_be_any_number() -> None:
    """Where its variance is infinite the nights' own centre stays, even where it is no number at all."""
    centre, error2 = likelihood.leaning(np.array([1.5, 1.5]), np.array([0.25, 0.25]), np.array([np.nan, 2.5]), np.array([np.inf, 0.25]))

    assert [1.5, 2.0] == centre.tolist()
    assert [0.25, 0.125] == error2.tolist()
