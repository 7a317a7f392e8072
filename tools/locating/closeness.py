"""Whether a tensor is what it was before a rewrite, up to what rounding changes; pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.locating.difference import difference
from tools.locating.values import Difference

ROUNDINGS = 4  # of the last bit, that a tensor has been through since another one was its namesake's equal


def news_in(ours: NDArray[Any], theirs: NDArray[Any], limit: float) -> Difference | None:
    """Their difference where it is beyond the limit and beyond what float32 can tell apart."""
    if not comparable(ours, theirs) or _close(ours, theirs, limit):
        return None
    found = apart(ours, theirs)
    return found if found.weight > max(limit, resolution(theirs)) else None


def comparable(ours: NDArray[Any], theirs: NDArray[Any]) -> bool:
    """Whether both are numbers in one shape. An axis of one, as of a height, does not count."""
    return all(one.dtype.kind in "biuf" for one in (ours, theirs)) and squeezed(ours) == squeezed(theirs)


def _close(ours: NDArray[Any], theirs: NDArray[Any], limit: float) -> bool:
    """Whether two tensors surely differ by far less than the limit: quick, for most of them do."""
    if ours.dtype != np.float32 or theirs.dtype != np.float32:
        return False
    first, second = ours.ravel(), theirs.ravel()
    with np.errstate(invalid="ignore", over="ignore"):  # what is not finite is not close
        away, spread = np.linalg.norm(first - second), np.linalg.norm(second - second.mean())
        return bool(away <= limit / 2 * spread and np.isfinite(spread))


def squeezed(value: NDArray[Any]) -> list[int]:
    return [size for size in value.shape if size != 1]


def apart(ours: NDArray[Any], theirs: NDArray[Any], rows: int = 1) -> Difference:
    """The difference of two tensors of one size, its rms over how far *theirs* lie from their mean.

    So it shows in scores that all lie near one value, as curves of an untrained network do near one half.
    rows: the items of a batch, of which the worst is judged.
    """
    found, spread = difference(ours, theirs, rows), _spread(theirs)
    if found.unusual or not spread:
        return found
    with np.errstate(invalid="ignore"):  # of infinities that are the same in both
        away = np.subtract(ours.ravel(), theirs.ravel(), dtype=np.float64).reshape(rows, -1)
    worst = max((float(np.mean(np.square(_finite(row)))) for row in away if np.isfinite(row).any()), default=0.0)
    return replace(found, rms=worst**0.5 / spread)


def resolution(values: NDArray[Any]) -> float:
    """What rounding alone may change in a tensor, as a share of how far its values lie from their mean."""
    spread, most = _spread(values), float(np.abs(_finite(values)).max(initial=0.0))
    return float(ROUNDINGS * np.finfo(np.float32).eps * most / spread) if spread else 0.0


def _finite(values: NDArray[Any]) -> NDArray[np.float64]:
    wide = np.asarray(values, np.float64)
    return wide[np.isfinite(wide)]


def _spread(values: NDArray[Any]) -> float:
    finite = _finite(values)
    return float(np.std(finite)) if finite.size else 0.0
