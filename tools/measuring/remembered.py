"""Whether a device remembers answers: repeating one input must not be much faster than fresh ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Protocol

import numpy as np

from tools.engines import Bound
from tools.measuring.steady import spread
from tools.media.preprocess import Floats

FASTER = 0.1  # by so much a repeated input may be faster than a fresh one
SLOWER = 5.0  # times the median: what a busy machine may add to one of a few calls
TRIES = 3
SHARE = 0.1  # of the budget of timing, at most, where one of the FREE plans would not do
FREE = 2  # plans, the first ones, whatever the budget
STEPS = 128  # between one fresh input and the next: more than any plan has pairs, and each is seen in half precision


@dataclass(frozen=True, slots=True)
class Plan:
    """How many fresh inputs are run, each of them twice, to tell 20 % from FASTER at that spread of times.

    lost: of the pairs of any fresh call with any repeated one, so many need not differ by more than FASTER.
    Where repeats are faster by FASTER at most, chance leaves no more of them than that at most once in 10,000
    times, whatever the times are like (Mann and Whitney's exact test).
    """

    spread: float
    pairs: int
    lost: int


PLANS = (Plan(0.012, 8, 0), Plan(0.02, 16, 34), Plan(0.035, 32, 241), Plan(math.inf, 64, 1277))
IN_VAIN = 0.75  # where so large a share of pairs is lost after ENOUGH of them, no more calls are made
ENOUGH = 3


class Calls(Protocol):
    """A bound batch that is called to be timed."""

    bound: Bound

    def __call__(self) -> object: ...


class Rotation:
    """Calls on inputs that nobody has run before, each of which can be repeated.

    An input is the batch with every sign turned, then that a little nearer to zero each time. The batch
    itself is changed, since a copy may be large. It is put in place anew for a repeat as well, so that the
    two calls differ in nothing but whether their input was run before.
    """

    def __init__(self, timed: Calls, batch: Floats) -> None:
        self._timed, self._batch, self._turn = timed, batch, 0

    def fresh(self) -> float:
        """Seconds of a call on another input."""
        self._turn += 1
        return self._run(-1.0 if self._turn == 1 else 1 - 1 / (STEPS - self._turn + 2))

    def again(self) -> float:
        """Seconds of a call on the same input."""
        return self._run(1.0)

    def _run(self, factor: float) -> float:
        np.multiply(self._batch, np.float32(factor), out=self._batch)
        self._timed.bound.put(self._batch)
        started = perf_counter()
        self._timed()
        return perf_counter() - started


def remembers(rotation: Rotation, first_s: float, series: Sequence[float], budget_s: float) -> str:
    """Why *series* has the times of remembered answers; empty where that cannot be shown.

    first_s: seconds of the rotation's first fresh call. It ends as soon as further calls can show nothing:
    mostly after 2 to 8 calls, where nothing is remembered.
    """
    usual_s = median(series)
    plan = plan_for(series, budget_s)
    fresh, again = [first_s], list[float]()
    while True:
        again.append(rotation.again())
        if min(fresh) > SLOWER * usual_s:
            if len(fresh) >= TRIES:
                return f"a batch that was not run before takes {min(fresh) / usual_s:.0f} times as long"
        elif in_vain(lost(fresh, again), len(again), plan):
            return ""
        elif len(again) == plan.pairs:
            return f"repeating one input is {median(fresh) / median(again) - 1:.0%} faster than fresh ones"
        fresh.append(rotation.fresh())


def plan_for(series: Sequence[float], budget_s: float) -> Plan:
    """What the spread of *series* asks for, or the largest plan that SHARE of the budget pays for."""
    pair_s = 2 * median(series)
    paid = [*PLANS[:FREE], *(plan for plan in PLANS[FREE:] if plan.pairs * pair_s <= SHARE * budget_s)]
    return next((plan for plan in paid if spread(series) <= plan.spread), paid[-1])


def in_vain(lost: int, pairs: int, plan: Plan) -> bool:
    """Whether more calls cannot show, or very likely will not, that repeats are faster."""
    return lost > plan.lost or (pairs >= ENOUGH and lost > IN_VAIN * pairs**2)


def lost(fresh: Sequence[float], again: Sequence[float]) -> int:
    """In how many pairs the call on a fresh input is not slower than the other by more than FASTER."""
    return sum(one <= (1 + FASTER) * other for one in fresh for other in again)
