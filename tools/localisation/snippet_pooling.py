"""Snippet features of a video of any length brought to equally many positions, as mmaction2 does it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.localisation.detections import Doubles

POINTS = 3  # each position is the mean of so many points
EDGE = 1e-4  # of a snippet: how far from the first and from the last one the points stay


def pooled(rows: NDArray[np.floating[Any]], positions: int) -> Doubles:
    """Rows [T, C], one a snippet, as [positions, C].

    The way from the first snippet to the last is cut into equal parts. A position is the mean of three:
    its part's beginning, and the points after a third and two thirds of it. Between two snippets the way is
    straight. A single snippet stands at every position.
    """
    last = len(rows) - 1
    if not last:
        return np.repeat(rows.astype(np.float64), positions, axis=0)
    part = (last - EDGE - EDGE) / positions
    begins = np.cumsum([EDGE, *[part] * (positions - 1)])  # added up one by one, since a product rounds otherwise
    points = begins[:, None] + np.arange(POINTS) / POINTS * part
    after = np.clip(np.ceil(points).astype(np.int64), 1, last)
    before = after - 1
    slopes = (rows[after] - rows[before]).astype(np.float64)  # the difference is rounded as the features are stored
    found: Doubles = (slopes * (points - before)[:, :, None] + rows[before]).mean(axis=1)
    return found
