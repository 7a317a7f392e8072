"""Nights on which cases creep, or do not: what the test against a fixed anchor reports."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from suites.speed.farm import CASES, Farm, Flags, Numbers, World
from suites.speed.lines import Line, at_least, at_most, stated
from tools.judging.likelihood import Nights, Noise
from tools.judging.trend import ANCHOR, CREEP, LEAST, creeping, reported, start_of

MACHINES, QUIET, STEADY, LASTS = 20, 100, 10, 60  # QUIET: nights after the anchor without a creep; STEADY: at most before one
WITHIN, NEAR = 40, 10  # nights after which it must be reported, and by which its beginning may be wrong


def drift_lines(world: World, seed: int, nights: int) -> Iterator[Line]:
    """Creeps of 0.1 % a night that are found, and false reports."""
    chance = np.random.default_rng(seed)
    false = watched = 0
    for _ in range(max(1, nights // (MACHINES * QUIET))):
        seen, noise = history(Farm(world, MACHINES, chance), np.zeros((MACHINES, CASES)), QUIET)
        first = first_report(seen, noise)
        false += int((first < np.inf).sum())
        watched += MACHINES * QUIET
    yield at_most(f"false reports of a creep, {CASES} cases together", false, watched, 0.001)
    yield from found_lines(world, chance, nights)


def found_lines(world: World, chance: np.random.Generator, cases: int) -> Iterator[Line]:
    """A third of the cases creep from some night after the anchor on."""
    apart = np.arange(CASES) % 3 == 0
    late: list[Numbers] = []
    wrong: list[int] = []
    for _ in range(max(1, cases // (MACHINES * int(apart.sum())))):
        began = ANCHOR + chance.integers(0, STEADY + 1, (MACHINES, CASES))
        seen, noise = history(Farm(world, MACHINES, chance), began * apart, STEADY + LASTS, apart)
        first = first_report(seen, noise)
        late.append((first - began)[:, apart].ravel())
        for machine, case in zip(*np.nonzero((first < np.inf) & apart), strict=True) if len(wrong) < 3000 else ():
            until = int(first[machine, case])
            between, within = np.asarray(noise.between), np.asarray(noise.within)
            one = Nights(*(value[machine, case, :until] for value in seen))
            wrong.append(abs(start_of(one, Noise(float(between[machine, 0]), float(within[machine, 0]), 0))[0]
                             - int(began[machine, case])))
    all_late = np.concatenate(late)
    yield at_least(f"a creep of 0.1 % a night reported within {WITHIN} nights", int((all_late <= WITHIN).sum()), all_late.size, 0.99)
    yield stated("median of the nights until then", f"{np.median(all_late):.0f}")
    yield at_least(f"the night it began named within {NEAR} nights", int((np.array(wrong) <= NEAR).sum()), len(wrong), 0.9)


def history(farm: Farm, began: Numbers, nights: int, apart: Flags | None = None) -> tuple[Nights, Noise]:
    """All nights of cases that creep from the night *began* on (0: never), and the noise learned."""
    shape = (*farm.shape, ANCHOR + nights)
    seen = Nights(*(np.zeros(shape) for _ in range(3)))
    for night in range(shape[-1]):
        rise = CREEP * np.where(began > 0, np.maximum(night + 1 - began, 0), 0)
        words = farm.night(np.log1p(rise), None if apart is None else np.zeros((len(began), 1)), apart)
        for value, new in zip(seen, farm.tonight, strict=True):
            value[:, :, night] = np.where(words.bad_day | (farm.common > 0), 0.0, new)
    return seen, farm.noise


def first_report(seen: Nights, noise: Noise) -> Numbers:
    """After how many nights each case is first reported; infinite where it never is."""
    first = np.full(seen.log_s.shape[:-1], np.inf)
    wide = Noise(np.asarray(noise.between)[..., None], np.asarray(noise.within)[..., None], 0)
    for until in range(ANCHOR + LEAST, seen.log_s.shape[-1] + 1):
        found = creeping(Nights(*(value[..., :until] for value in seen)), wide)
        first = np.where(reported(found) & np.isinf(first), until, first)
    return first
