"""Fidelity: scores are held to torch's clip by clip, and rows that are no scores of the clips fail."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from suites.selftest.deployments import record
from suites.selftest.judging.test_verdict import CLASSES, FIRST, TRUTH, scores, verdicts
from tools.datasets.clips import ClipSet
from tools.judging.judge import without_limits
from tools.judging.numbers import Numbers
from tools.judging.recogniser import RecogniserJudge
from tools.judging.verdict import Verdict, fidelity, limit, not_finite, unpaired
from tools.measuring.cell import Cell, Part, Record
from tools.measuring.predictions import Predictions
from tools.media.decode import Clip
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.spec.settings import MODELS
from tools.spec.truth import FidelityGate

FP32 = FidelityGate(max_relative_difference=1e-3, min_cosine=0.9999, max_flipped_share=0.01)


@pytest.mark.parametrize(("change", "expected"), [
    ("none", {"difference": "PASS", "cosine": "PASS", "flipped": "PASS"}),
    ("noise", {"difference": "FAIL", "cosine": "PASS", "flipped": "PASS"}),
    ("turned", {"difference": "FAIL", "cosine": "FAIL", "flipped": "PASS"}),
    ("flipped", {"difference": "PASS", "cosine": "PASS", "flipped": "FAIL"}),
    ("nan", {"difference": "FAIL", "cosine": "FAIL", "flipped": "PASS"}),
])
def test_fidelity_has_three_limits(change: str, expected: dict[str, str]) -> None:
    """Difference, cosine and flipped clips are judged one by one; the largest difference's clip is named."""
    reference = scores((200, FIRST))
    reference[:3, 50] = reference[:3].max(axis=1) - 0.01  # three clips whose two best classes nearly tie
    ours = reference.copy()
    ours[77, 5] += {"noise": 0.3, "nan": np.nan}.get(change, 0)
    if change == "turned":
        ours[77] = np.minimum(ours[77], ours[77].max() * 0.9)
        ours[77, reference[77].argmax()] = reference[77].max()
    if change == "flipped":
        ours[:3, 50] += 0.02
    judged = fidelity(ours, reference, [f"v_{number}" for number in range(200)], FP32, softmax=False)

    assert expected == verdicts(judged)
    if expected["difference"] == "FAIL":
        assert "v_77" in judged[0].reason


def predictions(ids: list[str], rows: int) -> Predictions:
    return Predictions(tuple(ids), np.zeros((rows, CLASSES), np.float32))


@pytest.mark.parametrize(("ids", "rows", "words"), [
    (["a", "b", "c", "a"], 4, "4 rows of scores for 3 clips"),  # a padding row with its clip's name
    (["a", "b", "c"], 4, "4 rows of scores for 3 clips"),
    (["a", "b"], 2, "2 rows of scores for 3 clips"),
    (["a", "c", "b"], 3, "in another order"),
    (["a", "b", "b"], 3, "other clips"),
])
def test_rows_that_are_not_one_a_clip_fail(ids: list[str], rows: int, words: str) -> None:
    """Padding that is counted, a lost row or another order is a FAIL that says so."""
    judged = unpaired(predictions(ids, rows), ["a", "b", "c"])

    assert judged is not None
    assert Verdict.FAIL is judged.verdict
    assert words in judged.reason


def test_one_row_a_clip_is_no_judgement() -> None:
    """Predictions of every clip in order, all finite, are judged by their numbers alone."""
    assert unpaired(predictions(["a", "b", "c"], 3), ["a", "b", "c"]) is None
    assert not_finite(np.zeros((3, CLASSES), np.float32), ["a", "b", "c"]) is None


def test_scores_that_are_no_numbers_fail() -> None:
    """A NaN is a FAIL that names the first clip it belongs to."""
    made = np.zeros((3, CLASSES), np.float32)
    made[1, 7], made[2, 7] = np.nan, np.inf
    judged = not_finite(made, ["a", "b", "c"])

    assert judged is not None
    assert Verdict.FAIL is judged.verdict
    assert "the scores of b are not finite" in judged.reason


@pytest.mark.parametrize("wrong", ["lost", "nan"])
def test_scores_of_any_network_that_cannot_be_used_are_one_failure(wrong: str) -> None:
    """Neither question goes on to numbers of such scores, which would mean nothing or not exist."""
    clips = ClipSet("rawframes", tuple(Clip(name, Path(name), label, 9) for label, name in enumerate("abc")))
    good = predictions(["a", "b", "c"], 3)
    bad = predictions(["a", "b"], 2) if wrong == "lost" else Predictions(good.ids, good.scores + np.float32(np.nan))
    case, spec = Case("tsm", 1, Device("cpu")), load_spec(MODELS, "tsm")
    assert isinstance(spec, ModelSpec)
    cell = Cell(case, Path(), tuple(Part(Path(), record(case, "tsm", 3), scores, None) for scores in (good, bad)))
    judge = RecogniserJudge(spec, TRUTH, clips, good)

    for judged in (judge.accuracy(cell), judge.fidelity(cell)):
        assert [Verdict.FAIL] == [one.verdict for one in judged]


def test_where_no_limits_are_stored_what_was_measured_is_told() -> None:
    """A precision without own limits has its distances RECORDED where the floor allows them."""
    told = Record("tsm-bs1-npu0", "tsm", "full", "own", "fp16", "310P3", simulated=False, clips=1, scoring_s=1.0, peak_bytes=1,
                  estimated_bytes=1, digests={}, versions={}, machine={})
    cell = Cell(Case("tsm", 1, Device("npu", 0)), Path(), (Part(Path(), told, predictions(["a"], 1), None),))
    numbers = Numbers("cosine", 0.999, 0.99)
    [one] = without_limits(cell, [limit("cosine", "0.999000", ">= 0.99", "smallest, limit of all", numbers, good=True, side="at least")])

    assert ("cosine", "0.999000", "-", "RECORDED") == (one.metric, one.measured, one.reference, one.verdict.value)
    assert "smallest, limit of all: 0.999000; no limits are stored for fp16-310P3 ([gates.fidelity.fp16-310P3])" == one.reason
    assert Numbers("cosine", 0.999) == one.numbers


def test_programs_read_on_which_side_of_a_limit_a_number_must_be() -> None:
    """A difference and a count at most, a cosine at least."""
    made = scores((3, FIRST))
    judged = fidelity(made, made, ["a", "b", "c"], FP32, softmax=False)

    assert {"difference": "at most", "cosine": "at least", "flipped": "at most"} == {
        one.metric: one.numbers.limit for one in judged if one.numbers}
