"""Judging: measured numbers and stored truth in, a verdict with its reason out; pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from tools.errors import ClipgateError
from tools.judging.numbers import Limit, Numbers
from tools.measuring import metrics
from tools.measuring.metrics import Distance
from tools.measuring.predictions import Predictions
from tools.media.preprocess import Floats
from tools.spec.figures import Figure
from tools.spec.truth import FidelityGate


class Verdict(Enum):
    """What a cell's number means; the order is from best to worst."""

    PASS = "PASS"  # noqa: S105
    RECORDED = "RECORDED"
    SUSPECT = "SUSPECT"
    NO_VERDICT = "NO VERDICT"
    FAIL = "FAIL"
    ERROR = "ERROR"


RED = frozenset({Verdict.NO_VERDICT, Verdict.FAIL, Verdict.ERROR})


@dataclass(frozen=True, slots=True)
class Judgement:
    """One number judged; *meaning*: what it says, or why it is judged so; *bound*: its limit, if any.

    short: it was timed for too short a while to be judged. numbers: for programs; None if it has none.
    learning: of the first nights of a history, which judge nothing yet, how many there are; else empty.
    within: the metric that this one is a part of and that is judged in its place; else empty.
    """

    metric: str
    measured: str
    reference: str
    verdict: Verdict
    meaning: str
    bound: str = ""
    short: bool = False
    learning: str = ""
    within: str = ""
    numbers: Numbers | None = None

    @property
    def reason(self) -> str:
        """The sentence that a red line shows."""
        return f"{self.meaning}: {self.measured}, limit {self.bound}" if self.bound else self.meaning


def recorded(metric: str, why: str, measured: str = "-", numbers: Numbers | None = None) -> Judgement:
    """A number that nothing judges."""
    return Judgement(metric, measured, "-", Verdict.RECORDED, why, numbers=numbers)


def worst(judgements: Sequence[Judgement]) -> Verdict:
    """The verdict of a test that judged several numbers."""
    order = list(Verdict)
    return max((judgement.verdict for judgement in judgements), key=order.index)


def at_best(verdict: Verdict, limit: Verdict) -> Verdict:
    """The verdict, or *limit* where that is worse."""
    return max(verdict, limit, key=list(Verdict).index)


def status(verdicts: Iterable[Verdict]) -> int:
    """The exit status of a command that judges: 1 if a verdict is red."""
    return int(not RED.isdisjoint(verdicts))


def failed(metric: str, error: ClipgateError) -> Judgement:
    """What could not be measured, in the words of its own error."""
    return Judgement(metric, "-", "-", Verdict.ERROR, str(error))


def unpaired(predictions: Predictions, expected: Sequence[str]) -> Judgement | None:
    """FAIL unless every clip has one row of scores, in order."""
    rows = len(predictions.scores)
    if rows == len(predictions.ids) and list(predictions.ids) == list(expected):
        return None
    reason = (f"{rows} rows of scores for {len(expected)} clips" if rows != len(expected)
              else "the predictions name other clips, or in another order")
    return Judgement("clips", str(rows), str(len(expected)), Verdict.FAIL,
                     f"{reason}: padding rows were counted, or rows were lost", numbers=Numbers("clips", rows, len(expected)))


def not_finite(scores: Floats, ids: Sequence[str]) -> Judgement | None:
    """FAIL if a score is NaN or infinite, naming the first clip."""
    row = metrics.first_not_finite(scores)
    if row is None:
        return None
    return Judgement("finite", "no", "yes", Verdict.FAIL, f"the scores of {ids[row]} are not finite numbers")


def doubt(figure: Figure) -> str:
    """What a reason must add that compares with *figure*."""
    return f"; {figure.doubt}" if figure.doubt else ""


def fidelity(scores: Floats, reference: Floats, ids: Sequence[str], gate: FidelityGate, *, softmax: bool,
             smallest: float = metrics.TINY, name: str = "torch") -> list[Judgement]:
    """Device against torch on the same clips: largest relative difference, cosine, flipped clips.

    smallest: the smallest probability that the device's precision can hold. name: of the reference.
    """
    apart = metrics.distance(scores, reference, softmax=softmax, smallest=smallest)
    flips = int(gate.max_flipped_share * len(ids))
    return [*closeness(apart, ids, gate, "log-probabilities" if softmax else "logits"),
            limit("flipped", str(apart.flipped), f"<= {flips}", f"clips of {len(ids)} whose best class is not {name}'s",
                  Numbers("clips", apart.flipped, flips), good=apart.flipped <= flips)]


def closeness(apart: Distance, ids: Sequence[str], gate: FidelityGate, scale: str) -> list[Judgement]:
    """Largest relative difference and smallest cosine; *scale* names what was compared."""
    return [
        limit("difference", f"{apart.relative:.1e}", f"<= {gate.max_relative_difference:.0e}",
              f"largest difference of {scale} over their range, at {ids[apart.worst]}",
              Numbers("share", apart.relative, gate.max_relative_difference), good=apart.relative <= gate.max_relative_difference),
        limit("cosine", f"{apart.cosine:.6f}", f">= {gate.min_cosine}", f"smallest cosine of one's {scale}",
              Numbers("cosine", apart.cosine, gate.min_cosine), good=apart.cosine >= gate.min_cosine, side="at least"),
    ]


def limit(metric: str, measured: str, bound: str, meaning: str, numbers: Numbers | None = None, *, good: bool,
          side: Limit = "at most") -> Judgement:
    """A measured number beside its bound, in texts and in *numbers*; *side*: where the number must be."""
    sided = replace(numbers, limit=side) if numbers else None
    return Judgement(metric, measured, bound, Verdict.PASS if good else Verdict.FAIL, meaning, bound, numbers=sided)
