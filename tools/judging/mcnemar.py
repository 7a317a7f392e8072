"""What clips that only one side has right tell of a loss: McNemar's exact test, and its limits; pure.

A clip is lost where torch alone has it right, and won where the device alone has. Without a loss either is as
likely, so that the number of lost ones is that of heads in so many throws of a coin.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from functools import cache
from itertools import count
from statistics import NormalDist

from tools.judging.interval import Interval
from tools.judging.plausible import at_least
from tools.spec.truth import PairsGate

LONG = 3000  # clips: shorter lists are judged by a share alone, since chance tells too little there
CONFIDENCE = 0.95


def p_value(lost: int, won: int) -> float:
    """The probability of at least so many lost clips among those that changed, where a coin decides."""
    return at_least(lost, lost + won, 0.5)


def allowed(clips: int, gate: PairsGate) -> int:
    """The net loss of clips that is too much however chance comes into it, less one."""
    return max(gate.max_loss_clips, int(gate.max_loss_share * clips))


def flips_red(lost: int, won: int, clips: int, gate: PairsGate) -> bool:
    """Whether the net loss is FAIL: above what is allowed; of a long list also one that is no chance.

    Without a real loss the second is so in at most max_p of all lists, however many clips change.
    """
    net = lost - won
    if net > allowed(clips, gate):
        return True
    counts = clips >= LONG and net > 0 and net >= round(gate.min_net_share * clips, 9)  # 0.001 * 9000 is a little over 9
    return counts and lost >= _least_lost(lost + won, gate.max_p)


@cache
def _least_lost(changed: int, max_p: float) -> int:
    """How many of *changed* clips must be lost for a p of at most *max_p*; more than all if none would do."""
    return bisect_left(range(changed + 1), True, key=lambda lost: p_value(lost, changed - lost) <= max_p)  # noqa: FBT003


def net_loss(lost: int, won: int, clips: int) -> Interval:
    """The net loss as a share of the clips, and where that of all such clips lies with 95 % confidence.

    By Agresti and Min (2005): half a clip is added to each of the four kinds, so that clips of which none
    changed leave an interval as well. It may reach beyond -1 or 1 for a handful of clips, and is cut there.
    """
    more, net = clips + 2, lost - won
    deviation = math.sqrt(max(lost + won + 1 - net**2 / more, 0.0)) / more
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * deviation
    return Interval(max(net / more - reach, -1.0), net / clips, min(net / more + reach, 1.0))


def smallest_loss(lost: int, won: int, clips: int, gate: PairsGate) -> int:
    """The smallest net loss of clips that would be FAIL where as many clips change.

    Where all of those would be too few, more change, and each is lost.
    """
    return next(net for net in count(1) if flips_red(*_changed(lost + won, net), clips, gate))


def _changed(changed: int, net: int) -> tuple[int, int]:
    """Lost and won clips of this net loss: as many as *changed*, or more where that leaves half a clip."""
    won = max(changed - net + 1, 0) // 2
    return won + net, won


def sentence(lost: int, won: int, clips: int, gate: PairsGate, name: str) -> str:
    """What the clips tell, in words; *name*: of the reference."""
    loss, least, most = net_loss(lost, won, clips), smallest_loss(lost, won, clips, gate), allowed(clips, gate)
    rule = f"a net loss of {most} is allowed" if clips < LONG else (
        f"a net loss from {100 * gate.min_net_share:g} points on is FAIL where p is up to {gate.max_p:g}, "
        f"one of more than {most} clips in any case")
    return (f"{lost} of {clips} clips lost, {won} won against {name}, p = {p_value(lost, won):.2g}, "
            f"net loss {100 * loss.measured:.2f} points (95 %: {100 * loss.low:.2f} to {100 * loss.high:.2f}); {rule}; "
            f"the smallest loss these clips show is {100 * least / clips:.2f} points, {least} clips")
