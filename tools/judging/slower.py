"""Whether a case is slower tonight than on the nights before it: Wald's sequential test; pure.

Times enter as natural logarithms of the seconds that a clip takes, so that a difference is a share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum


class Outcome(Enum):
    """What the test says of the series measured so far."""

    FINE = "fine"
    OPEN = "open"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Before:
    """Comparable nights of a case, the oldest first.

    log_s: each night's mean logarithm of the seconds a clip. series: of how many series that is.
    carried: the log-likelihood ratio that a suspect last night has left.
    """

    log_s: tuple[float, ...]
    series: tuple[int, ...]
    carried: float = 0.0


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations of such logarithms, as all cases of a chip show them.

    between: from night to night. within: from series to series of one night. nights: how many tell it.
    """

    between: float
    within: float
    nights: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What is asked: slower by *margin* at most is good, slower by *step* bad, as shares of a clip's time."""

    margin: float = 0.0
    step: float = 0.05


@dataclass(frozen=True, slots=True)
class Decision:
    """What the series tell. shift: the logarithm of tonight's time over the centre's.

    ratio: the logarithm of the ratio of the likelihoods of slow and fine.
    """

    outcome: Outcome
    ratio: float
    shift: float
    centre: float
    nights: int
    series: int


def decide(tonight: Sequence[float], before: Before, noise: Noise, plan: Plan) -> Decision:
    """What *tonight*, one logarithm a series, says beside the nights before."""
    raise NotImplementedError
