"""A model whose accuracy nobody published: torch judges it, and a row says what is missing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from suites.selftest.deployments import record
from suites.selftest.judging.test_verdict import FIRST, LAST, labels, scores
from tools.datasets.videos import VideoSet
from tools.judging.accuracy import Against, accuracy
from tools.judging.localiser import LocaliserJudge
from tools.judging.plausible import known_of
from tools.judging.verdict import Judgement
from tools.localisation.activitynet import Video
from tools.localisation.detections import none_found
from tools.measuring.cell import Cell, Part
from tools.measuring.predictions import Predictions
from tools.media.preprocess import Floats
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec, load_truth
from tools.spec.expectations import Expectations
from tools.spec.model import LocaliserSpec, ModelSpec
from tools.spec.settings import MODELS
from tools.spec.truth import Truth

UNTRIED = "torch has not run on these clips"
NOTHING = "no published accuracy judges: {}.toml has no [gates.accuracy]"
GOOD = scores((60, FIRST), (3, LAST))


def unpublished(name: str) -> Truth:
    return replace(load_truth(MODELS, name), accuracy=None)


def judged(reference: Floats | None, *, official: bool, truth: Truth | None = None) -> list[Judgement]:
    against = Against(truth or unpublished("tsm"), official, reference, UNTRIED, Expectations(), unpaired=UNTRIED)
    return accuracy(GOOD, labels(63), against)


def test_pairs_judge_and_the_missing_figure_is_told_once() -> None:
    """Equal scores pass, worse ones fail, and one row says that no published figure judges."""
    good = judged(GOOD, official=True)

    assert [("top1", "PASS"), ("top5", "PASS")] == [(one.metric, one.verdict.value) for one in good]
    assert [True, False] == [NOTHING.format("tsm") in one.reason for one in good]
    assert {"FAIL"} == {one.verdict.value for one in judged(scores((63, FIRST)), official=True)}


def test_without_torch_the_shares_are_recorded() -> None:
    """Nothing judges them then: the row names both that are missing."""
    found = judged(None, official=True)

    assert [("top1", "RECORDED", "0.9524"), ("top5", "RECORDED", "0.9524")] == [
        (one.metric, one.verdict.value, one.measured) for one in found]
    assert UNTRIED in found[0].reason
    assert NOTHING.format("tsm") in found[0].reason


def test_nothing_is_missing_where_no_published_figure_would_judge() -> None:
    """Of mini or own weights, or of a part of the data; and where there is one."""
    rows = [*judged(GOOD, official=False), *judged(None, official=False), *judged(GOOD, official=True, truth=load_truth(MODELS, "tsm"))]

    assert [] == [one.reason for one in rows if "[gates.accuracy]" in one.reason]


def test_nothing_is_known_of_such_weights() -> None:
    """What published weights reach is known by their figure alone."""
    tsm = load_spec(MODELS, "tsm")
    assert isinstance(tsm, ModelSpec)

    assert known_of(tsm, load_truth(MODELS, "tsm"), "published") is not None
    assert known_of(tsm, unpublished("tsm"), "published") is None


@pytest.mark.parametrize(("recall", "expected"), [({"AR@100": 0.0}, "PASS"), ({"AR@100": 0.5}, "FAIL"), (None, "RECORDED")])
def test_a_localiser_is_judged_beside_torch(monkeypatch: pytest.MonkeyPatch, recall: dict[str, float] | None, expected: str) -> None:
    """Recall of the published weights on all videos, with one sentence about the figure that is not there."""
    bsn = load_spec(MODELS, "bsn")
    assert isinstance(bsn, LocaliserSpec)
    video = Video("v_a", 10.0, 100, 100, ((1.0, 2.0),), Path("a.csv"))
    monkeypatch.setattr(LocaliserJudge, "_detections", lambda self, cell: {"v_a": none_found()})
    part = Part(Path(), record(Case("bsn", 4, Device("cpu")), "tem", 1), Predictions(("v_a",), np.zeros((1, 2), np.float32)), None)
    cell = Cell(Case("bsn", 4, Device("cpu")), Path(), (part,))
    torch = SimpleNamespace(recall=recall, detections={"v_a": none_found()}) if recall else None

    [one] = LocaliserJudge(bsn, unpublished("bsn"), VideoSet((video,), ()), torch).usable_accuracy(cell, official=True)  # type: ignore[arg-type]

    assert ("AR@100", expected) == (one.metric, one.verdict.value)
    assert NOTHING.format("bsn") in one.reason
