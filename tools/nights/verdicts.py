"""What a cell's speed beside its nights means for its rows."""

from __future__ import annotations

import math
import shlex
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tools.judging.confirmed import Word, percent
from tools.judging.judge import Judge, toolchain_of
from tools.judging.numbers import Numbers
from tools.judging.slower import Plan
from tools.judging.speed import stored_rate, summary_of, too_few, unsteady
from tools.judging.verdict import Judgement, Verdict, recorded
from tools.measuring.cell import Cell
from tools.measuring.doubts import doubts
from tools.measuring.launch import Found
from tools.nights.tonight import Speed, Tonight
from tools.spec.chips import kind
from tools.spec.model import Spec
from tools.spec.truth import Truth
from tools.storage.context import Context

MOST_IN_DOUBT = 4  # nights in a row, the last of which is a FAIL whatever keeps the doubt from being settled
WHOLE = "clips/s"  # the rate through all networks
VERDICTS: Mapping[Word, Verdict] = {
    Word.LEARNING: Verdict.RECORDED, Word.FINE: Verdict.PASS, Word.SUSPECT: Verdict.SUSPECT, Word.SLOW: Verdict.FAIL,
    Word.BAD_DAY: Verdict.NO_VERDICT, Word.MACHINE_SLOW: Verdict.FAIL}


def beside_nights(judged: Sequence[Judgement], speed: Speed, history: str, figure: Judgement | None) -> list[Judgement]:
    """The rows of a cell's speed, with what its nights say of it; history: the folder, as a user names it.

    figure: the row of the rate beside a stored figure; None where there is none, and then the nights judge
    that row. Beside a figure they have a row of their own, once they judge at all. Rates of single networks
    with nothing stored are judged within the whole's.
    """
    whole = next(one for one in judged if one.metric == WHOLE)
    ours = _judged(whole, speed, history)
    its_own = [replace(ours, metric=f"{WHOLE} nights")] if speed.conclusion.word is not Word.LEARNING else []
    rows = []
    for one in judged:
        if one is whole:
            rows += [figure, *its_own] if figure else [replace(ours, meaning=f"{one.meaning}; {ours.meaning}")]
        elif one.verdict is Verdict.RECORDED and one.metric.endswith(f" {WHOLE}"):
            rows.append(replace(one, learning=ours.learning, within="" if ours.learning else WHOLE,
                                meaning=f"{one.meaning}; its nights are judged through all networks together, in {WHOLE}"))
        else:
            rows.append(one)
    return rows


def beside_figure(judged: Judgement, speed: Speed) -> Judgement:
    """The row of a rate beside a stored figure, *judged* by one series, as all series of the night judge it.

    What they leave open stays FAIL where the first series misses the figure. Elsewhere it is SUSPECT, or NO
    VERDICT where nobody could measure again.
    """
    if judged.verdict not in (Verdict.PASS, Verdict.FAIL):
        return judged
    verdict = VERDICTS[speed.conclusion.word]
    if verdict is Verdict.SUSPECT:
        verdict = Verdict.FAIL if judged.verdict is Verdict.FAIL else Verdict.NO_VERDICT if speed.unsettled else verdict
    told = filter(None, [judged.meaning, speed.unsettled, speed.conclusion.sentence])
    return replace(judged, verdict=verdict, meaning="; ".join(told))


def of_accuracy(judged: Sequence[Judgement], tonight: Tonight, judge: Judge, cell: Cell, flips: str) -> list[Judgement]:
    """The rows of a cell's accuracy, with whether an earlier night with equal digests had the same scores.

    What they say is noted for the cell's record; *flips*: the digest of its flipped clips.
    """
    measured = tonight.of(cell)
    measured.accuracy = {one.metric: one.numbers.measured for one in judged if one.numbers and one.numbers.unit == "share"}
    measured.flips = flips
    earlier = tonight.earlier_scores(cell)
    return judge.beside_night(judged, cell, earlier.scores, earlier.what) if earlier else [*judged]


def of_speed(judged: Sequence[Judgement], tonight: Tonight, context: Context[Spec], cell: Cell, found: Found, truth: Truth,
             ) -> list[Judgement]:
    """The rows of a cell's speed, *judged* without a history, as its nights make them."""
    if doubts(cell):
        return [*judged]
    summaries = [summary_of(part.times) for part in cell.parts if part.times]
    unfit = next((why for one in summaries if (why := too_few(one, truth))), "") or unsteady(summaries, truth)
    if unfit:
        return unjudged(judged, unfit) if tonight.judges(cell) else [*judged]
    gate = truth.throughput
    speed = tonight.speed(context, cell, found, Plan(gate.margin, gate.step))
    stored = stored_rate(truth, kind(cell.record.chip), cell.case.batch, by=toolchain_of(cell))
    figure = next(one for one in judged if one.metric == WHOLE) if stored else None
    if stored and figure and tonight.confirms and figure.verdict in (Verdict.PASS, Verdict.FAIL):
        figure = beside_figure(figure, tonight.beside_figure(context, cell, speed, *stored))
    return beside_nights(judged, speed, shlex.quote(str(tonight.history.folder)), figure)


def unjudged(judged: Sequence[Judgement], why: str) -> list[Judgement]:
    """The rows of a speed that its nights would judge, if its times were fit for it."""
    return [replace(one, verdict=Verdict.NO_VERDICT, meaning=f"{why}; {one.meaning}") if one.verdict is Verdict.RECORDED else one
            for one in judged]


def _judged(whole: Judgement, speed: Speed, history: str) -> Judgement:
    decision, word = speed.confirmed.decision, speed.conclusion.word
    if word is Word.LEARNING:
        learning = speed.baseline.learning
        why = f"learning ({learning} nights)" if learning else f"still learning after {speed.baseline.nights} nights"
        why = "; ".join(filter(None, [why, speed.unsettled if speed.confirmed.error else ""]))
        return replace(recorded(WHOLE, why, whole.measured, whole.numbers), short=whole.short, learning=learning)
    case, centre = speed.baseline.subject.case, math.exp(-decision.centre)
    model, batch = speed.baseline.subject.cell.rsplit("-", 1)
    told = [speed.conclusion.sentence, *_more(speed)]
    verdict = VERDICTS[word]
    if verdict is Verdict.SUSPECT and speed.unsettled:
        verdict = Verdict.NO_VERDICT
        told.insert(0, speed.unsettled)
    elif verdict is Verdict.SUSPECT and speed.in_doubt >= MOST_IN_DOUBT:
        verdict = Verdict.FAIL
        told.insert(0, f"in grave doubt for {speed.in_doubt} nights in a row")
    if speed.creep and verdict in (Verdict.PASS, Verdict.SUSPECT):
        verdict, course = Verdict.FAIL, speed.baseline.beside.course
        since = f" since {course[speed.creep.began].began[:10]}" if speed.creep.began < len(course) else ""
        told.insert(0, f"slower night by night{since}: {percent(speed.creep.risen)} time a clip by now")
    if verdict in (Verdict.FAIL, Verdict.SUSPECT):
        told.append(f"again, beside its nights: pytest -m {model} -k '{batch} and throughput' --history {history} --confirm 40; "
                    f"its nights: python -m tools.history show {case} --history {history}; if this is how it shall be: "
                    f"python -m tools.history accept {case} --history {history} --why TEXT")
    rate = math.exp(-decision.centre - decision.shift)
    numbers = replace(whole.numbers, reference=centre) if whole.numbers else Numbers("clips_per_s", rate, centre)
    return Judgement(WHOLE, whole.measured, f"{centre:.3f}", verdict, "; ".join(told), numbers=numbers)


def _more(speed: Speed) -> list[str]:
    """What a reader must know beside the test's own sentence."""
    changed = [f"changed since: {speed.baseline.changed}"] if speed.baseline.changed else []
    step = f"{speed.confirmed.case.plan.step:.0%}"
    hopeless = [f"its nights differ by {_spread(speed):.0%}, so no number of series of one night tells a step of {step}"]
    return [*changed, *(hopeless if speed.confirmed.is_hopeless else []), *([speed.news] if speed.news else [])]


def _spread(speed: Speed) -> float:
    """By which share the nights that judge differ, as a standard deviation."""
    return statistics.stdev(speed.baseline.beside.before.log_s) if len(speed.baseline.beside.nights) > 1 else math.nan
