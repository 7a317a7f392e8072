"""Devices that round as others do: each rewrites the graph that it is given and runs it on the CPU."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tools.locating.on_cpu import as_written
from tools.locating.values import Runs, Tensors

if TYPE_CHECKING:
    import onnx

MULTIPLIES = ("Conv", "ConvTranspose", "Gemm", "MatMul")
SPLIT = float(2**13 + 1)  # Veltkamp's: what is left of a float32 has ten bits behind the first, as in TF32


def fp32(model: onnx.ModelProto, feeds: Tensors) -> dict[str, NDArray[Any]]:
    """A device of float32 that fuses what it can."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, dict(feeds)), strict=True))


def fp16(model: onnx.ModelProto, feeds: Tensors) -> dict[str, NDArray[Any]]:
    """A device of half precision: what every node reads and makes is rounded, sums are float32."""
    return as_written(in_half(model), feeds)


def tf32(model: onnx.ModelProto, feeds: Tensors) -> dict[str, NDArray[Any]]:
    """A device that rounds both factors of every product of matrices to ten bits."""
    return as_written(in_tf32(model), feeds)


DEVICES: Mapping[str, Runs] = {"fp32": fp32, "fp16": fp16, "tf32": tf32}


def in_half(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with a Cast there and back behind each float32 tensor."""
    import onnx
    from onnx import TensorProto, numpy_helper

    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph, floats = made.graph, _floats(model)
    for tensor in graph.initializer:
        if tensor.data_type == TensorProto.FLOAT:
            with np.errstate(over="ignore"):
                tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor).astype(np.float16).astype(np.float32), tensor.name))
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [one.name for one in graph.input if one.name in floats and one.name not in constants]
    nodes: list[onnx.NodeProto] = []
    for name in inputs:
        nodes += _halved(name, f"{name}__half")
    for node in made.graph.node:
        node.input[:] = [f"{name}__half" if name in inputs else name for name in node.input]
        wide = [name for name in node.output if name in floats]
        node.output[:] = [f"{name}__wide" if name in wide else name for name in node.output]
        nodes += [node, *(cast for name in wide for cast in _halved(f"{name}__wide", name))]
    _replace(graph, nodes)
    return made


def in_tf32(model: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with both factors of each product rounded."""
    import onnx
    from onnx import numpy_helper

    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes, rounded = list[onnx.NodeProto](), dict[str, str]()
    for node in graph.node:
        for number, name in enumerate(node.input[:2] if node.op_type in MULTIPLIES else ()):
            if name not in rounded:
                rounded[name] = f"{name}__tf32"
                if name in constants:
                    graph.initializer.append(numpy_helper.from_array(ten_bits(numpy_helper.to_array(constants[name])), rounded[name]))
                else:
                    nodes += _ten_bits(name, rounded[name])
            node.input[number] = rounded[name]
        nodes.append(node)
    graph.initializer.append(numpy_helper.from_array(np.float32(SPLIT), "tf32_split"))
    _replace(graph, nodes)
    return made


def ten_bits(values: NDArray[Any]) -> NDArray[np.float32]:
    """Float32 with ten bits behind the first, rounded to the nearest."""
    wide = np.asarray(values, np.float32)
    scaled = wide * np.float32(SPLIT)
    rounded: NDArray[np.float32] = scaled - (scaled - wide)
    return rounded


def _ten_bits(name: str, made: str) -> list[onnx.NodeProto]:
    from onnx import helper

    return [helper.make_node("Mul", [name, "tf32_split"], [f"{made}_scaled"]),
            helper.make_node("Sub", [f"{made}_scaled", name], [f"{made}_rest"]),
            helper.make_node("Sub", [f"{made}_scaled", f"{made}_rest"], [made])]


def _halved(name: str, made: str) -> list[onnx.NodeProto]:
    from onnx import TensorProto, helper

    return [helper.make_node("Cast", [name], [f"{made}__narrow"], to=TensorProto.FLOAT16),
            helper.make_node("Cast", [f"{made}__narrow"], [made], to=TensorProto.FLOAT)]


def _floats(model: onnx.ModelProto) -> set[str]:
    """The tensors that are float32, as far as types can be inferred."""
    import onnx

    inferred = onnx.shape_inference.infer_shapes(model).graph
    types = (*inferred.value_info, *inferred.input, *inferred.output)
    return {one.name for one in types if one.type.tensor_type.elem_type == onnx.TensorProto.FLOAT}


def _replace(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    import onnx

    copies = []
    for node in nodes:
        copies.append(onnx.NodeProto())
        copies[-1].CopyFrom(node)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(copies)
