"""mmaction2's own steps between and after BSN's networks, on arrays: ours are compared with them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
from numpy.typing import NDArray

from tools.localisation.detections import Detections
from tools.media.preprocess import Floats
from tools.pytorch.networks import import_mmaction
from tools.spec.model import ProposalSpec

Doubles = NDArray[np.float64]
Table = NDArray[np.floating[Any]]
DEFAULTS = ProposalSpec()
INFO = {"video_name": "v_1", "duration_frame": 1600, "duration_second": 64.0, "feature_frame": 1600,
        "annotations": [{"segment": [1.0, 2.0], "label": "x"}]}


@contextmanager
def files(tables: Mapping[str, Table], *, wide: bool = False) -> Iterator[None]:
    """Let np.loadtxt return these tables by the name of their folder, in mmaction2's float32 or *wide*."""

    def load(path: str, dtype: type, **_: object) -> Table:
        table = tables[path.split("/")[0]]
        return table if wide else table.astype(dtype)

    with mock.patch("numpy.loadtxt", load):
        yield


def tem_table(curves: Floats) -> Doubles:
    """What mmaction2's TEM writes: action, start, end and both ends of every bin, [bins, 5]."""
    bins = curves.shape[1]
    anchors = [[1.0 / bins * (number + more) for number in range(bins)] for more in (0.0, 1.0)]
    return np.stack([*curves, *anchors], axis=1)


def proposals(curves: Floats, threshold: float = DEFAULTS.peak_threshold) -> Doubles:
    """Proposals [n, 7]: start, end, their scores, the product, and two overlaps that only training needs."""
    import_mmaction()
    from mmaction.models.localizers.utils import generate_candidate_proposals

    with files({"tem": tem_table(curves)}):
        found: Doubles = generate_candidate_proposals([0], [INFO], "tem", curves.shape[1], threshold)["v_1"]
    return found


def features(curves: Floats, table: Table, top: int = DEFAULTS.top, *, wide: bool = False) -> Doubles:
    """Features [n, 32] of proposals and anchors that are read back as float32, or *wide*."""
    import_mmaction()
    from mmaction.models.localizers.utils import generate_bsp_feature

    with files({"tem": tem_table(curves), "pgm": table}, wide=wide):
        found: Doubles = generate_bsp_feature([0], [INFO], "tem", "pgm", top_k=top)["v_1"]
    return found


def detections(table: Table, iou_scores: Table, info: Mapping[str, object] = INFO, how: ProposalSpec = DEFAULTS) -> Detections:
    """PEM's fusion and NMS of proposals [n, >= 4] and scores [n], in the wider of their types."""
    import_mmaction()
    from mmaction.models.localizers.utils import post_processing

    start, end, start_score, end_score = table[:, :4].T
    columns = (start, end, start_score, end_score, iou_scores, iou_scores * start_score * end_score)
    rows = post_processing(np.stack(columns, axis=1), info, how.alpha, how.low, how.high, how.keep, 16)
    return Detections(np.array([row["segment"] for row in rows]), np.array([row["score"] for row in rows]))


def recall(truths: Sequence[Doubles], found: Sequence[Detections], most: int | None = 100) -> tuple[Doubles, Doubles, Doubles, float]:
    """Recall, its mean, proposals per video and the area below, by average_recall_at_avg_proposals."""
    import_mmaction()
    from mmaction.evaluation import average_recall_at_avg_proposals

    names = [str(number) for number in range(len(truths))]
    labelled = {name: np.column_stack([truth, np.zeros(len(truth))]) for name, truth in zip(names, truths, strict=True)}
    scored = {name: np.column_stack([each.segments, each.scores]) for name, each in zip(names, found, strict=True)}
    # NumPy 2.4 has no trapz; an empty segment makes mmaction2 divide 0 by 0.
    with mock.patch("numpy.trapz", np.trapezoid, create=True), np.errstate(invalid="ignore"):
        numbers: tuple[Doubles, Doubles, Doubles, float] = average_recall_at_avg_proposals(
            labelled, scored, sum(map(len, found)), max_avg_proposals=most)
    return numbers


def info(duration_s: float) -> dict[str, object]:
    """A video of a single snippet for `detections`: mmaction2 cuts to whole snippets, the guide does not."""
    return {**INFO, "duration_frame": 16, "duration_second": duration_s}
