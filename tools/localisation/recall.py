"""How many true segments are found: average recall at an average number of proposals a video; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tools.errors import DataError
from tools.localisation.detections import Detections, Doubles

Ranks = NDArray[np.int64]
THRESHOLDS = tuple(np.linspace(0.5, 0.95, 10).tolist())
POINTS = 100
RANKS = (1, 5, 10, 100)  # the points that are reported


@dataclass(frozen=True, slots=True, eq=False)
class Recall:
    """The share of true segments that are found, *by_threshold* of the temporal IoU [thresholds, 100 points].

    *per_video* [100]: the average number of proposals a video at each point. *auc*: area under the mean curve
    as a percentage. *hit* [segments, thresholds]: whether any proposal that counts finds a true segment; the
    segments are in the order of the videos.
    """

    by_threshold: Doubles
    per_video: Doubles
    auc: float
    hit: NDArray[np.bool_]

    def at(self, k: int) -> float:
        """AR@k as a share: the mean over the thresholds at point k, from 1 to 100."""
        return float(self.by_threshold[:, k - 1].mean())

    def named(self) -> dict[str, float]:
        """AR@k of the reported points, and AUC, as shares."""
        return {**{f"AR@{k}": self.at(k) for k in RANKS}, "AUC": self.auc / 100}


def average_recall(truths: Sequence[Doubles], found: Sequence[Detections], thresholds: Sequence[float] = THRESHOLDS,
                   most: int = 100) -> Recall:
    """AR@AN as ActivityNet's evaluation and mmaction2 compute it.

    *truths*: true segments [g, 2] in seconds of each video. *found*: the same videos' detections, of which
    *most* a video count on average. At point j, floor(n x j/100 x most x videos / retrieved) of a video's n
    detections count, with that product rounded in float64: if every video has exactly 100 detections, points
    29, 57 and 58 count 28, 56 and 57. A video without detections misses all its segments (mmaction2 raises if
    it is not listed). Of equal scores the earlier detection comes first (mmaction2: either). Segments and
    overlaps are rounded to float32, as in mmaction2 (ActivityNet's original keeps float64), and compared with
    the thresholds in float64, as NumPy 2 does.

    Source: models.md 3.e.8; mmaction2 `average_recall_at_avg_proposals`.

    Raises:
        DataError: there is no true segment at all.
    """
    if not sum(map(len, truths)):
        raise DataError("there is no annotation to be found", where=f"{len(truths)} videos",
                        remedy="give the annotations of the subset that is judged")
    counts = _retrieved(np.array([len(each) for each in found], np.int64), most)
    owner = np.repeat(np.arange(len(truths)), [len(segments) for segments in truths])
    first = _first_ranks(np.concatenate(truths), owner, _ranked(found, counts), thresholds)
    portion = np.arange(1, POINTS + 1) / 100.0 * (most * float(len(truths)) / max(int(counts.sum()), 1))
    read = np.minimum((counts[:, None] * portion).astype(np.int64), counts[:, None])[owner]
    by_threshold = np.stack([(ranks[:, None] < read).sum(axis=0) for ranks in first.T]) / len(owner)
    per_video = portion * (float(counts.sum()) / len(truths))
    return Recall(by_threshold, per_video, _area(by_threshold.mean(axis=0), per_video), first < counts[owner, None])


def _retrieved(available: Ranks, most: int) -> Ranks:
    """How many of each video's detections count at all, if *most* a video may on average."""
    ratio = most * float(len(available)) / max(int(available.sum()), 1)
    return np.minimum((available * ratio).astype(np.int64), available)


def _ranked(found: Sequence[Detections], counts: Ranks) -> NDArray[np.float32]:
    """The segments that count, best first: [videos, largest count, 2]; what remains is NaN: no overlap."""
    ranked = np.full((len(found), max(int(counts.max()), 1), 2), np.nan, np.float32)
    for row, each, count in zip(ranked, found, counts, strict=True):
        row[:count] = each.segments[np.argsort(-each.scores, kind="stable")[:count]]
    return ranked


def _first_ranks(truths: Doubles, owner: Ranks, ranked: NDArray[np.float32], thresholds: Sequence[float]) -> Ranks:
    """Per true segment and threshold, the rank from 0 of the first detection that overlaps enough.

    If none does, it is the width of *ranked*.
    """
    true_start, true_end = truths.astype(np.float32)[:, :, None].transpose(1, 0, 2)
    start, end = ranked[owner].transpose(2, 0, 1)
    shared = (np.minimum(end, true_end) - np.maximum(start, true_start)).clip(0)
    union = (true_end - true_start) + (end - start) - shared
    overlap = np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0, dtype=np.float64).astype(np.float32)
    best_yet = np.maximum.accumulate(overlap, axis=1)
    return np.stack([(best_yet < threshold).sum(axis=1) for threshold in np.asarray(thresholds, np.float64)], axis=1)


def _area(mean_recall: Doubles, per_video: Doubles) -> float:
    """Area under the curve, as a percentage of recall 1 over its whole length; 0 if nothing was retrieved."""
    return 100.0 * float(np.trapezoid(mean_recall, per_video)) / float(per_video[-1]) if per_video[-1] else 0.0
