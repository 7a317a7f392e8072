"""What the verdict of accuracy does over many lists whose clips flip: with no net loss, and with one."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from suites.speed.lines import Line, at_least, at_most
from tools.judging.mcnemar import flips_red
from tools.spec.truth import PairsGate

GATE = PairsGate(max_loss_clips=1, max_loss_share=0.01)  # as in every model's toml
SIZES = (3_000, 3_783, 5_000, 10_000, 19_796)
FLIPPED, NET = 0.01, 0.004
SEED = 300
MORE = 10  # lists for each night that is asked for: they are cheap, and the bound is near


def red_of(clips: int, lost: float, won: float, lists: int, chance: np.random.Generator) -> int:
    """How many of so many *lists* are red; lost, won: the probability of either for a clip."""
    drawn = chance.multinomial(clips, [lost, won, 1 - lost - won], lists)[:, :2]
    pairs, counts = np.unique(drawn, axis=0, return_counts=True)
    return int(sum(count for (one, other), count in zip(pairs.tolist(), counts.tolist(), strict=True)
                   if flips_red(one, other, clips, GATE)))


def flip_lines(size: int) -> Iterator[Line]:
    """A line for each size of list with as many won as lost, and one for a net loss."""
    chance, lists = np.random.default_rng(SEED), MORE * size
    for clips in SIZES:
        red = red_of(clips, FLIPPED / 2, FLIPPED / 2, lists, chance)
        yield at_most(f"{clips:,} clips, 1 % flip and none is lost: red lists", red, lists, 0.001)
    lost = (FLIPPED + NET) / 2
    yield at_least("19,796 clips, 1 % flip and 0.4 points are lost: red lists",
                   red_of(SIZES[-1], lost, FLIPPED - lost, size, chance), size, 0.99)
