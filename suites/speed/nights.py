"""What the verdicts of speed do over many nights: `python -m suites.speed.nights` prints a table.

It ends with 1 where a bound does not hold. Seeds are fixed, so that the table is the same on every machine of
one kind. Real functions judge simulated nights of 126 cases; how the times differ is unknown to them.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from suites.speed.creeping import drift_lines
from suites.speed.farm import CASES, SHIFTS, Farm, Judged, Numbers, World
from suites.speed.flips import flip_lines
from suites.speed.lines import Line, at_least, at_most, stated
from tools.judging.slower import FALSE

WARM, COUNTED, MACHINES = 30, 200, 25  # nights that are learned from, and counted; machines at a time
WORLDS = {
    "0.5 %, 0.3 %": World(0.005, 0.003),
    "1 %, 0.5 %": World(0.01, 0.005),
    "2 %, 0.5 %": World(0.02, 0.005),
    "2 %, 1 %": World(0.02, 0.01),
    "each case its own": World(0.02, 0.005, mixed=True),
    "1 %, 0.5 %, a quarter heavy-tailed": World(0.01, 0.005, heavy=0.25),
}


@dataclass
class Tally:
    """What the nights of a row came to, in numbers of nights, cases and series."""

    nights: int = 0
    good: int = 0
    failed: int = 0
    failed_on_bad: int = 0
    false_bad_day: int = 0
    suspects: int = 0
    more: float = 0.0
    more_on_good: float = 0.0


def quiet(world: World, seed: int, nights: int, most_more: float | None = 1.5) -> Iterator[Line]:
    """Nights on which no case became slower: what is red all the same, and how neighbours' rules do."""
    chance, tally, rules = np.random.default_rng(seed), Tally(), Neighbours()
    for _ in range(max(1, nights // (COUNTED * MACHINES))):
        farm = Farm(world, MACHINES, chance)
        rules.start(farm)
        for _ in range(WARM):
            farm.night(days=np.zeros((MACHINES, 1)))
        for _ in range(COUNTED):
            days = farm.days()
            count(tally, farm, days)
            rules.night(farm, days)
    yield at_most("nights with a false FAIL", tally.failed, tally.nights, 0.001)
    yield stated("of them on bad days", f"{tally.failed_on_bad} of {tally.nights - tally.good} bad days")
    yield stated("false bad days", f"{1000 * tally.false_bad_day / tally.good:.2g} in 1,000 nights")
    yield stated("SUSPECT cases a good night", f"{tally.suspects / tally.good:.2g}")
    cells = CASES * tally.nights
    more = tally.more / cells
    on_good = tally.more_on_good / CASES / tally.good
    yield Line("more series a cell on average, the control's too", f"{more:.2f} ({on_good:.2f} on good days)",
               f"at most {most_more}" if most_more else "", most_more is None or more <= most_more)
    yield from rules.lines()


def count(tally: Tally, farm: Farm, days: Numbers) -> None:
    words = farm.night(days=days)
    good, failed = days[:, 0] == 0, words.slow.any(axis=1)
    more = (words.own + words.control).sum(axis=1) - CASES
    tally.nights += len(good)
    tally.good += int(good.sum())
    tally.failed += int(failed.sum())
    tally.failed_on_bad += int((failed & ~good).sum())
    tally.false_bad_day += int((words.bad_day.any(axis=1) & good).sum())
    tally.suspects += int(words.suspect[good].sum())
    tally.more += float(more.sum())
    tally.more_on_good += float(more[good].sum())


class Neighbours:
    """Rules that other harnesses use, on the same good nights and the first series of each case."""

    names = ("last night +-5 %", "golden x 1.1", "golden +-7 %", "two-sided 3 % of the true centre")

    def __init__(self) -> None:
        self.red, self.nights = np.zeros(4), 0

    def start(self, farm: Farm) -> None:
        """Golden times come from another chip: 3 % apart, and one series long."""
        offs = farm.chance.standard_normal
        self.golden = 0.03 * offs((farm.shape[0], 1)) + np.hypot(farm.between, farm.within) * offs(farm.shape)
        self.last = np.hypot(farm.between, farm.within) * offs(farm.shape)

    def night(self, farm: Farm, days: Numbers) -> None:
        first, good = farm.first, days[:, 0] == 0
        above = first - self.golden
        reds = (np.abs(first - self.last) > np.log(1.05), above > np.log(1.1), np.abs(above) > np.log(1.07), np.abs(first) > np.log(1.03))
        self.red += [(red.any(axis=1) & good).sum() for red in reds]
        self.nights += int(good.sum())
        self.last = first

    def lines(self) -> Iterator[Line]:
        for name, red in zip(self.names, self.red, strict=True):
            yield stated(f"beside it, {name}: red nights", f"{100 * red / self.nights:.3g} %")


def slowed(world: World, seed: int, cases: int, bounds: dict[str, float], warm: int = WARM) -> Iterator[Line]:
    """Cases that become slower after *warm* nights, each as if it alone did, and the best test beside."""
    chance, apart = np.random.default_rng(seed), np.arange(CASES) % 3 == 0
    hits: dict[str, int] = dict.fromkeys(("3 %", "10 %", "5 %", "best", "5 % within three nights"), 0)
    count = 0
    for _ in range(max(1, cases // (MACHINES * int(apart.sum())))):
        farm = Farm(world, MACHINES, chance)
        for _ in range(warm):
            farm.night(days=np.zeros((MACHINES, 1)))
        carried = farm.carried
        for name, step in (("3 %", 0.03), ("10 %", 0.10)):
            hits[name] += int(one_night(farm, step * apart, apart)[:, apart].sum())
            farm.carried = carried
        hits["best"] += int(best_test(farm)[:, apart].sum())
        found = np.zeros(farm.shape, bool)
        for night in range(3):
            found |= farm.night(np.log1p(0.05 * apart), np.zeros((MACHINES, 1)), apart).slow
            hits["5 %"] += int(found[:, apart].sum()) if night == 0 else 0
        hits["5 % within three nights"] += int(found[:, apart].sum())
        count += found[:, apart].size
    best = hits.pop("best") / count
    for name, hit in hits.items():
        yield at_least(f"a step of {name}" + ("" if "within" in name else " the same night"), hit, count, bounds.get(name))
    ratio = hits["5 %"] / count / best
    yield Line("5 %: share of what the best test with known variances finds", f"{ratio:.3f} of {100 * best:.4g} %",
               "at least 0.9" if bounds else "", not bounds or ratio >= 0.9)


def one_night(farm: Farm, step: Numbers, apart: np.ndarray) -> np.ndarray:
    """Which cases a night calls slow that nobody remembers."""
    judged = Judged(farm, farm.between * farm.offs(farm.wild) + np.log1p(step), apart)
    judged.confirm()
    return np.asarray(judged.words().slow)


def best_test(farm: Farm) -> np.ndarray:
    """What Neyman and Pearson's test of 5 %, which knows every variance, finds with all series."""
    farm.best = True
    before = farm.remembered()
    farm.best = False
    variance = before.between + before.within / 40 + before.error2
    mean = farm.between * farm.offs(farm.wild) + farm.within * farm.chance.standard_normal(farm.shape) / np.sqrt(40) + SHIFTS[1]
    return np.asarray((mean - before.centre) / np.sqrt(variance) > NormalDist().inv_cdf(1 - FALSE))


Row = Callable[[int], Iterator[Line]]


def table() -> dict[str, Row]:
    """The rows by name; each takes how many nights or cases it shall have."""
    rows: dict[str, Row] = {f"quiet: {name}": lambda size, world=world, seed=seed: quiet(  # type: ignore[misc]
        world, seed, size, None if world.between > 0.005 else 1.5)
                            for seed, (name, world) in enumerate(WORLDS.items())}
    main = {"5 %": 0.95, "10 %": 0.999, "5 % within three nights": 0.995}
    for name, bounds, warm in (("2 %, 0.5 %", main, WARM), ("1 %, 0.5 %", {**main, "5 %": 0.99}, WARM), ("2 %, 1 %", {}, WARM),
                               ("2 %, 0.5 %", {}, 8)):
        rows[f"slowed after {warm} nights: {name}"] = lambda size, name=name, bounds=bounds, warm=warm: slowed(  # type: ignore[misc]
            WORLDS[name], 100 + warm + len(bounds), size, bounds, warm)
    for name in ("2 %, 0.5 %", "1 %, 0.5 %"):
        rows[f"drift: {name}"] = lambda size, name=name: drift_lines(WORLDS[name], 200, size)  # type: ignore[misc]
    rows["accuracy"] = flip_lines
    return rows


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m suites.speed.nights", description=__doc__)
    parser.add_argument("--only", default="", metavar="TEXT", help="rows whose names hold this")
    parser.add_argument("--size", type=int, default=30_000, metavar="N", help="nights, or slowed cases, a row")
    options = parser.parse_args(arguments)
    print("| noise: series, nights | what | measured | bound |\n| --- | --- | --- | --- |", flush=True)
    kept = True
    for name, row in table().items():
        for line in row(options.size) if options.only in name else ():
            print(f"| {name} | {line.what} | {line.measured} | {line.bound or '-'}{'' if line.kept else ', NOT KEPT'} |", flush=True)
            kept &= line.kept
    return int(not kept)


if __name__ == "__main__":
    raise SystemExit(main())
