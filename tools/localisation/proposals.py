"""Candidate boundaries and proposals from the curves of BSN's first network (TEM); pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.detections import Doubles
from tools.preprocess import Floats

START, END = 1, 2  # rows of the curves; row 0 is the action's


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """Proposals of one video, best first. *start* and *end* in shares of the video, 0 to 1; the scores of both boundaries."""

    start: Doubles
    end: Doubles
    start_score: Floats
    end_score: Floats

    def __len__(self) -> int:
        return len(self.start)

    def best(self, count: int) -> Proposals:
        """The first *count* of them, or all."""
        return Proposals(self.start[:count], self.end[:count], self.start_score[:count], self.end_score[:count])


def bin_centres(bins: int) -> Doubles:
    """Centres of *bins* equal parts of the video, in 0 to 1."""
    gap = 1.0 / bins
    centres: Doubles = gap / 2 + gap * np.arange(bins, dtype=np.float64)
    return centres


def propose(curves: Floats, peak_threshold: float = 0.5) -> Proposals:
    """Pair every candidate end with every earlier candidate start of the finite *curves* [3, bins]: action, start, end.

    Best first by start score x end score, in float64. Of equal products the one whose end lies earlier comes first,
    then the one whose start does. mmaction2 and the original leave such ties to an unstable sort, so the order of
    equal products, and which of them is the 1000th, is not theirs. There is at least one proposal: from the first bin
    to the last.

    Source: models.md 3.e.2; mmaction2 `generate_candidate_proposals` without the overlaps used in training.
    """
    starts, ends = (candidates(curve, peak_threshold) for curve in curves[[START, END]])
    of_end, of_start = np.nonzero(starts < ends[:, None])
    first, last = starts[of_start], ends[of_end]
    start_score, end_score = curves[START, first], curves[END, last]
    order = np.argsort(-(start_score.astype(np.float64) * end_score), kind="stable")
    centres = bin_centres(curves.shape[1])
    return Proposals(centres[first[order]], centres[last[order]], start_score[order], end_score[order])


def candidates(curve: Floats, peak_threshold: float) -> NDArray[np.intp]:
    """Bins of a curve that may be a boundary: first and last, strict local maxima, and those above a share of its maximum."""
    chosen = curve > peak_threshold * curve.max()
    chosen[1:-1] |= (curve[1:-1] > curve[:-2]) & (curve[1:-1] > curve[2:])
    chosen[[0, -1]] = True
    return np.flatnonzero(chosen)
