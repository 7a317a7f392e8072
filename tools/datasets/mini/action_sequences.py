"""Procedural videos for a localiser: features in which short actions stand out from noise; pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tools.localisation.detections import Doubles
from tools.media.preprocess import Floats
from tools.spec.mini import MiniVideos

BINS, CHANNELS = 100, 400
KINDS = 5
SNIPPET_FRAMES = 16
FPS = 25


@dataclass(frozen=True, slots=True, eq=False)
class ActionSequence:
    """A video: *features* [100, 400], its length, and the *segments* [g, 2] of its actions in seconds."""

    name: str
    features: Floats
    frames: int
    duration_s: float
    segments: Doubles


def render(mini: MiniVideos, part: int, number: int) -> ActionSequence:
    """Video *number* of the training (1) or test (2) part; equal arguments give equal values everywhere."""
    rng = np.random.default_rng([mini.seed, part, number])
    frames = int(rng.integers(30 * FPS, 200 * FPS))
    segments = _segments(rng, mini)
    directions = _directions(mini)
    features = rng.standard_normal((BINS, CHANNELS)) * mini.noise
    for start, end in segments:
        strength = rng.uniform(0.4, 1.0)
        pad = max(1 / BINS, 0.1 * (end - start)) / 2
        features += np.outer(_share(start, end), directions[rng.integers(KINDS)]) * strength
        features += np.outer(_share(start - pad, start + pad), directions[-2]) * strength
        features += np.outer(_share(end - pad, end + pad), directions[-1]) * strength
    name = f"v_mini_{('train', 'test')[part - 1]}_{number:03d}"
    return ActionSequence(name, features.astype(np.float32), frames, frames / FPS, segments * (frames / FPS))


def _segments(rng: np.random.Generator, mini: MiniVideos) -> Doubles:
    """Actions one after the other, [g, 2] in shares of the video."""
    lengths = rng.uniform(*mini.lengths, rng.integers(mini.actions[0], mini.actions[1] + 1))
    gaps = rng.uniform(0.2, 1.0, len(lengths) + 1)
    gaps *= (1 - lengths.sum()) / gaps.sum()
    starts = np.cumsum(gaps[:-1]) + np.concatenate([[0.0], np.cumsum(lengths[:-1])])
    return np.stack([starts, starts + lengths], axis=1)


def _share(start: float, end: float) -> Doubles:
    """How much of each bin lies between two points, [100]."""
    edges = np.arange(BINS + 1) / BINS
    share: Doubles = np.clip(np.minimum(edges[1:], end) - np.maximum(edges[:-1], start), 0, None) * BINS
    return share


def _directions(mini: MiniVideos) -> Doubles:
    """Directions in the space of features: one for each kind of action, one for starts, and one for ends."""
    rng = np.random.default_rng([mini.seed, 0])
    directions: Doubles = rng.standard_normal((KINDS + 2, CHANNELS)) / np.sqrt(CHANNELS)
    return directions
