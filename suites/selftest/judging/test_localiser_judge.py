"""A localiser's judge on answers that are torch's own, and on each that is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest.curves import curves_of
from suites.selftest.deployments import record
from tools.datasets.survey import Shortfall
from tools.datasets.videos import VideoSet
from tools.judging.localiser import LocaliserJudge, _scored_proposals
from tools.judging.verdict import Judgement, Verdict
from tools.localisation.activitynet import Video
from tools.localisation.detections import DETECTIONS, read_results, write_results
from tools.localisation.proposals import bins, propose
from tools.localisation.recall import average_recall
from tools.machine.files import sha256
from tools.measuring import localiser
from tools.measuring.cell import Cell, Part
from tools.measuring.predictions import Predictions
from tools.measuring.reference_localiser import TorchLocaliser
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec, load_truth
from tools.spec.expectations import Expectations
from tools.spec.model import LocaliserSpec
from tools.spec.settings import MODELS

SPEC, TRUTH = cast("LocaliserSpec", load_spec(MODELS, "bsn")), load_truth(MODELS, "bsn")
CASE = Case("bsn", 4, Device("cpu"))
VIDEOS = VideoSet(tuple(Video(f"v_{number}", 60.0 + number, 900, 900, ((10.0, 20.0), (30.0, 50.0)), Path()) for number in range(2)), ())
CURVES = Predictions(VIDEOS.ids, np.stack([curves_of(1, 0.3), curves_of(2, 0.3)]))
SCORES = Predictions(VIDEOS.ids, np.random.default_rng(0).random((2, SPEC.proposals.top, 1), np.float32))


@dataclass
class Run:
    """A cell of both networks whose answers are torch's, and what judges it."""

    judge: LocaliserJudge
    cell: Cell

    def fidelity(self) -> dict[str, Verdict]:
        return {one.metric: one.verdict for one in self.judge.usable_fidelity(self.cell, cast("TorchLocaliser", self.judge.reference),
                                                                             TRUTH.fidelity["fp32"])}

    def accuracy(self, *, official: bool = False) -> list[Judgement]:
        return self.judge.usable_accuracy(self.cell, official=official)

    def with_scores(self, part: int, change: Callable[[Any], Any]) -> Run:
        """The same with other scores of one of its networks."""
        parts = [replace(one, predictions=replace(one.predictions, scores=change(one.predictions.scores.copy()))) if number == part else one
                 for number, one in enumerate(self.cell.parts)]
        return replace(self, cell=replace(self.cell, parts=tuple(parts)))


@pytest.fixture
def run(tmp_path: Path) -> Run:
    localiser.finish(VIDEOS, SPEC, CURVES, SCORES, tmp_path)
    found = read_results(tmp_path / DETECTIONS, VIDEOS.ids)
    recall = average_recall([video.truth for video in VIDEOS.videos], [found[id] for id in VIDEOS.ids]).named()
    torch = TorchLocaliser(CURVES, _scored_proposals(CURVES, SCORES, SPEC), found, recall)
    parts = tuple(Part(tmp_path, record(CASE, name, 2), scores, None) for name, scores in (("tem", CURVES), ("pem", SCORES)))
    return Run(LocaliserJudge(SPEC, TRUTH, VIDEOS, torch, remake="the command"), Cell(CASE, tmp_path, parts))


GOOD = dict.fromkeys(("tem difference", "tem cosine", "pem difference", "pem unpaired", "detections faulty", "detections"), Verdict.PASS)


def test_torchs_own_answers_pass_at_every_stage(run: Run) -> None:
    assert GOOD == run.fidelity()
    assert {Verdict.PASS} == {one.verdict for one in run.accuracy()}
    assert cast("TorchLocaliser", run.judge.reference).recall.keys() == {one.metric for one in run.accuracy()}


def test_recall_says_how_well_these_videos_tell_it(run: Run, tmp_path: Path) -> None:
    """Torch's own answers differ by nothing in any draw of videos; AR@100 alone is drawn."""
    told = {one.metric: one.reason for one in run.accuracy()}
    assert told["AR@100"].endswith("; with other such videos it lies from +0.0000 to +0.0000 (95 %)")
    assert ["AR@100"] == [metric for metric, reason in told.items() if "95 %" in reason]

    found = read_results(tmp_path / DETECTIONS, VIDEOS.ids)
    write_results({"v_0": found["v_0"]}, tmp_path / DETECTIONS)
    assert "it lies from -" in {one.metric: one.reason for one in run.accuracy()}["AR@100"]


def test_detections_have_a_digest_and_no_clips(run: Run, tmp_path: Path) -> None:
    """It is that of their file, with torch's answers or without."""
    told = run.judge.flips(run.cell)
    assert (None, sha256(tmp_path / DETECTIONS)) == (told.clips, told.digest)
    assert told == replace(run.judge, reference=None).flips(run.cell)


def test_each_stage_that_gives_others_fails(run: Run, tmp_path: Path) -> None:
    """Curves, scores of proposals, and detections, each by its own number."""
    flat = run.with_scores(0, lambda curves: curves * np.float32(0.5) + np.float32(0.1)).fidelity()
    assert Verdict.FAIL == flat["tem difference"]
    other = run.with_scores(1, lambda scores: scores[:, ::-1]).fidelity()
    assert ((Verdict.PASS, Verdict.FAIL, Verdict.PASS) == (other["tem difference"], other["pem difference"], other["pem unpaired"]))
    swapped = run.with_scores(0, lambda curves: curves[::-1]).fidelity()
    assert Verdict.FAIL == swapped["pem unpaired"]
    found = read_results(tmp_path / DETECTIONS, VIDEOS.ids)
    write_results({"v_0": found["v_1"], "v_1": found["v_0"]}, tmp_path / DETECTIONS)
    assert Verdict.FAIL in {run.fidelity()["detections"], run.fidelity()["detections faulty"]}


def test_a_video_that_the_detections_leave_out_has_none(run: Run, tmp_path: Path) -> None:
    """Its segments are missed."""
    found = read_results(tmp_path / DETECTIONS, VIDEOS.ids)
    write_results({"v_1": found["v_1"]}, tmp_path / DETECTIONS)

    assert 0 == len(run.judge._detections(run.cell)["v_0"])
    assert Verdict.FAIL in {one.verdict for one in run.accuracy()}


def test_proposals_are_kept_as_the_reference_keeps_them() -> None:
    """A row of video, bins and score for each of the best; scores of padding are left out."""
    found = _scored_proposals(CURVES, SCORES, SPEC)
    made = [propose(curve, SPEC.proposals.peak_threshold).best(SPEC.proposals.top) for curve in CURVES.scores]

    assert sum(map(len, made)) == len(found)
    second = found[found[:, 0] == 1]
    assert np.array_equal(bins(made[1].start), second[:, 1])
    assert np.array_equal(bins(made[1].end), second[:, 2])
    assert np.array_equal(SCORES.scores[1, : len(second), 0], second[:, 3].astype(np.float32))


def test_without_torch_recall_is_recorded_or_held_to_what_is_published(run: Run) -> None:
    """With the command that makes what is missing; an expectation always judges."""
    alone = replace(run, judge=replace(run.judge, reference=None, expect=Expectations((("AR@100", 0.999),))))
    found = alone.judge._detections(alone.cell)
    recall = average_recall([video.truth for video in VIDEOS.videos], [found[id] for id in VIDEOS.ids]).named()
    recorded, expected = alone.accuracy()
    assert (Verdict.RECORDED, f"{recall['AR@100']:.4f}", "AR@100") == (recorded.verdict, recorded.measured, recorded.metric)
    assert "once, on any machine: the command" in recorded.meaning
    assert pytest.approx(recall["AR@100"]) == getattr(recorded.numbers, "measured", 0)
    assert Verdict.FAIL == expected.verdict

    published, pairs, _ = alone.accuracy(official=True)
    assert ("AR@100", "pairs", Verdict.RECORDED, "-") == (published.metric, pairs.metric, pairs.verdict, pairs.measured)
    both = run.accuracy(official=True)
    assert 1 + len(cast("TorchLocaliser", run.judge.reference).recall) == len(both)


def test_a_part_of_the_data_set_is_no_acceptance(run: Run) -> None:
    lacking = replace(VIDEOS, shortfall=Shortfall(2, 3, 1, 0, "v_2", "the command", "videos"))
    partial = replace(run, judge=replace(run.judge, dataset=lacking))

    assert {Verdict.NO_VERDICT} == {one.verdict for one in partial.accuracy()}
    assert all(one.meaning.startswith("2 of 3 videos: 1 missing") for one in partial.accuracy())
