"""Simulated nights of many cases on many machines, judged by the very functions that judge real ones."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tools.judging.confirmed import carry, is_bad_day, stands_out
from tools.judging.likelihood import Evidence, Known, Nights, Noise, common_shift, evidence, known
from tools.judging.slower import (
    DOUBTFUL,
    LEARNING,
    LEARNING_SERIES,
    LEAST_OF_CONTROL,
    Plan,
    group,
    is_common,
    is_fine,
    is_hopeless,
    is_slow,
)
from tools.judging.spread import noise_of

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]
CASES, WINDOW, CONFIRM = 126, 30, 40  # WINDOW: of a case's last nights that are compared with
SHIFTS = Plan().shifts
LEARN = {8, 10, 15, 20, *range(30, 2000, 40)}  # nights after which the noise is estimated anew
LOOKS = (8, 12, 18, 27, 40, 60, 90, 126)  # cases measured after which the machine's common shift is looked at
ITERATIONS = 1000  # of a series: 10 s of 10 ms


@dataclass(frozen=True, slots=True)
class World:
    """How times differ, unknown to the code. Standard deviations; *mixed* cases each have their own.

    heavy: the share of cases whose series have Student's t with 4 degrees of freedom. wild: of those whose
    nights have. bad: the share of nights on which everything is slower by 2 to 20 %.
    """

    within: float
    between: float
    bad: float = 0.02
    heavy: float = 0.0
    wild: float = 0.0
    mixed: bool = False


class Words(NamedTuple):
    """What one night of every case came to, machines in rows; series: measured of it and of its controls."""

    slow: Flags
    bad_day: Flags
    suspect: Flags
    own: Numbers
    control: Numbers


class Farm:
    """Machines with cases and the nights they remember."""

    def __init__(self, world: World, machines: int, chance: np.random.Generator, best: bool = False) -> None:
        shape = (machines, CASES)
        self.world, self.chance, self.shape, self.best = world, chance, shape, best
        self.within: Numbers = chance.choice([0.005, 0.01, 0.02], shape) if world.mixed else np.full(shape, world.within)
        self.between: Numbers = chance.choice([0.003, 0.005, 0.01], shape) if world.mixed else np.full(shape, world.between)
        iterations = chance.uniform(0.02, 0.10, shape)  # from one to the next, of which a median of many is left
        self.within = np.hypot(self.within, 1.2533 * iterations / np.sqrt(ITERATIONS))
        self.heavy, self.wild = chance.random(shape) < world.heavy, chance.random(shape) < world.wild
        self.nights = 0
        self.kept = Nights(*(np.zeros((*shape, WINDOW)) for _ in range(3)))
        self.carried = np.zeros(shape)
        self.noise = Noise(np.full((machines, 1), 0.005), np.full((machines, 1), 0.01), 0)

    def offs(self, heavy: Flags) -> Numbers:
        """Of variance 1: normal, and where *heavy* of Student's t with 4 degrees of freedom."""
        drawn = self.chance.standard_normal(heavy.shape)
        if heavy.any():
            drawn[heavy] = self.chance.standard_t(4, int(heavy.sum())) / np.sqrt(2)
        return drawn

    def days(self) -> Numbers:
        """By how much each machine is slow tonight, in logarithms."""
        bad = self.chance.random((self.shape[0], 1)) < self.world.bad
        return np.asarray(bad * np.log1p(self.chance.uniform(0.02, 0.20, bad.shape)))

    def night(self, slower: Numbers | float = 0.0, days: Numbers | None = None, apart: Flags | None = None) -> Words:
        """Judges and remembers a night on which cases are *slower* by so much, in logarithms.

        apart: columns that tell others nothing of the machine, so that each is as if it alone were slower.
        """
        level = self.between * self.offs(self.wild) + (self.days() if days is None else days) + slower
        level = np.broadcast_to(level, self.shape).copy()
        judged = Judged(self, level, apart)
        if self.nights >= LEARNING:
            judged.confirm()
        else:
            judged.measure(Nights(judged.mean, judged.series, judged.squares), judged.all, judged.all, judged.again)
        self.first, self.tonight = judged.first, Nights(judged.mean, judged.series, judged.squares)
        self.common = judged.common.reshape(self.shape)
        words = judged.words()
        self.remember(judged, ~(words.slow | words.bad_day))
        return words

    def remember(self, judged: Judged, keep: Flags) -> None:
        """Writes the night, for each case where it counts, in the place of the oldest."""
        column = self.nights % WINDOW
        for ring, new in zip(self.kept, (judged.mean, judged.series, judged.squares), strict=True):
            ring[:, :, column] = np.where(keep, new, 0.0)
        self.nights += 1
        if not self.best and self.nights in LEARN:
            self.learn()

    def remembered(self) -> Known:
        """What each case's nights tell, with the noise estimated; or known, as the best test knows it."""
        nothing = np.zeros(self.shape), np.full(self.shape, np.inf)
        noise = Noise(self.between, self.within, 0, 1e9, 1e9) if self.best else self.noise
        return known(self.kept, nothing, noise)

    def learn(self) -> None:
        """Estimates each machine's noise from its cases."""
        found = [noise_of(Nights(*(ring[machine] for ring in self.kept))) for machine in range(self.shape[0])]
        column = [np.array([[getattr(noise, name)] for noise in found]) for name in
                  ("between", "within", "alike_between", "alike_within")]
        self.noise = Noise(column[0], column[1], 0, column[2], column[3])


class Judged:
    """One night in the making: the series of every case and of its control, as long as they go on."""

    def __init__(self, farm: Farm, level: Numbers, apart: Flags | None = None) -> None:
        self.farm, self.level = farm, level
        self.apart = np.zeros(CASES, bool) if apart is None else apart
        shape = farm.shape
        self.mean, self.series, self.squares = (np.zeros(shape) for _ in range(3))
        self.aside = Nights(np.zeros(shape), np.zeros(shape), np.zeros(shape))  # the control's
        self.all = np.arange(level.size)
        self.ratio, self.shift, self.alone = np.zeros(level.size), np.zeros(level.size), np.zeros(level.size)
        self.common, self.told = np.zeros(level.size), np.tile(np.maximum.accumulate(
            [max((look for look in LOOKS if look <= case), default=0) for case in range(CASES)]), shape[0])
        self.slow, self.fine, self.as_all = (np.zeros(level.size, bool) for _ in range(3))
        self.control = self.all
        self.control_ratio, self.control_shift = np.zeros(level.size), np.zeros(level.size)
        self.control_slow, self.control_fine = np.zeros(level.size, bool), np.zeros(level.size, bool)
        self.measure(Nights(self.mean, self.series, self.squares), self.all, self.all, np.ones(level.size, int))
        self.first, self.again = self.mean.copy(), np.full(level.size, LEARNING_SERIES - 1)

    def measure(self, into: Nights, rows: NDArray[np.int64], of: NDArray[np.int64], groups: NDArray[np.int64]) -> None:
        """Adds *groups* series of the cases *of* to the rows of *into*."""
        if not rows.size:
            return
        for size in np.unique(groups):
            chosen = groups == size
            row, case = rows[chosen], of[chosen]
            heavy = np.broadcast_to(self.farm.heavy.flat[case][:, None], (row.size, size))
            new = self.level.flat[case][:, None] + self.farm.within.flat[case][:, None] * self.farm.offs(heavy)
            mean, before = new.mean(axis=1), into.series.flat[row]
            apart = mean - into.log_s.flat[row]
            into.squares.flat[row] += np.square(new - mean[:, None]).sum(axis=1) + np.square(apart) * before * size / (before + size)
            into.log_s.flat[row] += apart * size / (before + size)
            into.series.flat[row] += size

    def evidence(self, tonight: Nights, rows: NDArray[np.int64], of: NDArray[np.int64]) -> Evidence:
        """Of the series in *rows* beside the nights of the cases *of*."""
        before = Known(*(value.flat[of] for value in self.before))
        return evidence(before, Nights(*(value.flat[rows] for value in tonight)), SHIFTS, self.common[rows])

    def confirm(self) -> None:
        """Measures again until every case is decided or has been measured CONFIRM times."""
        self.before = self.farm.remembered()
        self.weigh(self.all)
        self.common = self.shared()
        self.weigh(self.all[self.common > 0])
        self.choose()
        own = Nights(self.mean, self.series, self.squares)
        while True:
            more, again = self.turn()
            if not more.size and not again.size:
                return
            self.measure(own, more, more, group(self.series.flat[more], CONFIRM).astype(int))
            self.measure(self.aside, again, self.control[again], group(self.aside.series.flat[again], CONFIRM).astype(int))
            if more.size:
                self.weigh(more)
            if again.size:
                self.weigh_controls(again)

    def shared(self) -> Numbers:
        """What is common tonight, as each case knows it: from those measured before it, by blocks."""
        first, common = self.shift.reshape(self.farm.shape), np.zeros(self.farm.shape)
        for start, end in pairwise(LOOKS):
            common[:, start:end] = common_shift(first[:, :start][:, ~self.apart[:start]])[:, None]
        return common.ravel()

    def turn(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The cases, and the cases whose controls, are measured next."""
        more, aside = ~self.slow & ~self.fine & ~self.as_all & (self.series.ravel() < CONFIRM), self.aside.series.ravel()
        rows = np.nonzero(more)[0]
        more[rows] = ~self.hopeless(rows)
        open_too = ~self.control_slow & ~self.control_fine
        short = self.slow & ~self.control_slow & (aside < LEAST_OF_CONTROL)
        again = (short | ((self.slow | (more & (self.ratio > DOUBTFUL))) & open_too)) & (aside < CONFIRM)
        return np.nonzero(more)[0], np.nonzero(again)[0]

    def hopeless(self, rows: NDArray[np.int64]) -> Flags:
        before = Known(*(value.flat[rows] for value in self.before))
        tonight = Nights(*(value.flat[rows] for value in (self.mean, self.series, self.squares)))
        return is_hopeless(before, tonight, SHIFTS, self.common[rows], self.farm.carried.flat[rows], CONFIRM)

    def weigh(self, rows: NDArray[np.int64]) -> None:
        found = self.evidence(Nights(self.mean, self.series, self.squares), rows, rows)
        carried = self.farm.carried.flat[rows]
        self.ratio[rows], self.alone[rows], self.shift[rows] = found.ratio + carried, found.alone + carried, found.shift
        self.slow[rows] = is_slow(self.ratio[rows], self.alone[rows], self.series.flat[rows])
        self.fine[rows] = is_fine(self.ratio[rows])
        self.as_all[rows] = is_common(self.ratio[rows], self.alone[rows])

    def weigh_controls(self, rows: NDArray[np.int64]) -> None:
        found = self.evidence(self.aside, rows, self.control[rows])
        self.control_ratio[rows], self.control_shift[rows] = found.ratio, found.shift
        self.control_slow[rows] = is_slow(found.ratio, found.ratio, self.aside.series.flat[rows])
        self.control_fine[rows] = is_fine(found.ratio)

    def choose(self) -> None:
        """A control for every case: one of the machine's that seem fine tonight, or any where none does."""
        chance, (machines, cases) = self.farm.chance, self.farm.shape
        fine = self.fine.reshape(machines, cases) & ~self.apart
        seem = np.where(fine.any(axis=1, keepdims=True), fine, ~self.apart)
        order = np.argsort(~seem, axis=1, kind="stable")
        pick = (chance.random((machines, cases)) * seem.sum(axis=1, keepdims=True)).astype(int)
        self.control = (np.take_along_axis(order, pick, axis=1) + cases * np.arange(machines)[:, None]).ravel()

    def words(self) -> Words:
        """What the night came to; sets what suspects carry on."""
        shape = self.farm.shape
        out = stands_out(self.alone, self.told, self.shift - np.maximum(self.control_shift, 0), SHIFTS)
        slow = self.slow & self.control_fine & out
        bad_day = (self.slow & self.control_slow) | (self.as_all & is_bad_day(self.common, self.told, SHIFTS))
        judged = self.farm.nights >= LEARNING
        suspect = ~self.fine & ~slow & ~bad_day & judged
        self.farm.carried = np.where(suspect & ~self.as_all, carry(self.ratio, self.control_ratio), 0.0).reshape(shape)
        return Words(slow.reshape(shape), bad_day.reshape(shape), suspect.reshape(shape), self.series.copy(), self.aside.series.copy())
