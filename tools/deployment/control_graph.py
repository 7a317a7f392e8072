"""A fixed small graph, the same for every run: the control of a doubtful cell that has no other.

Nobody's weights, data or rewrites shape it. So if it is slower than on its own nights, the device is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.deployment import compile as deploy
from tools.deployment.export import check
from tools.deployment.specialise import Graph, peak_bytes
from tools.machine import versions
from tools.spec.case import CONTROL, Case, Device
from tools.spec.model import Atc, Network, Spec, Tensor
from tools.storage import code
from tools.storage.context import Context
from tools.storage.entries import Facts, Key
from tools.storage.stages import Stage

if TYPE_CHECKING:
    import onnx

FILE = "control.onnx"
SEED = 20
OPSET, IR_VERSION = 11, 6  # which every toolkit reads
CHANNELS, STRIDES = (3, 32, 64, 64, 128), (1, 2, 1, 2)
CLASSES = 10
NETWORK = Network(name=CONTROL, input=Tensor("image", (3, 112, 112)), output=Tensor("scores", (CLASSES,)), atc=Atc("NCHW"))


def case_of(device: Device) -> Case:
    """The case of the control on *device*, as histories name it."""
    return Case(CONTROL, 1, device)


def loadable(context: Context[Spec], device: Device) -> Graph:
    """The file of the control that *device* loads, built by child processes if the store has none.

    It is compiled without a person's own flags, precision and tuning, so that it stays the same.

    Raises:
        CompileError: the toolkit is missing, or atc fails.
    """
    entry = stage().find_or_run(context)
    path = entry.file(FILE)
    graph = Graph(path, entry.files[FILE], "", (), path.stat().st_size, int(entry.facts["peak_bytes"]))
    return deploy.brought(context, graph, NETWORK, case_of(device), replace(context.settings, atc_flags=(), auto_tune="off", precision=""))


def stage() -> Stage:
    """The graph as ONNX, of a kind of its own: no model's, made without torch, and by this very code."""
    return Stage(Key(CONTROL, "bs1", (*versions.of("onnx"), code.part(build))), "making the control's graph", build)


def build(folder: Path) -> Facts:
    """Write the graph: four convolutions, the mean of each channel, and a matrix."""
    import onnx
    from onnx import TensorProto, helper

    nodes, weights = [*_convolutions()], _weights()
    nodes += [helper.make_node("GlobalAveragePool", [f"relu{len(STRIDES)}"], ["pooled"], name="Pool"),
              helper.make_node("Flatten", ["pooled"], ["flat"], name="Flatten"),
              helper.make_node("MatMul", ["flat", "matrix"], [NETWORK.output.name], name="MatMul")]
    ends = [[helper.make_tensor_value_info(end.name, TensorProto.FLOAT, [1, *end.shape])] for end in (NETWORK.input, NETWORK.output)]
    graph = helper.make_graph(nodes, CONTROL, *ends, [onnx.numpy_helper.from_array(value, name) for name, value in weights.items()])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    check(model, CONTROL)
    onnx.save_model(model, str(folder / FILE))
    return {"peak_bytes": peak_bytes(model), "nodes": len(nodes)}


def _convolutions() -> Iterator[onnx.NodeProto]:
    from onnx import helper

    before = NETWORK.input.name
    for number, stride in enumerate(STRIDES, 1):
        yield helper.make_node("Conv", [before, f"weight{number}"], [f"conv{number}"], name=f"Conv{number}", kernel_shape=[3, 3],
                               pads=[1, 1, 1, 1], strides=[stride, stride])
        yield helper.make_node("Relu", [f"conv{number}"], [f"relu{number}"], name=f"Relu{number}")
        before = f"relu{number}"


def _weights() -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Random, the same every time, scaled so that values neither grow nor vanish from layer to layer."""
    random = np.random.default_rng(SEED)
    shapes = {f"weight{number}": (there, here, 3, 3) for number, (here, there) in enumerate(pairwise(CHANNELS), 1)}
    found = {name: random.normal(0, (2 / (9 * shape[1])) ** 0.5, shape).astype(np.float32) for name, shape in shapes.items()}
    return found | {"matrix": random.normal(0, 1, (CHANNELS[-1], CLASSES)).astype(np.float32)}
