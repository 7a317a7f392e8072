"""How far one tensor lies from another; pure."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.locating.values import Difference

HALF_MAX = float(np.finfo(np.float16).max)
NONE = Difference(0.0, 0.0, 1.0)


def difference(found: NDArray[Any], reference: NDArray[Any]) -> Difference:
    """The difference of *found*, of any shape, from the *reference* of that shape.

    Two tensors that are the same bit for bit do not differ, whatever they hold. Integers that differ are
    compared as numbers.
    """
    ours, theirs = (np.asarray(one, np.float64).ravel() for one in (found, reference))
    if ours.shape != theirs.shape:
        return Difference(np.inf, np.inf, 0.0, 1.0)
    strange = ~np.isfinite(ours) | (np.abs(ours) == HALF_MAX)
    normal = np.isfinite(theirs) & (np.abs(theirs) != HALF_MAX)
    unusual = float(np.mean(strange & normal)) if ours.size else 0.0
    both = np.isfinite(ours) & np.isfinite(theirs)
    ours, theirs = ours[both], theirs[both]
    apart = ours - theirs
    if not ours.size or not apart.any():
        return Difference(0.0, 0.0, 1.0, unusual)
    return Difference(_over(np.abs(apart).max(), np.ptp(theirs)), _over(_rms(apart), _spread(theirs)), cosine(ours, theirs), unusual)


def cosine(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> float:
    """Of two vectors; 1 of two that are nothing, 0 of one."""
    lengths = float(np.linalg.norm(ours) * np.linalg.norm(theirs))
    if lengths == 0:
        return float(not ours.any() and not theirs.any())
    return float(np.dot(ours, theirs)) / lengths


def worst(differences: list[Difference]) -> Difference:
    """Of several tensors: the largest of each, and the least cosine."""
    if not differences:
        return NONE
    return Difference(max(one.relative for one in differences), max(one.rms for one in differences),
                      min(one.cosine for one in differences), max(one.unusual for one in differences))


def _rms(values: NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def _spread(values: NDArray[np.float64]) -> float:
    """What a difference is held against: how far values lie from their mean; of equal ones, their size."""
    spread = float(np.std(values))
    return spread if spread > 1e-6 * _rms(values) else _rms(values)


def _over(apart: float, size: float) -> float:
    return float(apart) / float(size) if size > 0 else float("inf")
