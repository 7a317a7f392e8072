"""RGB frames to network input, bit-equal to mmaction2's test pipeline; pure."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tools.spec import Preprocess

Frames = NDArray[np.uint8]
Floats = NDArray[np.float32]


def crops(frames: Frames, how: Preprocess) -> Frames:
    """Resize the short side (bilinear, as uint8) and cut the centre: [T,H,W,3] -> [T,crop,crop,3]."""
    import cv2

    height, width = frames.shape[1:3]
    factor = how.short_side / min(height, width)
    size = (int(width * factor + 0.5), int(height * factor + 0.5))
    left, top = (size[0] - how.crop) // 2, (size[1] - how.crop) // 2
    cut = np.empty((len(frames), how.crop, how.crop, 3), np.uint8)
    for target, frame in zip(cut, frames, strict=True):
        resized = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
        target[:] = resized[top : top + how.crop, left : left + how.crop]
    return cut


def normalise(cut: Frames, how: Preprocess, out: Floats) -> None:
    """(x - mean) / deviation per channel, [T,H,W,3] uint8 into *out* [T,3,H,W] float32.

    Divides: multiplying by the inverse deviation gives other last bits. A table of the 256 possible values per
    channel gives the same bits as the arithmetic on every pixel.
    """
    tables = _tables(how)
    for channel in range(3):
        np.take(tables[channel], cut[..., channel], out=out[:, channel], mode="clip")


@lru_cache(maxsize=8)
def _tables(how: Preprocess) -> Floats:
    values = np.arange(256, dtype=np.float32)
    mean = np.array(how.mean, np.float32)[:, None]
    deviation = np.array(how.deviation, np.float32)[:, None]
    tables: Floats = (values - mean) / deviation
    return tables
