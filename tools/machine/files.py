"""Files that are either whole and on disk or not there."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tools.errors import ClipgateError, StoreError
from tools.machine import opening

MANY = 64
LITTLE = 2**16  # bytes
SEE_WHO = "see who put it there and remove it, or choose another folder with --artifacts DIR"
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # a disk often turns read-only once it has errors


def sha256(path: Path) -> str:
    with opening.to_read(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def require_unchanged(path: Path, sha: str, error: type[ClipgateError] = StoreError) -> None:
    """Check that a file still has the SHA-256 it was found with.

    A child process works with what its parent has found, perhaps hours before.

    Raises:
        StoreError, or *error*: the file is gone, or its bytes have changed.
    """
    if not path.is_file() or sha256(path) != sha:
        raise error(f"{path.name} has changed since this run found it", where=str(path),
                    remedy="let nobody write it during a run, and start again: what is damaged in the store is built anew")


def nearest(folder: Path) -> Path:
    """The folder itself, or the first one above it that is there: where *folder* will be made."""
    return next(path for path in (folder, *folder.parents) if os.path.lexists(path))


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let *write* fill a temporary file, flush it, and name it *path*. If that fails, nothing is left."""
    partial = path.with_name(f"{path.name}.partial")  # of this file alone: others may differ in the suffix only
    try:
        with opening.to_write(partial) as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


@contextmanager
def writing(what: str, folder: Path, error: type[ClipgateError]) -> Iterator[None]:
    """Turn a full disk, or a link in a file's place, into an *error*: *what* could not be written."""
    try:
        yield
    except opening.PlantedError as failure:
        raise error(f"cannot write {what}: {failure.strerror}", where=str(failure.filename),
                    remedy=SEE_WHO) from failure
    except OSError as failure:
        if failure.errno not in FULL:
            raise
        raise error(f"cannot write {what}: {failure.strerror}", where=str(failure.filename or folder),
                    remedy="make room, or choose another disk with --artifacts DIR") from failure


def require_room(need: int, folder: Path, what: str, error: type[ClipgateError] = StoreError) -> None:
    """Check, before anything large is written, that *need* bytes are free where *folder* is or will be.

    Raises:
        StoreError, or *error*: naming the folder and both numbers.
    """
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    free = shutil.disk_usage(there).free
    if need > free:
        raise error(f"{what} needs {size_words(need)}, {size_words(free)} are free", where=str(folder),
                    remedy="make room, or choose another disk with --artifacts DIR")


def is_full(folder: Path) -> bool:
    """Whether there is room for next to nothing."""
    return shutil.disk_usage(folder).free < LITTLE


def size_of(path: Path) -> int:
    """The bytes of a file; 0 where it is gone, which whoever reads it will say."""
    return path.stat().st_size if path.is_file() else 0


def size_words(size: int) -> str:
    """A number of bytes as a message has it: 1.2 GB, 300.0 MB."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.1f} MB"


def flush(folder: Path) -> None:
    """Flush everything below *folder* to disk."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    if len(paths) > MANY:  # thousands of small frames: one flush of everything is faster than one each
        os.sync()
        return
    for path in [*paths, folder]:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
