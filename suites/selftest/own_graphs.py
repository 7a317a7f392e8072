"""A model that is nothing but an ONNX file: it tells three colours apart, and clips of one colour each."""

from __future__ import annotations

import builtins
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from tools.machine import child
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.spec.settings import Settings
from tools.storage.context import Context

COLOURS = np.array([[200, 90, 60], [60, 90, 200], [70, 180, 70]], np.float32)
MEAN, DEVIATION = np.array([123.675, 116.28, 103.53], np.float32), np.array([58.395, 57.12, 57.375], np.float32)
CLIPS = 24
Variant = Literal["right", "half", "one percent", "wrong order", "wrong colours"]
MODEL = """
from tools.spec import ModelSpec, Network, Preprocess, Sampling, Tensor

SPEC = ModelSpec(
    network=Network(name="colours", graph="colours.onnx", input=Tensor("frames", (4, 3, 16, 16)), output=Tensor("logits", (3,))),
    sampling=Sampling(clip_len=1, interval=1, clips=4),
    preprocess=Preprocess(short_side=18, crop=16, mean=(123.675, 116.28, 103.53), deviation=(58.395, 57.12, 57.375)),
    dataset="colours", list_file="val.txt", frames_folder="frames", clips=24, list_format="rawframes")
"""
LEAST = """dataset = "colours"
[gates.pairs]
max_loss_clips = 1
max_loss_share = 0.01
[gates.fidelity.fp32]
max_relative_difference = 1e-3
min_cosine = 0.9999
max_flipped_share = 0.01
"""


@dataclass(frozen=True)
class OwnModel:
    """The folder of the model, of its clips and of what runs leave."""

    root: Path

    @property
    def models(self) -> Path:
        return self.root / "models"

    @property
    def graph(self) -> Path:
        return self.models / "colours.onnx"

    @property
    def list(self) -> Path:
        return self.root / "clips" / "list.txt"

    @property
    def spec(self) -> ModelSpec:
        spec = load_spec(self.models, "colours")
        assert isinstance(spec, ModelSpec)
        return spec

    def says(self, old: str, new: str) -> None:
        """Put another text in the model's file."""
        path = self.models / "colours.py"
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def context(self, **options: str) -> Context[ModelSpec]:
        chosen = {"models": str(self.models), "artifacts": str(self.root / "artifacts"), "data": str(self.list), **options}
        return Context(Settings.parse(chosen), self.spec, on_event=lambda _event: None)

    def arguments(self, *more: str) -> builtins.list[str]:
        """What makes a command judge the model on its clips."""
        return [f"--models={self.models}", f"--artifacts={self.root / 'artifacts'}", f"--data={self.list}", *more]


def model(root: Path) -> OwnModel:
    """The two files of the model and its graph, in a folder of their own; no clips."""
    made = OwnModel(root)
    made.models.mkdir()
    (made.models / "colours.py").write_text(MODEL)
    (made.models / "colours.toml").write_text(LEAST)
    save(made.graph)
    return made


def with_clips(made: OwnModel) -> OwnModel:
    """The same with a list of clips, a third of each colour, as JPEG frames."""
    import cv2

    rng, rows = np.random.default_rng(3), []
    for number in range(CLIPS):
        folder = made.list.parent / f"v_{number}"
        folder.mkdir(parents=True)
        for frame in range(1, 6):
            picture = COLOURS[number % 3] + rng.normal(size=(20, 24, 3)) * 20
            cv2.imwrite(str(folder / f"img_{frame:05}.jpg"), np.clip(picture[..., ::-1], 0, 255).astype(np.uint8))
        rows.append(f"v_{number} 5 {number % 3}\n")
    made.list.write_text("".join(rows))
    return made


def save(path: Path, variant: Variant = "right", batch: int | str = "n", external: str = "") -> Path:
    """The graph in a form of its own: frames [n, 4, 3, 16, 16] with NCTHW inside, logits.

    external: the name of a file beside it that is to hold its weights.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    centred = (COLOURS - MEAN) / DEVIATION
    weights, bias = 2 * centred.T, -(centred**2).sum(axis=1)
    if variant in ("wrong order", "wrong colours"):
        weights, bias = (np.roll(weights, 1, 1), np.roll(bias, 1)) if variant == "wrong order" else (weights[::-1].copy(), bias)
    weights = weights * np.float32(1.01) if variant == "one percent" else weights
    kind = np.float16 if variant == "half" else np.float32
    to = TensorProto.FLOAT16 if variant == "half" else TensorProto.FLOAT
    nodes = [helper.make_node("Transpose", ["clip"], ["turned"], perm=[0, 2, 1, 3, 4]),
             helper.make_node("ReduceMean", ["turned"], ["mean"], axes=[2, 3, 4], keepdims=0),
             helper.make_node("Cast", ["mean"], ["narrow"], to=to), helper.make_node("Gemm", ["narrow", "weights", "bias"], ["found"]),
             helper.make_node("Cast", ["found"], ["scores"], to=TensorProto.FLOAT)]
    graph = helper.make_graph(
        nodes, "colours", [helper.make_tensor_value_info("clip", TensorProto.FLOAT, [batch, 4, 3, 16, 16])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, 3])],
        [numpy_helper.from_array(weights.astype(kind), "weights"), numpy_helper.from_array(bias.astype(kind), "bias")])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=7)
    beside = {"save_as_external_data": True, "location": external, "size_threshold": 0} if external else {}
    onnx.save_model(made, str(path), **beside)
    return path


def in_this_process(root: Path, monkeypatch: pytest.MonkeyPatch) -> OwnModel:
    """The model with a list of one clip; what a child process would do is done in this one."""
    monkeypatch.setattr(child, "call", lambda work, *more, **given: work())
    made = model(root)
    made.list.parent.mkdir()
    made.list.write_text("v_0 5 0\n")
    return made
