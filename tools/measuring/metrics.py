"""Pure numbers from scores: top-k hits, and how far two sets of scores lie apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.media.preprocess import Floats

Hits = NDArray[np.bool_]
Labels = NDArray[np.int64]
TINY = float(np.finfo(np.float32).tiny)


@dataclass(frozen=True, slots=True)
class Distance:
    """Device against reference. *relative*: the largest difference, as a share of the reference's range.

    *flipped*: the number of clips whose best class changed. *worst*: the row of the largest difference.
    """

    relative: float
    cosine: float
    flipped: int
    worst: int


def hits(scores: Floats, labels: Labels, k: int) -> Hits:
    """Per row of [N, classes], whether its label is among the *k* best; a tie across rank k is no hit."""
    _, last, finite = _ranks(scores, labels)
    return finite & (last <= k)


def ties(scores: Floats, labels: Labels, k: int) -> Hits:
    """Per clip, whether its label is tied across rank *k*, where the order of equal scores decides."""
    first, last, finite = _ranks(scores, labels)
    return finite & (first <= k) & (last > k)


def _ranks(scores: Floats, labels: Labels) -> tuple[Labels, Labels, Hits]:
    """Per row, first and last rank, from 1, that its label's score can have; and whether that is finite."""
    own = np.take_along_axis(scores, labels[:, None], axis=1)
    return (scores > own).sum(axis=1) + 1, (scores >= own).sum(axis=1), np.isfinite(own[:, 0])


def mean_of_views(scores: Floats, rows: int) -> Floats:
    """The mean of every clip's *rows* rows: [B * rows, classes] -> [B, classes]."""
    return scores.reshape(-1, rows, *scores.shape[1:]).mean(axis=1) if rows > 1 else scores


def first_not_finite(scores: Floats) -> int | None:
    """The first row with a NaN or an infinity."""
    bad = np.flatnonzero(~np.isfinite(scores).all(axis=1))
    return int(bad[0]) if bad.size else None


def log_scores(scores: Floats, *, softmax: bool, smallest: float = TINY) -> NDArray[np.float64]:
    """Scores on the scale on which they are compared: logits as they are, probabilities as logarithms.

    A probability below *smallest* counts as that.
    """
    wide = scores.astype(np.float64)
    return np.log(np.maximum(wide, smallest)) if softmax else wide


def centred(logits: Floats) -> Floats:
    """Logits [N, classes] less their row's mean: a constant common to all classes means nothing."""
    less: Floats = logits - logits.mean(axis=1, keepdims=True)
    return less


def distance(scores: Floats, reference: Floats, *, softmax: bool, smallest: float = TINY) -> Distance:
    """How far *scores* [N, classes] lie from *reference*, on log-probabilities or logits.

    smallest: the smallest probability that the device can tell from 0; no side's are compared below it.
    The cosine is the smallest of all rows', each centred: an offset common to all classes means nothing.
    """
    ours, theirs = (log_scores(rows, softmax=softmax, smallest=smallest) for rows in (scores, reference))
    apart = np.abs(ours - theirs)
    span = float(theirs.max() - theirs.min())
    a, b = (rows - rows.mean(axis=1, keepdims=True) for rows in (ours, theirs))
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosines = (a * b).sum(axis=1) / np.maximum(lengths, TINY)
    flipped = int((scores.argmax(axis=1) != reference.argmax(axis=1)).sum())
    return Distance(float(apart.max()) / max(span, TINY), float(cosines.min()), flipped, int(apart.max(axis=1).argmax()))
