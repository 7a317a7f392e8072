"""A video's snippet features, the input of BSN's first network (TEM): CSV as published, or NumPy's arrays."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.errors import DataError
from tools.localisation.snippet_pooling import pooled
from tools.machine.files import write_whole
from tools.machine.reading import load_npy, numbers_of, read_text
from tools.media.preprocess import Floats

ROWS, COLUMNS = 100, 400  # equal parts of the video; scores of a spatial and a temporal network, 200 each
LARGEST = float(np.finfo(np.float32).max)
HEADER = ",".join(f"f{column}" for column in range(COLUMNS))
CSV, NPY = ".csv", ".npy"
FORMS = (CSV, NPY)
KINDS = ("float16", "float32", "float64")
REMEDY = f"give {ROWS} rows of {COLUMNS} numbers, as published, with a header line above them or without"
REMEDY_ARRAY = (f"save float32 [T, {COLUMNS}], one row a snippet, with np.save; an array of objects is a pickle, which is never opened, "
                "since it can run code")


def read_features(path: Path) -> Floats:
    """Read one video's features, [100, 400] float32; the network takes the transpose, [400, 100].

    Raises:
        DataError: naming the file, and of a CSV the line: wrong shape, or a field that is no finite number.
    """
    return _read_array(path) if path.suffix.lower() == NPY else _read_csv(path)


def write_features(found: Floats, path: Path) -> None:
    """Write features [100, 400], whole or not at all; reading them gives the same float32."""
    lines = [",".join(map("{:.9g}".format, row)) for row in found.tolist()]
    write_whole(path, lambda file: file.write("\n".join([HEADER, *lines, ""]).encode()))


def _read_csv(path: Path) -> Floats:
    lines = read_text(path, DataError, "the features", REMEDY).rstrip().splitlines() or [""]
    if not lines[0]:
        raise DataError("the features cannot be read: the first line is empty", where=f"{path}:1", remedy=REMEDY)
    above = int(_value(lines[0].partition(",")[0]) is None)  # the header line, if there is one
    lines = lines[above:]
    if len(lines) != ROWS:
        raise DataError(f"the features have {len(lines)} rows instead of {ROWS}", where=str(path), remedy=REMEDY)
    try:  # measured: no other parser that NumPy has is faster
        found = numbers_of(lines, DataError, "the features", str(path), comments=None, delimiter=",")
    except DataError:  # it does not say where
        found = np.empty((0, 0), np.float32)
    if found.shape != (ROWS, COLUMNS) or not np.isfinite(found).all():
        raise _first_fault(lines, path, above)
    return found


def _read_array(path: Path) -> Floats:
    """Features of T snippets; those of 100 rows are at 100 positions already."""
    stored = load_npy(path, DataError, "the features", REMEDY_ARRAY)
    _require_snippets(stored, path)
    rows = stored.astype(np.float32) if stored.dtype.itemsize < np.dtype(np.float32).itemsize else stored
    wrong = np.argwhere(~(np.abs(rows) <= LARGEST))  # true of NaN too
    if len(wrong):
        row, column = wrong[0].tolist()
        raise DataError(f"row {row + 1}, column {column + 1} of the features is {rows[row, column]}, not a finite number", where=str(path),
                        remedy=REMEDY_ARRAY)
    return (rows if len(rows) == ROWS else pooled(rows, ROWS)).astype(np.float32)


def _require_snippets(stored: NDArray[Any], path: Path) -> None:
    """Raise a DataError unless an array has rows of 400 floating-point numbers."""
    if stored.dtype.name not in KINDS:
        raise DataError(f"the features are {stored.dtype.name}, not {' or '.join(KINDS)}", where=str(path), remedy=REMEDY_ARRAY)
    shape = list(stored.shape)
    if len(shape) != 2 or shape[1] != COLUMNS:
        turned = len(shape) == 2 and shape[0] == COLUMNS
        raise DataError(f"the features are {shape}{', one column a snippet,' if turned else ''} instead of [T, {COLUMNS}]", where=str(path),
                        remedy="save the transpose: np.save(path, np.load(path).T)" if turned else REMEDY_ARRAY)
    if not len(stored):
        raise DataError("the features hold no snippet", where=str(path), remedy=REMEDY_ARRAY)


def _first_fault(lines: list[str], path: Path, above: int) -> DataError:
    """The first row or field that makes the features unusable; *above*: the lines of the file before them."""
    for row, line in enumerate(lines, 1):
        fields, where = line.split(","), f"{path}:{row + above}"
        if len(fields) != COLUMNS:
            return DataError(f"the row has {len(fields)} columns instead of {COLUMNS}", where=where, remedy=REMEDY)
        for column, field in enumerate(fields, 1):
            value = _value(field)
            if value is None or not abs(value) <= LARGEST:
                return DataError(f"row {row}, column {column} is {field!r}, not a finite number", where=where, remedy=REMEDY)
    return DataError("the features cannot be read", where=str(path), remedy=REMEDY)


def _value(field: str) -> float | None:
    """The number in a field, or None; 1_0, which Python reads and NumPy does not, is none."""
    try:
        return None if "_" in field else float(field)
    except ValueError:
        return None
