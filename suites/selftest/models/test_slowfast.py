"""SlowFast's export form: a graph without the five-dimensional Resize, equal to mmaction2's network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from suites.selftest.deployments import Run, exported, in_onnx, in_torch, noise, random_weights, unchecked
from suites.selftest.specs import recogniser_spec
from tools.datasets.clips import ClipSet
from tools.datasets.mini import encode
from tools.deployment import export
from tools.deployment.weights import Weights
from tools.measuring import reference
from tools.measuring.metrics import distance
from tools.measuring.predictions import FILE, load
from tools.media.decode import Clip
from tools.pytorch import networks, pipeline
from tools.spec.model import ModelSpec, Tensor
from tools.spec.settings import MODELS

if TYPE_CHECKING:
    import onnx
    from torch import nn

pytestmark = [pytest.mark.slow, pytest.mark.torch]
REAL = recogniser_spec(MODELS, "slowfast")


def small(spec: ModelSpec) -> ModelSpec:
    """The same network, sampling and layout at 64 pixels, with logits: softmax hides small differences."""
    return replace(spec, network=replace(spec.network, input=Tensor("video", (1, 3, 32, 64, 64)), softmax=False),
                   preprocess=replace(spec.preprocess, short_side=73, crop=64))


SPEC = small(REAL)


@dataclass(frozen=True)
class Forms:
    """One checkpoint, in torch as it is and exported in both forms."""

    checkpoint: Weights
    torch: Run
    hooked: Path
    plain: Path


@pytest.fixture(scope="module")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Forms:
    folder = tmp_path_factory.mktemp("slowfast")
    checkpoint = random_weights(SPEC.network, folder)
    bare = replace(checkpoint, network=replace(SPEC.network, export_form=None))
    graphs = [exported(each, folder / name).file(export.GRAPH) for name, each in (("hooked", checkpoint), ("plain", bare))]
    return Forms(checkpoint, in_torch(checkpoint), *graphs)


def nodes(graph: Path, kind: str) -> Sequence[onnx.NodeProto]:
    import onnx

    model = onnx.load(str(graph), load_external_data=False)
    assert [11] == [opset.version for opset in model.opset_import]
    return [node for node in model.graph.node if node.op_type == kind]


def test_the_deployed_graph_has_no_resize(forms: Forms) -> None:
    """Exported as SlowFast's spec asks, with opset 11, no frame is picked by a Resize."""
    assert [] == nodes(forms.hooked, "Resize")


def test_without_its_export_form_the_graph_has_two(forms: Forms) -> None:
    """Left as mmaction2 builds it, each pathway is resized in five dimensions."""
    import onnx

    constants = {node.output[0]: onnx.numpy_helper.to_array(node.attribute[0].t) for node in nodes(forms.plain, "Constant")}
    scales = [constants[node.input[2]].tolist() for node in nodes(forms.plain, "Resize")]

    assert [[1, 1, 0.25, 1, 1], [1, 1, 1, 1, 1]] == scales


def test_the_export_form_takes_the_frames_that_interpolation_takes(forms: Forms) -> None:
    """In torch both forms give the same bits: every fourth frame is nearest interpolation by a quarter."""
    import torch

    module = networks.load_network(SPEC.network, forms.checkpoint.path)
    assert SPEC.network.export_form is not None
    SPEC.network.export_form(module)
    video = noise(1, 1, 3, 32, 64, 64)
    with torch.inference_mode():
        indexed = networks.deployed(SPEC.network, module)(torch.from_numpy(video)).numpy()

    assert forms.torch(video).tobytes() == indexed.tobytes()


@pytest.mark.parametrize("batch", [1, 2])
def test_the_graph_computes_what_the_untouched_network_computes(forms: Forms, batch: int) -> None:
    """The exported graph's logits are within 1e-6 of their range of those without the export form."""
    video = noise(batch, 1, 3, 32, 64, 64)

    assert distance(in_onnx(forms.hooked)(video), forms.torch(video), softmax=False).relative <= 1e-6


def test_the_reference_runs_without_the_export_form(forms: Forms, tmp_path: Path) -> None:
    """Torch's scores come from the network as mmaction2 builds it, so a fault of the export form shows."""

    def refuse(module: nn.Module) -> None:
        raise AssertionError("the reference is in its export form")

    checkpoint = replace(forms.checkpoint, network=replace(SPEC.network, export_form=refuse))
    encode.write_jpegs(np.random.default_rng(1).integers(0, 256, (40, 80, 100, 3), np.uint8), tmp_path / "v")
    clip = unchecked(Clip("v", tmp_path / "v", 0, 40), "rawframes")
    reference.build(SPEC, checkpoint, ClipSet("rawframes", (clip,)), 0.0, "cpu", tmp_path / "shards", tmp_path)
    video = pipeline.clip_loader(SPEC, "rawframes")(clip)[None]

    assert forms.torch(video).tobytes() == load(tmp_path / FILE).scores.tobytes()
