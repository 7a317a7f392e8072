"""How much likelier a night's series are if the case became slower than if not; pure, for arrays of cases.

Times enter as natural logarithms of the seconds a clip takes. The model of one series is

    logarithm = the case's centre + what the whole night is off + what this series is off

The night's part is common to all series of the night, so more series tell less and less. Therefore the
ratio is that of the likelihoods of tonight's mean, not a sum over series.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
HUBER = 2.5  # standard deviations beyond which a night pulls at the centre no more than that
TRUSTED = 3.0  # standard deviations that a night counts at most where spreads are estimated
ROUNDS = 2  # of the robust centre: what one more changes is below a tenth of its error
FEW, SURE = 8, 2.5  # cases that tell what a machine is off, and standard errors that it is off by at least
NOTHING = np.zeros(())
LEAST = 0.25  # of the pool's variance between nights that a case's own is at least


@dataclass(frozen=True, slots=True)
class Noise:
    """Standard deviations of such logarithms, as all cases of a chip show them; one or an array of farms.

    between: from night to night. within: from series to series of one night. nights: how many tell it.
    alike_between, alike_within: how alike the cases are: each case's own variance is estimated as if so many
    observations more had shown the pool's.
    """

    between: float | Numbers
    within: float | Numbers
    nights: int
    alike_between: float | Numbers = 60.0
    alike_within: float | Numbers = 60.0


class Nights(NamedTuple):
    """Nights of cases, the last axis; of each its series' mean, their number, squared deviations in all.

    A night of no series is none.
    """

    log_s: Numbers
    series: Numbers
    squares: Numbers


class Known(NamedTuple):
    """What the nights before tell of each case: its centre and variances, and how well they are known.

    error2: of the centre. between: from night to night, and precision: one over that estimate's variance.
    within: from series to series, as *freedom* observations tell it.
    """

    centre: Numbers
    error2: Numbers
    between: Numbers
    precision: Numbers
    within: Numbers
    freedom: Numbers


class Evidence(NamedTuple):
    """ratio: the logarithm of the likelihood ratio of slow and fine; faster: of as much faster and fine.

    alone: as ratio, after what tonight is common to all cases was taken off. shift: tonight's mean less the
    centre. error: the standard deviation of the centre.
    """

    ratio: Numbers
    alone: Numbers
    faster: Numbers
    shift: Numbers
    centre: Numbers
    error: Numbers


def huber_centre(nights: Nights, variance: Numbers) -> tuple[Numbers, Numbers]:
    """The robust mean of nights with these variances, and its own variance; infinite where there is no night.

    Nights weigh as they are known. A plain mean of the nights would not do: a night that began slow was
    measured again and came down, while one that began fast was not.
    """
    weight = (nights.series > 0) / variance
    known = weight.sum(axis=-1)
    share = weight / np.where(known > 0, known, 1.0)[..., None]
    centre = np.asarray((share * nights.log_s).sum(axis=-1))
    reach = HUBER * np.sqrt(variance)
    for _ in range(ROUNDS):
        off = np.minimum(np.maximum(nights.log_s - centre[..., None], -reach), reach)
        centre = centre + (share * off).sum(axis=-1)
    with np.errstate(divide="ignore"):
        return centre, np.asarray(1 / known)


def own_between(nights: Nights, centre: Numbers, variance: Numbers, noise: Noise) -> tuple[Numbers, Numbers]:
    """Each case's variance between nights, shrunk towards the pool's, and how precisely that is known.

    One step of Fisher's scoring from the pool's variance, which is the prior.
    """
    count = (nights.series > 0).sum(axis=-1)
    weight = (nights.series > 0) / np.square(variance)
    off = np.minimum(np.square(nights.log_s - centre[..., None]), TRUSTED**2 * variance)
    freedom = count / np.maximum(count - 1, 1)
    information = weight.sum(axis=-1) / 2
    pool = np.square(np.asarray(noise.between))
    precision = information + np.asarray(noise.alike_between) / 2 / np.square(pool)
    excess = freedom * (weight * off).sum(axis=-1) / 2 - (weight * variance).sum(axis=-1) / 2
    return np.maximum(pool + excess / precision, LEAST * pool), precision


def leaning(centre: Numbers, error2: Numbers, lean: Numbers, lean2: Numbers) -> tuple[Numbers, Numbers]:
    """The nights' own centre and one from elsewhere, each by its variance; an infinite one counts nothing."""
    with np.errstate(invalid="ignore"):
        share = np.where(np.isinf(lean2), 0.0, np.where(np.isinf(error2), 1.0, error2 / (error2 + lean2)))
        error = np.where(share == 0, error2, np.where(share == 1, lean2, share * lean2))
    return centre + share * np.where(share > 0, lean - centre, 0.0), error


def student_ratio(shift: Numbers, variance: Numbers, freedom: Numbers, good: float, bad: float) -> Numbers:
    """The log-likelihood ratio of being off by *bad* or more and by *good* or less, the variance estimated.

    Beyond either the likeliest such mean is the measured one: Student's distributions alone would make a case
    that is far off, or far faster, look as odd under both.
    """
    side = 1.0 if bad > good else -1.0
    missing, over, scaled = np.minimum(side * (shift - bad), 0.0), np.maximum(side * (shift - good), 0.0), freedom * variance
    return np.asarray((freedom + 1) / 2 * (np.log1p(np.square(over) / scaled) - np.log1p(np.square(missing) / scaled)))


def known(nights: Nights, lean: tuple[Numbers, Numbers], noise: Noise) -> Known:
    """What the nights before tell; *lean*: a centre from elsewhere and its variance."""
    alike = np.asarray(noise.alike_within)
    freedom = alike + np.maximum(nights.series - 1, 0).sum(axis=-1)
    within = (alike * np.square(noise.within) + nights.squares.sum(axis=-1)) / freedom
    spread = np.square(np.asarray(noise.between))
    single = within[..., None] / np.maximum(nights.series, 1)
    centre, _ = huber_centre(nights, spread[..., None] + single)
    between, precision = own_between(nights, centre, spread[..., None] + single, noise)
    weight = ((nights.series > 0) / (between[..., None] + single)).sum(axis=-1)
    with np.errstate(divide="ignore"):
        centre, error2 = leaning(centre, 1 / weight, *lean)
    return Known(centre, error2, between, precision, within, freedom)


def evidence(before: Known, tonight: Nights, shifts: tuple[float, float], common: Numbers = NOTHING) -> Evidence:
    """What tonight's mean says beside the nights before.

    shifts: the good one and the bad, in logarithms. common: by how much all cases of the machine are slower
    tonight.
    """
    spare = np.maximum(tonight.series - 1, 0)
    within = (before.freedom * before.within + tonight.squares) / (before.freedom + spare)
    variance = before.between + within / np.maximum(tonight.series, 1) + before.error2
    freedom = 2 * np.square(variance) * before.precision
    shift = tonight.log_s - before.centre
    ratio, alone = (student_ratio(one, variance, freedom, *shifts) for one in (shift, shift - common))
    faster = student_ratio(shift, variance, freedom, 0.0, -shifts[1])
    return Evidence(ratio, alone, faster, shift, before.centre, np.sqrt(before.error2))


def common_shift(shifts: Numbers) -> Numbers:
    """By how much a machine is slower tonight, from how much the cases measured so far are: the last axis.

    It is their median, and 0 where chance makes such a median or they are fewer than FEW.
    """
    if shifts.shape[-1] < FEW:
        return np.zeros(shifts.shape[:-1])
    middle = np.median(shifts, axis=-1)
    apart = np.median(np.abs(shifts - middle[..., None]), axis=-1)
    error = 1.2533 * 1.4826 * apart / np.sqrt(shifts.shape[-1])  # of a median of normal numbers, from their typical distance
    return np.where(middle > SURE * error, middle, 0.0)
