"""What BSN's second network (PEM) sees of a proposal: the action curve sampled inside it and around its ends; pure."""

from __future__ import annotations

import numpy as np

from tools.preprocess import Floats
from tools.proposals import Doubles, Proposals

REGIONS = ((0.0, 1.0, 16), (-0.2, 0.2, 8), (0.8, 1.2, 8))  # centre, start, end: from, to (in lengths from the start), samples
WIDTH = sum(samples for _, _, samples in REGIONS)
SUBSTEPS = 3


def _points() -> Doubles:
    """Where the curve is read, in lengths of a proposal from its start: three steps a sample and one more, a region."""
    regions = []
    for first, last, samples in REGIONS:
        step = (last - first) / (samples - 1)
        regions.append(first - step / 2 + step / SUBSTEPS * np.arange(SUBSTEPS * samples + 1))
    return np.concatenate(regions)


POINTS = _points()


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
    level = curve[:-1] - slope * np.arange(len(slope))  # the straight line through each bin and the next, at position 0
    best = proposals.best(top)
    places = np.multiply.outer(POINTS, (best.end - best.start) * bins)
    places += best.start * bins + (margin - 0.5)
    bin_before = places.astype(np.intp)
    values = places
    values *= slope.take(bin_before)
    values += level.take(bin_before)
    return np.ascontiguousarray(_samples(values).T)


def _samples(values: Doubles) -> Floats:
    """Means of four neighbouring points, the outer two shared with the neighbouring samples: [points, n] -> [32, n]."""
    means = np.empty((WIDTH, values.shape[1]), np.float32)
    row = point = 0
    for _, _, samples in REGIONS:
        part = values[point:point + SUBSTEPS * samples + 1]
        means[row:row + samples] = (part[:-1:SUBSTEPS] + part[1::SUBSTEPS] + part[2::SUBSTEPS] + part[SUBSTEPS::SUBSTEPS]) / (SUBSTEPS + 1)
        row, point = row + samples, point + len(part)
    return means


def padded(found: Floats, rows: int = 1000) -> Floats:
    """The network's input [rows, 32]: the features, then rows of zeros, whose scores are to be cut off again (`fuse` does)."""
    whole = np.zeros((rows, found.shape[1]), np.float32)
    whole[:len(found)] = found[:rows]
    return whole
