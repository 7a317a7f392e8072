"""How far one tensor lies from another; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf, isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.locating.values import Difference

HALF_MAX = float(np.finfo(np.float16).max)
NONE = Difference(0.0, 0.0, 1.0)
BLOCK = 2**18  # values that are looked at together: few enough to stay in a processor's cache
Wide = NDArray[np.float64]


def difference(found: NDArray[Any], reference: NDArray[Any], rows: int = 1) -> Difference:
    """The difference of *found*, of any shape, from the *reference* of as many values.

    rows: the items of a batch that lie behind each other in both. The rms is then that of the worst item, so
    that one wrong item shows among many right ones. It is over the size of all where that is more, since an
    item that is next to nothing has no size to hold an error against. Nothing is said of values that are NaN
    in the reference. An infinite one is the same, or the end of half precision, or the other is unusual.
    Integers that differ are compared as numbers.
    """
    if found.size != reference.size:
        return Difference(inf, inf, 0.0, 1.0)
    if np.array_equal(found.reshape(-1), reference.reshape(-1)):
        return NONE
    ours, theirs = found.reshape(rows, -1), reference.reshape(rows, -1)
    sums = [_of_row(*both) for both in zip(ours, theirs, strict=True)]
    return _of_all(sums, reference.size)


def beside(found: NDArray[Any], reference: NDArray[Any], read: Sequence[NDArray[Any]], rows: int = 1) -> Difference:
    """The difference of what was made of the tensors *read*; over their size where it should be nothing.

    What is left where two that are the same are subtracted is rounding of what they were.
    """
    apart = difference(found, reference, rows)
    if apart.rms < inf or apart.unusual:
        return apart
    size = max((_size(one) for one in read), default=0.0)
    most = float(np.abs(found.astype(np.float64)).max(initial=0.0))
    return Difference(_over(most, size), _over(_size(found), size), 0.0)


def _size(tensor: NDArray[Any]) -> float:
    """The root of the mean square of the finite values."""
    wide = tensor.astype(np.float64)
    return float(np.sqrt(np.mean(np.square(wide[np.isfinite(wide)])))) if np.isfinite(wide).any() else 0.0


def rows_of(tensor: NDArray[Any], batch: int) -> int:
    """How many items of a *batch* a tensor has behind each other; 1 where its first axis has not such."""
    several = batch > 1 and tensor.ndim > 1 and tensor.size > 0
    return batch if several and tensor.shape[0] % batch == 0 and tensor.size > batch else 1


def cosine(ours: Wide, theirs: Wide) -> float:
    """Of two vectors; 1 of two that are nothing, 0 of one."""
    return _cosine(_product(ours, theirs), _product(ours, ours), _product(theirs, theirs))


def worst(differences: Sequence[Difference]) -> Difference:
    """Of several tensors: the largest of each, and the least cosine."""
    if not differences:
        return NONE
    return Difference(max(one.relative for one in differences), max(one.rms for one in differences),
                      min(one.cosine for one in differences), max(one.unusual for one in differences),
                      max(one.unknown for one in differences))


@dataclass
class _Sums:
    """What blocks of two tensors add up to. most: the largest difference; low, high: the reference's.

    compared: how many values are finite in both.
    """

    apart: float = 0.0
    ours: float = 0.0
    theirs: float = 0.0
    both: float = 0.0
    most: float = 0.0
    low: float = inf
    high: float = -inf
    compared: int = 0
    unusual: int = 0
    unknown: int = 0

    def add(self, ours: Wide, theirs: Wide) -> None:
        with np.errstate(invalid="ignore", over="ignore"):
            apart = ours - theirs
            square = _product(apart, apart)
        if not isfinite(square) or max(ours.max(), -ours.min()) >= HALF_MAX:
            usable = self._counted(ours, theirs)
            ours, theirs = ours[usable], theirs[usable]
            apart = ours - theirs
            square = _product(apart, apart)
        if not ours.size:
            return
        self.compared += ours.size
        self.apart += square
        self.ours += _product(ours, ours)
        self.theirs += _product(theirs, theirs)
        self.both += _product(ours, theirs)
        self.most = max(self.most, float(apart.max()), float(-apart.min()))
        self.low, self.high = min(self.low, float(theirs.min())), max(self.high, float(theirs.max()))

    def _counted(self, ours: Wide, theirs: Wide) -> NDArray[np.bool_]:
        """Count what is unusual or unknown; where both are finite."""
        finite, infinite = np.isfinite(theirs), np.isinf(theirs)
        normal = finite & (np.abs(theirs) != HALF_MAX)
        strange = ~np.isfinite(ours) | (np.abs(ours) == HALF_MAX)
        other = infinite & (ours != theirs) & (ours != np.copysign(HALF_MAX, theirs))
        self.unusual += int(np.count_nonzero(strange & normal | other))
        self.unknown += int(np.count_nonzero(np.isnan(theirs)))
        usable: NDArray[np.bool_] = finite & np.isfinite(ours)
        return usable


def _of_row(found: NDArray[Any], reference: NDArray[Any]) -> _Sums:
    """The sums of one item."""
    sums = _Sums()
    for ours, theirs in _blocks(found, reference):
        sums.add(ours, theirs)
    return sums


def _of_all(sums: Sequence[_Sums], size: int) -> Difference:
    """The difference of items with these sums, of *size* values together."""
    apart, ours, theirs, both = (sum(part) for part in zip(*((one.apart, one.ours, one.theirs, one.both) for one in sums), strict=True))
    unusual, unknown = (count / size if size else 0.0 for count in (sum(one.unusual for one in sums), sum(one.unknown for one in sums)))
    if unusual and not any(one.compared for one in sums):
        return Difference(inf, inf, 0.0, unusual, unknown)
    if not apart:
        return Difference(0.0, 0.0, 1.0, unusual, unknown)
    low, high = min(one.low for one in sums), max(one.high for one in sums)
    usual = theirs / len(sums)
    rms = sqrt(max(_over(one.apart, max(one.theirs, usual)) for one in sums))
    return Difference(_over(max(one.most for one in sums), high - low or max(abs(low), abs(high))), rms, _cosine(both, ours, theirs),
                      unusual, unknown)


def _blocks(found: NDArray[Any], reference: NDArray[Any]) -> Iterator[tuple[Wide, Wide]]:
    """Both, block by block, as wide numbers."""
    ours, theirs = found.reshape(-1), reference.reshape(-1)
    for start in range(0, reference.size, BLOCK):
        part = slice(start, start + BLOCK)
        yield ours[part].astype(np.float64), theirs[part].astype(np.float64)


def _product(one: Wide, other: Wide) -> float:
    """Of two vectors, on one core: a device's process has use for the others."""
    return float(np.einsum("i,i->", one, other))


def _cosine(both: float, ours: float, theirs: float) -> float:
    """Of the three products of two vectors with each other and themselves."""
    if not ours or not theirs:
        return float(ours == theirs)
    return both / sqrt(ours) / sqrt(theirs)


def _over(apart: float, size: float) -> float:
    return apart / size if size > 0 else inf
