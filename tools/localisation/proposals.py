"""Proposals made of TEM's curves, and the features by which PEM scores them; pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.localisation.detections import Doubles
from tools.media.preprocess import Floats

START, END = 1, 2  # rows of the curves; row 0 is the action curve


@dataclass(frozen=True, slots=True, eq=False)
class Proposals:
    """Proposals of one video, best first; *start* and *end* are shares of the video, 0 to 1."""

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
    """Centres of *bins* equal parts of the video, as shares of it."""
    gap = 1.0 / bins
    return gap / 2 + gap * np.arange(bins, dtype=np.float64)


def propose(curves: Floats, peak_threshold: float = 0.5) -> Proposals:
    """Pair each candidate end with each earlier candidate start of *curves* [3, bins]: action, start, end.

    The curves are finite. Best first by start score x end score, in float64. Of equal products the one with
    the earlier end comes first, then the one with the earlier start. mmaction2 and the original leave such
    ties to an unstable sort, so their order of equal products, and which of them is the 1000th, may differ.
    There is at least one proposal: from the first bin to the last.

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
    """Bins that may be a boundary: first, last, strict local maxima, and all above a share of the maximum."""
    chosen = curve > peak_threshold * curve.max()
    chosen[1:-1] |= (curve[1:-1] > curve[:-2]) & (curve[1:-1] > curve[2:])
    chosen[[0, -1]] = True
    return np.flatnonzero(chosen)


SUBSTEPS = 3


def _points(first: float, last: float, samples: int) -> Doubles:
    """The points of a region, in lengths of the proposal from its start: three a sample, and one more."""
    step = (last - first) / (samples - 1)
    return first - step / 2 + step / SUBSTEPS * np.arange(SUBSTEPS * samples + 1, dtype=np.float64)


# inside the proposal, around its start, around its end: from and to in its lengths, and the number of samples
REGIONS = tuple(_points(*region) for region in ((0.0, 1.0, 16), (-0.2, 0.2, 8), (0.8, 1.2, 8)))


def features(curves: Floats, proposals: Proposals, top: int = 1000) -> Floats:
    """Features [n, 32] of the *top* proposals: 16 samples inside, 8 around the start, 8 around the end.

    They are read from the action curve of *curves* [3, bins]. It runs straight from one bin's centre to the
    next, and is zero for a quarter of the bins and ten more on either side. A sample is the mean of four
    points, a third of a step apart.

    mmaction2 reads anchors and proposals from CSV files as float32 and computes the points in float32; on a
    steep curve its features differ by up to about 1e-5. Here, as in the guide's original, all is float64 up
    to the result.

    Source: models.md 3.e.3; mmaction2 `generate_bsp_feature`.
    """
    bins = curves.shape[1]
    margin = bins // 4 + 10
    curve = np.pad(curves[0].astype(np.float64), margin)
    slope = np.diff(curve)
    level = curve[:-1] - slope * np.arange(len(slope), dtype=np.float64)  # each bin's line at position 0
    best = proposals.best(top)
    start, length = best.start * bins + (margin - 0.5), (best.end - best.start) * bins
    return np.ascontiguousarray(np.concatenate([_samples(start, length, points, slope, level) for points in REGIONS]).T)


def _samples(start: Doubles, length: Doubles, points: Doubles, slope: Doubles, level: Doubles) -> Floats:
    """Means [samples, n] of four points each; the outer two belong to the neighbouring samples as well."""
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
    """PEM's input [rows, 32]: the features, then rows of zeros, whose scores `fuse` drops."""
    whole = np.zeros((rows, found.shape[1]), np.float32)
    whole[:len(found)] = found[:rows]
    return whole


def bins(places: Doubles, count: int = 100) -> Doubles:
    """The numbers of the bins whose centres these shares of a video are: by them proposals are told apart."""
    return np.round(places * count - 0.5)
