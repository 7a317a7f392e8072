"""Whether labels can be those of these weights, as torch's own top-1 tells; exact tests, pure.

Labels off by one lower torch's accuracy and the device's alike: 0.13 beside 0.13 is no sign of a right port.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.measuring import metrics
from tools.measuring.metrics import Labels
from tools.media.preprocess import Floats
from tools.spec.model import ModelSpec
from tools.spec.truth import Truth

SURE = 0.99  # of both tests
LEAST = 0.5  # the share of what is known that torch must be able to reach
SHORT = 20  # clips: fewer cannot tell a good port from chance among as many classes
STEPS = 40  # halvings: the bound is exact to far more digits than are shown


@dataclass(frozen=True, slots=True)
class Known:
    """The top-1 that weights are known to reach, as a share of one, and who says so."""

    top1: float
    source: str


def known_of(spec: ModelSpec, truth: Truth, weights: str) -> Known | None:
    """What weights of this origin are known to reach: a published figure, or the floor of mini weights."""
    if weights == "mini":
        return Known(spec.mini.reference_top1_at_least, f"reference_top1_at_least in {spec.name}.py")
    if weights == "published" and "top1" in truth.references:
        figure = truth.figure(truth.references["top1"])
        return Known(figure.fraction, f"{truth.path.name} {figure.id}")
    return None


def unlikely(reference: Floats, labels: Labels, known: Known | None, *, few: bool = False) -> str:
    """Why these can hardly be the labels of what torch scored; empty where they can.

    Wrong labels are mostly those of the list's other classes, so chance is one in the classes that it has. In
    a list of less than SHORT clips three of four would be chance then; there it is one in all classes.
    few: they are some clips of a data set whose labels are checked. So few may show nothing, and need not.
    """
    right, clips = int(metrics.hits(reference, labels, 1).sum()), len(labels)
    has = f"torch itself has {right} of {clips} clips right at top-1"
    wrong = "wrong labels look like that; if they are right, say so with --expect top1=SHARE, above chance"
    if known is not None and at_most(right, clips, LEAST * known.top1) <= 1 - SURE:
        return (f"{has}, at most {upper_bound(right, clips):.4f} with {SURE:.0%} confidence, below half of the {known.top1:g} that these "
                f"weights are known to reach ({known.source}); {wrong}")
    luck = chance(labels, reference.shape[1])
    p = at_least(right, clips, luck)
    if p > 1 - SURE and not few:
        return f"{has}, which is not above chance: one of {1 / luck:.0f} classes, p = {p:.2g} is over {1 - SURE:.2g}; {wrong}"
    return ""


def chance(labels: Labels, outputs: int) -> float:
    """The share that is right by chance: one in the list's classes; of a short list one in *outputs*."""
    return 1 / (max(2, len(np.unique(labels))) if len(labels) >= SHORT else outputs)


def at_most(right: int, clips: int, share: float) -> float:
    """The probability of at most so many right clips where each is right with the probability *share*."""
    if right >= clips or share <= 0:
        return 1.0
    if share >= 1:
        return 0.0
    turn = np.arange(1, right + 1)
    logs = np.concatenate([[0.0], np.cumsum(np.log((clips - turn + 1) / turn * (share / (1 - share))))])
    return float(min(1.0, np.exp(logs + clips * np.log1p(-share)).sum()))


def at_least(right: int, clips: int, share: float) -> float:
    """The probability of at least so many right clips."""
    return at_most(clips - right, clips, 1 - share)


def upper_bound(right: int, clips: int) -> float:
    """The largest share that so few right clips do not exclude, by Clopper and Pearson, one-sided."""
    low, high = right / clips, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if at_most(right, clips, middle) <= 1 - SURE else (middle, high)
    return high
