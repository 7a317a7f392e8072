"""How well a series of times is known: between which two values its typical time lies; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tools.measuring.timing import MIN_ITERATIONS, Statistic

BLOCKS = MIN_ITERATIONS  # as many as the shortest series that is judged has iterations


@dataclass(frozen=True, slots=True)
class Interval:
    """A number that was measured, and the two between which it lies with the confidence asked for."""

    low: float
    measured: float
    high: float

    def times(self, factor: float) -> Interval:
        return Interval(self.low * factor, self.measured * factor, self.high * factor)

    def inverse(self) -> Interval:
        return Interval(1 / self.high, 1 / self.measured, 1 / self.low)


def total(parts: Sequence[Interval]) -> Interval:
    """The sum, which lies between the sums of the ends if each part lies between its own."""
    return Interval(sum(part.low for part in parts), sum(part.measured for part in parts), sum(part.high for part in parts))


def typical_time(series: Sequence[float], statistic: Statistic, confidence: float) -> Interval:
    """The median or the mean of times, and where it lies; of fewer than BLOCKS the confidence is less.

    Times that follow each other are alike: they share a clock rate, a temperature, a neighbour. Taken as
    independent they would seem to tell more than they do. So the series is cut into BLOCKS stretches, and
    each counts as one observation: its median, or its mean. Of 20 times each is a stretch of its own. What
    changes more slowly than a stretch lasts widens the interval only as far as it was seen.

    The median lies between two order statistics of the blocks, which is exact (binomial) whatever the shape
    of the times; the mean within Student's t of the blocks' mean, and is not below the shortest time.
    """
    times = np.asarray(series)
    blocks = np.array_split(times, min(BLOCKS, len(times)))
    if statistic == "median":
        found = sorted(float(np.median(block)) for block in blocks)
        rank, median = outer_rank(len(blocks), confidence), float(np.median(times))
        return Interval(min(found[rank], median), median, max(found[-1 - rank], median))
    mean = float(times.mean())
    if len(blocks) == 1:
        return Interval(mean, mean, mean)
    reach = student(len(blocks) - 1, confidence) * float(np.std([block.mean() for block in blocks], ddof=1)) / math.sqrt(len(blocks))
    return Interval(max(mean - reach, float(times.min())), mean, mean + reach)


def outer_rank(count: int, confidence: float) -> int:
    """How many of *count* sorted observations may be left out on either side of the median."""
    tail, rank = 1 / 2**count, 0
    while 2 * (tail + math.comb(count, rank + 1) / 2**count) <= 1 - confidence:
        rank += 1
        tail += math.comb(count, rank) / 2**count
    return rank


def student(freedom: int, confidence: float) -> float:
    """The two-sided quantile of Student's t, expanded around the normal one; right to 1e-3 from 19 on."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    terms: tuple[float, ...] = ((z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384)
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))
