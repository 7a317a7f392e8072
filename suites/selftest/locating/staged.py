"""A network whose stages from torch to its last graph are made, and changes that spoil one of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from suites.selftest.deployments import noise, random_weights
from tools.deployment.weights import Weights
from tools.locating.stages import stages
from tools.locating.values import StageSeen
from tools.machine import child
from tools.media.preprocess import Floats
from tools.spec.model import Spec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

if TYPE_CHECKING:
    import onnx

BATCH = 2
ALL = {"tiny": "all", "bsn": "needed"}
THREE = ("export against torch", "onnxsim against export", "surgery against onnxsim")
Change = Callable[["onnx.ModelProto"], None]


@dataclass(frozen=True)
class Network:
    """A network whose clean graphs are in the store below *root*."""

    spec: Spec
    checkpoint: Weights
    root: Path
    batch: Floats

    def context(self, root: Path, **options: str) -> Context[Spec]:
        models = MODELS if self.spec.name == "bsn" else TINY_MODELS
        said = {"artifacts": str(root), "models": str(models), "surgery": ALL[self.spec.name], **options}
        return Context(Settings.parse(said), self.spec, on_event=lambda event: None)

    def stages(self, root: Path, **options: str) -> tuple[StageSeen, ...]:
        """All stages, whose artifacts are in the store below *root*, or made there."""
        return stages(self.context(root, **options), self.checkpoint, BATCH, {self.checkpoint.network.input.name: self.batch})

    def exported(self, folder: Path) -> Path:
        """A folder whose store has the exported graph and nothing that was made of it."""
        [home] = (self.root / "store" / "onnx").glob(f"{self.checkpoint.network.name}-*")
        shutil.copytree(home, folder / "store" / "onnx" / home.name,
                        ignore=lambda _, names: [name for name in names if name.startswith("bs")])
        return folder


def ready(spec: Spec, number: int, root: Path) -> Network:
    network = spec.networks[number]
    made = Network(spec, random_weights(network, root), root, noise(BATCH, *network.input.shape))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "call", lambda work, title, **rest: work())
        made.stages(root)
    return made


def differing(found: tuple[StageSeen, ...]) -> dict[str, str]:
    """The stages that differ, each with the node from which on it does."""
    return {one.name: one.first.name if one.first else "" for one in found if one.differs}


def weight_of(node_name: str, factor: float) -> Change:
    """Multiply the weights that the node of that name reads."""
    from onnx import numpy_helper

    def change(model: onnx.ModelProto) -> None:
        [node] = [node for node in model.graph.node if node.name == node_name]
        [tensor] = [tensor for tensor in model.graph.initializer if tensor.name == node.input[1]]
        tensor.CopyFrom(numpy_helper.from_array(np.float32(factor) * numpy_helper.to_array(tensor), tensor.name))

    return change


def with_attribute(node_name: str, name: str, values: list[int]) -> Change:
    """Give a node other integers."""
    def change(model: onnx.ModelProto) -> None:
        [node] = [node for node in model.graph.node if node.name == node_name]
        [attribute] = [one for one in node.attribute if one.name == name]
        attribute.ints[:] = values

    return change


def without(node_name: str) -> Change:
    """Let a node pass on what it reads."""
    def change(model: onnx.ModelProto) -> None:
        [node] = [node for node in model.graph.node if node.name == node_name]
        node.op_type = "Identity"
        del node.attribute[:], node.input[1:]

    return change


def unnamed(node_name: str) -> Change:
    """Call what a node makes as no other graph does."""
    def change(model: onnx.ModelProto) -> None:
        [made] = [node.output[0] for node in model.graph.node if node.name == node_name]
        for node in model.graph.node:
            node.input[:] = ["mine" if name == made else name for name in node.input]
            node.output[:] = ["mine" if name == made else name for name in node.output]

    return change
