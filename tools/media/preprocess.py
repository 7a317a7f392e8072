"""RGB frames to network input, from the choice of frames on, bit-equal to mmaction2's test pipeline; pure."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tools.spec.model import Preprocess, Sampling

Frames = NDArray[np.uint8]
Floats = NDArray[np.float32]


def crops(frames: Frames, how: Preprocess) -> Frames:
    """Resize the short side (bilinear, as uint8) and cut every view: [T,H,W,3] -> [views,T,crop,crop,3]."""
    import cv2

    height, width = frames.shape[1:3]
    factor = how.short_side / min(height, width)
    size = (int(width * factor + 0.5), int(height * factor + 0.5))
    corners = view_corners(size, how)
    cut = np.empty((len(corners), len(frames), how.crop, how.crop, 3), np.uint8)
    for number, frame in enumerate(frames):
        resized = cv2.resize(frame, size, interpolation=cv2.INTER_LINEAR)
        for view, (left, top) in enumerate(corners):
            cut[view, number] = resized[top : top + how.crop, left : left + how.crop]
    return cut


def view_corners(size: tuple[int, int], how: Preprocess) -> list[tuple[int, int]]:
    """Left and top of every view in a frame of *size* (width, height).

    Three views are left, right and middle; or top, bottom and middle of an upright frame.
    """
    across, down = size[0] - how.crop, size[1] - how.crop
    if how.views == "centre":
        return [(across // 2, down // 2)]
    steps = (0, 2, 1)
    return [(across // 2 * step, 0) for step in steps] if down == 0 else [(0, down // 2 * step) for step in steps]


def normalise(cut: Frames, how: Preprocess, out: Floats) -> None:
    """(x - mean) / deviation per channel: [views,T,H,W,3] uint8 into *out*, the input in the layout of *how*.

    A table of the 256 possible values per channel gives the same bits as the arithmetic on every pixel. The
    arithmetic divides: multiplying by the inverse deviation gives other last bits.
    """
    import cv2

    assert out.flags.c_contiguous  # or its planes would be copies
    width = cut.shape[-2]
    pixels = cut.reshape(len(out), -1, width, 3)  # both layouts: [N,3,...] beside [N,...,3] in the same order
    for item, planes in zip(pixels, out.reshape(len(out), 3, -1, width), strict=True):
        for values, table, plane in zip(cv2.split(item), _tables(how), planes, strict=True):
            cv2.LUT(values, table, dst=plane)


@lru_cache(maxsize=8)
def _tables(how: Preprocess) -> Floats:
    values = np.arange(256, dtype=np.float32)
    mean = np.array(how.mean, np.float32)[:, None]
    deviation = np.array(how.deviation, np.float32)[:, None]
    tables: Floats = (values - mean) / deviation
    return tables


def frame_indices(total: int, sampling: Sampling) -> NDArray[np.int64]:
    """Zero-based frame numbers, [clips * clip_len], for a clip of *total* frames; short clips wrap around.

    This is `SampleFrames._get_test_clips` of mmaction2 0.x. For clip_len > 1 that of 1.x differs: it centres
    a span of (clip_len - 1) * interval + 1 frames instead of clip_len * interval.
    """
    span = sampling.clip_len * sampling.interval
    average = (total - span + 1) / sampling.clips
    offsets = np.zeros(sampling.clips, np.int64)
    if total >= span:
        offsets = (np.arange(sampling.clips) * average + average / 2.0).astype(np.int64)
    steps = np.arange(sampling.clip_len) * sampling.interval
    indices: NDArray[np.int64] = np.mod((offsets[:, None] + steps).reshape(-1), total)
    return indices
