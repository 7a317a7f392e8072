"""BSN's proposals and recall beside torch's: what a limit allows is allowed, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tools.judging.localiser import paired_recall, proposal_fidelity
from tools.judging.verdict import Verdict
from tools.localisation.detections import Doubles
from tools.spec.catalog import load_truth
from tools.spec.settings import MODELS

GATE = replace(load_truth(MODELS, "bsn").fidelity["fp32"], max_relative_difference=0.125, max_flipped_share=0.25)
THEIRS = np.array([[0, 1, 5, 0.0], [0, 2, 5, 1.0], [1, 1, 5, 0.5], [1, 2, 6, 0.5]])  # video, start, end, score


@pytest.mark.parametrize(("apart", "verdict"), [
    (0.125, Verdict.PASS), (-0.125, Verdict.PASS), (0.1875, Verdict.FAIL), (-0.1875, Verdict.FAIL)])
def test_a_score_may_be_as_far_off_as_the_limit(apart: float, verdict: Verdict) -> None:
    """As a share of the range of torch's scores, up or down."""
    scale = np.array([1, 1, 1, 2.0])
    ours = THEIRS.copy()
    ours[2, 3] += apart
    for mine, torchs in ((ours, THEIRS), (ours * scale, THEIRS * scale)):
        difference, unpaired = proposal_fidelity(mine, torchs, "pem", GATE)

        assert ("pem difference", verdict) == (difference.metric, difference.verdict)
        assert ("0", Verdict.PASS) == (unpaired.measured, unpaired.verdict)


@pytest.mark.parametrize("theirs", [THEIRS * [1, 1, 1, 0], THEIRS[:1], THEIRS[:0]])
def test_scores_of_torch_that_are_all_equal_carry_no_judgement(theirs: Doubles) -> None:
    """They tell no right port from a wrong one, and end nothing."""
    [judged] = proposal_fidelity(THEIRS, theirs, "pem", GATE)

    assert ("pem difference", Verdict.NO_VERDICT) == (judged.metric, judged.verdict)


def without(table: Doubles, row: int) -> Doubles:
    return np.delete(table, row, axis=0)


@pytest.mark.parametrize(("ours", "count", "verdict"), [
    (without(THEIRS, 3), "1", Verdict.PASS),  # a quarter of four
    (np.vstack([THEIRS, [2, 1, 5, 0.5]]), "1", Verdict.PASS),
    (np.vstack([without(THEIRS, 3), [1, 2, 7, 0.5]]), "2", Verdict.FAIL),  # another end is another proposal, on either side
])
def test_proposals_of_one_side_are_counted(ours: Doubles, count: str, verdict: Verdict) -> None:
    """Those that torch lacks, and those that we lack."""
    unpaired = proposal_fidelity(ours, THEIRS, "pem", GATE)[1]

    assert ("pem unpaired", count, "<= 1", verdict) == (unpaired.metric, unpaired.measured, unpaired.reference, unpaired.verdict)


@pytest.mark.parametrize(("measured", "verdict"), [
    (0.625, Verdict.PASS), (0.375, Verdict.PASS), (0.6875, Verdict.FAIL), (0.3125, Verdict.FAIL)])
def test_recall_may_lie_as_far_from_torchs_as_allowed(measured: float, verdict: Verdict) -> None:
    """On either side: with the same weights, more is as wrong as less."""
    [judged] = paired_recall({"AR@100": measured, "AR@1": 0.0}, {"AR@100": 0.5}, 0.125)

    assert ("AR@100", f"{measured:.4f}", "0.5000", verdict) == (judged.metric, judged.measured, judged.reference, judged.verdict)
    assert f"{measured - 0.5:+.4f}" in judged.reason
