"""A network that is compared with itself is never a PASS; one that is not is judged as beside torch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest import own_graphs
from suites.selftest.deployments import record
from tools.datasets.clips import ClipSet
from tools.judging.recogniser import RecogniserJudge
from tools.judging.verdict import Judgement, Verdict
from tools.measuring.cell import Cell, Part
from tools.measuring.inputs import TorchInputs
from tools.measuring.predictions import Predictions
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec, load_truth
from tools.spec.expectations import Expectations
from tools.spec.model import ModelSpec
from tools.spec.settings import MODELS

CASE, COUNT = Case("colours", 4, Device("cpu")), 60
CLIPS = ClipSet("rawframes", tuple(Clip(f"v_{number}", Path(f"v_{number}"), number % 3, 9) for number in range(COUNT)))
GOOD: Floats = np.eye(3, dtype=np.float32)[np.arange(COUNT) % 3] * 4
WRONG: Floats = np.roll(GOOD, 1, 1)
NAMED = "beside ONNX Runtime float32 on the CPU"


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> RecogniserJudge:
    own = own_graphs.model(tmp_path_factory.mktemp("own"))
    return RecogniserJudge(own.spec, load_truth(own.models, "colours"), CLIPS, Predictions(CLIPS.ids, GOOD))


def cell(scores: Floats, *, itself: bool, shifted: bool = False) -> Cell:
    told = replace(record(CASE, "colours", COUNT), data="list.txt", weights="graph", itself=itself, shifted=shifted)
    return Cell(CASE, Path(), (Part(Path(), told, Predictions(CLIPS.ids, scores), None),))


def judged(judge: RecogniserJudge, scores: Floats, *, itself: bool) -> list[Judgement]:
    """Both questions that are asked beside the reference."""
    found = cell(scores, itself=itself)
    return [*judge.accuracy(found), *judge.fidelity(found)]


@pytest.mark.parametrize(("itself", "verdict"), [(True, Verdict.RECORDED), (False, Verdict.PASS)])
def test_only_another_network_than_the_reference_passes(judge: RecogniserJudge, itself: bool, verdict: Verdict) -> None:
    """Equal scores of one network are recorded, with the sentence why; every row names the reference."""
    rows = judged(judge, GOOD.copy(), itself=itself)

    assert {"top1", "top5", "difference", "cosine", "flipped"} == {row.metric for row in rows}
    assert {verdict} == {row.verdict for row in rows}
    assert all(row.meaning.startswith(NAMED) for row in rows)
    assert {itself} == {"the network is compared with itself" in row.meaning for row in rows}
    assert not any("torch" in row.reason for row in rows)


@pytest.mark.parametrize("itself", [True, False])
def test_a_wrong_network_fails_either_way(judge: RecogniserJudge, itself: bool) -> None:
    """What is compared with itself and yet differs was fed or read otherwise."""
    found = {row.metric: row.verdict for row in judged(judge, WRONG, itself=itself)}

    assert {"top1": Verdict.FAIL, "difference": Verdict.FAIL, "cosine": Verdict.FAIL, "flipped": Verdict.FAIL} == {
        metric: word for metric, word in found.items() if metric != "top5"}


@pytest.mark.parametrize("scores", [GOOD, WRONG])
def test_what_a_person_expects_is_judged_all_the_same(judge: RecogniserJudge, scores: Floats) -> None:
    """Their labels are another witness than the graph."""
    expecting = replace(judge, expect=Expectations.parse("top1=0.9"), reference=Predictions(CLIPS.ids, scores))
    [row] = [row for row in expecting.accuracy(cell(scores, itself=True)) if row.metric == "top1 expected"]

    assert (Verdict.PASS if scores is GOOD else Verdict.FAIL) == row.verdict


def test_what_cannot_be_judged_is_not_made_better(judge: RecogniserJudge) -> None:
    """A reference that is right by chance alone stays NO VERDICT, and is called by its name."""
    lost = replace(judge, reference=Predictions(CLIPS.ids, WRONG))
    top1, _ = lost.accuracy(cell(WRONG, itself=True))

    assert Verdict.NO_VERDICT is top1.verdict
    assert "ONNX Runtime itself has 0 of 60 clips right" in top1.meaning


def test_decoding_and_preprocessing_are_judged_by_mmaction2_s_own_pipeline(judge: RecogniserJudge) -> None:
    """That both sides run one graph says nothing against it."""
    own = replace(judge, inputs=lambda: TorchInputs({"v_0": "a"}))
    same, other = (replace(made, parts=(replace(made.parts[0], record=replace(made.record, inputs={"v_0": fed})),))
                   for made, fed in ((cell(GOOD, itself=True), "a"), (cell(GOOD, itself=True), "b")))

    assert [Verdict.PASS, Verdict.FAIL] == [own.fidelity(one)[0].verdict for one in (same, other)]


def test_logits_that_differ_by_a_constant_are_the_same(judge: RecogniserJudge) -> None:
    """The model's own graph may end in softmax, and another file of it in logits."""
    found = judge.fidelity(cell(GOOD + 7, itself=False))

    assert {Verdict.PASS} == {row.verdict for row in found}


def test_without_a_reference_its_name_is_in_the_row(judge: RecogniserJudge) -> None:
    """With the command that makes it."""
    [row] = replace(judge, reference=None).fidelity(cell(GOOD, itself=False))

    assert "ONNX Runtime has not run on these 60 clips" in row.meaning


def test_beside_torch_nothing_is_said_and_nothing_lost() -> None:
    """A model that torch builds is judged as ever, whatever its graph is."""
    spec = load_spec(MODELS, "tsm")
    assert isinstance(spec, ModelSpec)
    clips = ClipSet("rawframes", CLIPS.clips[:3])
    scores = np.eye(101, dtype=np.float32)[:3] * 0.9 + np.float32(0.001)
    told = replace(record(CASE, "tsm", 3), weights="own", data="list")
    made = Cell(CASE, Path(), (Part(Path(), told, Predictions(clips.ids, scores), None),))
    rows = RecogniserJudge(spec, load_truth(MODELS, "tsm"), clips, Predictions(clips.ids, scores)).fidelity(made)

    assert [Verdict.PASS] * 3 == [row.verdict for row in rows]
    assert not any("beside" in row.meaning for row in rows)
