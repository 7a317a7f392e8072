"""Reads frames: JPEG folders with OpenCV, videos with decord, or with PyAV where decord has no wheel."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tools.errors import DataError
from tools.media.preprocess import Frames
from tools.spec.model import ListFormat

FRAME_NAME = "img_{:05d}.jpg"
TOLERATED_LOSS = 0.02  # of a video's frames; cutting without re-encoding leaves a few that no decoder shows
NOT_BY_DECORD = "PyAV reads it and decord does not, as with an MPEG-TS; ffmpeg -i FILE -c copy NEW.mp4 wraps it anew"
Indices = NDArray[np.int64]
DefectWord = Literal["missing", "empty", "damaged"]


def read_frames(clip: Clip, kind: ListFormat, indices: Indices) -> Frames:
    """The frames of *indices* (zero-based, repeats allowed) as [n,H,W,3] uint8 RGB.

    Raises:
        ClipError: naming the clip, if a file is missing, empty or cannot be decoded.
    """
    return _read_jpegs(clip, indices) if kind == "rawframes" else video_reader()(clip, indices)


def _read_jpegs(clip: Clip, indices: Indices) -> Frames:
    import cv2

    decoded: dict[int, Frames] = {}
    for index in np.unique(indices).tolist():
        path = clip.path / FRAME_NAME.format(index + 1)
        image = cv2.imread(str(path), cv2.IMREAD_COLOR)
        if image is None:
            raise undecodable(clip, path)
        decoded[index] = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
    if len({image.shape for image in decoded.values()}) > 1:
        raise ClipError(clip, clip.path, "has frames of different sizes", "extract its frames again")
    return np.stack([decoded[index] for index in indices.tolist()])


def video_reader() -> Callable[[Clip, Indices], Frames]:
    """Decord where it is installed, else PyAV; on clean files their frames are bit-identical."""
    try:
        import decord  # noqa: F401
    except ImportError:
        return read_pyav
    return read_decord


def read_decord(clip: Clip, indices: Indices) -> Frames:
    return _by_decord(clip, indices)[1]


def _by_decord(clip: Clip, indices: Indices, detail: str = "") -> tuple[int, Frames]:
    """The length of a video and some of its frames; *detail* goes into the error if it gives none."""
    import decord

    try:
        reader = decord.VideoReader(str(clip.path), num_threads=1)
        return len(reader), reader.get_batch(indices).asnumpy()
    except (decord.DECORDError, RuntimeError, IndexError) as error:
        raise undecodable(clip, clip.path, detail) from error


def read_pyav(clip: Clip, indices: Indices) -> Frames:
    import av

    wanted = set(indices.tolist())
    decoded: dict[int, Frames] = {}
    try:
        with av.open(str(clip.path)) as container:
            for index, frame in enumerate(container.decode(video=0)):
                if index in wanted:
                    decoded[index] = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
                if len(decoded) == len(wanted):
                    break
        return np.stack([decoded[index] for index in indices.tolist()])
    except (av.FFmpegError, IndexError, KeyError) as error:
        raise undecodable(clip, clip.path) from error


def count_frames(clip: Clip) -> int:
    """The length of a video by the decoder that reads it; PyAV counts the frames that really decode.

    Raises:
        ClipError: clearly fewer frames decode than the header says; decord gives wrong frames then.
    """
    import av

    try:
        with av.open(str(clip.path)) as container:
            declared = container.streams.video[0].frames
            decoded = sum(1 for _ in container.decode(video=0))
    except (av.FFmpegError, IndexError) as error:
        raise undecodable(clip, clip.path) from error
    length = decoded
    if video_reader() is read_decord:  # of an MPEG-TS, whatever its name, decord counts all frames and gives none
        length, _ = _by_decord(clip, np.zeros(1, np.int64), NOT_BY_DECORD)
    if decoded == 0 or decoded < (1 - TOLERATED_LOSS) * max(declared, length):
        raise undecodable(clip, clip.path, f"{decoded} of {max(declared, length)} frames decode")
    return length


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
    """

    id: str
    path: Path
    label: int
    frames: int = 0
    sha256: str = ""
    listed: str = field(default="", compare=False)
    signature: tuple[int, int] | None = field(default=None, compare=False)


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
