"""Verdicts: which numbers pass, which do not, and which cannot be judged."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest

from tools.judging.accuracy import Against, accuracy, against_published, paired_accuracy, stored_accuracy
from tools.judging.rows import word
from tools.judging.verdict import Judgement, Verdict, limit, worst
from tools.measuring.metrics import Labels
from tools.media.preprocess import Floats
from tools.spec.catalog import load_truth
from tools.spec.expectations import Expectations
from tools.spec.settings import MODELS
from tools.spec.truth import AccuracyGate, PairsGate

TRUTH = load_truth(MODELS, "tsm")
CLASSES, UCF101 = 101, 3783
FIRST, FOURTH, LAST = 0, 3, CLASSES - 1  # ranks of a label: right, right among five, wrong
PAIRS = PairsGate(max_loss_clips=1, max_loss_share=0.01)


def labels(clips: int) -> Labels:
    return np.arange(clips, dtype=np.int64) * 7 % CLASSES


def scores(*parts: tuple[int, int]) -> Floats:
    """Scores of (clips, rank) after each other: so many clips whose label has this rank."""
    ranks = np.concatenate([np.full(clips, rank) for clips, rank in parts])
    shift = labels(len(ranks)) - ranks
    order = (np.arange(CLASSES)[None] - shift[:, None]) % CLASSES  # rank of each class
    return np.asarray(CLASSES - order, np.float32)


def verdicts(judged: list[Judgement]) -> dict[str, str]:
    return {one.metric: one.verdict.value for one in judged}


def test_the_scores_of_these_tests_rank_as_they_say() -> None:
    """The label of a made row has the rank it was made with."""
    made = scores((2, FIRST), (1, FOURTH), (1, LAST))
    own = made[np.arange(4), labels(4)]

    assert [FIRST, FIRST, FOURTH, LAST] == (made > own[:, None]).sum(axis=1).tolist()


@pytest.mark.parametrize(("clips", "lost", "won", "expected"), [
    (63, 0, 0, "PASS"), (63, 1, 0, "PASS"), (63, 2, 0, "FAIL"), (63, 2, 1, "PASS"), (63, 3, 1, "FAIL"), (63, 0, 5, "PASS"),
    (199, 2, 0, "FAIL"), (200, 2, 0, "PASS"), (400, 4, 0, "PASS"), (400, 5, 0, "FAIL"), (400, 9, 5, "PASS"),
    (2999, 29, 0, "PASS"), (2999, 30, 0, "FAIL"),
])
def test_a_net_loss_is_allowed_up_to_one_clip_or_one_percent(clips: int, lost: int, won: int, expected: str) -> None:
    """Clips lost less clips won may be one, or one percent of fewer than 3,000 clips where that is more."""
    both = clips - lost - 10
    reference = scores((both, FIRST), (lost, FIRST), (10, LAST))
    ours = scores((both, FIRST), (lost, LAST), (won, FIRST), (10 - won, LAST))

    assert {"top1": expected, "top5": expected} == verdicts(paired_accuracy(ours, reference, labels(clips), PAIRS))


def test_a_clip_can_be_lost_at_top1_alone() -> None:
    """Clips that fall from the first to the fourth place are lost for top-1 and kept for top-5."""
    judged = paired_accuracy(scores((50, FIRST), (13, FOURTH)), scores((63, FIRST)), labels(63), PAIRS)

    assert {"top1": "FAIL", "top5": "PASS"} == verdicts(judged)
    assert "13 of 63 clips lost, 0 won against torch, p = 0.00012, net loss 20.63 points (95 %: 9.82 to 30.18)" in judged[0].reason
    assert ("0.7937", "1.0000") == (judged[0].measured, judged[0].reference)


def test_ties_that_cost_a_hit_are_told() -> None:
    """Labels tied across rank k are wrong, and the reason says how many there are, on either side.

    Without any it says nothing.
    """
    clear, tied = scores((60, FIRST), (3, LAST)), scores((60, FIRST), (3, LAST))
    tied[:2] = 0.5  # two rows of equal scores: tied across rank 1 and across rank 5
    paired = paired_accuracy(tied, clear, labels(63), PAIRS)
    stored = stored_accuracy(tied, labels(63), TRUTH)

    turned, none = (paired_accuracy(clear, theirs, labels(63), PAIRS) for theirs in (tied, clear))
    for k, one in zip((1, 5, 1, 5), [*paired, *stored], strict=True):
        assert one.reason.endswith(f"; labels tied across rank {k} in 2 clips, counted as wrong")
    assert "0.9206" == paired[0].measured
    assert turned[0].reason.endswith("; torch labels tied across rank 1 in 2 clips, counted as wrong")
    assert "tied" not in "".join(one.reason for one in none)


@pytest.mark.parametrize(("right", "expected"), [(0, "NO VERDICT"), (1, "NO VERDICT"), (2, "PASS")])
def test_a_reference_with_nothing_to_lose_gives_no_verdict(right: int, expected: str) -> None:
    """Where torch itself has no more clips right than may be lost, nothing can be concluded."""
    made = scores((right, FIRST), (63 - right, LAST))

    assert {"top1": expected, "top5": expected} == verdicts(paired_accuracy(made, made, labels(63), PAIRS))


@pytest.mark.parametrize(("top1", "top5", "expected"), [
    (3575, 3767, ("PASS", "PASS")),  # the published checkpoint itself
    (3538, 3730, ("PASS", "PASS")),  # the first above 0.9350 and 0.9858
    (3537, 3730, ("FAIL", "PASS")),
    (3538, 3729, ("PASS", "FAIL")),
    (0, 0, ("FAIL", "FAIL")),
])
def test_the_published_accuracy_may_drop_less_than_a_point(top1: int, top5: int, expected: tuple[str, str]) -> None:
    """On all of UCF-101's split the top-1 stays above 94.50 - 1 percent and the top-5 above 99.58 - 1."""
    made = scores((top1, FIRST), (top5 - top1, FOURTH), (UCF101 - top5, LAST))
    judged = stored_accuracy(made, labels(UCF101), TRUTH)

    assert expected == tuple(verdicts(judged).values())
    assert ("0.9450", "0.9958") == (judged[0].reference, judged[1].reference)
    assert "tsm.toml r0011" in judged[0].reason


def test_a_drop_of_a_whole_point_fails() -> None:
    """The guide's limit is below one percent: a drop of exactly that much is not good enough."""
    made = scores((9350, FIRST), (9858 - 9350, FOURTH), (10_000 - 9858, LAST))

    assert {"top1": "FAIL", "top5": "FAIL"} == verdicts(stored_accuracy(made, labels(10_000), TRUTH))


@pytest.mark.parametrize(("top1", "expected"), [(6920, "PASS"), (6919, "FAIL")])
def test_only_the_metrics_with_a_reference_are_judged(top1: int, expected: str) -> None:
    """SlowFast has a published top-1 of 70.19 percent and no top-5: only its top-1 stays above 69.19."""
    truth = load_truth(MODELS, "slowfast")
    made = scores((top1, FIRST), (10_000 - top1, LAST))
    judged = stored_accuracy(made, labels(10_000), truth)

    assert {"top1": expected} == verdicts(judged)
    assert "0.7019" == judged[0].reference
    assert "2022-03" in judged[0].reason


@pytest.mark.parametrize(("measured", "expected"), [(0.7434, "PASS"), (0.7335, "PASS"), (0.7334, "FAIL")])
def test_a_recall_is_judged_like_an_accuracy(measured: float, expected: str) -> None:
    """BSN's AR@100, measured as a fraction, stays above the published 74.34 - 1 percent."""
    truth = load_truth(MODELS, "bsn")
    judged = against_published("AR@100", measured, truth)

    assert ("AR@100", "0.7434", expected) == (judged.metric, judged.reference, judged.verdict.value)


def test_a_suspect_figure_that_judges_says_so() -> None:
    """Where a figure in doubt is a reference, the reason says that it is suspect, and why."""
    truth = load_truth(MODELS, "r2plus1d")
    doubted = replace(truth, figures=truth.archive, accuracy=AccuracyGate({"top1": "r0183"}, max_drop=0.01))

    assert "suspect: 3364/3783" in against_published("top1", 0.9, doubted).reason
    assert "suspect" not in against_published("top1", 0.9, truth).reason


def test_the_worst_verdict_stands_for_a_test() -> None:
    """From best to worst: PASS, RECORDED, NO VERDICT, FAIL, ERROR; the worst counts, wherever it stands."""
    words = ["PASS", "RECORDED", "NO VERDICT", "FAIL", "ERROR"]
    judged = [Judgement("m", "1", "1", Verdict(text), "") for text in words]

    for number in range(1, 6):
        assert {words[number - 1]} == {worst(order).value for order in permutations(judged[:number])}


def test_only_a_pass_on_mini_weights_says_mini() -> None:
    """A PASS is an acceptance unless the harness made the weights or the device is none; other words stay."""
    assert "PASS (mini)" == word(Verdict.PASS, "mini")
    assert ["PASS (mini, simulated)", "PASS (simulated)"] == [word(Verdict.PASS, weights, simulated=True) for weights in ("mini", "own")]
    assert ["PASS", "PASS"] == [word(Verdict.PASS, weights) for weights in ("published", "own")]
    assert ["RECORDED", "SUSPECT", "NO VERDICT", "FAIL", "ERROR"] == [
        word(verdict, "mini") for verdict in Verdict if verdict is not Verdict.PASS]


def test_one_function_judges_accuracy_for_everybody() -> None:
    """Stored figures judge what is official, torch what it has run on.

    What neither judges is RECORDED with its count and why.
    """
    given = np.array(scores((60, FIRST), (3, LAST)))
    against = Against(TRUTH, official=False, reference=None, unjudged="nobody ran torch", expect=Expectations((("top1", 0.9),)))
    alone, official, beside = (accuracy(given, labels(63), one) for one in (
        against, replace(against, official=True), replace(against, official=True, reference=given)))

    assert ["top1 RECORDED", "top5 RECORDED", "top1 expected PASS"] == [f"{one.metric} {one.verdict.value}" for one in alone]
    assert ("0.9524", "-", "60 of 63 are right; nobody ran torch") == (alone[0].measured, alone[0].reference, alone[0].reason)
    assert ["top1", "top5", "top1 expected"] == [one.metric for one in official]
    assert ["top1", "top5", "top1", "top5", "top1 expected"] == [one.metric for one in beside]
    assert "nobody" not in "".join(one.reason for one in (*official, *beside))


def test_what_the_stored_figures_do_not_judge_is_recorded() -> None:
    """SlowFast has no top-5 reference: of official scores its top-1 is judged and its top-5 told."""
    truth = load_truth(MODELS, "slowfast")
    judged = accuracy(scores((8, FIRST), (2, LAST)), labels(10), Against(truth, official=True, reference=None,
                      unjudged="no reference", expect=Expectations()))

    assert {"top1": "PASS", "top5": "RECORDED"} == verdicts(judged)


def test_what_torch_would_judge_beside_the_stored_figures_is_one_row() -> None:
    """Where torch has not run on official scores, `pairs` says so instead of a row a metric."""
    truth = load_truth(MODELS, "slowfast")
    judged = accuracy(scores((8, FIRST), (2, LAST)), labels(10), Against(
        truth, official=True, reference=None, unjudged="no reference", expect=Expectations((("top1", 0.5),)), unpaired="torch has not run"))

    assert ["top1 PASS", "pairs RECORDED", "top1 expected PASS"] == [f"{one.metric} {one.verdict.value}" for one in judged]


def test_a_reason_is_made_of_meaning_and_limit() -> None:
    """A judgement with a limit ends its sentence with the limit, whatever its meaning says of limits.

    Any other judgement is its meaning.
    """
    held = limit("difference", "1.2e-03", "<= 1e-03", "the largest, limit of all", good=False)

    assert ("FAIL", "<= 1e-03") == (held.verdict.value, held.reference)
    assert "the largest, limit of all: 1.2e-03, limit <= 1e-03" == held.reason
    assert "the largest, limit of all" == replace(held, bound="").reason
