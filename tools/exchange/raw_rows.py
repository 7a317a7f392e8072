"""Result files of bare numbers: which type they have must follow from their values and their count."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tools.errors import ScoreError
from tools.media.preprocess import Floats

Number = type[np.float32] | type[np.float16] | type[np.float64]
TYPES: tuple[Number, ...] = (np.float32, np.float16, np.float64)
LARGEST = 1e4  # scores are logits or probabilities: none comes near this
SMALLEST = 1e-5  # nor does the best of a row
WIDER = 3.0  # read in a wrong type, exponents spread about eight times as far
FEWER = 3
FEW = 3  # files that are looked at
SUM = 0.02  # how far from 1 a row of half-precision probabilities may add up


@dataclass(frozen=True, slots=True)
class Reading:
    """Some of the files' numbers as one type; *spread*: how far their exponents lie apart."""

    type: Number
    rows: int
    plausible: bool
    probabilities: bool
    spread: float

    def __str__(self) -> str:
        return f"{self.rows} rows of {self.type.__name__}"


def type_of(paths: Sequence[Path], classes: int, views: int, labelled: int) -> Number:
    """The type of the numbers in BIN files of one run, whose rows belong to at least *labelled* clips.

    Raises:
        ScoreError: the files can be read as several types, and neither values nor counts tell which is right.
    """
    sizes = [path.stat().st_size for path in paths]
    types = [type for type in TYPES if all(size and size % (classes * type().itemsize) == 0 for size in sizes)]
    readings = [_reading(paths, sizes, type, classes) for type in types]
    if not readings:
        return np.float32  # reading them says what is wrong
    right = [one for one in readings if one.plausible]
    counted = [one for one in readings if _fits(one, max(sizes) // (classes * one.type().itemsize), views, labelled)]
    if not right:  # scores that are no numbers are a fault of their own, and it is judged
        return counted[0].type if len(counted) == 1 else np.float32
    chosen = _one([one for one in right if one in counted] or right, labelled * views)
    if chosen is None or (len(counted) == 1 and chosen is not counted[0]):
        raise ScoreError(f"the files hold {' or '.join(map(str, readings))}, and {_why(right, counted, labelled)}",
                         where=str(paths[0].parent), remedy="write NPY or TXT, which say what they hold (ais_bench: --outfmt NPY)")
    return chosen.type


def _why(right: Sequence[Reading], counted: Sequence[Reading], labelled: int) -> str:
    fits = f"{counted[0]} fit {labelled} labels" if len(counted) == 1 else f"{labelled} labels do not tell which"
    return f"{fits}, while the values look like {' or '.join(one.type.__name__ for one in right)}"


def _fits(one: Reading, largest: int, views: int, labelled: int) -> bool:
    """Whether all rows are as many as the labels need, with padding in the last file at most."""
    return one.rows % views == 0 and labelled <= one.rows // views < labelled + max(1, largest // views)


def _one(readings: Sequence[Reading], labelled: int) -> Reading | None:
    """The only reading, of probabilities, of exponents clearly closest together, or without padding."""
    if len(readings) == 1:
        return readings[0]
    certain = [one for one in readings if one.probabilities]
    if len(certain) == 1:
        return certain[0]
    first, second = sorted(readings, key=lambda one: one.spread)[:2]
    if second.spread > WIDER * first.spread > 0:
        return first
    exact = [one for one in readings if one.rows == labelled]
    return exact[0] if len(exact) == 1 else None


def _halves(found: Floats) -> bool:
    """Whether every other number is half of one: rounded numbers, cut in two, have few low halves."""
    low, high = (len(np.unique(found.reshape(-1)[start::2])) for start in (0, 1))
    return low * FEWER < high


def _reading(paths: Sequence[Path], sizes: Sequence[int], type: Number, classes: int) -> Reading:
    read = [np.fromfile(path, type) for path in paths[:FEW]]
    with np.errstate(all="ignore"):
        found: Floats = np.concatenate(read).reshape(-1, classes).astype(np.float64)
        highest = np.abs(found).max(axis=1)
        exponents = np.log2(np.abs(found[found != 0]))
        plausible = bool(np.isfinite(found).all() and highest.min() > SMALLEST and highest.max() < LARGEST and not _halves(found))
        sums = found.sum(axis=1)
    return Reading(type, sum(sizes) // (classes * type().itemsize), plausible,
                   plausible and bool((found >= 0).all() and (np.abs(sums - 1) < SUM).all()), float(exponents.std()) if plausible else 0.0)
