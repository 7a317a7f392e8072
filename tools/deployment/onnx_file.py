"""What an ONNX file tells: what its graph takes and gives, in which numbers, and the files beside it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tools.deployment import signature
from tools.engines.ports import Port, Ports
from tools.errors import GraphError
from tools.machine.files import sha256

if TYPE_CHECKING:
    import onnx

INSPECT = "python -m tools.inspect FILE tells what clipgate sees of it"
QUANTISED = ("QuantizeLinear", "DequantizeLinear", "QLinearConv", "QLinearMatMul", "ConvInteger", "MatMulInteger")


def load(path: Path) -> onnx.ModelProto:
    """The graph without the weights that lie in files of their own; a GraphError where it is no ONNX."""
    model = signature.onnx_model(path)
    if model is not None and model.graph.node:
        return model
    found = signature.kind(path)
    otherwise = "the file is no ONNX graph, or is cut off" if model is None else "the file holds no graph"
    raise GraphError(f"the file is {found}, and no ONNX graph" if found else otherwise, where=str(path), remedy=INSPECT)


def ports(model: onnx.ModelProto) -> Ports:
    """What the graph takes, without its constants, and what it gives."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return Ports(tuple(_port(one) for one in model.graph.input if one.name not in constants), tuple(map(_port, model.graph.output)))


def _port(value: onnx.ValueInfoProto) -> Port:
    from onnx import TensorProto

    tensor = value.type.tensor_type
    known = tensor.elem_type in TensorProto.DataType.values()
    kind = TensorProto.DataType.Name(tensor.elem_type).lower() if known else f"type {tensor.elem_type}"
    return Port(value.name, {"float": "float32", "double": "float64"}.get(kind, kind),
                tuple(axis.dim_value if axis.HasField("dim_value") and axis.dim_value > 0 else None for axis in tensor.shape.dim))


def precision(model: onnx.ModelProto) -> str:
    """In which numbers the graph computes: most of its large constants' type."""
    from onnx import TensorProto

    if any(node.op_type in QUANTISED for node in model.graph.node):
        return "int8"
    sizes: dict[int, int] = {}
    for tensor in model.graph.initializer:
        sizes[tensor.data_type] = sizes.get(tensor.data_type, 0) + math.prod(tensor.dims)
    floats: Mapping[int, str] = {TensorProto.FLOAT: "fp32", TensorProto.DOUBLE: "fp32", TensorProto.FLOAT16: "fp16",
                                 TensorProto.BFLOAT16: "bf16"}
    return floats[max((kind for kind in sizes if kind in floats), key=sizes.__getitem__, default=TensorProto.FLOAT)]


def external(model: onnx.ModelProto) -> list[str]:
    """The files beside the graph that hold its weights, as it names them."""
    from onnx import TensorProto

    return sorted({entry.value for tensor in model.graph.initializer if tensor.data_location == TensorProto.EXTERNAL
                   for entry in tensor.external_data if entry.key == "location"})


def with_beside(path: Path, sha: str, names: Sequence[str]) -> tuple[tuple[Path, str], ...]:
    """The graph and the files of these *names* beside it, each with its digest.

    Raises:
        GraphError: one of them is not there.
    """
    beside = [path.parent / name for name in names]
    for one in beside:
        if not signature.is_there(one):
            raise GraphError("weights of the graph are not there", where=str(one), remedy=f"keep them beside {path.name}")
    return ((path, sha), *((one, sha256(one)) for one in beside))
