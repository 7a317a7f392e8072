"""Makes detections in seconds of scored proposals: score fusion and soft non-maximum suppression; pure."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.localisation.detections import Detections, Doubles
from tools.localisation.proposals import Proposals
from tools.media.preprocess import Floats
from tools.spec.model import ProposalSpec

GUIDE = ProposalSpec()


def detect(proposals: Proposals, iou_scores: Floats, duration_s: float, how: ProposalSpec = GUIDE) -> Detections:
    """The *how.keep* best detections of a video of *duration_s*, best first and clipped to the video.

    *iou_scores*: PEM's output, [rows] or [rows, 1]; row i belongs to proposal i. Rows beyond the proposals
    are padding. Proposals beyond the rows were not scored and are dropped.
    """
    scores = fuse(iou_scores, proposals)
    picks, decayed = suppress(proposals.best(len(scores)), scores, how)
    shares = np.stack([proposals.start[picks], proposals.end[picks]], axis=1)
    return Detections(np.clip(shares, 0.0, 1.0) * duration_s, decayed)


def fuse(iou_scores: Floats, proposals: Proposals) -> Doubles:
    """IoU score x start score x end score of each proposal with a row in *iou_scores*, [rows] or [rows, 1].

    The products are float64; mmaction2 multiplies in float32.
    """
    scored = iou_scores.reshape(-1)[:len(proposals)]
    best = proposals.best(len(scored))
    return scored.astype(np.float64) * best.start_score * best.end_score


def suppress(proposals: Proposals, scores: Doubles, how: ProposalSpec = GUIDE) -> tuple[NDArray[np.intp], Doubles]:
    """Pick the highest score *how.keep* times, each time lowering the scores of overlapping proposals.

    Gives the picks and their scores. Of equal scores the earlier proposal is picked. mmaction2 sorts before
    and after by an unstable sort, and picks one more that it drops. Since the scores of the picks never rise,
    that changes only the order of equal scores. A single proposal keeps its score.

    Widths and overlaps are computed in float64 and in mmaction2's order of operations: on a grid of bins an
    overlap often equals its threshold but for rounding. mmaction2's own pipeline passes float32, in which
    such a tie may fall the other way.

    Source: models.md 3.e.5; mmaction2 `soft_nms`.
    """
    start, end = proposals.start, proposals.end
    live = scores.copy()
    count = min(how.keep, len(live))
    picks, taken = np.empty(count, np.intp), np.empty(count)
    for turn in range(count):
        pick = picks[turn] = live.argmax()
        taken[turn] = live[pick]
        first, last = start[pick], end[pick]
        overlap = _overlap(first, last, start, end)
        near = (overlap > how.low + (how.high - how.low) * (last - first)).nonzero()[0]
        live[near] *= np.exp(overlap[near] ** 2 / -how.alpha)
        live[pick] = -np.inf
    return picks, taken


def _overlap(first: float, last: float, start: Doubles, end: Doubles) -> Doubles:
    """Intersection over union with each segment; below zero where the two are apart.

    It works in place: it runs a hundred times a video, on arrays so small that the calls cost more than the
    work.
    """
    shared = np.minimum(last, end)
    shared -= np.maximum(first, start)
    union = (last - first) - shared
    union += end
    union -= start
    shared /= union
    return shared
