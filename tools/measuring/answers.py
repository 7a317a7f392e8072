"""What timed calls answered: their rate counts only if they ran the network on the batch they were given."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tools.measuring.timing import WARM_UP
from tools.media.preprocess import Floats

if TYPE_CHECKING:
    from tools.engines import Bound

# What a device may add to its own answer in a second run, as a share of the largest score. ONNX Runtime gives
# the same bits again. In half precision a kernel may add up in another order: one step of such a number.
REPEATS = {"fp32": 0.0}
ONE_STEP = 2.0**-10


@dataclass(frozen=True, slots=True)
class Kept:
    """A scored batch that is timed: *scores* is what `infer` gave for it, and *valid* of its rows count."""

    batch: Floats
    valid: int
    scores: Floats


class Counted:
    """A bound batch that counts its calls and keeps the last answer, which costs less than a microsecond."""

    def __init__(self, bound: Bound) -> None:
        self.bound = bound
        self.calls = 0
        self.answer: object = None

    def __call__(self) -> None:
        self.answer = self.bound()
        self.calls += 1


def doubt(timed: Counted, iterations: int, kept: Kept, precision: str) -> str:
    """Why *iterations* times say nothing of the network's speed; empty where the calls are seen to run it.

    The last call must have given the scores of its batch. Another batch in its place, which is the same with
    every sign turned, must give others. It turns the signs in *kept* itself, since a copy may be large.
    """
    if timed.calls != iterations + WARM_UP:
        return f"{iterations} times were taken of {timed.calls - WARM_UP} calls"
    tolerance = REPEATS.get(precision, ONE_STEP)
    if not _same(timed.bound.scores(timed.answer), kept.scores, tolerance):
        return "the last timed call did not give the scores that its batch was given before"
    np.negative(kept.batch, out=kept.batch)
    timed.bound.put(kept.batch)
    timed()
    if _same(timed.bound.scores(timed.answer), kept.scores, tolerance):
        return "the timed call gives the same scores for another batch"
    return ""


def _same(ours: Floats | None, scored: Floats, tolerance: float) -> bool:
    """Whether scores are those of the scoring run, not-a-number in the same places."""
    if ours is None or ours.shape != scored.shape:
        return False
    largest = float(np.abs(scored).max(initial=0.0, where=np.isfinite(scored)))
    return bool(np.allclose(ours, scored, rtol=0, atol=tolerance * largest, equal_nan=True))
