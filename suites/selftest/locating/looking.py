"""A look along a case of stand-ins: a network of sixteen blocks, and a device that spoils one node."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.locating.found_ones import apart
from tools.deployment import compile as compiling
from tools.deployment.specialise import Graph
from tools.locating import causes, chain, clips, locate, stages
from tools.locating.kept import Kept
from tools.locating.locate import Wanted
from tools.locating.on_cpu import as_written
from tools.locating.values import Cause, Chosen, StageSeen, Step
from tools.measuring import launch
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.model import Network, Tensor
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

BLOCKS, WIDTH = 16, 12
CASE = Case("tiny", 4, Device("cpu"))
FIRST, WANTED = Chosen(("a", "b", "c", "d"), "the first of the list"), Wanted()
SPOILED = "/network/backbone/layer2/layer2.5/conv/MatMul"


def network(name: str = "tiny") -> Network:
    return Network(name=name, input=Tensor("video", (WIDTH,)), output=Tensor("scores", (WIDTH,)))


def graph(folder: Path, name: str = "tiny") -> Graph:
    """Sixteen blocks of two nodes, named as the exporter names them."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    rng, nodes, weights = np.random.default_rng(3), [], []
    for number in range(BLOCKS):
        block = f"/network/backbone/layer{number // 8 + 1}/layer{number // 8 + 1}.{number % 8}"
        weights.append(numpy_helper.from_array(rng.normal(size=(WIDTH, WIDTH)).astype(np.float32) / 3, f"w{number}"))
        before = f"t{number - 1}" if number else "video"
        nodes += [helper.make_node("MatMul", [before, f"w{number}"], [f"m{number}"], name=f"{block}/conv/MatMul"),
                  helper.make_node("LeakyRelu", [f"m{number}"], ["scores" if number == BLOCKS - 1 else f"t{number}"],
                                   name=f"{block}/LeakyRelu")]
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, WIDTH]) for name in ("video", "scores")]
    made = helper.make_graph(nodes, "g", ends[:1], ends[1:], weights)
    onnx.save_model(helper.make_model(made, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(folder / f"{name}.onnx"))
    return Graph(folder / f"{name}.onnx", "d" * 64, "", (), 1, 1)


def scale(model: Any, name: str) -> None:
    from onnx import numpy_helper

    [read] = [node.input[1] for node in model.graph.node if node.name == name]
    [tensor] = [one for one in model.graph.initializer if one.name == read]
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(1.01), read))


@dataclass
class Parts:
    """All that a look is made of, each part noted as it is asked; nothing differs but what a test says."""

    folder: Path
    did: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    steps: tuple[Step, ...] = (Step("frames", "a", apart(0.0)),)
    stages: tuple[StageSeen, ...] = (StageSeen("onnxsim against export", apart(1e-7), 1e-4),)
    chosen: Chosen = FIRST
    networks: tuple[str, ...] = ("tiny",)
    node: str = ""
    only_whole: bool = False
    only_loaded: bool = False

    def look(self, patch: pytest.MonkeyPatch, wanted: Wanted = WANTED) -> tuple[Path, tuple[Kept, ...]]:
        """The answer, and what was done in which order."""
        checkpoints = tuple(SimpleNamespace(network=network(name)) for name in self.networks)
        graphs = {name: graph(self.folder, name) for name in self.networks}
        spec = load_spec(TINY_MODELS, "tiny") if len(self.networks) == 1 else load_spec(MODELS, "bsn")
        context: Any = Context(Settings.parse({"artifacts": str(self.folder)}), spec,
                               lambda event: self.said.append(event["text"]) if event["kind"] == "say" else None)
        batch = np.random.default_rng(1).normal(size=(4, WIDTH)).astype(np.float32)

        def noted(word: str, value: Any) -> Any:
            return lambda *words, **named: self.did.append(word) or value

        device = Spoiled(self.did, self.node, only_whole=self.only_whole, only_loaded=self.only_loaded)
        for module, name, value in (
                (launch, "find", noted("find", SimpleNamespace(checkpoints=checkpoints, graphs=tuple(graphs.values())))),
                (clips, "chosen", noted("chosen", self.chosen)),
                (clips, "batches", noted("batches", dict.fromkeys(self.networks, batch))),
                (chain, "steps", noted("steps", self.steps)), (stages, "stages", noted("stages", self.stages)),
                (compiling, "source_graph", lambda _, checkpoint, size: graphs[checkpoint.network.name]),
                (locate, "OnDevice", device.of), (causes, "causes", noted("causes", (Cause("scale", "so it is"),)))):
            patch.setattr(module, name, value)
        return locate.locate(context, CASE, wanted)


class Spoiled:
    """A device that scales the weight of one node everywhere, or where scores alone are asked for.

    only_loaded: whether it does so in what the cell loads alone, and not in what is compiled anew.
    """

    def __init__(self, did: list[str], node: str, *, only_whole: bool = False, only_loaded: bool = False) -> None:
        self.did, self.node, self.only_whole, self.only_loaded = did, node, only_whole, only_loaded

    compiles = True

    def of(self, context: object, case: object, one: Network, graph: object, run: Path) -> Spoiled:
        return self

    def estimate(self, nodes: int, most: int) -> str:
        return f"at most {most} compilations among {nodes} nodes"

    def as_loaded(self, graph: Graph, model: Any, feeds: Mapping[str, Any]) -> dict[str, Any]:
        """By the file that the cell loads, which a test may have spoiled."""
        import onnx

        self.did.append("loaded")
        return self._ran(onnx.load(str(graph.path)), feeds)

    def __call__(self, model: Any, feeds: Mapping[str, Any]) -> dict[str, Any]:
        self.did.append("device")
        return as_written(model, feeds) if self.only_loaded else self._ran(model, feeds)

    def _ran(self, model: Any, feeds: Mapping[str, Any]) -> dict[str, Any]:
        import onnx

        other = onnx.ModelProto()
        other.CopyFrom(model)
        asked_more = len(model.graph.output) > 1 or len(model.graph.input) > 1
        if any(node.name == self.node for node in other.graph.node) and not (self.only_whole and asked_more):
            scale(other, self.node)
        return as_written(other, feeds)
