"""A network of a few blocks as torch's exporter would name it, small enough for a search in milliseconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from suites.selftest.locating.rounding import fp32
from suites.selftest.locating.spoiling import Fault, planted
from tools.locating.on_cpu import as_written
from tools.locating.search import Search
from tools.locating.values import Found, Runs, Tensors
from tools.locating.whole import Whole

if TYPE_CHECKING:
    import onnx

CHANNELS, BLOCKS = 6, 5


def network(items: int = 2) -> onnx.ModelProto:
    """Blocks of Conv, Relu, Conv, Add and Relu, then a mean, a Gemm and a Softmax."""
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(3)
    weights = {}
    nodes, name = [], "video"

    def node(kind: str, path: str, inputs: list[str], **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [f"/network/{path}/{kind}_output_0"], name=f"/network/{path}/{kind}", **attributes))
        return str(nodes[-1].output[0])

    def conv(path: str, inputs: str) -> str:
        weights[f"{path}.weight"] = rng.normal(size=(CHANNELS, CHANNELS, 3, 3), scale=0.2).astype(np.float32)
        weights[f"{path}.bias"] = rng.normal(size=CHANNELS, scale=0.2).astype(np.float32)
        return node("Conv", path, [inputs, f"{path}.weight", f"{path}.bias"], kernel_shape=[3, 3], pads=[1, 1, 1, 1])

    for number in range(BLOCKS):
        within = conv(f"block{number}/conv2", node("Relu", f"block{number}/relu1", [conv(f"block{number}/conv1", name)]))
        name = node("Relu", f"block{number}/relu2", [node("Add", f"block{number}", [within, name])])
    weights["fc"] = rng.normal(size=(CHANNELS, 4)).astype(np.float32)
    name = node("Flatten", "head", [node("GlobalAveragePool", "head", [name])])
    nodes.append(helper.make_node("Softmax", [node("Gemm", "head/fc", [name, "fc"])], ["scores"], name="/Softmax", axis=1))
    graph = helper.make_graph(nodes, "blocks", [helper.make_tensor_value_info("video", TensorProto.FLOAT, [items, CHANNELS, 8, 8])],
                              [helper.make_tensor_value_info("scores", TensorProto.FLOAT, [items, 4])],
                              [numpy_helper.from_array(values, name) for name, values in weights.items()])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6)


def video(items: int = 2) -> Tensors:
    """A batch for it."""
    return {"video": np.random.default_rng(4).standard_normal((items, CHANNELS, 8, 8)).astype(np.float32)}


def with_fault(fault: Fault, device: Runs = fp32) -> Runs:
    """A device that has the fault in whatever graph it is given."""
    return lambda model, feeds: device(planted(model, fault), feeds)


def search(device: Runs, precision: str = "fp32", **more: Any) -> Found:
    """What a search finds on that device."""
    return Search(Whole(network()), video(), as_written, device, precision, **more).found()
