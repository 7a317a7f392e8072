"""Each way a deployment goes wrong turns a verdict to FAIL, on the full-size TSM with its mini weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.deployments import record
from suites.selftest.specs import recogniser_spec
from tools.datasets import clips as data
from tools.deployment import export as deployment_export
from tools.deployment import specialise, weights
from tools.deployment.weights import Weights
from tools.engines import open_engine
from tools.judging.recogniser import RecogniserJudge
from tools.judging.verdict import Verdict, worst
from tools.machine.events import Event
from tools.measuring import measure, recogniser
from tools.measuring.cell import Cell, Part
from tools.measuring.predictions import Predictions
from tools.media import decode
from tools.media.batches import Batch, BatchStream
from tools.media.preprocess import Floats, Frames, frame_indices, normalise
from tools.pytorch import networks
from tools.spec.case import Case, Device
from tools.spec.catalog import load_truth
from tools.spec.model import ModelSpec, Preprocess
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context
from tools.storage.entries import Entry

pytestmark = [pytest.mark.slow, pytest.mark.torch, pytest.mark.xdist_group("full-size tsm")]
BATCH = 4
CLIPS = 15  # ends in a short batch
CASE = Case("tsm", BATCH, Device("cpu"))


def quiet(event: Event) -> None:
    """The stages' words do not belong into a test's output."""


@dataclass(frozen=True)
class Deployment:
    """TSM with everything to judge it, on the first clips of each class."""

    settings: Settings
    spec: ModelSpec
    checkpoint: Weights
    basis: RecogniserJudge
    graph: Path

    def score(self, graph: Path | None = None) -> Cell:
        """Run the clips through *graph* as a measured cell does, in this process."""
        clips = self.basis.dataset
        with BatchStream(recogniser.feed(clips, self.spec), BATCH) as stream:
            engine = open_engine(CASE.device, graph or self.graph, self.spec.network, BATCH)
            predictions, _ = measure.score(engine, stream, len(clips.clips))
        return as_cell(predictions)

    def export(self, folder: Path) -> Path:
        """Export and specialise again, with whatever is broken now."""
        facts = deployment_export.build(self.checkpoint, folder)
        entry = Entry(deployment_export.stage(self.checkpoint).key, folder, {}, facts)
        specialise.build(self.spec.network, entry, BATCH, "needed", folder)
        return folder / specialise.file_name(self.spec.network, BATCH, "needed")


def as_cell(predictions: Predictions) -> Cell:
    return Cell(CASE, Path(), (Part(Path(), record(CASE, "tsm", CLIPS), predictions, None),))


@pytest.fixture(scope="module")
def deployment(every_core: None) -> Deployment:
    """TSM's artifacts from the project's store, built on first use; its reference is of all mini clips."""
    settings = Settings.parse({"data": "mini", "budget_s": "1"})
    spec = recogniser_spec(MODELS, "tsm")
    context = Context(settings, spec, quiet)
    (checkpoint,) = weights.checkpoints(context)
    clips = data.clip_set(context, spec.classes)
    torch = recogniser.torch_reference(context, (checkpoint,), clips)
    assert torch is not None
    graph = specialise.graph(context, checkpoint, BATCH)
    few = replace(clips, clips=clips.clips[:CLIPS])
    basis = RecogniserJudge(spec, load_truth(MODELS, "tsm"), few, Predictions(torch.ids[:CLIPS], torch.scores[:CLIPS]))
    return Deployment(settings, spec, checkpoint, basis, graph.path)


def judged(cell: Cell, deployment: Deployment) -> dict[str, Verdict]:
    return {"accuracy": worst(deployment.basis.accuracy(cell)), "fidelity": worst(deployment.basis.fidelity(cell))}


def test_an_unbroken_deployment_passes(deployment: Deployment) -> None:
    """Nothing below fails for another reason than what it breaks."""
    assert {"accuracy": Verdict.PASS, "fidelity": Verdict.PASS} == judged(deployment.score(), deployment)


def test_swapped_channels_fail(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames in BGR order fail accuracy and fidelity."""
    right = normalise

    def swapped(cut: Frames, how: Preprocess, out: Floats) -> None:
        right(np.ascontiguousarray(cut[..., ::-1]), how, out)

    monkeypatch.setattr(recogniser, "normalise", swapped)

    assert {"accuracy": Verdict.FAIL, "fidelity": Verdict.FAIL} == judged(deployment.score(), deployment)


def test_frames_sampled_one_off_fail(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every frame taken one too late fails fidelity, though most clips are still told right."""
    right = frame_indices
    monkeypatch.setattr(decode, "frame_indices", lambda total, how: (right(total, how) + 1) % total)

    assert Verdict.FAIL == judged(deployment.score(), deployment)["fidelity"]


def test_a_removed_temporal_shift_fails(deployment: Deployment, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A graph exported without the shift, TSM's only sense of time, fails accuracy and fidelity."""
    networks.import_mmaction()
    from mmaction.models.backbones.resnet_tsm import TemporalShift

    monkeypatch.setattr(TemporalShift, "shift", staticmethod(lambda x, num_segments, shift_div: x))
    cell = deployment.score(deployment.export(tmp_path))

    assert {"accuracy": Verdict.FAIL, "fidelity": Verdict.FAIL} == judged(cell, deployment)


def test_softmax_applied_twice_fails(deployment: Deployment, tmp_path: Path) -> None:
    """A second softmax at the graph's end keeps every ranking, and fails fidelity."""
    import onnx

    model = onnx.load(str(deployment.graph))
    name = deployment.spec.network.output.name
    last = next(node for node in model.graph.node if name in node.output)
    last.output[0] = "once"
    model.graph.node.append(onnx.helper.make_node("Softmax", ["once"], [name], axis=1))
    onnx.save(model, str(tmp_path / "twice.onnx"))

    assert Verdict.FAIL == judged(deployment.score(tmp_path / "twice.onnx"), deployment)["fidelity"]


def test_counted_padding_fails(deployment: Deployment, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that only fill the last batch, counted as clips, fail accuracy and fidelity."""
    right = BatchStream.__iter__

    def all_rows(stream: BatchStream) -> Iterator[Batch]:
        return (replace(batch, valid=len(batch.array)) for batch in right(stream))

    monkeypatch.setattr(BatchStream, "__iter__", all_rows)

    assert {"accuracy": Verdict.FAIL, "fidelity": Verdict.FAIL} == judged(deployment.score(), deployment)
