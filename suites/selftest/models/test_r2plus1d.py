"""R(2+1)D: plain BatchNorm with the synchronised one's weights, a checkpoint's classes, three rows a clip."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.deployments import Run, exported, in_torch, random_weights, specialised, unchecked
from suites.selftest.specs import recogniser_spec
from tools.datasets.clips import ClipSet
from tools.datasets.mini import encode
from tools.deployment import weights
from tools.deployment.weights import Weights
from tools.engines import open_engine
from tools.measuring import measure, recogniser, reference
from tools.measuring.metrics import distance
from tools.measuring.predictions import FILE, load
from tools.media.batches import BatchStream
from tools.media.decode import Clip
from tools.media.preprocess import Floats
from tools.pytorch import configs, networks
from tools.spec.case import Device
from tools.spec.model import Network, Tensor
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

pytestmark = [pytest.mark.slow, pytest.mark.torch]
SPEC = recogniser_spec(MODELS, "r2plus1d")
NETWORK = SPEC.network
VIEWS, CLASSES = 3, 101


def at_64_pixels(network: Network) -> Network:
    return replace(network, input=Tensor(network.input.name, (VIEWS, 3, 8, 64, 64)))


SMALL = replace(SPEC, network=at_64_pixels(NETWORK), preprocess=replace(SPEC.preprocess, short_side=64, crop=64))


def test_synchronised_batchnorm_becomes_plain_with_the_same_weights() -> None:
    """The network has no SyncBatchNorm, and has 400 classes.

    Its 434 tensors have the names and shapes of the network that has one.
    """
    import torch

    networks.import_mmaction()
    from mmaction.registry import MODELS as REGISTRY

    synchronised = REGISTRY.build(configs.model_config(NETWORK))
    plain = networks.build_network(NETWORK)
    keys = [{key: tuple(value.shape) for key, value in module.state_dict().items()} for module in (synchronised, plain)]
    eps = [{name: module.eps for name, module in each.named_modules() if isinstance(module, torch.nn.modules.batchnorm._BatchNorm)}
           for each in (synchronised, plain)]

    assert [True, False] == [any(isinstance(module, torch.nn.SyncBatchNorm) for module in each.modules()) for each in (synchronised, plain)]
    assert 434 == len(keys[0])
    assert (400, 512) == keys[0]["cls_head.fc_cls.weight"]
    assert keys[0] == keys[1]
    assert eps[0] == eps[1]
    assert not plain.training


@dataclass(frozen=True)
class Deployment:
    """A checkpoint of 101 classes, as the harness found it, and its graph for two clips."""

    checkpoint: Weights
    graph: Path
    torch: Run
    clips: ClipSet


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Deployment:
    """Given by a user to a run: the harness itself has to find out how many classes it has."""
    folder = tmp_path_factory.mktemp("r2plus1d")
    path = random_weights(NETWORK.with_outputs(CLASSES), folder).path
    (folder / "own.txt").write_text("v 0\n")
    settings = Settings.parse({"data": str(folder / "own.txt"), "weights": str(path), "artifacts": str(folder)})
    (found,) = weights.checkpoints(Context(settings, SPEC, lambda event: None))
    checkpoint = replace(found, network=at_64_pixels(found.network))
    graph = specialised(checkpoint.network, exported(checkpoint, folder / "onnx"), 2)
    return Deployment(checkpoint, graph, in_torch(checkpoint), three_clips(folder / "clips"))


def three_clips(folder: Path) -> ClipSet:
    """Three clips of noise, wide enough that their views differ."""
    rng = np.random.default_rng(5)
    for number in range(3):
        encode.write_jpegs(rng.integers(0, 256, (70, 64, 128, 3), np.uint8), folder / f"v{number}")
    return ClipSet("rawframes", tuple(unchecked(Clip(f"v{number}", folder / f"v{number}", 0, 70), "rawframes") for number in range(3)))


def rows_by_view(deployment: Deployment) -> Floats:
    """Torch's logits of each view of each clip, every view run by itself: [clips, views, classes]."""
    found = []
    for clip in deployment.clips.clips:
        views = np.empty(deployment.checkpoint.network.input.shape, np.float32)
        recogniser.fill(clip, "rawframes", SMALL, views)
        found.append(np.concatenate([deployment.torch(view[None, None]) for view in views]))
    return np.stack(found)


def test_the_checkpoint_says_how_many_classes_there_are(deployment: Deployment) -> None:
    """A head of 101 classes gives a network, and a graph, of 101 outputs where the spec says 400."""
    import onnx

    model = onnx.load(str(deployment.graph), load_external_data=False)
    shape = [axis.dim_value for axis in model.graph.output[0].type.tensor_type.shape.dim]

    assert (400, (CLASSES,)) == (SPEC.classes, deployment.checkpoint.network.output.shape)
    assert [2 * VIEWS, CLASSES] == shape


def test_the_graph_gives_the_rows_of_each_clip_together(deployment: Deployment) -> None:
    """Rows 3i to 3i + 2 of a batch are clip i's views in its input's order, as torch gives them singly."""
    engine = open_engine(Device("cpu"), deployment.graph, deployment.checkpoint.network, 2)
    with BatchStream(recogniser.feed(deployment.clips, SMALL), 2) as stream:
        rows = engine.infer(next(iter(stream)).array)
    expected = rows_by_view(deployment)[:2]

    assert distance(rows, expected.reshape(2 * VIEWS, CLASSES), softmax=False).relative <= 1e-5
    assert distance(rows, expected.swapaxes(0, 1).reshape(2 * VIEWS, CLASSES), softmax=False).relative > 1e-2


def test_the_harness_and_the_reference_average_the_same_rows(deployment: Deployment, tmp_path: Path) -> None:
    """Both score a clip by the mean of its three views' raw logits; other groups of rows score otherwise."""
    engine = open_engine(Device("cpu"), deployment.graph, deployment.checkpoint.network, 2)
    with BatchStream(recogniser.feed(deployment.clips, SMALL), 2) as stream:
        measured, _ = measure.score(engine, stream, 3, SMALL.network.rows)
    reference.build(SMALL, deployment.checkpoint, deployment.clips, 0.0, "cpu", tmp_path / "shards", tmp_path)
    rows = rows_by_view(deployment)
    expected = rows.mean(axis=1)

    assert distance(measured.scores, expected, softmax=False).relative <= 1e-5
    assert distance(load(tmp_path / FILE).scores, expected, softmax=False).relative <= 1e-5
    for wrong in (rows.reshape(VIEWS, 3, CLASSES).mean(axis=0), rows[:, :2].mean(axis=1), rows[:, 0]):
        assert distance(wrong, expected, softmax=False).relative > 1e-2
