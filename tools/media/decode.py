"""Reads frames: JPEG folders with OpenCV, videos with PyAV."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.errors import DataError
from tools.media import still, video
from tools.media.picture import ENCODE_AGAIN, PictureError
from tools.media.preprocess import Frames, frame_indices
from tools.spec.model import ListFormat, Sampling

FRAME_NAME = "img_{:05d}.jpg"
TOLERATED_LOSS = 0.02  # of a video's frames; cutting without re-encoding leaves a few that no decoder shows
Indices = NDArray[np.int64]
DefectWord = Literal["missing", "empty", "damaged"]


def read_frames(clip: Clip, kind: ListFormat, indices: Indices) -> Frames:
    """The frames of *indices* (zero-based, repeats allowed) as [n,H,W,3] uint8 RGB.

    Raises:
        ClipError: naming the clip, if a file is missing, empty or cannot be decoded.
    """
    return _read_jpegs(clip, indices) if kind == "rawframes" else _read_video(clip, indices)[0]


def sampled_frames(clip: Clip, kind: ListFormat, sampling: Sampling) -> Frames:
    """The frames that a model samples from a checked clip, as `read_frames` gives them.

    Those of a video must have the bits that they had when it was decoded from its start: every frame of every
    run is proved to be the right one, whatever it took to get there.

    Raises:
        ClipError: as for `read_frames`, or they are other frames.
    """
    return proved_frames(clip, kind, frame_indices(clip.frames, sampling))


def proved_frames(clip: Clip, kind: ListFormat, indices: Indices) -> Frames:
    """The same by the numbers of all frames that the model samples."""
    if kind == "rawframes":
        return _read_jpegs(clip, indices)
    frames, crc32 = _read_video(clip, indices)
    if clip.sampled_crc32 not in (None, crc32):
        raise ClipError(clip, clip.path, "gives other frames now than when it was decoded from its start", ENCODE_AGAIN)
    return frames


def _read_jpegs(clip: Clip, indices: Indices) -> Frames:
    import cv2

    decoded: dict[int, Frames] = {}
    for index in np.unique(indices).tolist():
        path = clip.path / FRAME_NAME.format(index + 1)
        try:
            image = still.decoded(still.read(path))
        except OSError as error:
            raise undecodable(clip, path) from error
        if image is None:
            raise undecodable(clip, path)
        decoded[index] = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    if len({image.shape for image in decoded.values()}) > 1:
        raise ClipError(clip, clip.path, "has frames of different sizes", "extract its frames again")
    return np.stack([decoded[index] for index in indices.tolist()])


def _read_video(clip: Clip, indices: Indices) -> tuple[Frames, int]:
    import av

    try:
        return video.read(clip.path, indices, clip.frames)
    except PictureError as error:
        raise ClipError(clip, clip.path, error.what, error.remedy or "") from error
    except (av.FFmpegError, IndexError, KeyError) as error:
        raise undecodable(clip, clip.path) from error


def undecodable(clip: Clip, path: Path, detail: str = "") -> ClipError:
    """The error for a file that gives no frames; a clip whose folder lacks one is damaged, not missing."""
    remedy = "restore the file, or take its line out of the list: it is not counted as a wrong answer"
    if not path.exists():
        return ClipError(clip, path, "is missing", remedy, "damaged" if clip.path.exists() else "missing")
    if path.stat().st_size == 0:
        return ClipError(clip, path, "is empty", remedy, "empty")
    return ClipError(clip, path, f"cannot be decoded{f' ({detail})' if detail else ''}", remedy)


@dataclass(frozen=True, slots=True)
class Clip:
    """One row of a list. *listed* is the file and line that name it.

    A check gives *frames* and *sha256*; before it they are the list's number or 0, and empty.
    signature: size and time of its files at that check.
    sampled_crc32: of a video, the sum of the frames sampled from it, when it was decoded from its start.
    """

    id: str
    path: Path
    label: int
    frames: int = 0
    sha256: str = ""
    listed: str = field(default="", compare=False)
    signature: tuple[int, int] | None = field(default=None, compare=False)
    sampled_crc32: int | None = field(default=None, compare=False)


class ClipError(DataError):
    """A clip that cannot be used.

    file: where it is damaged; detail: what is wrong, without the clip's name; word: the kind of defect.
    """

    def __init__(self, clip: Clip, file: Path, detail: str, remedy: str, word: DefectWord = "damaged") -> None:
        where = f"{file} ({clip.listed})" if clip.listed else str(file)
        super().__init__(f"clip {clip.id} {detail}", where=where, remedy=remedy)
        self.clip, self.file, self.detail, self.word = clip, file, detail, word

    def __reduce__(self) -> tuple[type[ClipError], tuple[object, ...]]:
        """How another process makes it again; an exception's own way passes one argument only."""
        return ClipError, (self.clip, self.file, self.detail, self.remedy, self.word)
