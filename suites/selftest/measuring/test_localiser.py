"""BSN from weights to verdict, and each way its chain goes wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest import given_graphs as graphs
from suites.selftest.conftest import NO_REPORT, python
from suites.selftest.deployments import record
from tools.datasets.videos import VideoSet
from tools.deployment import specialise, weights
from tools.deployment.weights import Weights
from tools.engines import open_engine
from tools.judging import judge, kinds
from tools.judging import localiser as judge_localiser
from tools.judging.localiser import LocaliserJudge
from tools.judging.verdict import Verdict, worst
from tools.localisation import snippet_features, soft_nms
from tools.localisation.detections import DETECTIONS, Doubles
from tools.localisation.proposals import Proposals
from tools.localisation.recall import average_recall
from tools.machine.events import Event
from tools.measuring import inputs, localiser, measure
from tools.measuring.cell import Cell, Part, Times
from tools.measuring.predictions import Predictions
from tools.media.batches import BatchStream
from tools.media.preprocess import Floats
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec, load_truth
from tools.spec.expectations import Expectations
from tools.spec.model import LocaliserSpec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

pytestmark = [pytest.mark.slow, pytest.mark.torch]
BATCH = 16
CASE = Case("bsn", BATCH, Device("cpu"))
Broken = Callable[[], Cell]


def quiet(event: Event) -> None:
    """The stages' words do not belong into a test's output."""


@dataclass(frozen=True)
class Deployment:
    """BSN with everything to judge it, on its mini videos."""

    spec: LocaliserSpec
    checkpoints: tuple[Weights, ...]
    graphs: tuple[Path, ...]
    basis: LocaliserJudge
    folder: Path
    fed: dict[str, str] = field(default_factory=dict)

    @property
    def videos(self) -> VideoSet:
        return self.basis.dataset

    def run(self, number: int, before: Predictions | None) -> Predictions:
        network = self.spec.networks[number]
        with BatchStream(localiser.feed(self.videos, self.spec, network, before), BATCH) as stream:
            engine = open_engine(CASE.device, self.graphs[number], network, BATCH)
            passing = stream if before else inputs.noted(stream, inputs.compared(self.videos.ids), self.fed)
            return measure.score(engine, passing, len(self.videos.ids))[0]

    def cell(self) -> Cell:
        """Run both networks and the chain as a measured cell does, in this process."""
        curves = self.run(0, None)
        scores = self.run(1, curves)
        return self.as_cell(curves, scores)

    def as_cell(self, curves: Predictions, scores: Predictions) -> Cell:
        localiser.finish(self.videos, self.spec, curves, scores, self.folder)
        parts = [Part(self.folder, replace(record(CASE, network.name, 63), inputs=dict(self.fed)), found, Times((0.25, 0.25), BATCH))
                 for network, found in zip(self.spec.networks, (curves, scores), strict=True)]
        return Cell(CASE, self.folder, tuple(parts))


@pytest.fixture(scope="module")
def deployment(own_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """BSN's artifacts, built on first use into the selftests' store."""
    settings = Settings.parse({"data": "mini", "budget_s": "1", "artifacts": str(own_store)})
    spec = load_spec(MODELS, "bsn")
    assert isinstance(spec, LocaliserSpec)
    context = Context(settings, spec, quiet)
    checkpoints = weights.checkpoints(context)
    graphs = tuple(specialise.graph(context, one, BATCH).path for one in checkpoints)
    basis = kinds.judge_of(context, checkpoints, localiser.dataset(context, checkpoints))
    assert isinstance(basis, LocaliserJudge)
    return Deployment(spec, checkpoints, graphs, basis, tmp_path_factory.mktemp("cell"))


def judged(cell: Cell, deployment: Deployment) -> dict[str, Verdict]:
    return {"accuracy": worst(deployment.basis.accuracy(cell)), "fidelity": worst(deployment.basis.fidelity(cell))}


def test_an_unbroken_chain_passes(deployment: Deployment) -> None:
    """Device and torch find the same detections and recall, which is far above blind guessing and below 1."""
    assert {"accuracy": Verdict.PASS, "fidelity": Verdict.PASS} == judged(deployment.cell(), deployment)
    assert deployment.basis.reference is not None
    recall = deployment.basis.reference.recall
    assert 0.5 < recall["AR@100"] < 1
    assert recall["AR@1"] < recall["AR@5"] < recall["AR@10"] < recall["AR@100"]


def test_what_is_expected_is_judged_beside_torch(deployment: Deployment) -> None:
    """`--expect` adds a judgement a metric, reached or not, whatever torch finds."""
    basis = replace(deployment.basis, expect=Expectations.parse("AR@100=0.5,AUC=0.999"))
    found = [(one.metric, one.reference, one.verdict) for one in basis.accuracy(deployment.cell())]

    assert [("AR@100 expected", ">= 0.5", Verdict.PASS), ("AUC expected", ">= 0.999", Verdict.FAIL)] == found[-2:]
    assert [("AR@100", Verdict.PASS)] == [(name, verdict) for name, _, verdict in found if name == "AR@100"]


def test_a_wrong_list_of_thresholds_fails(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recall counted from an overlap of 0.3 on is higher than mmaction2's, and fails accuracy."""
    right = average_recall
    monkeypatch.setattr(judge_localiser, "average_recall", lambda truths, found: right(truths, found, np.linspace(0.3, 0.75, 10).tolist()))

    assert {"accuracy": Verdict.FAIL, "fidelity": Verdict.PASS} == judged(deployment.cell(), deployment)


@pytest.mark.parametrize("dropped", ["start", "end", "iou"])
def test_a_dropped_score_factor_fails(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, dropped: str) -> None:
    """Detections ranked by two of the three scores fail accuracy and fidelity."""

    def fuse(iou_scores: Floats, proposals: Proposals) -> Doubles:
        scored = iou_scores.reshape(-1)[: len(proposals)].astype(np.float64)
        best = proposals.best(len(scored))
        factors: dict[str, np.ndarray] = {"iou": scored, "start": best.start_score, "end": best.end_score}
        return np.prod([factor for name, factor in factors.items() if name != dropped], axis=0)

    monkeypatch.setattr(soft_nms, "fuse", fuse)
    found = judged(deployment.cell(), deployment)

    assert Verdict.FAIL == found["fidelity"]
    assert found["accuracy"] is Verdict.FAIL or dropped != "iou"


def test_padding_that_is_not_cut_fails(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of zeros that PEM scored, kept as proposals over the whole video, fail fidelity."""
    right = soft_nms.detect

    def detect(proposals: Proposals, scores: Floats, duration_s: float, how: Any) -> object:
        more = len(scores) - len(proposals)
        whole = Proposals(np.pad(proposals.start, (0, more)), np.pad(proposals.end, (0, more), constant_values=1.0),
                          np.pad(proposals.start_score, (0, more), constant_values=1.0),
                          np.pad(proposals.end_score, (0, more), constant_values=1.0))
        return right(whole, scores, duration_s, how)

    monkeypatch.setattr(localiser, "detect", detect)

    assert Verdict.FAIL == judged(deployment.cell(), deployment)["fidelity"]


def test_transposed_features_fail(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features read column by column have the network's shape and fail everything."""
    right = snippet_features.read_features
    monkeypatch.setattr(localiser, "read_features", lambda path: right(path).reshape(400, 100).T)

    assert {"accuracy": Verdict.FAIL, "fidelity": Verdict.FAIL} == judged(deployment.cell(), deployment)


def test_proposals_of_the_wrong_video_fail(deployment: Deployment) -> None:
    """PEM's scores one video off fail fidelity."""
    curves = deployment.run(0, None)
    scores = deployment.run(1, curves)
    shifted = Predictions(scores.ids, np.roll(scores.scores, 1, axis=0))

    assert Verdict.FAIL == judged(deployment.as_cell(curves, shifted), deployment)["fidelity"]


def test_a_score_that_is_no_number_fails(deployment: Deployment) -> None:
    """NaN from either network fails every question and names the video."""
    curves = deployment.run(0, None)
    scores = deployment.run(1, curves)
    cell = deployment.as_cell(curves, scores)
    bad = scores.scores.copy()
    bad[7, 3] = np.nan
    cell = replace(cell, parts=(cell.parts[0], replace(cell.parts[1], predictions=Predictions(scores.ids, bad))))

    assert {"accuracy": Verdict.FAIL, "fidelity": Verdict.FAIL} == judged(cell, deployment)
    assert deployment.videos.ids[7] in deployment.basis.accuracy(cell)[0].reason


def test_the_combined_rate_is_that_of_both_in_a_row(deployment: Deployment) -> None:
    """1/(1/TEM + 1/PEM), judged beside each network's own rate."""
    cell = deployment.cell()
    rates = [one.measured for one in judge.throughput(cell, load_truth(MODELS, "bsn"))]

    assert ["64.000/s median", "64.000/s median", "32.000/s median"] == rates
    assert [0.5, 0.5] == cell.series()


def test_bsn_runs_from_nothing_to_a_verdict(own_store: Path) -> None:
    """`-m bsn` shows AR@100, both networks' and the combined rate, each with T4 ratios; nothing is red."""
    done = python("-m", "pytest", "-p", "no:cacheprovider", NO_REPORT, "-m", "bsn", "-k", "bs16", "--budget-s=1",
                  f"--artifacts={own_store}")

    assert 0 == done.returncode, done.stdout + done.stderr
    for metric in ("AR@100", "tem clips/s", "pem clips/s", "clips/s", "inputs", "tem difference", "pem difference", "detections"):
        assert re.search(rf"bsn-bs16-cpu +mini +{metric} ", done.stdout), metric
    for row in ("bsn-bs16-cpu ", "bsn-bs16-cpu tem", "bsn-bs16-cpu pem"):
        assert re.search(rf"^{row} +\d+\.\d+ +\d+\.\d+$", done.stdout, re.MULTILINE), row
    run = Path(re.search(r"results: (.*)/results.jsonl", done.stdout)[1])  # type: ignore[index]
    results = json.loads((run / str(CASE) / "pem" / DETECTIONS).read_text())
    assert 63 == len(results["results"])


def test_a_graph_of_each_network_may_be_given(deployment: Deployment, own_store: Path, tmp_path: Path) -> None:
    """In another layout, with other names; the rows say of both that they were given, and none is red."""
    tem, pem = (graphs.save(path, tmp_path / f"{name}_bs16.onnx", graphs.with_input("x", axes, ("Transpose", {"perm": [0, 2, 1]})))
                for path, name, axes in zip(deployment.graphs, ("tem", "pem"), ([16, 100, 400], [16, 32, 1000]), strict=True))
    done = python("-m", "pytest", "-p", "no:cacheprovider", NO_REPORT, "-m", "bsn", "-k", "bs16 and not throughput",
                  f"--artifacts={own_store}",
                  f"--graph=tem={tem.parent}/tem_bs{{batch}}.onnx,pem={pem}")

    assert 0 == done.returncode, done.stdout + done.stderr
    run = Path(re.search(r"results: (.*)/results.jsonl", done.stdout)[1])  # type: ignore[index]
    rows = [json.loads(line) for line in (run / "results.jsonl").read_text().splitlines()]
    assert {"PASS (mini)"} == {row["verdict"] for row in rows}
    for name, layout in (("tem", "NTC"), ("pem", "NCP")):
        assert all(re.search(rf"graph given: {name}_bs16\.onnx \(sha256 \w+\), input x {layout} float32", row["graph"]) for row in rows)
