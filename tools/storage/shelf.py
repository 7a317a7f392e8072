"""Where an entry's files lie in the store's folder, and how a finished one gets there."""

from __future__ import annotations

import errno
import os
import shutil
from glob import escape
from pathlib import Path

from tools.entries import HOST, Key
from tools.errors import StoreError

PARTIAL = ".partial"
UNFINISHED = ".unfinished"  # hours of work that goes on where it was, unlike what lies in PARTIAL


def folder_of(root: Path, key: Key) -> Path:
    home = key.host or key
    return root / home.kind / f"{home.name}-{home.digest[:16]}"


def manifest_path(root: Path, key: Key) -> Path:
    name = f"{key.name}-{key.digest[:16]}.json" if key.host else HOST
    return folder_of(root, key) / name


def namesakes(root: Path, key: Key) -> list[Path]:
    """The manifests that entries of the key's kind and name may have, its own included; some are of longer names."""
    if key.host:
        return sorted(folder_of(root, key).glob(f"{escape(key.name)}-*.json"))
    return sorted((root / key.kind).glob(f"{escape(key.name)}-*/{HOST}"))


def label(root: Path, manifest: Path) -> str:
    """An entry as commands name it: its folder, for a hosted one with its manifest."""
    folder = str(manifest.parent.relative_to(root))
    return folder if manifest.name == HOST else f"{folder}/{manifest.name}"


def lock_path(root: Path, digest16: str) -> Path:
    return root / "locks" / f"{digest16}.lock"


def empty_partial(root: Path, digest16: str) -> Path:
    """An empty folder to make an entry in; whoever asks holds the entry's lock."""
    partial = root / PARTIAL / digest16
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    return partial


def publish(partial: Path, final: Path) -> None:
    """Give the files in *partial*, flushed to disk and with their manifest among them, the place of the manifest *final*."""
    if final.name != HOST:
        for path in sorted(partial.iterdir(), key=lambda path: path.name == final.name):
            os.replace(path, final.parent / path.name)
        partial.rmdir()
    else:
        shutil.rmtree(final.parent, ignore_errors=True)
        final.parent.parent.mkdir(parents=True, exist_ok=True)
        os.rename(partial, final.parent)


def is_ours(error: OSError, root: Path) -> bool:
    """Whether an error is the store's own and not one of the things a builder reads."""
    inside = error.filename is not None and Path(str(error.filename)).is_relative_to(root)
    return inside or error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


def unwritable(error: OSError, root: Path) -> StoreError:
    return StoreError(f"cannot write the artifact store: {error.strerror or error}", where=str(error.filename or root),
                      remedy="make it writable and not full, or choose another folder with --artifacts DIR")
