"""What timed calls answered: their rate counts only if they ran the network on the batch they were given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from tools.errors import ClipgateError
from tools.measuring.remembered import Rotation, remembers
from tools.measuring.timing import WARM_UP
from tools.media.preprocess import Floats

if TYPE_CHECKING:
    from tools.deployment.specialise import Graph
    from tools.engines import Bound

# What a device may add to its own answer in a second run, as a share of the largest score. ONNX Runtime gives
# the same bits again. In half precision a kernel may add up in another order: one step of such a number. In
# TF32 a sum that is a bit off may be rounded to another factor of the next layer: factors have the same step.
ONE_STEP = 2.0**-10
REPEATS = {"fp32": 0.0, "tf32": ONE_STEP, "fp16": ONE_STEP}
LEAST_SHARE = 0.01  # of a call's time: less on the device is another unit, or another call


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


def doubt(timed: Counted, series: Sequence[float], kept: Kept, precision: str, by_device: Sequence[float] = (),
          budget_s: float = 0.0) -> str:
    """Why the times of *series* say nothing of the network's speed; empty where the calls are seen to run it.

    The last call must have given the scores of its batch. Another batch in its place, which is the same with
    every sign turned, must give others, and in about the time of its repeat: answers may be remembered by
    batches. This changes *kept*. by_device: the device's own times of the calls. budget_s: the series' own.
    """
    if timed.calls != len(series) + WARM_UP:
        return f"{len(series)} times were taken of {timed.calls - WARM_UP} calls"
    if why := _of_another_clock(series, by_device):
        return why
    tolerance = REPEATS.get(precision, ONE_STEP)
    if not _same(timed.bound.scores(timed.answer), kept.scores, tolerance):
        return "the last timed call did not give the scores that its batch was given before"
    rotation = Rotation(timed, kept.batch)
    first_s = rotation.fresh()
    if _same(timed.bound.scores(timed.answer), kept.scores, tolerance):
        return "the timed call gives the same scores for another batch"
    return remembers(rotation, first_s, series, budget_s)


def _of_another_clock(series: Sequence[float], by_device: Sequence[float]) -> str:
    """Why the device's own times cannot be those of these calls; empty where they can, or there are none."""
    if not by_device:
        return ""
    if len(by_device) != len(series) or not all(isfinite(taken) and taken > 0 for taken in by_device):
        return f"the device tells {len(by_device)} times of {len(series)} calls, or some that are no times"
    theirs, ours = fmean(by_device), fmean(series)
    if not LEAST_SHARE * ours <= theirs <= ours:
        return f"the device says that a call takes {1000 * theirs:.3g} ms of the {1000 * ours:.3g} ms that are measured around it"
    return ""


def of_another_graph(graph: Graph) -> str:
    """Why what was timed may not be what was scored; empty while the graph's files are those found."""
    try:
        graph.require_unchanged()
    except ClipgateError as error:
        return f"the graph was changed while it was timed: {error.what} ({error.where})"
    return ""


def repeated(ours: Floats, before: Floats, precision: str) -> bool:
    """Whether a batch has the scores that it was given *before*, as far as the device repeats itself."""
    return _same(ours, before, REPEATS.get(precision, ONE_STEP))


def _same(ours: Floats | None, scored: Floats, tolerance: float) -> bool:
    """Whether scores are those of the scoring run, not-a-number in the same places."""
    if ours is None or ours.shape != scored.shape:
        return False
    largest = float(np.abs(scored).max(initial=0.0, where=np.isfinite(scored)))
    return bool(np.allclose(ours, scored, rtol=0, atol=tolerance * largest, equal_nan=True))
