"""What creeps: whether a case becomes slower night by night, against an anchor that does not move; pure.

The anchor is the robust mean of the first nights, or of those from the last accepted step on. Beside it two
courses are compared: the case stays there, or it has been creeping since some night. That night is not known,
so every night is tried, and the likeliest counts. The test beside the last nights' centre cannot see this:
the centre creeps along.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tools.judging.likelihood import Flags, Nights, Noise, Numbers, huber_centre

ANCHOR = 30  # nights that are the anchor
CREEP = 0.001  # by which a case becomes slower every night, as a share of its time
TRUSTED = 3.0  # standard deviations that a night counts at most
MOST_SERIES = 16
LIMIT = math.log(300_000)  # of the likelihood ratio's logarithm: less than one false report of 126 cases in 1,000 nights
LEAST = 4  # nights that a creep has lasted at least


@dataclass(frozen=True, slots=True)
class Trend:
    """A case that creeps. began: how many of its nights came before the first slower one.

    risen: how far it has crept, in logarithms. ratio: the logarithm of the likelihood ratio of creeping and
    staying.
    """

    began: int
    risen: float
    ratio: float


class Creep(NamedTuple):
    """Of each case, the likeliest course: its ratio, and before which night it began."""

    ratio: Numbers
    began: Numbers


def trend(nights: Nights, noise: Noise) -> Trend | None:
    """Whether one case creeps; its nights from the anchor's first on, the oldest first."""
    if nights.log_s.shape[-1] < ANCHOR + LEAST:
        return None
    found = creeping(nights, noise)
    if not bool(reported(found)):
        return None
    began, _, slope = start_of(nights, noise)
    return Trend(began, slope * (nights.log_s.shape[-1] - began), float(found.ratio))


def reported(found: Creep) -> Flags:
    return np.asarray(found.ratio >= LIMIT)


def variances(nights: Nights, noise: Noise) -> Numbers:
    """Of each night's mean, as of MOST_SERIES at most: doubtful nights have more and would outweigh."""
    return np.asarray(np.square(noise.between) + np.square(noise.within) / np.clip(nights.series, 1, MOST_SERIES))


def creeping(nights: Nights, noise: Noise) -> Creep:
    """The likeliest creep up to the last night, and its ratio, for arrays of cases; nights are the last axis.

    How far a course rises is estimated by least squares, as a multiple of CREEP, and the error of the anchor
    counts in the variance of that.
    """
    variance = variances(nights, noise)
    first = Nights(*(value[..., :ANCHOR] for value in nights))
    anchor, error2 = huber_centre(first, variance[..., :ANCHOR])
    late = Nights(*(value[..., ANCHOR:] for value in nights))
    reach = TRUSTED * np.sqrt(variance[..., ANCHOR:])
    night = np.arange(1.0, late.log_s.shape[-1] + 1)
    off = np.minimum(np.maximum(late.log_s - anchor[..., None], -reach), reach + CREEP * night)
    weight = (late.series > 0) / variance[..., ANCHOR:]
    # The course that starts after night s rises by CREEP times (night - s): sums from s on, by powers of s.
    plain, line, bend, once, turned = (
        since(weight * factor) for factor in (1.0, night, night**2, off, off * night))
    square = CREEP**2 * (bend - 2 * (night - 1) * line + (night - 1) ** 2 * plain)
    risen = CREEP * (line - (night - 1) * plain)
    with np.errstate(divide="ignore", invalid="ignore"):
        multiple = CREEP * (turned - (night - 1) * once) / square
        ratio = (multiple - 0.5) / (1 / square + np.square(risen / square) * error2[..., None])
    ratio = np.where(square > 0, ratio, 0.0)[..., : 1 - LEAST]
    return Creep(ratio.max(axis=-1), ANCHOR + ratio.argmax(axis=-1))


def since(values: Numbers) -> Numbers:
    """The sum of the values from each night on."""
    return np.asarray(values[..., ::-1].cumsum(axis=-1)[..., ::-1])


def start_of(nights: Nights, noise: Noise) -> tuple[int, float, float]:
    """The night before which a creep began, the level until then and the slope since.

    For every night a flat line and then a rising one are fitted by least squares; a slope counts as if one
    observation had shown CREEP, with CREEP as its error. The night is the median of those so weighed: the one
    that fits best would be more often far off.
    """
    weight = (nights.series > 0) / variances(nights, noise)
    count, known = nights.log_s.shape[-1], weight.sum()
    starts = np.arange(LEAST, count - LEAST + 1)
    rise = np.maximum(np.arange(1, count + 1) - starts[:, None], 0.0)
    mean_rise, mean = (weight * rise).sum(axis=1) / known, (weight * nights.log_s).sum() / known
    spread = (weight * np.square(rise - mean_rise[:, None])).sum(axis=1) + CREEP**-2
    slope = ((weight * (rise - mean_rise[:, None]) * (nights.log_s - mean)).sum(axis=1) + 1 / CREEP) / spread
    fit = (np.square(slope) * spread - np.log(spread)) / 2
    chance = np.exp(fit - fit.max())
    found = int(np.searchsorted(chance.cumsum(), chance.sum() / 2))
    return int(starts[found]), float(mean - slope[found] * mean_rise[found]), float(slope[found])
