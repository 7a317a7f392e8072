"""The stages from torch to a given graph: which of them computes something else, and from which node on."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from suites.selftest import given_graphs, own_graphs
from suites.selftest.conftest import TINY_MODELS, keeping
from suites.selftest.deployments import noise
from suites.selftest.locating.staged import BATCH, THREE, Change, Network, differing, ready, unnamed, weight_of, with_attribute, without
from tools.deployment import export, specialise
from tools.deployment.surgery import operate
from tools.deployment.weights import Weights
from tools.errors import GraphError
from tools.locating import stages as stages_module
from tools.locating.stages import stages
from tools.machine import child
from tools.machine.files import sha256
from tools.spec.catalog import load_spec
from tools.spec.model import Surgery
from tools.spec.settings import MODELS

if TYPE_CHECKING:
    import onnx

    from tools.storage.stages import Stage

HEAVY = ("torch", "mmaction", "mmengine")
pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return ready(load_spec(TINY_MODELS, "tiny"), 0, tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def tem(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return ready(load_spec(MODELS, "bsn"), 0, tmp_path_factory.mktemp("tem"))


@pytest.fixture(params=["tiny", "tem"])
def network(request: pytest.FixtureRequest) -> Network:
    found: Network = request.getfixturevalue(request.param)
    return found


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """What child processes do is done in this one, which has torch already."""
    monkeypatch.setattr(child, "call", lambda work, title, **rest: work())


def test_clean_stages_differ_nowhere(network: Network, here: None) -> None:
    """Torch, its export, onnxsim and surgery give the same scores."""
    found = network.stages(network.root)

    assert THREE == tuple(one.name for one in found)
    assert {} == differing(found)
    assert all(one.difference and one.difference.rms < one.limit / 2 and one.first is None for one in found)


def test_torch_runs_in_a_process_of_its_own(tem: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """This one needs none."""
    for name in HEAVY:
        monkeypatch.setitem(sys.modules, name, None)

    assert {} == differing(tem.stages(tem.root))


def test_without_torch_its_stage_is_told_as_not_compared(tem: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not left out, as if it agreed."""
    monkeypatch.setattr(stages_module, "missing_makers", lambda key: ["torch"])
    first, *others = tem.stages(tem.root)

    assert (THREE[0], None, "not compared: torch not installed") == (first.name, first.difference, first.sentence)
    assert not first.differs
    assert all(one.difference for one in others)


TORCH = {  # the key of a checkpoint's tensor that is another one in torch -> the node that is named
    "tiny": {"backbone.layer2.1.conv1.conv.net.weight": "/network/backbone/layer2/layer2.1/conv1/conv/net/Conv",
             "backbone.layer3.0.downsample.bn.running_var": "/network/backbone/layer3/layer3.0/downsample/conv/Conv",
             "cls_head.fc_cls.weight": "/network/cls_head/fc_cls/Gemm"},
    "tem": {"conv1.weight": "/network/conv1/Conv", "conv2.bias": "/network/conv2/Conv", "conv3.weight": "/network/conv3/Conv"},
}


@pytest.mark.parametrize(("name", "key"), [(name, key) for name, keys in TORCH.items() for key in keys])
def test_a_weight_that_the_export_changed_is_named_by_its_layer(request: pytest.FixtureRequest, here: None, tmp_path: Path,
                                                                monkeypatch: pytest.MonkeyPatch, name: str, key: str) -> None:
    """A BatchNorm's is named by the convolution that it became a part of."""
    import torch

    clean: Network = request.getfixturevalue(name)
    state = torch.load(clean.checkpoint.path, weights_only=True)
    state["state_dict"][key] *= 1.05
    torch.save(state, tmp_path / "other.pth")
    other = replace(clean.checkpoint, path=tmp_path / "other.pth", sha256=sha256(tmp_path / "other.pth"))
    there: Stage = export.stage(clean.checkpoint)
    monkeypatch.setattr(export, "stage", lambda checkpoint: there)
    found = replace(clean, checkpoint=other).stages(clean.root)

    assert {THREE[0]: TORCH[name][key]} == differing(found)


def test_a_step_between_modules_is_named_by_its_own_nodes(tiny: Network, here: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A shift that torch does the other way round is found before the convolution that reads it."""
    from mmaction.models.backbones.resnet_tsm import TemporalShift

    shift = TemporalShift.shift
    monkeypatch.setattr(TemporalShift, "shift", staticmethod(lambda x, *rest, **more: shift(x.flip(0), *rest, **more)))
    [named] = differing(tiny.stages(tiny.root)).values()

    assert named.startswith("/network/backbone/layer1/layer1.0/conv1/conv/Shape to ")
    assert named.endswith("/network/backbone/layer1/layer1.0/conv1/conv/Reshape_1")


@pytest.mark.parametrize(("name", "node", "change"), [
    ("tiny", "/network/backbone/layer3/layer3.1/relu/Relu", without),
    ("tem", "/network/conv2/Conv", lambda node: weight_of(node, 1.01)),
    ("tem", "/network/Relu", without),
], ids=["a ReLU of tiny", "a weight of TEM", "a ReLU of TEM"])
def test_a_step_of_onnxsim_that_changes_something_is_named(request: pytest.FixtureRequest, here: None, monkeypatch: pytest.MonkeyPatch,
                                                           tmp_path: Path, name: str, node: str, change: Callable[[str], Change]) -> None:
    """By its node; a changed weight is named as well. Surgery that is done after it differs in nothing."""
    clean: Network = request.getfixturevalue(name)
    onnxsim = specialise.import_onnxsim()
    simplify = onnxsim.simplify

    def broken(model: onnx.ModelProto, **how: object) -> tuple[onnx.ModelProto, bool]:
        model, same = simplify(model, **how)
        change(node)(model)
        return model, same

    monkeypatch.setattr(onnxsim, "simplify", broken)
    found = clean.stages(clean.exported(tmp_path))

    assert {THREE[1]: node} == differing(found)
    assert ("constants that differ from those of the export: " in found[1].sentence) is ("Conv" in node)


@pytest.mark.parametrize(("name", "node", "change"), [
    ("tem", "/network/conv2/Conv", lambda node: with_attribute(node, "pads", [0, 0, 0, 2])),
    ("tem", "/network/conv1/Conv", lambda node: weight_of(node, 1.01)),
    ("tiny", "/network/backbone/layer4/layer4.0/conv1/activate/Relu", without),
], ids=["pads of TEM", "a weight of TEM", "a ReLU of tiny"])
def test_surgery_that_changes_something_is_named(request: pytest.FixtureRequest, here: None, monkeypatch: pytest.MonkeyPatch,
                                                 tmp_path: Path, name: str, node: str, change: Callable[[str], Change]) -> None:
    """By its node, whatever shape it gives to tensors."""
    clean: Network = request.getfixturevalue(name)
    def broken(model: onnx.ModelProto, which: Surgery) -> None:
        operate(model, which)
        change(node)(model)

    monkeypatch.setattr(specialise, "operate", broken)

    assert {THREE[2]: node} == differing(clean.stages(clean.exported(tmp_path)))


CONV = "/network/backbone/layer2/layer2.0/conv1/conv/net/Conv"


def turned(model: onnx.ModelProto) -> None:
    """Take [N, C, T, H, W] where the network has [N, T, C, H, W]."""
    given_graphs.with_input("frames", ["n", 3, 4, 64, 64], ("Transpose", {"perm": [0, 2, 1, 3, 4]}))(model)


@pytest.mark.parametrize(("changes", "named"), [
    ((turned, given_graphs.ends_before_softmax), None),
    ((given_graphs.ends_in("Log"),), None),
    ((weight_of(CONV, 1.01), unnamed(CONV), turned, given_graphs.ends_before_softmax),
     CONV),
    ((given_graphs.classes_in_order([*range(1, 20), 0]),), "reordered"),
], ids=["another layout and end", "logarithms", "a weight", "other classes"])
def test_a_given_graph_is_compared_on_the_scale_and_in_the_layout_of_the_network(
        tiny: Network, here: None, tmp_path: Path, changes: tuple[Change, ...], named: str | None) -> None:
    """One that computes the same differs in nothing; of any other the node is named."""
    [home] = (tiny.root / "store" / "onnx").glob("tiny-*")
    mine = given_graphs.save(home / "dynamic.onnx", tmp_path / "mine.onnx", *changes)
    *ours, found = tiny.stages(tiny.root, graph=str(mine))

    assert [*THREE, "given graph against surgery"] == [*(one.name for one in ours), found.name]
    assert ({} if named is None else {found.name: named}) == differing((*ours, found))


def test_a_given_graph_of_other_names_is_compared_by_its_scores(tiny: Network, here: None, tmp_path: Path) -> None:
    """And that is said."""
    def renamed(model: onnx.ModelProto) -> None:
        weight_of("/network/cls_head/fc_cls/Gemm", 1.01)(model)
        for number, node in enumerate(model.graph.node):
            node.name = f"n{number}"
            node.input[:] = [name.replace("/", "t") for name in node.input]
            node.output[:] = [name.replace("/", "t") for name in node.output]
        given_graphs.ends_in("Identity")(model)

    [home] = (tiny.root / "store" / "onnx").glob("tiny-*")
    *_, found = tiny.stages(tiny.root, graph=str(given_graphs.save(home / "dynamic.onnx", tmp_path / "mine.onnx", renamed)))

    assert {"given graph against surgery": ""} == differing((found,))
    assert "share no tensor's name" in found.sentence


@pytest.mark.parametrize(("variant", "named"), [("right", None), ("one percent", "weights")])
def test_a_model_that_is_a_file_has_no_stages_but_the_given_graph(tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                                                                  variant: own_graphs.Variant, named: str | None) -> None:
    """There is no torch before it, which is said; with `--graph` both files are compared."""
    own, said = own_graphs.in_this_process(tmp_path, monkeypatch), list[str]()
    checkpoint = Weights(own.graph, sha256(own.graph), own.spec.network, "graph")
    batch = {"frames": noise(BATCH, 4, 3, 16, 16)}
    context = replace(own.context(), on_event=keeping(said))

    assert () == stages(context, checkpoint, BATCH, batch)
    assert "colours is an ONNX file: there is no torch, export or simplifying before it" in said
    [found] = stages(own.context(graph=str(own_graphs.save(tmp_path / "mine.onnx", variant))), checkpoint, BATCH, batch)
    assert "given graph against model's own graph" == found.name
    assert (named is not None) is found.differs
    assert named is None or (found.first is not None and named in found.sentence)


@pytest.mark.parametrize("end", ["LogSoftmax", "Softmax"])
def test_logits_are_compared_with_probabilities_up_to_a_constant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    """Which no logarithm of a probability tells."""
    own = own_graphs.in_this_process(tmp_path, monkeypatch)
    checkpoint = Weights(own.graph, sha256(own.graph), own.spec.network, "graph")
    mine = given_graphs.save(own.graph, tmp_path / "mine.onnx", given_graphs.ends_in(end))

    assert {} == differing(stages(own.context(graph=str(mine)), checkpoint, BATCH, {"frames": noise(BATCH, 4, 3, 16, 16)}))


def test_weights_that_onnx_refuses_to_read_are_a_typed_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a file that has a second name may be."""
    own = own_graphs.in_this_process(tmp_path, monkeypatch)
    checkpoint = Weights(own.graph, sha256(own.graph), own.spec.network, "graph")
    mine = own_graphs.save(tmp_path / "mine.onnx", external="mine.bin")
    (tmp_path / "again.bin").hardlink_to(tmp_path / "mine.bin")
    with pytest.raises(GraphError, match="its weights cannot be read: ") as caught:
        stages(own.context(graph=str(mine)), checkpoint, BATCH, {"frames": noise(BATCH, 4, 3, 16, 16)})

    assert str(mine) == caught.value.where
