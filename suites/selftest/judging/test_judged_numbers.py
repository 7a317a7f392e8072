"""The numbers that programs read of a judgement: what was measured, its limit, and of which times it is."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from suites.selftest.judging.test_segments import FP32, HOW, videos
from suites.selftest.judging.test_verdict_speed import SERIES, THREE, TRUTH
from tools.errors import EngineError
from tools.judging import comparisons, guide_tables, plausible, speed, verdict
from tools.judging.comparisons import Rate
from tools.judging.interval import Interval
from tools.judging.localiser import detection_fidelity, paired_recall, proposal_fidelity
from tools.judging.numbers import Numbers, Pairs, Timing
from tools.judging.verdict import Judgement, Verdict
from tools.measuring.metrics import Distance
from tools.measuring.predictions import Predictions
from tools.spec.catalog import load_truth
from tools.spec.chips import kind
from tools.spec.settings import MODELS
from tools.spec.truth import FidelityGate


def test_a_rate_is_held_against_the_stored_one_of_as_many_chips() -> None:
    """With its times in milliseconds; where nothing is stored, against nothing."""
    stored = load_truth(MODELS, "nonlocal").rate("Ascend310", 16)
    assert stored is not None
    found = speed.throughput(SERIES, load_truth(MODELS, "nonlocal"), kind("310"), 16)
    timing = Timing("median", 100.0, 30, 3.1, 100.0, 100.0, 2.0, 110.0, 120.0, 0.03)
    assert Numbers("clips_per_s", 400.0, stored.right, "median", timing) == found.numbers
    assert Numbers("clips_per_s", 100.0, None, "median", timing) == speed.throughput(SERIES, TRUTH, kind("cpu"), 16).numbers
    assert ("clips/s", "tem clips/s") == (found.metric, speed.throughput(SERIES, TRUTH, kind("310"), 16, "tem").metric)


@pytest.mark.parametrize(("parts", "short"), [([SERIES, SERIES], False), ([SERIES, THREE], True)])
def test_a_rate_of_several_networks_has_no_times_of_its_own(parts: list[Any], short: bool) -> None:
    found = speed.combined_throughput(100.0, TRUTH, kind("cpu"), 16, parts)

    assert (Numbers("clips_per_s", 100.0, None, "median"), short, "clips/s") == (found.numbers, found.short, found.metric)
    assert found.meaning.startswith("1 / (sum of 1/rate) of 2 networks; nothing is stored for cpu at bs16")


@pytest.mark.parametrize(("share", "judged"), [(1.0, Verdict.PASS), (0.9999, Verdict.FAIL)])
def test_the_t4_gate_is_reached_by_its_ratio(share: float, judged: Verdict) -> None:
    t4 = TRUTH.rate("T4", 16)
    assert t4 is not None
    [gate] = speed.against_t4(share * 0.5 * t4.right / 4, TRUTH, kind("310"), 16, [SERIES])

    assert (judged, "x T4", ">= 0.5") == (gate.verdict, gate.metric, gate.reference)
    assert Numbers("ratio", pytest.approx(share * 0.5), 0.5, "median", limit="at least") == gate.numbers  # type: ignore[arg-type]


def test_detections_are_held_against_none_and_a_share() -> None:
    """None may be faulty; so many may not be torch's."""
    total = sum(len(video.theirs) for video in videos())
    faulty, apart = detection_fidelity(videos(), HOW, replace(FP32, max_flipped_share=0.25))

    assert (Numbers("detections", 0, 0, limit="at most"), "<= 0") == (faulty.numbers, faulty.reference)
    assert Numbers("detections", 0, int(0.25 * total), limit="at most") == apart.numbers
    assert f"whose scores are not torch's, of {total}" in apart.meaning


def test_proposals_and_recall_are_held_against_torchs() -> None:
    theirs = np.array([[0, 1, 5, 0.0], [0, 2, 5, 1.0], [1, 1, 5, 0.5], [1, 2, 6, 0.5]])
    difference, unpaired = proposal_fidelity(theirs + np.array([0, 0, 0, 0.1]), theirs[:3], "pem", replace(FP32, max_flipped_share=0.5))
    assert Numbers("share", pytest.approx(0.1), FP32.max_relative_difference, limit="at most") == difference.numbers  # type: ignore[arg-type]
    assert (Numbers("proposals", 1, 1, limit="at most"), "proposals that only one side has, of 3") == (unpaired.numbers, unpaired.meaning)
    assert difference.meaning.endswith("of 3 proposals")
    [recall] = paired_recall({"AR@100": 0.5}, {"AR@100": 0.75}, 0.25)
    assert (Numbers("share", 0.5, 0.75), "0.5000", "0.7500") == (recall.numbers, recall.measured, recall.reference)
    assert "-0.2500 beside torch and mmaction2's evaluation of the same videos; 0.25 either way is allowed" == recall.meaning


def test_closeness_is_held_against_the_gates_limits() -> None:
    """Each by its own number, and the item that is farthest off named."""
    gate = FidelityGate(0.125, 0.75, 0.5)
    for apart, words in ((Distance(0.125, 0.75, 1, 1), [Verdict.PASS] * 2), (Distance(0.126, 0.749, 1, 1), [Verdict.FAIL] * 2)):
        difference, cosine = verdict.closeness(apart, ["a", "b"], gate, "logits")
        assert words == [difference.verdict, cosine.verdict]
        assert Numbers("share", apart.relative, 0.125, limit="at most") == difference.numbers
        assert Numbers("cosine", apart.cosine, 0.75, limit="at least") == cosine.numbers
        assert difference.meaning.endswith("largest difference of logits over their range, at b")
    scores = np.eye(4, dtype=np.float32)
    flipped = verdict.fidelity(scores[[1, 0, 2, 3]], scores, tuple("abcd"), gate, softmax=False)[2]
    assert (Numbers("clips", 2, 2, limit="at most"), "<= 2", Verdict.PASS) == (flipped.numbers, flipped.reference, flipped.verdict)


@pytest.mark.parametrize(("ids", "rows", "expected", "words"), [
    (("a", "b"), 3, ("a", "b"), "3 rows of scores for 2 clips"), (("a",), 1, ("a", "b"), "1 rows of scores for 2 clips"),
    (("b", "a"), 2, ("a", "b"), "the predictions name other clips, or in another order"),
])
def test_scores_must_be_one_a_clip(ids: tuple[str, ...], rows: int, expected: tuple[str, ...], words: str) -> None:
    found = verdict.unpaired(Predictions(ids, np.zeros((rows, 3), np.float32)), expected)
    assert found is not None
    assert (Numbers("clips", rows, 2), f"{words}: padding rows were counted, or rows were lost", str(rows), "2") == (
        found.numbers, found.meaning, found.measured, found.reference)
    assert verdict.unpaired(Predictions(("a", "b"), np.zeros((2, 3), np.float32)), ("a", "b")) is None


def test_what_failed_is_an_error_in_its_own_words() -> None:
    error = EngineError("it fails", where="here", remedy="mend it")
    assert Judgement("throughput", "-", "-", Verdict.ERROR, str(error)) == verdict.failed("throughput", error)
    assert Verdict.FAIL == verdict.worst([verdict.recorded("y", "why"), Judgement("z", "", "", Verdict.FAIL, "")])
    assert [Verdict.NO_VERDICT, Verdict.FAIL] == [verdict.at_best(one, Verdict.NO_VERDICT) for one in (Verdict.PASS, Verdict.FAIL)]
    assert [0, 1, 0] == [verdict.status(words) for words in ([Verdict.RECORDED], [Verdict.PASS, Verdict.NO_VERDICT], [])]


def test_the_ends_of_what_is_plausible_are_certain() -> None:
    """Nobody can be right more often than always; a halved list of one class is chance of a half."""
    assert (1.0, 1.0, 0.0) == (plausible.at_most(5, 5, 0.5), plausible.at_most(0, 5, 0.0), plausible.at_most(4, 5, 1.0))
    assert (1.0, 0.5**5) == (plausible.at_least(0, 5, 0.5), plausible.at_least(5, 5, 0.5))
    lists = (np.zeros(20, int), np.arange(20), np.arange(19))
    assert [0.5, 1 / 20, 1 / 7] == [plausible.chance(labels, 7) for labels in lists]
    assert 1.0 == plausible.upper_bound(5, 5)
    assert 1 - 0.01 ** (1 / 5) == pytest.approx(plausible.upper_bound(0, 5), abs=1e-9)


def rate(device: str, statistic: str) -> Rate:
    return Rate("tsm", "", device, "cpu", 16, 10.0, statistic)  # type: ignore[arg-type]


@pytest.mark.parametrize(("rates", "words"), [
    ([rate("cpu", "median")], "median"), ([rate("npu0", "mean"), rate("npu1", "mean")], "mean"),
    ([rate("cpu", "median"), rate("npu0", "mean"), rate("npu1", "mean"), rate("npu0", "mean")], "median on cpu, mean on npu0, npu1"),
])
def test_tables_say_of_which_times_their_rates_are(rates: list[Rate], words: str) -> None:
    """Where it differs, of which devices."""
    assert words == comparisons._statistics(rates)
    assert f"measured clips/s ({words}) " in guide_tables.tables(rates, {"tsm": TRUTH})[1]


def test_recall_beside_torchs_has_the_interval_that_videos_tell() -> None:
    """Of AR@100 alone; where nobody says how many videos there are, no pairs are told."""
    spread = Interval(-0.03, -0.01, 0.01)
    first, most = paired_recall({"AR@1": 0.5, "AR@100": 0.7}, {"AR@1": 0.5, "AR@100": 0.71}, 0.1, spread, 63)
    bare = paired_recall({"AR@1": 0.5}, {"AR@1": 0.5}, 0.1)[0]

    assert Pairs(63) == (first.numbers and first.numbers.pairs)
    assert Pairs(63, -0.03, 0.01) == (most.numbers and most.numbers.pairs)
    assert bare.numbers is not None
    assert bare.numbers.pairs is None
