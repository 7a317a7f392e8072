"""Whether a device repeats itself: a batch that is run a second time has the scores that it had before."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tools.measuring.answers import Kept
from tools.measuring.metrics import mean_of_views
from tools.media.preprocess import Floats

if TYPE_CHECKING:
    from tools.engines import Engine


@dataclass(frozen=True, slots=True)
class Repeat:
    """A second pass beside the first: the largest difference of a score over the largest score.

    It is 0 where both are equal to the bit. flipped: the clips that have another best class.
    """

    apart: float
    flipped: int


def second_pass(engine: Engine, kept: Kept, rows: int) -> Repeat:
    """Run the *kept* batch once more. *rows*: those of a clip, whose mean is its score."""
    again = engine.infer(kept.batch)
    flipped = 0
    if again.ndim == 2 and again.shape == kept.scores.shape:  # one score a class: a localiser's are curves
        flipped = int((best(again, kept.valid, rows) != best(kept.scores, kept.valid, rows)).sum())
    return Repeat(largest(again, kept.scores), flipped)


def best(scores: Floats, valid: int, rows: int) -> Floats:
    """The best class of each clip that counts."""
    found: Floats = mean_of_views(scores, rows)[:valid].argmax(axis=1)
    return found


def largest(ours: Floats, before: Floats) -> float:
    """The largest difference over the largest score *before*; 1 where one side alone has a number."""
    if ours.shape != before.shape or not np.array_equal(np.isfinite(ours), np.isfinite(before)):
        return 1.0
    finite = np.isfinite(before)
    apart = float(np.abs(ours.astype(np.float64) - before).max(initial=0.0, where=finite))
    return apart / float(np.abs(before).max(initial=0.0, where=finite)) if apart else 0.0
