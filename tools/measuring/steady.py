"""Where a series of times settles, and whether it creeps from there on; pure."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import factorial

import numpy as np
from numpy.typing import NDArray

SETTLING_PART = 3  # warm-up is at most one in so many calls
SETTLING_S = 10.0  # and at most so many seconds
WINDOW = 5  # so many calls in a row are looked at together
FENCE = 4.0  # robust deviations from the median
NEAR = 0.005  # of the median: so near it a call is no warm-up, however alike the later ones are
USUAL = 0.95  # the share of the later calls that a band holds, however far their tails reach
FEWEST = 6  # later calls, to tell what is usual
BLOCKS = 20
CHANCE = 1e-5  # that a series without a trend seems to have one: a night has more than a hundred series

Times = NDArray[np.float64]


def settling(series: Sequence[float]) -> int:
    """How many calls at the beginning are warm-up: they lie outside the band of those after the first third.

    Single calls are looked at, and medians of a few in a row, since a slow decline hides in the spread of
    single ones. Calls that begin faster than the later ones go on are warm-up as well. At most SETTLING_PART
    of the calls and SETTLING_S are: what settles later is told by `drift`.
    """
    times = np.asarray(series, np.float64)
    later = len(times) // SETTLING_PART
    most = min(later, int(np.searchsorted(np.cumsum(times), SETTLING_S, side="right")))
    found = _first_usual(times, later, most)
    if len(times) - later < FEWEST * WINDOW:
        return found
    rolling = np.median(np.lib.stride_tricks.sliding_window_view(times, WINDOW), axis=1)
    return max(found, _first_usual(rolling, later, most))


def _first_usual(values: Times, later: int, most: int) -> int:
    """The first of *values* inside the band of those from *later* on; *most* where none before it is."""
    usual = values[later:]
    if len(usual) < FEWEST:
        return 0
    middle = float(np.median(usual))
    reach = max(FENCE * spread(usual), NEAR) * middle
    low = min(middle - reach, float(np.quantile(usual, 1 - USUAL, method="higher")))
    high = max(middle + reach, float(np.quantile(usual, USUAL, method="lower")))
    inside = (values[:most] >= low) & (values[:most] <= high)
    return int(np.argmax(np.append(inside, True)))


def spread(times: Sequence[float] | Times) -> float:
    """The deviation of times over their median as if they were normal; a few far ones do not change it."""
    found = np.asarray(times, np.float64)
    middle = float(np.median(found))
    return 1.4826 * float(np.median(np.abs(found - middle))) / middle


def drift(series: Sequence[float]) -> float:
    """By which share calls have become slower from the first to the last; 0 where chance explains it.

    The slope is Theil and Sen's over medians of blocks, and its chance that of Mann and Kendall's test.
    """
    times = np.asarray(series, np.float64)
    blocks = [np.median(block) for block in np.array_split(times, min(BLOCKS, len(times)))]
    first, second = np.triu_indices(len(blocks), 1)
    medians = np.array(blocks)
    rises = medians[second] - medians[first]
    if chance_of(len(blocks), abs(int(np.sign(rises).sum()))) > CHANCE:
        return 0.0
    return float(np.median(rises / (second - first)) * (len(blocks) - 1) / np.median(times))


@lru_cache(maxsize=256)
def chance_of(count: int, score: int) -> float:
    """How often, of *count* values in any order, *score* more pairs rise than fall, or fall than rise."""
    ways = [1]  # in how many orders of the first values a number of pairs fall
    for size in range(1, count):
        ways = [sum(ways[max(0, falls - size) : falls + 1]) for falls in range(len(ways) + size)]
    falling = (count * (count - 1) // 2 - score) // 2
    return min(1.0, 2 * sum(ways[: falling + 1]) / factorial(count))
