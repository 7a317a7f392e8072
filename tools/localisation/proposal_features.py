"""What BSN's second network (PEM) sees of a proposal: the action curve sampled inside it and around its ends; pure."""

from __future__ import annotations

import numpy as np

from tools.detections import Doubles
from tools.preprocess import Floats
from tools.proposals import Proposals

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
