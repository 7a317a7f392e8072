"""Files that are either whole and on disk or not there."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from tools.errors import ClipgateError, StoreError
from tools.machine import opening

MANY = 64
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


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Let *write* fill a temporary file, flush it, and name it *path*. If that fails, nothing is left."""
    partial = path.with_suffix(".partial")
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
