"""A video's snippet features, the input of BSN's first network (TEM), as published in CSV files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.errors import DataError
from tools.machine.files import write_whole
from tools.machine.text import read_text
from tools.media.preprocess import Floats

ROWS, COLUMNS = 100, 400  # equal parts of the video; scores of a spatial and a temporal network, 200 each
LARGEST = float(np.finfo(np.float32).max)
HEADER = ",".join(f"f{column}" for column in range(COLUMNS))
REMEDY = f"give a header line and {ROWS} rows of {COLUMNS} numbers, as published"


def read_features(path: Path) -> Floats:
    """Read one video's features, [100, 400] float32; the network takes the transpose, [400, 100].

    Raises:
        DataError: naming file and line: the header is missing, the shape is wrong, or a field is no finite
            number.
    """
    try:
        header, *lines = read_text(path).rstrip().splitlines()
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise DataError(f"the features cannot be read: {error}", where=str(path), remedy=REMEDY) from error
    if _value(header.partition(",")[0]) is not None:
        raise DataError("the features have no header line", where=f"{path}:1", remedy=REMEDY)
    if len(lines) != ROWS:
        raise DataError(f"the features have {len(lines)} rows instead of {ROWS}", where=str(path), remedy=REMEDY)
    try:  # measured: no other parser that NumPy has is faster
        found = np.loadtxt(lines, np.float32, comments=None, delimiter=",", ndmin=2)
    except ValueError:
        found = np.empty((0, 0), np.float32)
    if found.shape != (ROWS, COLUMNS) or not np.isfinite(found).all():
        raise _first_fault(lines, path)
    return found


def write_features(found: Floats, path: Path) -> None:
    """Write features [100, 400], whole or not at all; reading them gives the same float32."""
    lines = [",".join(map("{:.9g}".format, row)) for row in found.tolist()]
    write_whole(path, lambda file: file.write("\n".join([HEADER, *lines, ""]).encode()))


def _first_fault(lines: list[str], path: Path) -> DataError:
    """The first row or field that makes the features unusable."""
    for number, line in enumerate(lines, 2):
        fields = line.split(",")
        if len(fields) != COLUMNS:
            return DataError(f"the row has {len(fields)} columns instead of {COLUMNS}", where=f"{path}:{number}", remedy=REMEDY)
        for column, field in enumerate(fields, 1):
            value = _value(field)
            if value is None or not abs(value) <= LARGEST:
                return DataError(f"row {number - 1}, column {column} is {field!r}, not a finite number", where=f"{path}:{number}",
                                 remedy=REMEDY)
    return DataError("the features cannot be read", where=str(path), remedy=REMEDY)


def _value(field: str) -> float | None:
    """The number in a field, or None; 1_0, which Python reads and NumPy does not, is none."""
    try:
        return None if "_" in field else float(field)
    except ValueError:
        return None
