"""A graph with inputs and outputs of several types, whose outputs are in another order than its nodes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from tools.engines.tensors import Tensor

INPUTS, OUTPUTS = ("video", "/ids/index"), ("/ids/Add_output_0", "doubled", "total", "halves", "signs")
SHAPES = "video:2,3;/ids/index:2"  # as atc is told


def save(path: Path) -> Path:
    """Write it: video float32 [2, 3] and indices int64 [2] -> numbers of five types, one without axes."""
    import onnx
    from onnx import TensorProto as Type
    from onnx import helper, numpy_helper

    nodes = [helper.make_node("Mul", ["video", "two"], ["doubled"], name="/head/Mul"),
             helper.make_node("Cast", ["video"], ["halves"], name="/head/Cast", to=Type.FLOAT16),
             helper.make_node("Greater", ["video", "zero"], ["signs"], name="/head/Greater"),
             helper.make_node("ReduceSum", ["video"], ["total"], name="/head/Sum", keepdims=0),
             helper.make_node("Add", ["/ids/index", "one"], ["/ids/Add_output_0"], name="/ids/Add")]
    constants = {"two": np.float32(2), "zero": np.float32(0), "one": np.int64(1)}
    kinds: list[tuple[str, int, list[int]]] = [
        ("video", Type.FLOAT, [2, 3]), ("/ids/index", Type.INT64, [2]), ("/ids/Add_output_0", Type.INT64, [2]),
        ("doubled", Type.FLOAT, [2, 3]), ("total", Type.FLOAT, []), ("halves", Type.FLOAT16, [2, 3]), ("signs", Type.BOOL, [2, 3])]
    ports = [helper.make_tensor_value_info(*one) for one in kinds]
    graph = helper.make_graph(nodes, "several", ports[:2], ports[2:],
                              [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()])
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6), str(path))
    return path


def given() -> list[Tensor]:
    """Its inputs, the same each time."""
    return [np.random.default_rng(3).normal(size=(2, 3)).astype(np.float32), np.array([7, 2**40])]


def wanted(video: Tensor, index: Tensor) -> list[Any]:
    """What it computes, in the order of its outputs; the sum is exact to rounding only."""
    return [index + 1, video * 2, video.sum(), video.astype(np.float16), video > 0]


def require_right(found: list[Any], *tensors: Tensor) -> None:
    """Check values, types and shapes of what the graph gave."""
    expected = wanted(*tensors)
    assert [(one.dtype, one.shape) for one in expected] == [(one.dtype, one.shape) for one in found]
    for ours, theirs in zip(expected, found, strict=True):
        np.testing.assert_allclose(theirs, ours, rtol=1e-6)
