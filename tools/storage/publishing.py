"""Brings entries to their places and takes them away; a process may be killed at any moment of it.

What is half done lies in a folder of its own below PARTIAL, named after the lock of its entry: only `prune`
and the next builder of that entry touch it. A folder of entries changes under the lock of its host entry, so
a file in it that no manifest lists belongs to a process that was killed.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from pathlib import Path

from tools.machine import opening
from tools.machine.locks import hold
from tools.storage.entries import HOST, PARTIAL, lock_path


def empty_partial(root: Path, digest16: str) -> Path:
    """An empty folder to make an entry in; the caller holds the entry's lock.

    What earlier builders left goes. The folder's name is new. Where somebody removes the store, and the locks
    with it, two may build the same entry at once: they must not write into one folder.
    """
    if (root / PARTIAL).is_symlink():
        raise opening.PlantedError(errno.ELOOP, opening.PLANTED, str(root / PARTIAL))
    for left in (root / PARTIAL).glob(f"{digest16}*"):
        shutil.rmtree(left, ignore_errors=True)
    partial = _aside(root, digest16)
    partial.mkdir(parents=True)
    return partial


def _aside(root: Path, digest16: str) -> Path:
    return root / PARTIAL / f"{digest16}-{os.getpid()}-{secrets.token_hex(4)}"


def lock_of_partial(root: Path, partial: Path) -> Path:
    """The lock of the entry that is made in *partial*."""
    return lock_path(root, partial.name.partition("-")[0])


def publish(root: Path, partial: Path, final: Path) -> None:
    """Move the flushed files in *partial*, the manifest among them, to the folder of the manifest *final*."""
    if final.name == HOST:
        take_away(root, final.parent)
        final.parent.parent.mkdir(parents=True, exist_ok=True)
        os.rename(partial, final.parent)
        return
    with hold(lock_of_folder(root, final.parent), lambda holder: None):
        for path in sorted(partial.iterdir(), key=lambda path: path.name == final.name):
            os.replace(path, final.parent / path.name)
        partial.rmdir()


def lock_of_folder(root: Path, folder: Path) -> Path:
    """The lock under which a folder of entries changes: that of the entry it was made for."""
    return lock_path(root, folder.name[-16:])


def take_away(root: Path, folder: Path) -> None:
    """Remove a folder of entries; at no moment is a part of it in its place."""
    if folder.exists():
        gone = _aside(root, folder.name[-16:])
        gone.parent.mkdir(parents=True, exist_ok=True)
        os.rename(folder, gone)
        shutil.rmtree(gone, ignore_errors=True)

