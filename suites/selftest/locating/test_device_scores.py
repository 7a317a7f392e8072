"""The device's scores are judged beside its graph's, and beside what a search has found."""

from __future__ import annotations

import numpy as np

from tools.locating import device_scores


def test_one_flipped_clip_of_a_large_batch_differs() -> None:
    """However many others agree to half precision."""
    rng = np.random.default_rng(1)
    logits = 4 * rng.normal(size=(32, 101))
    theirs = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    ours = theirs * (1 + rng.normal(size=theirs.shape) / 2000)
    assert not device_scores.stage(ours, theirs, "fp16", softmax=True).differs

    first, other = np.argmax(ours[3]), np.argsort(ours[3])[-10]
    ours[3, first], ours[3, other] = ours[3, other], ours[3, first]
    assert device_scores.stage(ours, theirs, "fp16", softmax=True).differs
