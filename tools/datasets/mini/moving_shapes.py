"""Procedural clips: a coloured texture that drifts one way, so that a class is appearance x motion; pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from tools.media.preprocess import Frames

HEIGHT, WIDTH, FIELD = 240, 320, 512
COLOURS = {"warm": (200, 90, 60), "cool": (60, 90, 200), "leaf": (70, 180, 70)}
MOTIONS = {"right": (1.0, 0.0), "left": (-1.0, 0.0), "down": (0.0, 1.0), "up": (0.0, -1.0)}
CLASSES = tuple((colour, motion) for colour in COLOURS for motion in MOTIONS)


@dataclass(frozen=True, slots=True)
class Recipe:
    """All that decides a clip's pixels: equal recipes give equal frames on every machine.

    noise: deviation of grey noise in 8-bit steps.
    travel: pixels moved in *span* frames (0: in the whole clip), times a random 0.7 to 1.3 for each clip.
    wave: length of the texture's waves in pixels.
    """

    label: int
    frames: int
    seed: tuple[int, ...]
    noise: float
    travel: float
    span: int = 0
    wave: float = 80.0

    @property
    def name(self) -> str:
        colour, motion = CLASSES[self.label]
        return f"{colour}_{motion}"


def render(recipe: Recipe) -> Frames:
    """The clip's frames, [frames, 240, 320, 3] uint8 RGB.

    Speed goes by what a network samples, not by seconds: frames spread over a clip of any length see the same
    steps, and so do frames *interval* apart in a window of *span* frames.
    """
    rng = np.random.default_rng([*recipe.seed, recipe.label])
    colour, motion = CLASSES[recipe.label]
    base = np.asarray(COLOURS[colour], np.float32) + rng.uniform(-25, 25, 3).astype(np.float32)
    texture = _texture(rng, recipe.wave) * 45
    turn = rng.uniform(-0.3, 0.3)
    across, down = MOTIONS[motion]
    step = np.array([across * np.cos(turn) - down * np.sin(turn), across * np.sin(turn) + down * np.cos(turn)])
    start, travel = rng.uniform(0, FIELD, 2), recipe.travel * rng.uniform(0.7, 1.3)
    grains = rng.integers(0, FIELD - WIDTH, (recipe.frames, 2))
    frames = np.empty((recipe.frames, HEIGHT, WIDTH, 3), np.uint8)
    for number, (left, top) in enumerate(grains.tolist()):
        x, y = np.round(start - step * travel * number / (recipe.span or recipe.frames)).astype(int) % FIELD
        grey = texture[y : y + HEIGHT, x : x + WIDTH] + _noise()[top : top + HEIGHT, left : left + WIDTH] * recipe.noise
        frames[number] = np.clip(grey[..., None] + base, 0, 255)
    return frames


def _texture(rng: np.random.Generator, wave_px: float) -> NDArray[np.float32]:
    """Band-passed noise of unit deviation, in waves of about *wave_px* pixels, tiled so that any window fits.

    Waves should be about four times the step between two sampled frames: shorter ones would alias.
    """
    centre = 1.2 / wave_px
    spectrum = np.fft.rfft2(rng.standard_normal((FIELD, FIELD)))
    radius = np.hypot(np.fft.fftfreq(FIELD)[:, None], np.fft.rfftfreq(FIELD)[None])
    wave = np.fft.irfft2(spectrum * np.exp(-(((radius - centre) / (centre / 2)) ** 2)))
    tiled = np.tile(wave / wave.std(), (2, 2)).astype(np.float32)
    return tiled[: FIELD + HEIGHT, : FIELD + WIDTH]


@lru_cache(maxsize=1)
def _noise() -> NDArray[np.float32]:
    """One field of unit noise; each frame cuts its own window from it: much cheaper than drawing anew."""
    return np.random.default_rng(0).standard_normal((FIELD, FIELD)).astype(np.float32)
