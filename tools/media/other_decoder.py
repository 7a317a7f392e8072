"""Whether OpenCV shows the pictures that our decoder shows: its FFmpeg is its own, and it is everywhere."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from tools.media.decode import Clip, ClipError
from tools.media.picture import ENCODE_AGAIN
from tools.media.preprocess import Frames
from tools.media.video import Decoded

LIMIT = 2.0  # of 255, the mean difference; 0 to 1.6 was seen


def require_same(clip: Clip, plain: Decoded, indices: Collection[int]) -> None:
    """Check that OpenCV decodes the pictures of *indices* too.

    It reads a display matrix's turn but no mirroring: where there is one, pictures are compared as stored.

    Raises:
        ClipError: saying which frame differs, and in what.
    """
    for index, picture in _pictures(clip.path, sorted(indices), turned=not plain.turn.mirrored):
        ours = plain.turn.as_stored(plain.pictures[index]) if plain.turn.mirrored else plain.pictures[index]
        if picture is None:
            raise _refused(clip, f"cannot be checked: OpenCV decodes no frame {index}")
        if picture.shape != ours.shape:
            raise _refused(clip, f"is turned or cut differently by OpenCV: {_size(picture)}, not {_size(ours)}")
        found = difference(ours, picture)
        if found > LIMIT:
            if plain.interlaced:
                raise _refused(clip, "cannot be checked: it is interlaced, and OpenCV does not convert that")
            raise _refused(clip, f"{_how(ours, picture, index)} differs from OpenCV's by {found:.1f} of 255 on average")


def _pictures(path: Path, indices: list[int], *, turned: bool) -> Iterator[tuple[int, Frames | None]]:
    """The pictures of ascending *indices*, [H,W,3] uint8 RGB, each with its index; None where none comes."""
    import cv2

    capture = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, int(turned))
    try:
        at = -1
        for index in indices:
            while at < index and capture.grab():
                at += 1
            has, picture = capture.retrieve() if at == index else (False, None)
            yield index, np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2RGB), np.uint8) if has else None
    finally:
        capture.release()


def difference(ours: Frames, other: Frames) -> float:
    """The mean difference of two pictures of one size, of 255."""
    import cv2

    return float(np.mean(cv2.absdiff(ours, other)))


def _how(ours: Frames, other: Frames, index: int) -> str:
    """What differs most likely: the turn, the colours, or which frame it is."""
    if difference(np.ascontiguousarray(ours[::-1, ::-1]), other) <= LIMIT:
        return f"is turned differently: frame {index}"
    grey = [np.ascontiguousarray(np.repeat(picture.mean(2, keepdims=True), 3, 2), np.uint8) for picture in (ours, other)]
    if difference(grey[0], grey[1]) <= LIMIT:
        return f"has other colours: frame {index}"
    return f"has another picture: frame {index}"


def _size(picture: Frames) -> str:
    return f"{picture.shape[1]}x{picture.shape[0]}"


def _refused(clip: Clip, what: str) -> ClipError:
    return ClipError(clip, clip.path, what, ENCODE_AGAIN)
