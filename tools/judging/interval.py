"""How well a series of times is known: between which two values its typical time lies; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from tools.measuring.timing import Statistic

BLOCKS = 20  # at most: more would each be shorter, and more alike
BLOCK = 10  # at least so many times in a row are a block
KNOWN = 0.95
SINGLE = 6  # single times, to tell with that confidence where their median lies


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
    """The median or the mean of times, and where it lies; of fewer than `fewest` the confidence is less.

    Times that follow each other are alike: they share a clock rate, a temperature, a neighbour. Taken as
    independent they would seem to tell more than they do. So a series is BLOCKS blocks, or fewer of BLOCK
    times, and each counts as one observation: its median, or its mean. Between two of them, as many from
    either end as the binomial allows, lies the typical time. Nobody knows where a slow spell begins, so a
    block may begin anywhere, and of all such blocks the ends are taken. This widens the interval. A mean also
    lies within Student's t of the blocks cut side by side, which sees rare long times.

    The limit of this, in 4000 simulated series of 60 or of 120 times: with 95 % confidence asked for, the
    typical time lay beyond one given end in 0.3 % of them where times were independent. Where each was like
    the one before (AR(1), 0.9) it was 5 %, with spells of about 5 iterations at another level 2 %, and with
    spells of about 10 it was 5 to 6.4 %. With spells of 30 it was 18 to 22 %: what lasts longer than a block
    is not seen for what it is.
    """
    times = np.asarray(series)
    count = max(1, min(BLOCKS, len(times) // BLOCK))
    length, typical = len(times) // count, np.median if statistic == "median" else np.mean
    starts = np.linspace(0, len(times) - length, BLOCK * (count - 1) + 1).astype(int)
    found = np.sort(typical(np.lib.stride_tricks.sliding_window_view(times, length)[starts], axis=1))
    beyond, measured = outer_rank(count, confidence) * len(found) // count, float(typical(times))
    low, high = min(float(found[beyond]), measured), max(float(found[-1 - beyond]), measured)
    if statistic == "median" or count == 1:
        return Interval(low, measured, high)
    deviation = float(np.std([block.mean() for block in np.array_split(times, count)], ddof=1))
    reach = student(count - 1, confidence) * deviation / math.sqrt(count)
    return Interval(max(min(low, measured - reach), float(times.min())), measured, max(high, measured + reach))


def half_width(series: Sequence[float], statistic: Statistic) -> float | None:
    """Half of the interval in which the typical time lies with KNOWN confidence, as a share of that time.

    None: there are fewer than SINGLE times. Fewer than `fewest` are taken as independent: their median lies
    between two of them, as many from either end as the binomial allows, and their mean within Student's t.
    What their blocks show counts as well.
    """
    times = np.sort(np.asarray(series))
    if len(times) < SINGLE:
        return None
    found = typical_time(series, statistic, KNOWN)
    low, high = found.low, found.high
    if len(times) < fewest(KNOWN) and statistic == "median":
        beyond = outer_rank(len(times), KNOWN)
        low, high = min(low, float(times[beyond])), max(high, float(times[-1 - beyond]))
    elif len(times) < fewest(KNOWN):
        reach = student(len(times) - 1, KNOWN) * float(times.std(ddof=1)) / math.sqrt(len(times))
        low, high = min(low, found.measured - reach), max(high, found.measured + reach)
    return (high - low) / 2 / found.measured


def fewest(confidence: float) -> int:
    """How many times tell an interval with that confidence: the median is beyond all blocks more rarely."""
    return BLOCK * math.ceil(1 - math.log2(1 - confidence))


def outer_rank(count: int, confidence: float) -> int:
    """How many of *count* sorted observations may be left out on either side of the median."""
    tail, rank = 1 / 2**count, 0
    while 2 * (tail + math.comb(count, rank + 1) / 2**count) <= 1 - confidence:
        rank += 1
        tail += math.comb(count, rank) / 2**count
    return rank


def student(freedom: int, confidence: float) -> float:
    """The two-sided quantile of Student's t, expanded around the normal one; right to 2e-3 from 5 on."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    terms: tuple[float, ...] = ((z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96, (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
                                (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160)
    return z + math.fsum(term / freedom**power for power, term in enumerate(terms, 1))
