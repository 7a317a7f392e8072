"""Whether scores are right as often as they should be, of our own cells and of other tools; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from tools.datasets.survey import Shortfall
from tools.judging import mcnemar
from tools.judging.beside import TORCH, Beside
from tools.judging.judge import partial_data
from tools.judging.numbers import Numbers, Pairs
from tools.judging.plausible import Known, chance, unlikely
from tools.judging.verdict import Judgement, Verdict, at_best, doubt, recorded
from tools.measuring import metrics
from tools.measuring.metrics import Hits, Labels
from tools.media.preprocess import Floats
from tools.spec.expectations import Expectations
from tools.spec.truth import PairsGate, Truth

TOP = {"top1": 1, "top5": 5}
NAMED = 3  # clips that a row names


@dataclass(frozen=True, slots=True)
class Against:
    """What the accuracy of a recogniser's scores is judged against.

    official: the scores are of the published weights on the whole data set: the stored figures judge them.
    reference: torch's scores of the same clips. unjudged: why nothing judges a metric.
    expect: the floors of `--expect`, which always judge. shortfall: what the data set lacks.
    unpaired: why torch's scores are missing, for a row of its own beside the stored figures.
    known: what top-1 the weights are known to reach. few: only some clips of a checked data set are judged.
    beside: what the reference is. ids: of the clips, by which a row names those that were lost.
    """

    truth: Truth
    official: bool
    reference: Floats | None
    unjudged: str
    expect: Expectations
    shortfall: Shortfall | None = None
    unpaired: str = ""
    known: Known | None = None
    few: bool = False
    beside: Beside = TORCH
    ids: Sequence[str] = ()


def accuracy(scores: Floats, labels: Labels, against: Against) -> list[Judgement]:
    """Judge finite scores [N, classes] by the stored figures, by torch's and by the floors of `--expect`."""
    judged = stored_accuracy(scores, labels, against.truth) if against.official else []
    if against.reference is not None:
        assert against.truth.pairs is not None, "a recogniser's toml has [gates.pairs]"
        judged += against.beside.judged(_pairs(scores, labels, against, against.reference, against.truth.pairs))
    if judged and against.reference is None and against.unpaired:
        judged.append(recorded("pairs", against.unpaired))
    else:
        missing = {metric: metrics.hits(scores, labels, k) for metric, k in TOP.items() if metric not in {one.metric for one in judged}}
        judged += [recorded(metric, f"{right.sum()} of {len(right)} are right; {against.unjudged}", f"{right.mean():.4f}",
                            Numbers("share", float(right.mean())))
                   for metric, right in missing.items()]
    if against.shortfall is not None:
        judged = partial_data(judged, against.shortfall)
    if against.official:
        judged = unpublished(judged, against.truth)
    return [*judged, *expected_accuracy(scores, labels, against.expect)]


def _pairs(scores: Floats, labels: Labels, against: Against, reference: Floats, gate: PairsGate) -> list[Judgement]:
    """Judgements beside the reference, as far as its labels can be right."""
    name = against.beside.name
    return _plausible(paired_accuracy(scores, reference, labels, gate, name, against.ids),
                      unlikely(reference, labels, against.known, few=against.few, name=name), against.expect,
                      chance(labels, reference.shape[1]))


def _plausible(judged: list[Judgement], why: str, expect: Expectations, luck: float) -> list[Judgement]:
    """Pairs of labels that are in doubt judge nothing good, unless `--expect` names a top-1 above chance."""
    if not why:
        return judged
    floor = dict(expect.floors).get("top1", 0.0)
    if floor > luck:
        return [replace(one, meaning=f"{one.meaning}; judged as --expect says top1={floor!r}, although {why}") for one in judged]
    return [replace(one, verdict=at_best(one.verdict, Verdict.NO_VERDICT), meaning=f"{why}; {one.meaning}") for one in judged]


def paired_accuracy(scores: Floats, reference: Floats, labels: Labels, gate: PairsGate, name: str = "torch",
                    ids: Sequence[str] = ()) -> list[Judgement]:
    """top-1 and top-5 against the torch reference, clip by clip: FAIL for a net loss that is too much.

    ids: of the clips, of which each row names the first that were lost and won.
    """
    return [_paired(k, scores, reference, labels, gate, name, ids) for k in TOP.values()]


def _paired(k: int, scores: Floats, reference: Floats, labels: Labels, gate: PairsGate, name: str, ids: Sequence[str]) -> Judgement:
    ours, theirs = metrics.hits(scores, labels, k), metrics.hits(reference, labels, k)
    lost, won, clips = int((theirs & ~ours).sum()), int((ours & ~theirs).sum()), len(labels)
    named = f"{_named('lost', theirs & ~ours, ids)}{_named('won', ours & ~theirs, ids)}" if ids else ""
    verdict, reason = Verdict.PASS, (f"{mcnemar.sentence(lost, won, clips, gate, name)}{named}"
                                     f"{_tied(k, scores, labels)}{_tied(k, reference, labels, f'{name} ')}")
    if mcnemar.flips_red(lost, won, clips, gate):
        verdict = Verdict.FAIL
    elif int(theirs.sum()) <= mcnemar.allowed(clips, gate):
        verdict = Verdict.NO_VERDICT
        reason = f"{name} itself has {int(theirs.sum())} of {len(labels)} clips right, so there is nothing to lose"
    loss = mcnemar.net_loss(lost, won, clips)
    return Judgement(f"top{k}", f"{ours.mean():.4f}", f"{theirs.mean():.4f}", verdict, reason,
                     numbers=Numbers("share", float(ours.mean()), float(theirs.mean()),
                                     pairs=Pairs(clips, -loss.high, -loss.low, lost, won)))


def _named(what: str, which: Hits, ids: Sequence[str]) -> str:
    """What a reason adds of the clips that were lost or won: the first by their names, and how many more."""
    rows = np.flatnonzero(which)
    more = f" and {len(rows) - NAMED} more" if len(rows) > NAMED else ""
    return f"; {what}: {', '.join(ids[row] for row in rows[:NAMED])}{more}" if len(rows) else ""


def stored_accuracy(scores: Floats, labels: Labels, truth: Truth) -> list[Judgement]:
    """Top-k accuracy against its published figures; only for the published weights on the complete list."""
    judged = {metric: against_published(metric, float(metrics.hits(scores, labels, TOP[metric]).mean()), truth)
              for metric in truth.references}
    return [replace(one, meaning=one.meaning + _tied(TOP[metric], scores, labels)) for metric, one in judged.items()]


def _tied(k: int, scores: Floats, labels: Labels, whose: str = "") -> str:
    """What a reason adds where labels tie across rank *k*; the guides let the order of classes decide."""
    count = int(metrics.ties(scores, labels, k).sum())
    return f"; {whose}labels tied across rank {k} in {count} clips, counted as wrong" if count else ""


def unpublished(judged: list[Judgement], truth: Truth) -> list[Judgement]:
    """Judgements of published weights whose accuracy nobody published: the first says so."""
    if truth.accuracy is not None:
        return judged
    first, *rest = judged
    return [replace(first, meaning=f"{first.meaning}; no published accuracy judges: {truth.path.name} has no [gates.accuracy]"), *rest]


def against_published(metric: str, measured: float, truth: Truth) -> Judgement:
    """A measured accuracy, as a fraction, against the published figure of *metric*."""
    assert truth.accuracy is not None, "only what [gates.accuracy] names is asked for"
    figure, max_drop = truth.figure(truth.accuracy.references[metric]), truth.accuracy.max_drop
    floor = figure.fraction - max_drop
    good = round(measured - floor, 9) > 0  # 0.945 - 0.935 is a little more than 0.01 in binary
    reason = (f"{measured:.4f} {'is above' if good else 'is not above'} {floor:.4f} (reference "
              f"{figure.fraction:.4f} - max_drop {max_drop}); {truth.path.name} {figure.id}, {figure.source}{doubt(figure)}")
    return Judgement(metric, f"{measured:.4f}", f"{figure.fraction:.4f}", Verdict.PASS if good else Verdict.FAIL, reason,
                     numbers=Numbers("share", float(measured), figure.fraction))


def expected_accuracy(scores: Floats, labels: Labels, expect: Expectations) -> list[Judgement]:
    """Each top-k that `--expect` names against its floor."""
    return expected({metric: float(metrics.hits(scores, labels, TOP[metric]).mean()) for metric, _ in expect.floors}, expect)


def expected(measured: Mapping[str, float], expect: Expectations) -> list[Judgement]:
    """Accuracies, as fractions, against the floors of `--expect`, without tolerance."""
    judged = []
    for metric, floor in expect.floors:
        good = round(measured[metric] - floor, 9) >= 0  # 93 of 100 clips are 0.93
        judged.append(Judgement(f"{metric} expected", f"{measured[metric]:.4f}", f">= {floor!r}", Verdict.PASS if good else Verdict.FAIL,
                                f"{measured[metric]:.6f} {'reaches' if good else 'is below'} the {floor!r} of --expect",
                                numbers=Numbers("share", float(measured[metric]), floor, limit="at least")))
    return judged
