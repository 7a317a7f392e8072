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


def difference(found: NDArray[Any], reference: NDArray[Any]) -> Difference:
    """The difference of *found*, of any shape, from the *reference* of as many values.

    Nothing is said of values that are NaN in the reference. Other values that are not finite there are the
    same or are left out. Integers that differ are compared as numbers.
    """
    if found.size != reference.size:
        return Difference(inf, inf, 0.0, 1.0)
    if np.array_equal(found.reshape(-1), reference.reshape(-1)):
        return NONE
    sums = _Sums()
    for ours, theirs in _blocks(found, reference):
        sums.add(ours, theirs)
    return sums.difference(reference.size)


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
    """What blocks of two tensors add up to. most: the largest difference; low, high: the reference's."""

    apart: float = 0.0
    ours: float = 0.0
    theirs: float = 0.0
    both: float = 0.0
    most: float = 0.0
    low: float = inf
    high: float = -inf
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
        self.apart += square
        self.ours += _product(ours, ours)
        self.theirs += _product(theirs, theirs)
        self.both += _product(ours, theirs)
        self.most = max(self.most, float(apart.max()), float(-apart.min()))
        self.low, self.high = min(self.low, float(theirs.min())), max(self.high, float(theirs.max()))

    def _counted(self, ours: Wide, theirs: Wide) -> NDArray[np.bool_]:
        """Count what is unusual or unknown; where both are finite."""
        finite = np.isfinite(theirs)
        normal = finite & (np.abs(theirs) != HALF_MAX)
        strange = ~np.isfinite(ours) | (np.abs(ours) == HALF_MAX)
        self.unusual += int(np.count_nonzero(strange & normal))
        self.unknown += int(np.count_nonzero(np.isnan(theirs)))
        usable: NDArray[np.bool_] = finite & np.isfinite(ours)
        return usable

    def difference(self, size: int) -> Difference:
        unusual, unknown = (count / size if size else 0.0 for count in (self.unusual, self.unknown))
        if not self.apart:
            return Difference(0.0, 0.0, 1.0, unusual, unknown)
        width = self.high - self.low or max(abs(self.low), abs(self.high))
        return Difference(_over(self.most, width), sqrt(_over(self.apart, self.theirs)),
                          _cosine(self.both, self.ours, self.theirs), unusual, unknown)


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
