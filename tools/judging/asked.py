"""Judges the speeds that `--expect` asks for, as far as the times of a cell can tell; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from tools.judging.interval import Interval, fewest, total, typical_time
from tools.judging.numbers import Numbers, Unit
from tools.judging.speed import no_judgement, shown, summary_of
from tools.judging.verdict import Judgement, Verdict, doubt
from tools.measuring.cell import Cell, Times
from tools.measuring.timing import MIN_SECONDS
from tools.spec.asked_speeds import QUANTITIES, AskedSpeed, t4_rate
from tools.spec.chips import ChipKind
from tools.spec.expectations import Expectations
from tools.spec.truth import Truth

CONFIDENCE = 0.95
HOPELESS = 2.0  # times the bound: so far off it, in each of FEW times, no longer series is wanted
FEW = 6
MORE = 1.1  # of the seconds that the times wanted have taken so far, since the next ones may take longer
METRICS = frozenset(f"{quantity} expected" for quantity in QUANTITIES)


@dataclass(frozen=True, slots=True)
class Found:
    """A speed as it was measured.

    shown: as tables show it. words: what it is. of: what its sentence must add.
    """

    interval: Interval
    unit: Unit
    shown: str
    words: str
    of: str = ""


def asked_of(cell: Cell, truth: Truth, chip: ChipKind, expect: Expectations) -> list[Judgement]:
    """A row for each speed that is asked of the cell's batch size, through all of its networks in turn.

    It is PASS or FAIL only if all of the interval in which the speed lies is on one side of the bound, and
    FAIL at once where each single time is hopelessly far on the wrong one.
    """
    return [_judged(asked, cell, truth, chip) for asked in expect.at(cell.case.batch)]


def _judged(asked: AskedSpeed, cell: Cell, truth: Truth, chip: ChipKind) -> Judgement:
    times = [part.times for part in cell.parts if part.times is not None]
    summaries = [summary_of(one) for one in times]
    how = ", ".join(f"{one.iterations} iterations in {one.total_s:.1f} s, spread {one.variation:.1%}" for one in summaries)
    confidence = 1 - (1 - CONFIDENCE) / len(times)  # where there are several, all lie in their intervals with CONFIDENCE
    found = _found(asked, cell, truth, chip, [typical_time(_judging(one), cell.statistic, confidence) for one in times])
    bound = f"{asked.bound:.12g}{' ms' if found.unit == 'ms' else ''}"
    unfit = _too_few(times, confidence) or no_judgement(summaries, truth)
    if min(len(_judging(one)) for one in times) >= FEW and _hopeless(asked, cell, truth, chip, times):
        verdict, meaning = Verdict.FAIL, f"each single time misses the {bound} of --expect by a factor of {HOPELESS:g} or more ({how})"
    else:
        verdict, meaning = (Verdict.NO_VERDICT, unfit) if unfit else _settled(asked, found, bound, how)
    numbers = Numbers(found.unit, found.interval.measured, asked.bound, cell.statistic, limit="at most" if asked.at_most else "at least")
    reference = f"{'<=' if asked.at_most else '>='} {bound}"
    return Judgement(f"{asked.quantity} expected", found.shown, reference, verdict, f"{meaning}{found.of}", numbers=numbers)


def _judging(times: Times) -> Sequence[float]:
    """The device's own times where it took them."""
    return times.device_series or times.series


def _too_few(times: Sequence[Times], confidence: float) -> str:
    """Why so few times tell no interval, and how long to take more; empty where they do."""
    wanted, there = fewest(confidence), min(len(_judging(one)) for one in times)
    if there >= wanted:
        return ""
    longest = max(sum(one.series) / len(_judging(one)) for one in times)
    return (f"{there} iterations are too few to tell how well a speed is known: {wanted} are wanted, which takes about "
            f"--budget-s {math.ceil(max(longest * wanted * MORE, MIN_SECONDS))} here")


def _hopeless(asked: AskedSpeed, cell: Cell, truth: Truth, chip: ChipKind, times: Sequence[Times]) -> bool:
    """Whether even the shortest times of all networks together are far on the wrong side of the bound."""
    shortest = [min(_judging(one)) for one in times]
    best = _found(asked, cell, truth, chip, [Interval(one, one, one) for one in shortest]).interval.measured
    return best >= HOPELESS * asked.bound if asked.at_most else best * HOPELESS <= asked.bound


def _settled(asked: AskedSpeed, found: Found, bound: str, how: str) -> tuple[Verdict, str]:
    """On which side of its bound a speed lies, and the sentence that says so."""
    seen = found.interval
    within = f"the {found.words} lies between {seen.low:.3f} and {seen.high:.3f} with {CONFIDENCE:.0%} confidence ({how})"
    above, below = seen.low >= asked.bound, seen.high <= asked.bound
    if below if asked.at_most else above:
        return Verdict.PASS, f"{within}, which keeps to the {bound} of --expect"
    if seen.low > asked.bound or seen.high < asked.bound:
        return Verdict.FAIL, f"{within}, all of it {'above' if asked.at_most else 'below'} the {bound} of --expect"
    return Verdict.NO_VERDICT, (f"{within}, and so does the {bound} of --expect: these times cannot tell whether it is kept; a longer "
                                "--budget-s takes more of them, and on an idle machine they spread less")


def _found(asked: AskedSpeed, cell: Cell, truth: Truth, chip: ChipKind, each: Sequence[Interval]) -> Found:
    """The speed that is asked for, of the typical times of each network."""
    statistic = cell.statistic
    if asked.quantity == "latency_ms":
        latency = total(each).times(1000)
        return Found(latency, "ms", f"{latency.measured:.3f} ms {statistic}", f"{statistic} time of a batch in ms")
    valid = [part.times.valid for part in cell.parts if part.times is not None]
    rate = total([one.times(1 / clips) for one, clips in zip(each, valid, strict=True)]).inverse()
    if asked.quantity == "clips/s":
        return Found(rate, "clips_per_s", shown(rate.measured, statistic), f"{statistic} rate of one chip in clips/s")
    t4 = t4_rate(truth, cell.case.batch)
    assert t4 is not None, "require_t4 refuses a ratio to what is not stored"
    ratio = rate.times(chip.chips_per_card / t4.right)
    card = f"a card of {chip.chips_per_card} chips, derived from one," if chip.chips_per_card > 1 else "one chip"
    of = f"ratio of {card} to the T4's {t4.right:g} ({truth.path.name} {t4.id}, {t4.toolchain.words})"
    return Found(ratio, "ratio", f"{ratio.measured:.3f}", of, doubt(t4))
