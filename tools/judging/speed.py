"""Judges one chip's clips per second by stored figures of a chip, of a card and of a T4; pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from tools.judging.interval import half_width
from tools.judging.numbers import Numbers, Timing
from tools.judging.verdict import Judgement, Verdict, doubt, recorded
from tools.measuring.cell import Times
from tools.measuring.timing import MIN_ITERATIONS, MIN_SECONDS, Summary
from tools.spec.chips import ChipKind
from tools.spec.figures import Figure, rates
from tools.spec.toolchain import Toolchain
from tools.spec.truth import Truth

WELL = 1 / 5  # of the step by which a speed is bad: so well a short series must tell its typical time
MORE = 1.1  # of the seconds that wanted calls would take as long as those before


def throughput(summary: Summary, truth: Truth, chip: ChipKind, batch: int, network: str = "", by: Toolchain | None = None) -> Judgement:
    """Clips per second against the stored figure for this kind of device; RECORDED where there is none.

    by: how it was measured, the usual way without it. What was measured in another way judges nothing.
    """
    metric = f"{network} clips/s".lstrip()
    spread = f"{summary.iterations} iterations in {summary.total_s:.1f} s, spread {summary.variation:.1%}"
    ours = Numbers("clips_per_s", summary.clips_per_s, statistic=summary.statistic, timing=Timing.of(summary))
    judged = _against_stored(metric, ours, [summary], spread, truth, stored_rate(truth, chip, batch, network, by),
                             missing(truth, chip, batch, network, by))
    return replace(judged, short=summary.short)


def combined_throughput(clips_per_s: float, truth: Truth, chip: ChipKind, batch: int, parts: Sequence[Summary],
                        by: Toolchain | None = None) -> Judgement:
    """Clips per second through all networks against the stored figure; no better than the times of any."""
    ours = Numbers("clips_per_s", clips_per_s, statistic=parts[0].statistic)  # all were timed on one device, in one way
    judged = _against_stored("clips/s", ours, parts, f"1 / (sum of 1/rate) of {len(parts)} networks", truth,
                             stored_rate(truth, chip, batch, by=by), missing(truth, chip, batch, "", by))
    return replace(judged, short=any(part.short for part in parts))


def summary_of(times: Times) -> Summary:
    """The numbers that are judged, with how well the typical time is known."""
    found = times.summary()
    return replace(found, half_width=half_width(times.device_series or times.series, found.statistic))


def unfit(parts: Sequence[Summary], truth: Truth) -> str:
    """Why the times of these networks cannot be held against others; empty where they can."""
    return no_judgement(parts, truth) or unsteady(parts, truth)


def no_judgement(parts: Sequence[Summary], truth: Truth) -> str:
    """Why the times of these networks can judge nothing; empty where they can.

    A short series can where it tells its typical time well: its calls took long, and were alike.
    """
    limit = truth.throughput.max_variation
    for part in parts:
        if why := too_few(part, truth):
            return why
        if part.variation > limit:
            return f"a spread of {part.variation:.1%} is over the limit of {limit:.0%}"
    return ""


def too_few(part: Summary, truth: Truth) -> str:
    """Why a series is too short to be judged; empty where it is not, or tells its typical time well."""
    well = WELL * truth.throughput.step
    return _longer(part, well) if part.short and (part.half_width is None or part.half_width > well) else ""


def _longer(part: Summary, well: float) -> str:
    """That a series is short, and the `--budget-s` that a longer one needs."""
    known = part.half_width
    each_s = (part.spent_s or part.total_s) / part.iterations
    wanted = max(MIN_ITERATIONS, math.ceil(MIN_SECONDS / each_s))
    if known is not None:  # it shrinks with the root of the number
        wanted = min(wanted, math.ceil(part.iterations * max(1.0, (known / well) ** 2)))
    tell = "do not tell" if known is None else f"tell to {known:.1%}"
    return (f"{part.iterations} iterations in {part.total_s:.1f} s are too few to be judged: {MIN_ITERATIONS} iterations and "
            f"{MIN_SECONDS:g} s are wanted, or the {part.statistic} time to {well:.1%}, which these {tell}; "
            f"about --budget-s {math.ceil(MORE * wanted * each_s)} gives them here")


def unsteady(parts: Sequence[Summary], truth: Truth) -> str:
    """How a series crept by more than half of the step while it was taken; empty where none did."""
    for part in parts:
        if abs(part.drift) > truth.throughput.step / 2:
            return (f"slowed by {part.drift:.1%} during the series: thermal or clock" if part.drift > 0 else
                    f"sped up by {-part.drift:.1%} during the series: it had not settled, or the clock changed")
    return ""


def _against_stored(metric: str, ours: Numbers, parts: Sequence[Summary], how: str, truth: Truth, found: tuple[Figure, int] | None,
                    without: str) -> Judgement:
    """*without*: what to say where nothing is *found*."""
    why = unfit(parts, truth)
    if found is None:
        how = "; ".join(filter(None, [how, unsteady(parts, truth)]))
        return recorded(metric, f"{how}; {without}", shown(ours.measured, ours.statistic), ours)
    stored, chips = found
    rate = ours.measured * chips
    derived = f"; derived: {chips} chips of {ours.measured:.3f} each" if chips > 1 else ""
    judged = Judgement(metric, shown(rate, ours.statistic), f"{stored.right:g}", Verdict.NO_VERDICT, f"{how}{derived}; {why}",
                       numbers=replace(ours, measured=rate, reference=stored.right))
    if why:
        return judged
    floor = stored.right * (1 - truth.throughput.max_slowdown)
    reason = (f"{how}{derived}; {rate:.3f} {'reaches' if rate >= floor else 'does not reach'} {floor:.3f} = stored {stored.right:g} "
              f"less {truth.throughput.max_slowdown:.0%} ({truth.path.name} {stored.id}){doubt(stored)}")
    return replace(judged, verdict=Verdict.PASS if rate >= floor else Verdict.FAIL, meaning=reason)


def shown(clips_per_s: float, statistic: str) -> str:
    """A rate as tables show it, with the statistic of the times that it is computed from."""
    return f"{clips_per_s:.3f}/s {statistic}"


def missing(truth: Truth, chip: ChipKind, batch: int, network: str, by: Toolchain | None) -> str:
    """That nothing stored judges what was measured so, and what is stored of another way."""
    others = [figure for device in chip.stored_under for figure in rates(truth.figures, device.name, batch, network)]
    if by is None or not others:
        return f"nothing is stored for {chip.name} at bs{batch}"
    ways = " and ".join(dict.fromkeys(figure.toolchain.words for figure in others))
    are = "figure is" if len(others) == 1 else "figures are"
    return f"the stored {others[0].device} {are} of {ways}; this was {by.words}"


def stored_rate(truth: Truth, chip: ChipKind, batch: int, network: str = "", by: Toolchain | None = None) -> tuple[Figure, int] | None:
    """The figure for this kind of chip that was measured in the same way, and how many chips it is of.

    The toml's judge_by decides between published and recorded; then a chip's own goes before its card's.
    """
    found = {figure.id: (figure, device.chips) for device in chip.stored_under
             if (figure := truth.rate(device.name, batch, network, by)) is not None}
    chosen = truth.preferred([figure for figure, _ in found.values()])
    return found[chosen.id] if chosen else None


def against_t4(clips_per_s: float, truth: Truth, chip: ChipKind, batch: int, parts: Sequence[Summary]) -> list[Judgement]:
    """The guide's gate: a card's clips/s over the T4's at that batch size; nothing if the guide has none.

    It is no better than the times of the networks, *parts*.
    """
    bounds = truth.throughput.min_t4_ratio
    least = next((bounds[device.name] for device in chip.stored_under if device.name in bounds), None)
    t4 = truth.rate(truth.throughput.t4, batch) if truth.throughput.t4 else None
    if least is None or t4 is None:
        return []
    of_card = clips_per_s * chip.chips_per_card
    ratio = of_card / t4.right
    card = f"a card of {chip.chips_per_card} chips, derived from one" if chip.chips_per_card > 1 else "one chip"
    reason = (f"{shown(of_card, parts[0].statistic)} of {card} over {t4.right:g} "
              f"({truth.path.name} {t4.id}, {t4.toolchain.words}){doubt(t4)}")
    why = unfit(parts, truth)
    verdict = Verdict.NO_VERDICT if why else Verdict.PASS if ratio >= least else Verdict.FAIL
    return [Judgement("x T4", f"{ratio:.3f}", f">= {least:g}", verdict, f"{reason}; {why}" if why else reason,
                      numbers=Numbers("ratio", ratio, least, parts[0].statistic, limit="at least"))]


def unfounded(judged: Judgement, why: str) -> Judgement:
    """A speed that was not measured on an idle device, or not of the network, carries no judgement."""
    return replace(judged, verdict=Verdict.NO_VERDICT, meaning=f"{why}; {judged.meaning}")
