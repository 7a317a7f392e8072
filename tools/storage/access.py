"""What is said where the store's folder cannot be read or written, and whether an error is about that."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from tools.errors import StoreError
from tools.machine.files import FULL, size_words


def is_ours(error: OSError, root: Path) -> bool:
    """Whether an error came from writing the store, not from a file that a builder reads."""
    inside = error.filename is not None and Path(str(error.filename)).is_relative_to(root)
    return inside or error.errno in FULL


def broken(error: OSError, root: Path) -> StoreError:
    """The error for a store that could be written until now."""
    if error.errno == errno.ENOENT:
        return StoreError("the artifact store was removed while it was used", where=str(error.filename or root),
                          remedy="let nobody remove it during a run, and run it again")
    return unwritable(error, root)


def unwritable(error: OSError, root: Path) -> StoreError:
    reason = error.strerror or str(error)
    if error.errno in (errno.ENOSPC, errno.EDQUOT) and root.is_dir():
        reason += f", {size_words(shutil.disk_usage(root).free)} are free"
    return StoreError(f"cannot write the artifact store: {reason}", where=str(error.filename or root),
                      remedy="make it writable and not full, or choose another folder with --artifacts DIR")


def full(root: Path) -> StoreError:
    """The error for a library that failed, in words of its own, while the disk was full."""
    return unwritable(OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)), root)


def unreadable(error: OSError, root: Path) -> StoreError:
    remedy = "name the folder of earlier runs" if error.errno == errno.ENOENT else "let its owner make it readable, or name another folder"
    return StoreError(f"cannot read the artifact store: {error.strerror or error}", where=str(error.filename or root),
                      remedy=f"{remedy} with --artifacts DIR")
