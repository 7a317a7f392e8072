"""A graph small enough for a test of one call: softmax of a matrix times what comes in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tools.media.preprocess import Floats
from tools.spec.model import Network, Tensor

NETWORK = Network(name="tiny", input=Tensor("video", (2, 3, 4)), output=Tensor("scores", (5,)))


def save(path: Path, batch: int, opset: int = 11, classes: int = 5) -> Path:
    """Write the graph at *batch*."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = np.random.default_rng(7).normal(size=(24, classes)).astype(np.float32)
    nodes = [helper.make_node("Flatten", ["video"], ["flat"], name="Flatten_0"),
             helper.make_node("Gemm", ["flat", "weights"], ["logits"], name="Gemm_1"),
             helper.make_node("Softmax", ["logits"], ["scores"], name="Softmax_2", axis=1)]
    graph = helper.make_graph(
        nodes, "tiny", [helper.make_tensor_value_info("video", TensorProto.FLOAT, [batch, 2, 3, 4])],
        [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [batch, classes])], [numpy_helper.from_array(weights, "weights")])
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=6), str(path))
    return path


def batch_of(size: int) -> Floats:
    """An input, the same each time."""
    return np.random.default_rng(size).normal(size=(size, 2, 3, 4)).astype(np.float32)


def answer(path: Path, batch: Floats) -> Floats:
    """What ONNX Runtime makes of it."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found: Floats = session.run(None, {"video": batch})[0]
    return found
