"""One step's array beside mmaction2's: whether they differ, where first, and what it looks like; pure."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from itertools import product
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.locating.difference import NONE, difference, worst
from tools.locating.values import Difference, Step

Array = NDArray[Any]
OTHER = Difference(inf, inf, 0.0, 1.0)  # of arrays that cannot be compared value by value
NEAR = 2  # rows or columns by which a picture may have moved, to be told
TOGETHER = ("view", "frame", "channel")  # axes along which whole slices may have changed places
Looks = Callable[[Array, Array], str]


def compared(name: str, clip: str, ours: Array, theirs: Array, axes: Sequence[str], limit: float = 0.0,
             looks: Looks | None = None) -> Step:
    """The step *name* of a clip: *ours* beside *theirs*, whose axes have these names.

    limit: the difference that is news. looks: what more can be told of arrays that differ.
    """
    if ours.shape != theirs.shape:
        shapes = f"its shape is {list(ours.shape)} where mmaction2's is {list(theirs.shape)}"
        return Step(name, clip, OTHER, shapes, limit)
    apart = difference(ours, theirs) if limit else _exact(ours, theirs)
    if not apart.weight > limit:
        return Step(name, clip, apart, limit=limit)
    other = (looks(ours, theirs) if looks else "") or looks_like(ours, theirs, axes)
    return Step(name, clip, apart, "; ".join(filter(None, [_first(ours, theirs, axes, limit), other])), limit)


def _exact(ours: Array, theirs: Array) -> Difference:
    """The worst of all slices along the first axis, since an array of frames may be large."""
    if np.array_equal(ours, theirs):
        return NONE
    return worst([difference(one, other) for one, other in zip(ours, theirs, strict=True)])


def _first(ours: Array, theirs: Array, axes: Sequence[str], limit: float) -> str:
    """Where the two first differ, by how much, and how much of them does."""
    unequal = ~(np.abs(ours - theirs) <= limit * float(np.ptp(theirs))) if limit else ours != theirs
    if not unequal.any():  # many small differences, none of which is beyond the limit by itself
        unequal = ours != theirs
    where = tuple(int(place) for place in np.unravel_index(int(unequal.argmax()), ours.shape))
    place = ", ".join(f"{axis} {number}" for axis, number in zip(axes, where, strict=True))
    return (f"first at {place}: {ours[where]:.6g} where mmaction2 has {theirs[where]:.6g}; {np.count_nonzero(unequal):,} of "
            f"{ours.size:,} values differ")


def looks_like(ours: Array, theirs: Array, axes: Sequence[str]) -> str:
    """In words, which simple change of *theirs* gives *ours*; empty where none is known."""
    for axis in TOGETHER:
        if axis in axes and _reordered(ours, theirs, axes.index(axis)):
            return f"the same {axis}s stand in another order"
    if "row" in axes and (moved := _moved(ours, theirs, (axes.index("row"), axes.index("column")))) is not None:
        return f"the picture is moved by {moved[0]} rows and {moved[1]} columns"
    if np.array_equal(np.sort(ours, axis=None), np.sort(theirs, axis=None)):
        return "the same values stand in another order"
    return ""


def _reordered(ours: Array, theirs: Array, axis: int) -> bool:
    sums = [[zlib.crc32(np.ascontiguousarray(one).data) for one in np.moveaxis(side, axis, 0)] for side in (ours, theirs)]
    return sorted(sums[0]) == sorted(sums[1])


def _moved(ours: Array, theirs: Array, axes: tuple[int, int]) -> tuple[int, int] | None:
    """By how many rows and columns the first picture that differs is moved, if that is all."""
    first, second = (np.moveaxis(side, axes, (-2, -1)) for side in (ours, theirs))
    pictures = [side.reshape(-1, *side.shape[-2:]) for side in (first, second)]
    number = next(number for number, (one, other) in enumerate(zip(*pictures, strict=True)) if not np.array_equal(one, other))
    mine, other = pictures[0][number], pictures[1][number]
    steps = range(-NEAR, NEAR + 1)
    return next(((down, right) for down, right in sorted(product(steps, steps), key=lambda step: abs(step[0]) + abs(step[1]))
                 if (down or right) and np.array_equal(_cut(mine, down, right), _cut(other, -down, -right))), None)


def _cut(picture: Array, down: int, right: int) -> Array:
    """A picture without so many rows and columns at its start; or at its end, where they are below 0."""
    rows, columns = picture.shape
    return picture[max(down, 0) : rows + min(down, 0), max(right, 0) : columns + min(right, 0)]
