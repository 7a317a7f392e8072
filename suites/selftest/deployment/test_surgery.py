"""Graph rewrites: convolutions of sequences become convolutions of images, and the numbers stay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from suites.selftest.deployments import exported, in_onnx, in_torch, noise, random_weights, specialised
from suites.selftest.specs import localiser_spec
from tools.deployment import export
from tools.deployment.surgery import operate
from tools.deployment.weights import Weights
from tools.errors import ExportError
from tools.machine.files import sha256
from tools.media.preprocess import Floats
from tools.spec.model import Network
from tools.spec.settings import MODELS
from tools.storage.entries import Entry

if TYPE_CHECKING:
    import onnx

TEM = localiser_spec(MODELS, "bsn").tem
BARE = replace(TEM, surgery=())
BATCHES = (1, 4)


@dataclass(frozen=True)
class Exported:
    """TEM with random weights, whose curves reach most of the way from 0 to 1."""

    checkpoint: Weights
    graph: Entry

    def at(self, network: Network, batch: int) -> Path:
        """The graph of one batch size by *network*'s surgery; the next one of that size takes its place."""
        return specialised(network, self.graph, batch)


@pytest.fixture(scope="module")
def tem(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    import torch

    folder = tmp_path_factory.mktemp("tem")
    path = random_weights(TEM, folder).path
    state = torch.load(path, weights_only=True)
    state["state_dict"]["conv3.weight"] *= 1500  # sigmoid(0.01 x): left as it is, all curves would lie at one half
    torch.save(state, path)
    checkpoint = Weights(path, sha256(path), TEM, "own")
    return Exported(checkpoint, exported(checkpoint, folder / "onnx"))


def loaded(graph: Path) -> onnx.ModelProto:
    import onnx

    return onnx.load(str(graph))


def kinds(model: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in model.graph.node)


def convolved_ranks(model: onnx.ModelProto) -> set[int]:
    """How many axes the weights of the convolutions have."""
    dims = {tensor.name: len(tensor.dims) for tensor in model.graph.initializer}
    dims |= {node.output[0]: len(node.attribute[0].t.dims) for node in model.graph.node if node.op_type == "Constant"}
    return {dims[node.input[1]] for node in model.graph.node if node.op_type == "Conv"}


@pytest.mark.torch
@pytest.mark.parametrize("batch", BATCHES)
def test_tem_keeps_its_curves(tem: Exported, batch: int) -> None:
    """With and without the surgery the graph gives the same curves within 1e-6, and torch's."""
    sequence = noise(batch, *TEM.input.shape)
    before = in_onnx(tem.at(BARE, batch))(sequence)
    after = in_onnx(tem.at(TEM, batch))(sequence)

    assert before.min() < 0.2
    assert before.max() > 0.8
    assert np.abs(before - after).max() <= 1e-6
    assert np.abs(in_torch(tem.checkpoint)(sequence) - after).max() <= 1e-5


@pytest.mark.torch
@pytest.mark.parametrize("batch", BATCHES)
def test_tem_has_convolutions_of_images_only(tem: Exported, batch: int) -> None:
    """All three convolutions have 4-D weights, behind one Unsqueeze and before one Squeeze."""
    model = loaded(tem.at(TEM, batch))

    assert {4} == convolved_ranks(model)
    assert (3, 1, 1) == tuple(kinds(model)[kind] for kind in ("Conv", "Unsqueeze", "Squeeze"))


@pytest.mark.torch
def test_without_surgery_in_the_spec_the_graph_is_left_alone(tem: Exported) -> None:
    """A spec that names no surgery keeps its convolutions of sequences."""
    model = loaded(tem.at(BARE, 1))

    assert {3} == convolved_ranks(model)
    assert (3, 0, 0) == tuple(kinds(model)[kind] for kind in ("Conv", "Unsqueeze", "Squeeze"))


@pytest.mark.torch
@pytest.mark.parametrize("batch", BATCHES)
def test_reshaped_weights_stay_in_the_shared_file(tem: Exported, batch: int) -> None:
    """The rewritten graph points at the exported graph's weights; TEM's five million bytes are not copied."""
    graph = tem.at(TEM, batch)

    assert graph.with_name(export.WEIGHTS).stat().st_size > 5_000_000
    assert graph.stat().st_size < 20_000


GRAPHS: dict[str, tuple[str, Mapping[str, tuple[int, ...] | float], tuple[int, int]]] = {
    # text, shapes of weights and numbers; Unsqueeze and Squeeze that are needed
    "chain": ("""a = Conv <kernel_shape=[3], pads=[1, 1]> (x, w, b)
                 r = Relu(a)
                 c = Conv <kernel_shape=[1]> (r, v)
                 m = Mul(c, half)
                 y = Sigmoid(m)""", {"w": (6, 4, 3), "b": (6,), "v": (3, 6, 1), "half": 0.5}, (1, 1)),
    "uneven pads, stride and dilation": ("""c = Conv <kernel_shape=[3], pads=[3, 1], strides=[2], dilations=[2]> (x, w, b)
                                            y = Sigmoid(c)""", {"w": (6, 4, 3), "b": (6,)}, (1, 1)),
    "groups and automatic pads": ("""c = Conv <auto_pad="SAME_UPPER", group=2> (x, w)
                                     y = Sigmoid(c)""", {"w": (6, 2, 4)}, (1, 1)),
    "numbers between convolutions": ("""a = Conv <kernel_shape=[3]> (x, w)
                                        m = Mul(a, half)
                                        n = Add(m, half)
                                        c = Conv <kernel_shape=[3]> (n, v)
                                        y = Sigmoid(c)""", {"w": (6, 4, 3), "v": (3, 6, 3), "half": 0.5}, (1, 1)),
    "input used elsewhere": ("""r = Relu(x)
                                c = Conv <kernel_shape=[3], pads=[1, 1]> (r, w)
                                y = Add(c, r)""", {"w": (4, 4, 3)}, (1, 1)),
    "two convolutions of one input": ("""a = Conv <kernel_shape=[3], pads=[1, 1]> (x, w)
                                         c = Conv <kernel_shape=[1]> (x, v)
                                         y = Add(a, c)""", {"w": (6, 4, 3), "v": (6, 4, 1)}, (1, 2)),
    "output used elsewhere": ("""a = Conv <kernel_shape=[3]> (x, w)
                                 r = Relu(a)
                                 c = Conv <kernel_shape=[1]> (r, v)
                                 y = Add(c, r)""", {"w": (6, 4, 3), "v": (6, 6, 1)}, (1, 2)),
    "shortcut between convolutions": ("""a = Conv <kernel_shape=[3], pads=[1, 1]> (x, w)
                                         s = Add(a, x)
                                         c = Conv <kernel_shape=[1]> (s, v)
                                         y = Sigmoid(c)""", {"w": (4, 4, 3), "v": (3, 4, 1)}, (2, 2)),
}
SHAPE = (2, 4, 50)


def made(body: str, constants: Mapping[str, tuple[int, ...] | float]) -> onnx.ModelProto:
    """A graph from x to y in ONNX's own notation; shapes become weights, numbers stay numbers."""
    from onnx import numpy_helper, parser

    opset = f'<ir_version: 8, opset_import: ["": {export.OPSET}]>'
    model = parser.parse_model(f"{opset} g (float[2, 4, 50] x) => (float[N, C, T] y) {{{body}}}")
    rng = np.random.default_rng(1)
    for name, what in constants.items():
        value = rng.standard_normal(what, np.float32) if isinstance(what, tuple) else np.array(what, np.float32)
        model.graph.initializer.append(numpy_helper.from_array(value, name))
    return model


def run(model: onnx.ModelProto, folder: Path) -> Floats:
    """What a graph makes of noise, once the checker has nothing against it."""
    import onnx

    export.check(model, "a made graph")
    onnx.save(model, str(folder / "graph.onnx"))
    return in_onnx(folder / "graph.onnx")(noise(*SHAPE))


@pytest.mark.parametrize("name", GRAPHS)
def test_a_rewritten_graph_computes_the_same(name: str, tmp_path: Path) -> None:
    """Whatever the attributes and surroundings of convolutions, the output keeps its shape and values."""
    body, constants, bridges = GRAPHS[name]
    model = made(body, constants)
    expected = run(model, tmp_path)
    operate(model, "conv1d-to-conv2d")
    actual = run(model, tmp_path)

    assert {4} == convolved_ranks(model)
    assert bridges == (kinds(model)["Unsqueeze"], kinds(model)["Squeeze"])
    assert expected.shape == actual.shape
    assert np.allclose(expected, actual, rtol=1e-6, atol=1e-6)


def test_the_new_axis_has_a_kernel_a_stride_and_a_dilation_of_one() -> None:
    """And no padding; whatever else a convolution says is as it was."""
    body, constants, _ = GRAPHS["uneven pads, stride and dilation"]
    model = made(body, constants)
    operate(model, "conv1d-to-conv2d")
    [node] = [node for node in model.graph.node if node.op_type == "Conv"]

    assert {"kernel_shape": [1, 3], "pads": [0, 3, 0, 1], "strides": [1, 2], "dilations": [1, 2]} == {
        attribute.name: [*attribute.ints] for attribute in node.attribute}


@pytest.mark.parametrize(("body", "constants", "words"), [
    ("y = Relu(x)", {}, "no convolution of a sequence"),
    ("u = Unsqueeze <axes=[2]> (x)\nc = Conv <kernel_shape=[1, 3]> (u, w)\ny = Squeeze <axes=[2]> (c)", {"w": (3, 4, 1, 3)},
     "no convolution of a sequence"),
    ("y = Conv <kernel_shape=[3]> (x, w)", {"w": (3, 4, 3)}, "a convolution is the graph's output"),
])
def test_what_cannot_be_rewritten_is_refused(body: str, constants: dict[str, tuple[int, ...]], words: str) -> None:
    """A graph without a sequence's convolution, or ending in it, is an ExportError naming the surgery."""
    with pytest.raises(ExportError, match=words) as caught:
        operate(made(body, constants), "conv1d-to-conv2d")

    assert "take it out of the spec's surgery" == caught.value.remedy
