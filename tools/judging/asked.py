"""Judges the speeds that `--expect` asks for, as far as the times of a cell can tell; pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tools.judging.interval import BLOCKS, Interval, total, typical_time
from tools.judging.numbers import Numbers, Unit
from tools.judging.speed import no_judgement, shown
from tools.judging.verdict import Judgement, Verdict, doubt
from tools.measuring.cell import Cell, Times
from tools.measuring.timing import Summary
from tools.spec.asked_speeds import QUANTITIES, AskedSpeed, t4_rate
from tools.spec.chips import ChipKind
from tools.spec.expectations import Expectations
from tools.spec.truth import Truth

CONFIDENCE = 0.95
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

    It is PASS or FAIL only if all of the interval in which the speed lies is on one side of the bound.
    """
    return [_judged(asked, cell, truth, chip) for asked in expect.at(cell.case.batch)]


def _judged(asked: AskedSpeed, cell: Cell, truth: Truth, chip: ChipKind) -> Judgement:
    times = [part.times for part in cell.parts if part.times is not None]
    summaries = [one.summary() for one in times]
    how = ", ".join(f"{one.iterations} iterations in {one.total_s:.1f} s, spread {one.variation:.1%}" for one in summaries)
    unfit = no_judgement(summaries, truth) or _too_few(summaries)
    found = _found(asked, cell, truth, chip, times)
    bound = f"{asked.bound:.12g}{' ms' if found.unit == 'ms' else ''}"
    verdict, meaning = (Verdict.NO_VERDICT, unfit) if unfit else _settled(asked, found, bound, how)
    numbers = Numbers(found.unit, found.interval.measured, asked.bound, cell.statistic, limit="at most" if asked.at_most else "at least")
    reference = f"{'<=' if asked.at_most else '>='} {bound}"
    return Judgement(f"{asked.quantity} expected", found.shown, reference, verdict, f"{meaning}{found.of}", numbers=numbers)


def _too_few(summaries: Sequence[Summary]) -> str:
    """Why the times that a device took itself tell no interval; empty where they do."""
    fewest = min(one.iterations for one in summaries)
    return f"the device has times of {fewest} iterations, and {BLOCKS} are wanted" if fewest < BLOCKS else ""


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


def _found(asked: AskedSpeed, cell: Cell, truth: Truth, chip: ChipKind, times: Sequence[Times]) -> Found:
    """The speed that is asked for.

    Where there are several networks each lies in its own interval with so much more confidence that all do
    with CONFIDENCE.
    """
    statistic = cell.statistic
    each = [typical_time(one.device_series or one.series, statistic, 1 - (1 - CONFIDENCE) / len(times)) for one in times]
    if asked.quantity == "latency_ms":
        latency = total(each).times(1000)
        return Found(latency, "ms", f"{latency.measured:.3f} ms {statistic}", f"{statistic} time of a batch in ms")
    rate = total([one.times(1 / part.valid) for one, part in zip(each, times, strict=True)]).inverse()
    if asked.quantity == "clips/s":
        return Found(rate, "clips_per_s", shown(rate.measured, statistic), f"{statistic} rate of one chip in clips/s")
    t4 = t4_rate(truth, cell.case.batch)
    assert t4 is not None, "require_t4 refuses a ratio to what is not stored"
    ratio = rate.times(chip.chips_per_card / t4.right)
    card = f"a card of {chip.chips_per_card} chips, derived from one," if chip.chips_per_card > 1 else "one chip"
    of = f"ratio of {card} to the T4's {t4.right:g} ({truth.path.name} {t4.id})"
    return Found(ratio, "ratio", f"{ratio.measured:.3f}", of, doubt(t4))
