"""Judging: measured numbers and stored truth in, a verdict with its reason out; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from tools.measuring import metrics
from tools.measuring.metrics import Distance, Labels
from tools.measuring.predictions import Predictions
from tools.media.preprocess import Floats
from tools.spec.expectations import Expectations
from tools.spec.figures import Figure
from tools.spec.truth import AccuracyGate, FidelityGate, PairsGate, Truth

TOP = {"top1": 1, "top5": 5}


class Verdict(Enum):
    """What a cell's number means; the order is from best to worst."""

    PASS = "PASS"  # noqa: S105
    RECORDED = "RECORDED"
    NO_VERDICT = "NO VERDICT"
    FAIL = "FAIL"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One number judged. *reason* is the sentence a red line shows."""

    metric: str
    measured: str
    reference: str
    verdict: Verdict
    reason: str


def worst(judgements: Sequence[Judgement]) -> Verdict:
    """The verdict of a test that judged several numbers."""
    order = list(Verdict)
    return max((judgement.verdict for judgement in judgements), key=order.index)


def unpaired(predictions: Predictions, expected: Sequence[str]) -> Judgement | None:
    """FAIL unless there is one row of scores a clip, for every clip, in order: else a row was lost, doubled or padding."""
    rows = len(predictions.scores)
    if rows == len(predictions.ids) and list(predictions.ids) == list(expected):
        return None
    reason = (f"{rows} rows of scores for {len(expected)} clips" if rows != len(expected)
              else "the predictions name other clips, or in another order")
    return Judgement("clips", str(rows), str(len(expected)), Verdict.FAIL,
                     f"{reason}: padding rows were counted, or rows were lost")


def not_finite(scores: Floats, ids: Sequence[str]) -> Judgement | None:
    """FAIL if a score is NaN or infinite, naming the first clip."""
    row = metrics.first_not_finite(scores)
    if row is None:
        return None
    return Judgement("finite", "no", "yes", Verdict.FAIL, f"the scores of {ids[row]} are not finite numbers")


def paired_accuracy(scores: Floats, reference: Floats, labels: Labels, gate: PairsGate) -> list[Judgement]:
    """top-1 and top-5 against the torch reference, clip by clip: FAIL above the allowed net loss."""
    allowed = max(gate.max_loss_clips, int(gate.max_loss_share * len(labels)))
    return [_paired(k, scores, reference, labels, allowed) for k in TOP.values()]


def _paired(k: int, scores: Floats, reference: Floats, labels: Labels, allowed: int) -> Judgement:
    ours, theirs = metrics.hits(scores, labels, k), metrics.hits(reference, labels, k)
    lost, won = int((theirs & ~ours).sum()), int((ours & ~theirs).sum())
    pairs = f"{lost} of {len(labels)} clips lost, {won} won against torch; a net loss of {allowed} is allowed"
    verdict, reason = Verdict.PASS, f"{pairs}{_tied(k, scores, labels)}{_tied(k, reference, labels, 'torch ')}"
    if lost - won > allowed:
        verdict = Verdict.FAIL
    elif int(theirs.sum()) <= allowed:
        verdict = Verdict.NO_VERDICT
        reason = f"torch itself has {int(theirs.sum())} of {len(labels)} clips right, so there is nothing to lose"
    return Judgement(f"top{k}", f"{ours.mean():.4f}", f"{theirs.mean():.4f}", verdict, reason)


def stored_accuracy(scores: Floats, labels: Labels, truth: Truth, gate: AccuracyGate) -> list[Judgement]:
    """Each top-k of the gate's references against its published figure; for the published weights on the complete list only."""
    judged = {metric: against_published(metric, float(metrics.hits(scores, labels, TOP[metric]).mean()), truth, gate)
              for metric in gate.references}
    return [replace(one, reason=one.reason + _tied(TOP[metric], scores, labels)) for metric, one in judged.items()]


def _tied(k: int, scores: Floats, labels: Labels, whose: str = "") -> str:
    """What a reason adds where labels tie across rank *k*; the guides' arithmetic counts them by the order of equal scores."""
    count = int(metrics.ties(scores, labels, k).sum())
    return f"; {whose}labels tied across rank {k} in {count} clips, counted as wrong" if count else ""


def against_published(metric: str, measured: float, truth: Truth, gate: AccuracyGate) -> Judgement:
    """A measured accuracy, as a fraction, against the published figure that is the reference of *metric*."""
    figure = truth.figure(gate.references[metric])
    floor = figure.fraction - gate.max_drop
    good = round(measured - floor, 9) > 0  # 0.945 - 0.935 is a little more than 0.01 in binary
    reason = (f"{measured:.4f} {'is above' if good else 'is not above'} {floor:.4f} (reference "
              f"{figure.fraction:.4f} - max_drop {gate.max_drop}); {truth.path.name} {figure.id}, {figure.source}{doubt(figure)}")
    return Judgement(metric, f"{measured:.4f}", f"{figure.fraction:.4f}", Verdict.PASS if good else Verdict.FAIL, reason)


def expected_accuracy(scores: Floats, labels: Labels, expect: Expectations) -> list[Judgement]:
    """Each top-k that `--expect` names against its floor."""
    return expected({metric: float(metrics.hits(scores, labels, TOP[metric]).mean()) for metric, _ in expect.floors}, expect)


def expected(measured: Mapping[str, float], expect: Expectations) -> list[Judgement]:
    """Accuracies, as fractions, against what an engineer expects of them: a floor is reached or not, nothing may be missing."""
    judged = []
    for metric, floor in expect.floors:
        good = round(measured[metric] - floor, 9) >= 0  # 93 of 100 clips are 0.93
        judged.append(Judgement(f"{metric} expected", f"{measured[metric]:.4f}", f">= {floor!r}", Verdict.PASS if good else Verdict.FAIL,
                                f"{measured[metric]:.6f} {'reaches' if good else 'is below'} the {floor!r} of --expect"))
    return judged


def doubt(figure: Figure) -> str:
    """What a reason must add that compares with *figure*."""
    return f"; {figure.doubt}" if figure.doubt else ""


def fidelity(scores: Floats, reference: Floats, ids: Sequence[str], gate: FidelityGate, *, softmax: bool) -> list[Judgement]:
    """Device against torch on the same clips: largest relative difference, cosine, flipped clips."""
    apart = metrics.distance(scores, reference, softmax=softmax)
    flips = int(gate.max_flipped_share * len(ids))
    return [*closeness(apart, ids, gate, "log-probabilities" if softmax else "logits"),
            limit("flipped", str(apart.flipped), f"<= {flips}", f"clips of {len(ids)} whose best class is not torch's",
                  good=apart.flipped <= flips)]


def closeness(apart: Distance, ids: Sequence[str], gate: FidelityGate, scale: str) -> list[Judgement]:
    """Largest relative difference and smallest cosine; *scale* names what was compared."""
    return [
        limit("difference", f"{apart.relative:.1e}", f"<= {gate.max_relative_difference:.0e}",
              f"largest difference of {scale} over their range, at {ids[apart.worst]}",
              good=apart.relative <= gate.max_relative_difference),
        limit("cosine", f"{apart.cosine:.6f}", f">= {gate.min_cosine}", f"smallest cosine of one's {scale}",
              good=apart.cosine >= gate.min_cosine),
    ]


def limit(metric: str, measured: str, bound: str, meaning: str, *, good: bool) -> Judgement:
    """A measured number beside its bound."""
    verdict = Verdict.PASS if good else Verdict.FAIL
    return Judgement(metric, measured, bound, verdict, f"{meaning}: {measured}, limit {bound}")
