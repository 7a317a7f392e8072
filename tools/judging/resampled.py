"""How well a list of videos tells a difference of recall: the same with videos drawn again; pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.judging.interval import Interval
from tools.localisation.detections import Doubles
from tools.localisation.recall import Recall

DRAWS, AT_ONCE = 2000, 100
CONFIDENCE = 0.95


def recall_difference(ours: Recall, theirs: Recall, segments: Sequence[int]) -> Interval:
    """AR@100 less theirs on the same videos, and where it lies with 95 % confidence.

    *segments*: how many true ones each video has. AR@100 is the share of pairs of a segment and a threshold
    that are found. A video brings all of its pairs or none. So videos are drawn, as many as there are and any
    of them several times, and each draw gives a difference. The seed is fixed: equal answers are judged
    alike.
    """
    each = np.asarray(segments, np.float64)
    gained = _by_video(ours.hit.mean(axis=1) - theirs.hit.mean(axis=1), segments)
    rng, found = np.random.default_rng(0), []
    for _ in range(DRAWS // AT_ONCE):
        drawn = rng.integers(len(each), size=(AT_ONCE, len(each)))
        found.append(gained[drawn].sum(axis=1) / np.maximum(each[drawn].sum(axis=1), 1))
    low, high = np.quantile(np.concatenate(found), [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return Interval(float(low), float(gained.sum() / each.sum()), float(high))


def _by_video(values: Doubles, segments: Sequence[int]) -> Doubles:
    """The sum of the values of each video's segments, which follow each other; 0 of a video without any."""
    upto = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.cumsum(segments)
    found: Doubles = upto[ends] - upto[ends - np.asarray(segments)]
    return found
