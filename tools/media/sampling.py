"""Which frames of a clip the network sees, by mmaction2 0.x's test-mode rule, the guides' version."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tools.spec import Sampling


def frame_indices(total: int, sampling: Sampling) -> NDArray[np.int64]:
    """Zero-based frame numbers, [clips * clip_len], for a clip of *total* frames; short clips wrap around.

    Source: mmaction2 0.x `SampleFrames._get_test_clips`. It differs from 1.x for clip_len > 1, where 1.x centres a
    span of (clip_len - 1) * interval + 1 frames instead of clip_len * interval.
    """
    span = sampling.clip_len * sampling.interval
    average = (total - span + 1) / sampling.clips
    offsets = np.zeros(sampling.clips, np.int64)
    if total > span - 1:
        offsets = (np.arange(sampling.clips) * average + average / 2.0).astype(np.int64)
    steps = np.arange(sampling.clip_len) * sampling.interval
    indices: NDArray[np.int64] = np.mod((offsets[:, None] + steps).reshape(-1), total)
    return indices
