"""What files of arrays say of their size before anything is read: never more than the file can hold."""

from __future__ import annotations

import math
import os
import zipfile
from typing import BinaryIO

NPY = b"\x93NUMPY"
LARGEST_ARRAYS = 4 * 2**30  # bytes of a file: a hundred times the scores of Kinetics' validation


def require_size(file: BinaryIO) -> int:
    """The bytes of an open file of arrays; a ValueError if they are more than such a file has."""
    size = os.fstat(file.fileno()).st_size
    if size > LARGEST_ARRAYS:
        raise ValueError(f"it is larger than {LARGEST_ARRAYS // 2**30} GiB")
    return size


def require_npy(file: BinaryIO, size: int) -> None:
    """Check that the array in *file*, which has *size* bytes, is no larger; the file is left at its start.

    An element counts as a byte at least: texts of no letters have none, and there could be any number.

    Raises:
        ValueError: it is larger, or no array of NumPy.
    """
    import numpy as np

    version = np.lib.format.read_magic(file)
    read = {(1, 0): np.lib.format.read_array_header_1_0}.get(version, np.lib.format.read_array_header_2_0)
    shape, _, dtype = read(file)
    if math.prod(shape) * max(dtype.itemsize, 1) > size - file.tell():
        raise ValueError(f"it claims to hold {math.prod(shape):.3g} elements, which do not fit into its {size} bytes")
    file.seek(0)


def require_npz(file: BinaryIO, size: int) -> None:
    """Check that the arrays in *file*, which has *size* bytes, are not packed smaller than they are.

    clipgate packs none: a file of some kilobytes could unpack to any size.

    Raises:
        ValueError: they are, or one of them is no array; BadZipFile: it is no archive.
    """
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if sum(one.file_size for one in members) > size:
            raise ValueError(f"it claims to hold {sum(one.file_size for one in members):.3g} bytes, and has {size}")
        for one in members:
            with archive.open(one) as member:
                require_npy(member, one.file_size)  # type: ignore[arg-type]
    file.seek(0)
