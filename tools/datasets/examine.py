"""Reads a clip's files once, for their digest and their frames; later their size and time tell a change."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

from tools.errors import DataError
from tools.localisation.snippet_features import read_features
from tools.machine.files import sha256
from tools.media import still
from tools.media.decode import FRAME_NAME, Clip, ClipError, undecodable
from tools.media.preprocess import frame_indices
from tools.media.proof import prove
from tools.spec.model import Sampling

FilesKind = Literal["rawframes", "videos", "features"]
Signature = tuple[int, int]  # bytes, and the time of the last change in ns
PREFIX, SUFFIX = FRAME_NAME.split("{:05d}")


def signature(clip: Clip, kind: FilesKind) -> Signature:
    """Size and time of the last change of a clip's file, or of all the frames in its folder.

    Raises:
        ClipError: it is missing or empty.
    """
    try:
        stat = clip.path.stat()
        if kind == "rawframes":
            size, changed = 0, stat.st_mtime_ns
            for entry in _frame_files(clip.path):
                frame = entry.stat()
                size, changed = size + frame.st_size, max(changed, frame.st_mtime_ns)
            return size, changed
    except OSError as error:
        raise undecodable(clip, clip.path) from error
    if stat.st_size == 0:
        raise undecodable(clip, clip.path)
    return stat.st_size, stat.st_mtime_ns


def require_unchanged(clips: Iterable[Clip], kind: FilesKind) -> None:
    """Check that the files of checked clips are as they were at their check, by size and time.

    Raises:
        ClipError: naming the first clip whose files have changed or are gone.
    """
    for clip in clips:
        if signature(clip, kind) != clip.signature:
            raise ClipError(clip, clip.path, "has changed since it was checked", "let its files rest, and run again")


def examine(clip: Clip, kind: FilesKind, sampling: Sampling | None = None) -> Clip:
    """The clip with its digest and its number of frames; rawframes whose list gives no number are counted.

    sampling: which frames of a video have to be read right; other kinds need none.

    Raises:
        ClipError: a file is missing, empty or cannot be decoded, or a row of features is wrong.
    """
    if kind == "videos":
        assert sampling is not None
        proof = prove(clip, partial(frame_indices, sampling=sampling))
        return replace(clip, frames=proof.frames, sha256=sha256(clip.path), sampled_crc32=proof.sampled_crc32)
    if kind == "features":
        try:
            read_features(clip.path)
        except DataError as error:
            raise ClipError(clip, Path(error.where or clip.path), f"cannot be used: {error.what}", error.remedy or "") from error
        return replace(clip, sha256=sha256(clip.path))
    frames = clip.frames or sum(1 for _ in _frame_files(clip.path))
    if frames == 0:
        raise ClipError(clip, clip.path / FRAME_NAME.format(1), "has no frames", "extract them")
    return replace(clip, frames=frames, sha256=_digest_of(clip, frames))


def _frame_files(folder: Path) -> Iterator[os.DirEntry[str]]:
    """The frames of a folder, which may hold optical flow beside them."""
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if entry.name.startswith(PREFIX) and entry.name.endswith(SUFFIX))


def _digest_of(clip: Clip, frames: int) -> str:
    total = hashlib.sha256()
    shapes = set()
    for number in range(1, frames + 1):
        path = clip.path / FRAME_NAME.format(number)
        try:
            content = still.read(path)
        except OSError as error:
            raise undecodable(clip, path) from error
        total.update(len(content).to_bytes(8, "little") + content)
        shapes.add(_shape(clip, path, content))
    if len(shapes) > 1:
        raise ClipError(clip, clip.path, "has frames of different sizes", "extract its frames again")
    return total.hexdigest()


def _shape(clip: Clip, path: Path, content: bytes) -> tuple[int, ...]:
    """The size of a JPEG that decodes to its end."""
    image = still.decoded(content)
    if image is None:
        declared = still.pixels(content)
        raise undecodable(clip, path, f"it declares {declared:,} pixels" if declared > still.LARGEST else "")
    return image.shape
