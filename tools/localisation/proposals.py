"""Candidate boundaries and proposals made of TEM's curves, and the features that PEM sees of each; pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.localisation.detections import Doubles
from tools.media.preprocess import Floats

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


CENTRE, AROUND_START, AROUND_END = (0.0, 1.0, 16), (-0.2, 0.2, 8), (0.8, 1.2, 8)  # from, to, in lengths from the start; samples
SUBSTEPS = 3


def _points(first: float, last: float, samples: int) -> Doubles:
    """Where the curve is read in a region, in lengths of the proposal from its start: three steps a sample, and one more."""
    step = (last - first) / (samples - 1)
    points: Doubles = first - step / 2 + step / SUBSTEPS * np.arange(SUBSTEPS * samples + 1, dtype=np.float64)
    return points


REGIONS = tuple(_points(*region) for region in (CENTRE, AROUND_START, AROUND_END))


def features(curves: Floats, proposals: Proposals, top: int = 1000) -> Floats:
    """Features [n, 32] of the *top* proposals: 16 samples inside, 8 around the start, 8 around the end, of *curves* [3, bins].

    A sample is the mean of four points a third of a step apart, on the action curve joined linearly between the bins'
    centres and zero for a quarter of the bins and ten more on either side.

    mmaction2 reads anchors and proposals back from its CSV files as float32 and computes the points in float32, where a
    steep curve differs by up to about 1e-5; here, as in the guide's original, everything is float64 up to the result.

    Source: models.md 3.e.3; mmaction2 `generate_bsp_feature`.
    """
    bins = curves.shape[1]
    margin = bins // 4 + 10
    curve = np.pad(curves[0].astype(np.float64), margin)
    slope = np.diff(curve)
    level = curve[:-1] - slope * np.arange(len(slope), dtype=np.float64)  # the straight line through each bin and the next, at position 0
    best = proposals.best(top)
    start, length = best.start * bins + (margin - 0.5), (best.end - best.start) * bins
    return np.ascontiguousarray(np.concatenate([_samples(start, length, points, slope, level) for points in REGIONS]).T)


def _samples(start: Doubles, length: Doubles, points: Doubles, slope: Doubles, level: Doubles) -> Floats:
    """Means of four neighbouring points, the outer two shared with the neighbouring samples: [samples, n]."""
    places = np.multiply.outer(points, length)
    places += start
    bin_before = places.astype(np.intp)
    places *= slope.take(bin_before)
    places += level.take(bin_before)
    total = places[:-1:SUBSTEPS] + places[SUBSTEPS::SUBSTEPS]
    for between in range(1, SUBSTEPS):
        total += places[between::SUBSTEPS]
    return np.asarray(total / (SUBSTEPS + 1), np.float32)


def padded(found: Floats, rows: int = 1000) -> Floats:
    """The network's input [rows, 32]: the features, then rows of zeros, whose scores are to be cut off again (`fuse` does)."""
    whole = np.zeros((rows, found.shape[1]), np.float32)
    whole[:len(found)] = found[:rows]
    return whole


def bins(places: Doubles, count: int = 100) -> Doubles:
    """Numbers of the bins whose centres these shares of a video are: proposals lie on a grid, and are told apart by it."""
    return np.round(places * count - 0.5)
