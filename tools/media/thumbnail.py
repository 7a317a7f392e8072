"""Small JPEGs of the frames that a network saw of a clip, for people to look at."""

from __future__ import annotations

import numpy as np

from tools.errors import DataError
from tools.media.decode import Clip, proved_frames, read_frames
from tools.media.preprocess import Frames
from tools.spec.model import ListFormat

WIDTH = 112  # pixels
QUALITY = 70


def thumbnails(clip: Clip, kind: ListFormat, sampled: tuple[int, ...], count: int, width: int = WIDTH) -> tuple[bytes, ...]:
    """Up to *count* of the *sampled* frames, in their order and spread over them, as JPEGs of that width.

    Those of a video are proved to be the frames that the network saw.

    Raises:
        ClipError: as for `decode.sampled_frames`; DataError: a picture cannot be made smaller.
    """
    order = np.unique(np.asarray(sampled, np.int64))
    chosen = order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]
    if kind == "rawframes":
        return tuple(jpeg(frame, width) for frame in read_frames(clip, kind, chosen))
    frames = proved_frames(clip, kind, np.asarray(sampled, np.int64))
    return tuple(jpeg(frames[sampled.index(number)], width) for number in chosen.tolist())


def jpeg(frame: Frames, width: int) -> bytes:
    """A frame [H,W,3] uint8 RGB as a JPEG of that width, or of its own where that is less."""
    import cv2

    height, own = frame.shape[:2]
    size = (min(width, own), max(1, round(height * min(width, own) / own)))
    smaller = cv2.resize(cv2.cvtColor(frame, cv2.COLOR_RGB2BGR), size, interpolation=cv2.INTER_AREA)
    done, content = cv2.imencode(".jpg", smaller, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    if not done:
        raise DataError("a frame cannot be written as a JPEG")
    return bytes(content)
