"""Graphs as other people's scripts leave them: with another input name, layout, batch axis or end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import onnx

Change = Callable[["onnx.ModelProto"], None]
BATCH_AXIS = "n"


def save(exported: Path, path: Path, *changes: Change) -> Path:
    """The exported graph *exported* with the changes, alone in one file."""
    import onnx

    model = onnx.load(str(exported))
    for change in changes:
        change(model)
    onnx.checker.check_model(model)
    onnx.save_model(model, str(path))
    return path


def with_input(name: str, axes: Sequence[int | str], *made: tuple[str, dict[str, object]]) -> Change:
    """Take an input called *name* with other *axes*, of which the nodes *made* make the old one."""
    from onnx import TensorProto, helper

    def change(model: onnx.ModelProto) -> None:
        graph = model.graph
        old, steps = graph.input[0].name, [name, *(f"{name}_{number}" for number, _ in enumerate(made, 1))]
        for node in graph.node:
            node.input[:] = [steps[-1] if one == old else one for one in node.input]
        for number, (kind, attributes) in enumerate(made):
            graph.node.insert(number, helper.make_node(kind, [steps[number]], [steps[number + 1]], **attributes))
        del graph.input[:]
        graph.input.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, axes))

    return change


def merged(name: str, shape: Sequence[int]) -> Change:
    """Take the frames of all clips as the batch: [B * T, C, H, W]."""
    from onnx import helper, numpy_helper

    def change(model: onnx.ModelProto) -> None:
        model.graph.initializer.append(numpy_helper.from_array(np.array([-1, *shape]), "clips"))
        with_input(name, [BATCH_AXIS, *shape[1:]], ("Identity", {}))(model)
        del model.graph.node[0]
        model.graph.node.insert(0, helper.make_node("Reshape", [name, "clips"], [f"{name}_1"]))

    return change


def with_classes(count: int) -> Change:
    """Declare the output's shape, which an exporter may leave open."""
    from onnx import TensorProto, helper

    def change(model: onnx.ModelProto) -> None:
        name = model.graph.output[0].name
        model.graph.output[0].CopyFrom(helper.make_tensor_value_info(name, TensorProto.FLOAT, [BATCH_AXIS, count]))

    return change


def ends_before_softmax(model: onnx.ModelProto) -> None:
    """Give the logits."""
    *_, last = model.graph.node
    assert last.op_type == "Softmax"
    model.graph.output[0].name = last.input[0]
    model.graph.node.remove(last)


def ends_in(*kinds: str) -> Change:
    """Let more nodes follow, each along the classes."""
    from onnx import helper

    def change(model: onnx.ModelProto) -> None:
        for kind in kinds:
            old = model.graph.output[0].name
            axis = {"axis": 1} if "Softmax" in kind else {}
            model.graph.node.append(helper.make_node(kind, [old], [f"{old}_{kind}"], **axis))
            model.graph.output[0].name = f"{old}_{kind}"

    return change


def other_normalisation(model: onnx.ModelProto) -> None:
    """Take what comes in for numbers of another mean and deviation: 114.75 and 57.375 of every channel."""
    from onnx import helper, numpy_helper

    mean, deviation = np.array((123.675, 116.28, 103.53), np.float32), np.array((58.395, 57.12, 57.375), np.float32)
    old = model.graph.input[0].name
    shape = (1, 1, 3, 1, 1)
    factor, more = (deviation / 57.375).reshape(shape), ((mean - 114.75) / 57.375).reshape(shape).astype(np.float32)
    model.graph.initializer.extend([numpy_helper.from_array(factor, "factor"), numpy_helper.from_array(more, "more")])
    for node in model.graph.node:
        node.input[:] = ["renormalised" if one == old else one for one in node.input]
    model.graph.node.insert(0, helper.make_node("Mul", [old, "factor"], ["scaled"]))
    model.graph.node.insert(1, helper.make_node("Add", ["scaled", "more"], ["renormalised"]))


def classes_in_order(order: Sequence[int]) -> Change:
    """Give the classes in another order."""
    from onnx import helper, numpy_helper

    def change(model: onnx.ModelProto) -> None:
        old = model.graph.output[0].name
        model.graph.initializer.append(numpy_helper.from_array(np.array(order), "order"))
        model.graph.node.append(helper.make_node("Gather", [old, "order"], ["reordered"], axis=1))
        model.graph.output[0].name = "reordered"

    return change


def scaled_weight(factor: float) -> Change:
    """Multiply the last layer's weights."""
    from onnx import numpy_helper

    def change(model: onnx.ModelProto) -> None:
        used = {name for node in model.graph.node if node.op_type in ("Gemm", "MatMul") for name in node.input}
        tensor = next(one for one in model.graph.initializer if one.name in used and len(one.dims) == 2)
        tensor.CopyFrom(numpy_helper.from_array(np.float32(factor) * numpy_helper.to_array(tensor), tensor.name))

    return change
