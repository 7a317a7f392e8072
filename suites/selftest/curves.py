"""What BSN's networks might say of a video: inputs for tests of the chain between and after them."""

from __future__ import annotations

import numpy as np

from tools.media.preprocess import Floats


def curves_of(seed: int, roughness: float = 0.3, bins: int = 100) -> Floats:
    """Three smooth curves between 0 and 1, [3, bins]: noisy sums of waves; roughness adds proposals."""
    rng = np.random.default_rng(seed)
    places = np.arange(bins) / bins
    waves = [sum(rng.normal() / n * np.sin(2 * np.pi * (n * places + rng.random())) for n in range(1, 13)) for _ in range(3)]
    raised = np.array(waves) + rng.normal(0, roughness, (3, bins))
    return np.asarray(1 / (1 + np.exp(-2 * raised)), np.float32)


def scores_of(seed: int, count: int) -> Floats:
    """What a second network might say of *count* proposals."""
    return np.random.default_rng(seed).random(count, np.float32)
