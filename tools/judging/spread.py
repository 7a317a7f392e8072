"""How much times differ from night to night and from series to series, as all cases of a chip tell; pure.

Eight nights of one case do not tell it, so the cases are pooled, by likelihood. Nights differ in how many
series they have because doubtful ones were measured again. The likelihood does not mind: whether another
series was taken depends on nothing but the series before it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tools.judging.likelihood import TRUSTED, Nights, Noise, Numbers, common_shift, huber_centre
from tools.judging.slower import Before

PRIOR = Noise(0.005, 0.01, 0)
PRIOR_NIGHTS, PRIOR_SERIES = 2, 2  # the prior counts like so many nights of so many series
PRIOR_RATIO = (PRIOR.between / PRIOR.within) ** 2  # of the two variances; where no night has two series nothing else tells it
RATIOS = np.geomspace(1e-3, 100, 141)  # of the variances between and within
ALIKE = (60.0, 16.0, 6.0, 3.0)  # how alike cases may be: as how many observations of a case the pool counts
FACTORS = np.array([0.25, 0.5, 1.0, 2.0, 4.0])  # of the pool's variance that a case's may be
DOUBT = 3.0  # logarithm of how much likelier unlike cases must be
ROUNDS = 3


def noise_of(nights: Nights) -> Noise:
    """What the nights of all cases of a chip tell; without any it is PRIOR.

    A case is a row and a night a column. Nights that were bad for the whole machine are left out.
    """
    noise, nights = PRIOR, without_bad(nights)
    there = nights.series > 0
    count = there.sum(axis=-1, keepdims=True)
    if not (count > 1).any():
        return noise
    for turn in range(ROUNDS):
        variance = np.square(noise.between) + np.square(noise.within) / np.maximum(nights.series, 1)
        centre, _ = huber_centre(nights, variance)
        off = np.square(nights.log_s - centre[:, None])
        if turn:
            off = np.minimum(off, TRUSTED**2 * variance)
        between, within = likeliest(nights, off, there & (count > 1), 1 - 1 / np.maximum(count, 2))
        noise = Noise(between, within, int(count.sum()))
    return alike(nights, noise)


def without_bad(nights: Nights) -> Nights:
    """The nights but those on which the cases were slower by something common to all."""
    centre, _ = huber_centre(nights, PRIOR.between**2 + PRIOR.within**2 / np.maximum(nights.series, 1))
    there, off = nights.series > 0, nights.log_s - centre[:, None]
    bad = np.array([common_shift(off[there[:, night], night]) > 0 for night in range(off.shape[-1])])
    return nights._replace(series=np.where(bad, 0.0, nights.series), squares=np.where(bad, 0.0, nights.squares))


def noise_of_cases(cases: Sequence[Before]) -> Noise:
    """As `noise_of`, of the nights that each case of a chip is compared with."""
    runs = {run: column for column, run in enumerate(dict.fromkeys(run for case in cases for run in case.runs))}
    table = np.zeros((3, len(cases), len(runs)))
    for row, case in enumerate(cases):
        table[:, row, [runs[run] for run in case.runs]] = case.nights()
    return noise_of(Nights(*table)) if runs else PRIOR


def likeliest(nights: Nights, off: Numbers, there: Numbers, freedom: Numbers) -> tuple[float, float]:
    """The two standard deviations that make the nights likeliest; those of as many series are one group."""
    kinds, group = np.unique(nights.series[there], return_inverse=True)
    counts = np.bincount(group, np.broadcast_to(freedom, off.shape)[there])
    sums = np.bincount(group, off[there])
    prior2, prior_within2 = PRIOR.between**2 + PRIOR.within**2 / PRIOR_SERIES, PRIOR.within**2
    kinds, counts = np.append(kinds, PRIOR_SERIES), np.append(counts, PRIOR_NIGHTS)
    sums = np.append(sums, PRIOR_NIGHTS * prior2)
    inner = np.maximum(nights.series - 1, 0).sum() + PRIOR_NIGHTS * (PRIOR_SERIES - 1)
    squares = nights.squares.sum() + PRIOR_NIGHTS * (PRIOR_SERIES - 1) * prior_within2
    shape = RATIOS[:, None] + 1 / kinds
    total = counts.sum() + inner
    within2 = ((sums / shape).sum(axis=1) + squares) / total
    best = np.argmin(total * np.log(within2) + (counts * np.log(shape)).sum(axis=1) + np.square(np.log(RATIOS / PRIOR_RATIO)))
    return float(np.sqrt(RATIOS[best] * within2[best])), float(np.sqrt(within2[best]))


def alike(nights: Nights, noise: Noise) -> Noise:
    """*noise* with how alike the cases are: less than most only where that makes their times likelier."""
    table = factor_likelihoods(nights, noise)
    prior = [np.exp(-np.square(np.log(FACTORS)) * kind / 4) for kind in ALIKE]
    weights = np.log([one / one.sum() for one in prior])
    both = table[None, None] + weights[:, None, None, :, None] + weights[None, :, None, None, :]
    highest = both.max(axis=(-1, -2), keepdims=True)
    found = (highest[..., 0, 0] + np.log(np.exp(both - highest).sum(axis=(-1, -2)))).sum(axis=-1)
    found[0, :] += DOUBT
    found[:, 0] += DOUBT
    between, within = np.unravel_index(np.argmax(found), found.shape)
    return Noise(noise.between, noise.within, noise.nights, ALIKE[between], ALIKE[within])


def factor_likelihoods(nights: Nights, noise: Noise) -> Numbers:
    """Each case's log-likelihood of variances that are the pool's times FACTORS: between, then within."""
    there = nights.series > 0
    count, series = there.sum(axis=-1, keepdims=True), np.maximum(nights.series, 1)
    pool = np.square(noise.between) + np.square(noise.within) / series
    centre, _ = huber_centre(nights, pool)
    off = np.minimum(np.square(nights.log_s - centre[:, None]), TRUSTED**2 * pool) * count / np.maximum(count - 1, 1)
    inner, squares = (series - 1).sum(axis=-1), nights.squares.sum(axis=-1)
    table = np.empty((len(pool), len(FACTORS), len(FACTORS)))
    for column, factor in enumerate(FACTORS):
        within = np.square(noise.within) * factor
        for row, other in enumerate(FACTORS):
            variance = np.square(noise.between) * other + within / series
            outer = np.where(there & (count > 1), np.log(variance) + off / variance, 0.0).sum(axis=-1)
            table[:, row, column] = -(inner * np.log(within) + squares / within + outer) / 2
    return table
