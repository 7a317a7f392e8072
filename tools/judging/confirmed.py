"""What a night says of a case in the end: its own series and those of a control together; pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum

import numpy as np

from tools.judging.likelihood import Flags, Numbers
from tools.judging.slower import LEARNING, UPPER, Decision, Outcome, Plan

BAD_NIGHTS = 3  # in a row, the last of which is the machine's own fault
ENOUGH = 12  # other cases of the machine that tell what it is off tonight better than one control does
APART = 0.6  # share of the way from good to bad by which a case must lie apart from its control
SURE = math.log(1e6)  # beyond which nobody needs the number
MOST_CARRIED = UPPER / 2  # of the evidence that a suspect night leaves to the next


class Word(Enum):
    """What the speed of a case is said to be."""

    LEARNING = "learning"
    FINE = "fine"
    SUSPECT = "suspect"
    SLOW = "slow"
    BAD_DAY = "bad day"
    MACHINE_SLOW = "machine slow"


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The word for a night, the sentence that says why, and the ratio with which the next night begins."""

    word: Word
    sentence: str
    carried: float = 0.0


def stands_out(alone: Numbers, told: Numbers, apart: Numbers, shifts: tuple[float, float]) -> Flags:
    """Where a case is slow by itself, whatever the machine is off.

    A day that is bad by less than the step leaves the control fine, and would make one of many cases slow.
    So the evidence must hold without what all cases are off tonight. Where too few others told that,
    the case must also lie *apart* from the control by most of what lies between good and bad.
    """
    return np.asarray((alone >= UPPER) & ((told >= ENOUGH) | (apart > shifts[0] + APART * (shifts[1] - shifts[0]))))


def is_bad_day(common: Numbers, told: Numbers, shifts: tuple[float, float]) -> Flags:
    """Where the others of tonight, enough of them, tell that the machine is nearer to bad than to good."""
    return np.asarray((told >= ENOUGH) & (common > sum(shifts) / 2))


def carry(ratio: Numbers, control_ratio: Numbers) -> Numbers:
    """The evidence of a suspect night that counts in the next: none where the control seemed slow too."""
    return np.asarray(np.where(control_ratio > 0, 0.0, np.clip(ratio, -MOST_CARRIED, MOST_CARRIED)))


def conclude(case: Decision, control: Decision | None, bad_nights_before: int, plan: Plan) -> Conclusion:
    """The word for a case, with the control that was measured in turn with it; None where there was none.

    bad_nights_before: how many nights right before this one, without a good one between, were bad days.
    """
    if case.outcome is Outcome.LEARNING:
        return Conclusion(Word.LEARNING, f"learning ({case.nights} of {LEARNING} nights): nothing is judged yet")
    if case.outcome is Outcome.FINE:
        return Conclusion(Word.FINE, f"no slower than before: {beside(case)}")
    control_slow = case.outcome is Outcome.SLOW and control is not None and control.outcome is Outcome.SLOW
    if control_slow or (case.outcome is Outcome.COMMON and is_bad_day(np.asarray(case.common), np.asarray(case.told), plan.shifts)):
        return _bad_day(case, control, bad_nights_before)
    if case.outcome is Outcome.SLOW and control is not None and control.outcome is Outcome.FINE and _stands_out(case, control, plan):
        return Conclusion(Word.SLOW, f"slower than before: {beside(case)}; {odds(case, plan)}; {_kept(control)}")
    carried = 0.0 if case.outcome is Outcome.COMMON else float(carry(np.asarray(case.ratio), np.asarray(control.ratio if control else 0.0)))
    doubt = "perhaps slower than before" if case.shift > 0 else "not settled whether it is slower than before"
    return Conclusion(Word.SUSPECT, f"{doubt}: {beside(case)}; {odds(case, plan)}; {_unsettled(case, control)}", carried)


def _stands_out(case: Decision, control: Decision, plan: Plan) -> bool:
    return bool(stands_out(np.asarray(case.alone), np.asarray(case.told), np.asarray(case.shift - max(control.shift, 0.0)), plan.shifts))


def _bad_day(case: Decision, control: Decision | None, bad_nights_before: int) -> Conclusion:
    """The machine is slow tonight; on the third such night in a row that is its own fault."""
    nights = bad_nights_before + 1
    too = (f"the control too takes {percent(control.shift)} time a clip" if control and control.outcome is Outcome.SLOW
           else _all_slower(case))
    if nights < BAD_NIGHTS:
        return Conclusion(Word.BAD_DAY, f"bad day, the whole machine is slow: {beside(case)}; {too}")
    return Conclusion(Word.MACHINE_SLOW, f"the whole machine is slow, and this is night {nights} of that in a row: {beside(case)}; {too}")


def _all_slower(case: Decision) -> str:
    return f"the other cases measured tonight typically take {percent(case.common)} time a clip"


def _kept(control: Decision) -> str:
    return f"the control is no slower than its nights ({percent(control.shift)} time a clip, {control.series} series)"


def _unsettled(case: Decision, control: Decision | None) -> str:
    """Why a doubtful speed is not called slow."""
    if case.outcome is Outcome.COMMON or (case.outcome is Outcome.SLOW and case.alone < UPPER):
        return f"{_all_slower(case)}, so part of it is the whole machine"
    if case.outcome is Outcome.OPEN:
        return "that is not enough to tell; what it tells counts in the next night"
    if control is None or control.outcome is Outcome.LEARNING:
        return "no control with nights of its own was measured beside it, so the whole machine may be slow"
    if control.outcome is Outcome.OPEN:
        return f"whether the control kept its speed is not clear ({percent(control.shift)} time a clip, {control.series} series)"
    return f"the control too takes {percent(control.shift)} time a clip, so part of it is the whole machine"


def beside(case: Decision) -> str:
    """Tonight's rate beside the centre, with the numbers of series and nights."""
    against = case.against or f"the centre of {case.nights} nights"
    return (f"{math.exp(-case.centre - case.shift):.4g} clips/s tonight ({case.series} series) beside {math.exp(-case.centre):.4g}, "
            f"{against}: {percent(case.shift)} time a clip")


def odds(case: Decision, plan: Plan) -> str:
    """The evidence in words: how much likelier slow is than fine."""
    times = f"{math.exp(abs(case.ratio)):.2g}" if abs(case.ratio) < SURE else f"over {math.exp(SURE):.0g}"
    slow, fine = f"{100 * plan.step:.3g} % slower", f"{100 * plan.margin:.3g} % slower" if plan.margin else "not slower"
    return f"{slow} is {times} times likelier than {fine}" if case.ratio > 0 else f"{fine} is {times} times likelier than {slow}"


def percent(shift: float) -> str:
    """A difference of logarithms as a share with its sign."""
    return f"{100 * math.expm1(shift):+.1f} %"


def faster(case: Decision, since: str) -> str:
    """The news that a case became faster; empty where the series do not tell that."""
    if case.outcome is Outcome.LEARNING or case.faster < UPPER:
        return ""
    return f"{100 * math.expm1(-case.shift):+.0f} % since {since}: {beside(case)}"
