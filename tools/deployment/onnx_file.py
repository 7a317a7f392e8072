"""What an ONNX file tells: what its graph takes and gives, in which numbers, and the files beside it."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tools.deployment import signature
from tools.deployment.onnx_walk import nodes, tensors
from tools.engines.ports import Port, Ports
from tools.errors import GraphError
from tools.machine.files import sha256
from tools.machine.reading import can_be_path, shown

if TYPE_CHECKING:
    import onnx

INSPECT = "python -m tools.inspect FILE tells what clipgate sees of it"
QUANTISED = re.compile("QLinear|Dynamic[Qq]uantize|Quantize|Dequantize|MatMulNBits|MatMulBnb4|GatherBlockQuantized|.*Integer")
QUANTISED_THERE = re.compile("Q[A-Z]")  # among ONNX Runtime's own operators, where QuickGelu is another thing
HALF: Mapping[int, str] = {10: "fp16", 16: "bf16"}  # onnx is imported inside functions only: its FLOAT16 and BFLOAT16
LARGE = 1024  # elements; fewer are a scale or a bias, and no layer


def load(path: Path) -> onnx.ModelProto:
    """The graph without the weights that lie in files of their own; a GraphError where it is no ONNX."""
    model = signature.onnx_model(path)
    if model is not None and model.graph.node:
        require_beside(path, external(model))
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
    """In which numbers the graph computes; what is not float32 in a part of it is not float32.

    Quantised operators tell int8, and so do weights that are cast from whole numbers. A large constant in
    half precision or a cast to it tells that; otherwise it is most of the constants' type.
    """
    from onnx import TensorProto

    found, sizes = [*nodes(model)], Counter[int]()
    cast = {name for node in found if node.op_type == "Cast" for name in node.input}
    large, whole = set[int](), 0
    for name, tensor in tensors(model):
        size = math.prod(tensor.dims)
        sizes[tensor.data_type] += size
        large |= {tensor.data_type} if size >= LARGE else set()
        whole += size if name in cast and tensor.data_type in _narrow() else 0
    floats: Mapping[int, str] = {TensorProto.FLOAT: "fp32", TensorProto.DOUBLE: "fp32", **HALF}
    if any(map(_is_quantised, found)) or whole > sum(sizes[kind] for kind in floats):
        return "int8"
    half = [kind for kind in HALF if kind in large | _computed_in(found)]
    return floats[max(half or (kind for kind in sizes if kind in floats), key=sizes.__getitem__, default=TensorProto.FLOAT)]


def _is_quantised(node: onnx.NodeProto) -> bool:
    return bool(QUANTISED.match(node.op_type) or (node.domain == "com.microsoft" and QUANTISED_THERE.match(node.op_type)))


def _narrow() -> set[int]:
    """The types of whole numbers that hold quantised weights."""
    from onnx import TensorProto

    return {TensorProto.INT8, TensorProto.UINT8, TensorProto.INT4, TensorProto.UINT4}


def _computed_in(found: Sequence[onnx.NodeProto]) -> set[int]:
    """The types of casts whose result another node takes."""
    taken = {name for node in found for name in node.input}
    return {attribute.i for node in found if node.op_type == "Cast" and taken & set(node.output)
            for attribute in node.attribute if attribute.name == "to"}


def external(model: onnx.ModelProto) -> list[str]:
    """The files beside the graph that hold its weights, as it names them."""
    from onnx import TensorProto

    return sorted({entry.value for _, tensor in tensors(model) if tensor.data_location == TensorProto.EXTERNAL
                   for entry in tensor.external_data if entry.key == "location"})


def require_beside(path: Path, names: Sequence[str]) -> None:
    """Check that the files of these *names*, which hold weights of the graph at *path*, lie in its folder.

    A graph that is a link may have its weights beside what it leads to.

    Raises:
        GraphError: one of them is elsewhere: it could be any file that this user can read.
    """
    homes = (path.parent.resolve(), path.resolve().parent)
    for name in filter(can_be_path, names):  # any other is not there
        real = (path.parent / name).resolve()
        if Path(name).is_absolute() or ".." in Path(name).parts or not any(map(real.is_relative_to, homes)):
            raise GraphError(f"the graph takes weights from {shown(name)}, which does not lie in its folder", where=str(path),
                             remedy=f"save it again with its weights in files beside {path.name}")


def with_beside(path: Path, sha: str, names: Sequence[str]) -> tuple[tuple[Path, str], ...]:
    """The graph and the files of these *names* beside it, each with its digest.

    Raises:
        GraphError: one of them is not there, or elsewhere.
    """
    require_beside(path, names)
    beside = [path.parent / name for name in names]
    for one in beside:
        if not signature.is_there(one):
            raise GraphError("weights of the graph are not there", where=str(one), remedy=f"keep them beside {path.name}")
    return ((path, sha), *((one, sha256(one)) for one in beside))
