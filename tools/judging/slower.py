"""Whether a case is slower tonight than on the nights before it: Wald's sequential test; pure.

Times enter as natural logarithms of the seconds that a clip takes, so that a difference is a share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from tools.judging.likelihood import Evidence, Flags, Known, Nights, Noise, Numbers, common_shift, evidence, known

__all__ = ["Before", "Decision", "Lean", "Noise", "Outcome", "Plan", "decide", "hopeless", "lean_on", "next_turn"]

FALSE = 1 / 63_000  # of nights a case may FAIL for nothing; by simulation less than half of it do, one of 126 in 1,000 nights
MISSED = 0.04  # of slowed cases that may be taken for fine
UPPER, LOWER = math.log((1 - MISSED) / FALSE), math.log(MISSED / (1 - FALSE))  # Wald's bounds of the ratio's logarithm
DOUBTFUL = 3.0  # a ratio from which on a control is measured too
LEARNING = 8  # comparable nights before which nothing is judged
LEARNING_SERIES = 2  # on such a night: one alone would not tell what differs inside a night
LEAST_SERIES = 13  # of tonight that decide a case slow: a few freak series must not
FEW, REACH = 4, 3.0  # series before which none is hopeless; standard errors by which their mean may still move
LEAST_OF_CONTROL = 13  # series that show that a control kept its speed, where a case seems slow


class Outcome(Enum):
    """What the test says of the series so far. COMMON: slower, but no more than the whole machine."""

    LEARNING = "learning"
    FINE = "fine"
    OPEN = "open"
    SLOW = "slow"
    COMMON = "common"


@dataclass(frozen=True, slots=True)
class Lean:
    """A centre that a case's few nights lean on: of the nights before a change, of other chips, of a file.

    error: the standard deviation of what may lie between that centre and the case's own; 0 for a figure that
    is what the case must keep to.
    """

    log_s: float
    error: float


@dataclass(frozen=True, slots=True)
class Before:
    """Comparable nights of a case, the oldest first.

    log_s: each night's mean logarithm of the seconds a clip. series: of how many series that is. squares: the
    sum of the squares by which they differ from that mean. runs: the run of each, by which the nights of
    several cases are known to be one. carried: the log-likelihood ratio that a suspect last night has left.
    against: what the centre is of, in words.
    """

    log_s: tuple[float, ...]
    series: tuple[int, ...]
    squares: tuple[float, ...]
    runs: tuple[str, ...] = ()
    carried: float = 0.0
    lean: Lean | None = None
    against: str = ""

    def nights(self) -> Nights:
        return Nights(np.array(self.log_s, float), np.array(self.series, float), np.array(self.squares, float))


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked: slower by *margin* at most is good, slower by *step* bad, as shares of a clip's time."""

    margin: float = 0.0
    step: float = 0.05

    @property
    def shifts(self) -> tuple[float, float]:
        """The logarithms of the times that are still good and already bad, as shares of the centre's."""
        return math.log1p(self.margin), math.log1p(self.step)


@dataclass(frozen=True, slots=True)
class Decision:
    """What the series tell. shift: the logarithm of tonight's time over the centre's.

    ratio: the logarithm of the ratio of the likelihoods of slow and fine. alone: the same, after what all
    cases of the machine are slower tonight was taken off. faster: the same of as much faster and fine. first:
    the shift of the first series alone, which the other cases of the machine are told. common: what they told
    this one; told: how many they are.
    """

    outcome: Outcome
    ratio: float
    shift: float
    centre: float
    nights: int
    series: int
    alone: float = 0.0
    faster: float = 0.0
    first: float = 0.0
    common: float = 0.0
    told: int = 0
    against: str = ""


def decide(tonight: Sequence[float], before: Before, noise: Noise, plan: Plan, others: Sequence[float] = ()) -> Decision:
    """What *tonight*, one logarithm a series, says beside the nights before.

    others: `first` of the other cases that this machine has measured tonight.
    """
    common = float(common_shift(np.array(others, float)))
    found = _found(tonight, before, noise, plan, common)
    ratio, alone = float(found.ratio) + before.carried, float(found.alone) + before.carried
    count = len(before.log_s)
    learning = before.lean is None and count < LEARNING
    outcome = Outcome.LEARNING if learning else outcome_of(ratio, alone, len(tonight))
    return Decision(outcome, 0.0 if learning else ratio, float(found.shift), float(found.centre), count, len(tonight),
                    alone, float(found.faster), tonight[0] - float(found.centre), common, len(others), before.against)


def hopeless(tonight: Sequence[float], before: Before, noise: Noise, plan: Plan, most: int, others: Sequence[float] = ()) -> bool:
    """Whether *most* series would most likely leave the case open as well; the rest as for `decide`."""
    common = common_shift(np.array(others, float))
    return bool(is_hopeless(*_weighed(tonight, before, noise), plan.shifts, common, np.asarray(before.carried), most))


def _found(tonight: Sequence[float], before: Before, noise: Noise, plan: Plan, common: float = 0.0) -> Evidence:
    return evidence(*_weighed(tonight, before, noise), plan.shifts, np.asarray(common))


def _weighed(tonight: Sequence[float], before: Before, noise: Noise) -> tuple[Known, Nights]:
    """What the nights before tell, and tonight's series."""
    times = np.array(tonight, float)
    measured = Nights(np.asarray(times.mean()), np.asarray(float(times.size)), np.asarray(np.square(times - times.mean()).sum()))
    lean = before.lean or Lean(0.0, math.inf)
    if before.lean is None and not before.log_s:  # nothing to compare with: the case's own time is its centre
        lean = Lean(float(times.mean()), 1.0)
    return known(before.nights(), (np.asarray(lean.log_s), np.asarray(lean.error**2)), noise), measured


def is_slow(ratio: Numbers, alone: Numbers, series: Numbers) -> Flags:
    """Where the evidence is past Wald's upper bound, of series enough."""
    return np.asarray((ratio >= UPPER) & (series >= LEAST_SERIES) & ~is_common(ratio, alone))


def is_fine(ratio: Numbers) -> Flags:
    """Where the evidence is past Wald's lower bound."""
    return np.asarray(ratio <= LOWER)


def is_common(ratio: Numbers, alone: Numbers) -> Flags:
    """Where it would be, had not the whole machine been slower."""
    return ~is_fine(ratio) & is_fine(alone)


def is_hopeless(before: Known, tonight: Nights, shifts: tuple[float, float], common: Numbers, carried: Numbers, most: int) -> Flags:
    """Where *most* series would leave a case open too, wherever their mean moves within reason.

    Nights may differ so much that no number of series of one night tells a step.
    """
    count = np.maximum(tonight.series, 1)
    error = np.sqrt(tonight.squares / np.maximum(count - 1, 1) / count)
    stays_open = np.asarray(tonight.series >= FEW)
    for moved in (-REACH, 0.0, REACH):
        full = Nights(tonight.log_s + moved * error, np.full_like(count, most), tonight.squares * most / count)
        found = evidence(before, full, shifts, common)
        ratio, alone = found.ratio + carried, found.alone + carried
        stays_open &= ~(is_fine(ratio) | is_common(ratio, alone) | is_slow(ratio, alone, full.series))
    return stays_open


def outcome_of(ratio: float, alone: float, series: int) -> Outcome:
    if is_fine(np.asarray(ratio)):
        return Outcome.FINE
    if is_common(np.asarray(ratio), np.asarray(alone)):
        return Outcome.COMMON
    return Outcome.SLOW if is_slow(np.asarray(ratio), np.asarray(alone), np.asarray(series)) else Outcome.OPEN


def group(done: Numbers, confirm: int) -> Numbers:
    """How many series come after *done*: half as many, so that groups are of 1, 1, 1, 2, 3, 4, 6, 9, ..."""
    return np.asarray(np.clip(confirm - done, 0, np.maximum(1, done // 2)))


def next_turn(case: Decision, control: Decision | None, confirm: int) -> tuple[int, int]:
    """How many series of the case and of its control to measure next, in turn; none of both: it is settled.

    control: None as long as none was measured. confirm: how many series of each there are at most. A control
    is begun where the case is doubtful: most doubts are settled before one is worth it.
    """
    aside = control.series if control else 0
    if case.outcome is Outcome.LEARNING:
        return max(0, min(LEARNING_SERIES, confirm) - case.series), 0
    own = _group(case.series, confirm) if case.outcome is Outcome.OPEN else 0
    slow = case.outcome is Outcome.SLOW
    doubtful = slow or (own > 0 and case.ratio > DOUBTFUL)
    undecided = control is None or control.outcome is Outcome.OPEN
    short = slow and control is not None and control.outcome is Outcome.FINE and aside < LEAST_OF_CONTROL
    return own, _group(aside, confirm) if (doubtful and undecided) or short else 0


def _group(done: int, confirm: int) -> int:
    return int(group(np.asarray(done), confirm))


def lean_on(before: Before, noise: Noise, apart: float) -> Lean | None:
    """The centre of nights that are not quite comparable, to lean on; None where they are too few to judge.

    apart: the standard deviation of what the change itself, or another chip, may make.
    """
    if len(before.log_s) < LEARNING:
        return None
    found = _found(before.log_s[-1:], before, noise, Plan())
    return Lean(float(found.centre), math.hypot(float(found.error), apart))
