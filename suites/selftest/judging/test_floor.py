"""The floor: whatever is stored of a device, scores that are not torch's at all fail on it.

A right deployment in half precision stays above it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import record
from tools.datasets.clips import ClipSet
from tools.deployment import specialise, weights
from tools.engines import open_engine
from tools.judging.floors import ANY, FLOORS, beyond
from tools.judging.numbers import Numbers
from tools.judging.recogniser import RecogniserJudge
from tools.judging.verdict import Judgement, Verdict
from tools.measuring import measure, recogniser
from tools.measuring.cell import Cell, Part
from tools.measuring.metrics import TINY as TINIEST
from tools.measuring.predictions import Predictions
from tools.media import preprocess
from tools.media.batches import BatchStream
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.spec.case import Case, Device, Precision
from tools.spec.catalog import load_spec, load_truth
from tools.spec.model import Preprocess
from tools.spec.model import recogniser as of_recogniser
from tools.spec.settings import Settings
from tools.spec.truth import FidelityGate
from tools.storage.context import Context

CASE = Case("tiny", 4, Device("npu", 0))
HALF = replace(record(CASE, "tiny", 1), precision="fp16", chip="310P3")
CLIPS, CLASSES = 40, 400
SPEC = of_recogniser(load_spec(TINY_MODELS, "tiny"), "has scores", remedy="none")
TRUTH = load_truth(TINY_MODELS, "tiny")


def confident() -> Floats:
    """Softmax of a head that is sure of itself: most classes have less than half precision can hold."""
    logits = np.random.default_rng(3).normal(0, 3, (CLIPS, CLASSES))
    logits[np.arange(CLIPS), np.arange(CLIPS)] += 18
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True), np.float32)


def judged(scores: Floats, reference: Floats, precision: str) -> dict[str, str]:
    """The words of scores on a device of which nothing is stored."""
    return {one.metric: one.verdict.value for one in judgements(scores, reference, precision)}


def judgements(scores: Floats, reference: Floats, precision: str) -> list[Judgement]:
    ids = tuple(str(number) for number in range(len(scores)))
    clips = ClipSet("videos", tuple(Clip(id, Path(id), 0, 1) for id in ids))
    cell = Cell(CASE, Path(), (Part(Path(), replace(HALF, precision=precision), Predictions(ids, scores), None),))
    return RecogniserJudge(SPEC, TRUTH, clips, Predictions(ids, reference)).fidelity(cell)


def swapped(scores: Floats) -> Floats:
    return scores[[1, 0, *range(2, len(scores))]]


def test_softmax_rounded_to_half_precision_is_no_failure() -> None:
    """What underflows in half precision is not compared: -17 does not become -87."""
    right = confident()
    half = right.astype(np.float16).astype(np.float32)

    assert (half == 0).mean() > 0.2
    assert {"difference": "RECORDED", "cosine": "RECORDED", "flipped": "RECORDED"} == judged(half, right, "fp16")
    assert "FAIL" == judged(half, right, "fp32")["difference"]  # float32 has no reason to give zeros


@pytest.mark.parametrize("precision", [*FLOORS, "int8"])
@pytest.mark.parametrize("broken", [np.zeros_like, np.ones_like, swapped], ids=["zeros", "ones", "two rows swapped"])
def test_what_is_not_torchs_at_all_fails(broken: Callable[[Floats], Floats], precision: str) -> None:
    """Scores without content, and two rows in each other's place, fail in every precision."""
    right = confident()

    assert "FAIL" == judged(broken(right), right, precision)["cosine"]


def test_a_reason_names_the_floor() -> None:
    """A FAIL where nothing is stored says what was measured, which limits are missing, and the floor's."""
    one = next(one for one in judgements(np.zeros_like(confident()), confident(), "fp16") if one.metric == "cosine")

    assert ("FAIL", ">= 0.99") == (one.verdict.value, one.reference)
    assert "no limits are stored for fp16-310P3" in one.reason
    assert f"below the floor of every fp16 device: {one.measured}, limit >= 0.99" in one.reason


def test_what_nothing_judges_is_shown_in_numbers_without_a_limit() -> None:
    """For programs: the measured number, and nothing that it is held against; a FAIL keeps the floor's."""
    good = {one.metric: one for one in judgements(confident(), confident(), "fp16")}
    zeros = {one.metric: one for one in judgements(np.zeros_like(confident()), confident(), "fp16")}

    for metric, unit, measured in (("difference", "share", 0.0), ("cosine", "cosine", 1.0), ("flipped", "clips", 0)):
        one = good[metric]
        assert ("RECORDED", "-") == (one.verdict.value, one.reference)
        assert Numbers(unit, pytest.approx(measured, abs=1e-6)) == one.numbers  # type: ignore[arg-type]
        assert one.meaning.endswith(f": {one.measured}; no limits are stored for fp16-310P3 ([gates.fidelity.fp16-310P3])")
    assert 0.99 == getattr(zeros["cosine"].numbers, "reference", None)


def test_the_floor_of_each_precision_is_stated_once() -> None:
    """Cosine 0.99, difference 0.05, flips 5 %; only half precision cuts probabilities off.

    TF32 has float32's range. Every precision that can be asked for has a floor. Limits are beyond it as soon
    as one of the three is.
    """
    assert {"fp32": TINIEST, "tf32": TINIEST, "fp16": 2.0**-24} == {name: floor.smallest for name, floor in FLOORS.items()}
    assert {*get_args(Precision)} - {""} == FLOORS.keys()
    assert {FidelityGate(0.05, 0.99, 0.05)} == {floor.gate for floor in (ANY, *FLOORS.values())}
    wide = [FidelityGate(0.051, 0.99, 0.05), FidelityGate(0.05, 0.989, 0.05), FidelityGate(0.05, 0.99, 0.051)]
    assert [False, True, True, True] == [beyond(gate, ANY) for gate in (ANY.gate, *wide)]


@dataclass(frozen=True)
class Run:
    """The tiny model's graph, with everything to judge it as on a chip of which nothing is stored."""

    graph: Path
    basis: RecogniserJudge

    def scores(self) -> Predictions:
        """Every clip's scores as a measured cell makes them, in this process."""
        with BatchStream(recogniser.feed(self.basis.dataset, self.basis.spec), CASE.batch) as stream:
            engine = open_engine(Device("cpu"), self.graph, self.basis.spec.network, CASE.batch)
            return measure.score(engine, stream, len(self.basis.dataset.ids))[0]

    def judged(self, found: Predictions) -> dict[str, Verdict]:
        cell = Cell(CASE, Path(), (Part(Path(), replace(HALF, clips=len(found.ids)), found, None),))
        return {one.metric: one.verdict for one in self.basis.fidelity(cell)}


@pytest.fixture(scope="module")
def tiny(tiny_store: Path) -> Run:
    context = Context(Settings.parse({"models": str(TINY_MODELS), "artifacts": str(tiny_store), "data": "mini"}), SPEC)
    checkpoints = weights.checkpoints(context)
    clips = recogniser.dataset(context, checkpoints)
    torch = recogniser.torch_reference(context, checkpoints, clips)
    graph = specialise.graph(context, checkpoints[0], CASE.batch)
    return Run(graph.path, RecogniserJudge(SPEC, TRUTH, clips, torch))


def test_a_right_model_is_recorded_and_wrong_scores_of_it_fail(tiny: Run) -> None:
    """On a chip without limits the tiny model's scores are RECORDED; zeros and two swapped rows FAIL."""
    found = tiny.scores()
    half = replace(found, scores=found.scores.astype(np.float16).astype(np.float32))

    assert {Verdict.RECORDED} == set(tiny.judged(half).values())
    for broken in (np.zeros_like(found.scores), swapped(found.scores)):
        assert Verdict.FAIL in tiny.judged(replace(found, scores=broken)).values()


def test_a_crop_four_pixels_off_fails(tiny: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The middle cut four pixels too far right and down is below the floor."""
    right = preprocess.view_corners

    def off(size: tuple[int, int], how: Preprocess) -> list[tuple[int, int]]:
        return [(left + 4, top + 4) for left, top in right(size, how)]

    monkeypatch.setattr(preprocess, "view_corners", off)

    assert Verdict.FAIL in tiny.judged(tiny.scores()).values()
