"""Every node and every constant of an ONNX graph, wherever they are: in its branches and functions too."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnx


def nodes(model: onnx.ModelProto) -> Iterator[onnx.NodeProto]:
    """Those of the graph, of the graphs inside its nodes, and of the model's functions."""
    yield from _inside(model.graph.node)
    for function in model.functions:
        yield from _inside(function.node)


def tensors(model: onnx.ModelProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    """Every constant, with the name by which nodes know it; empty for one that is only a part of a node."""
    yield from _held(model.graph)
    for node in nodes(model):
        for attribute in node.attribute:
            name = node.output[0] if node.op_type == "Constant" and node.output else ""
            yield from ((name, tensor) for tensor in [*[attribute.t] * attribute.HasField("t"), *attribute.tensors])
            sparse = [*[attribute.sparse_tensor] * attribute.HasField("sparse_tensor"), *attribute.sparse_tensors]
            yield from ((name, tensor) for one in sparse for tensor in (one.values, one.indices))
            for graph in _graphs(attribute):
                yield from _held(graph)


def _held(graph: onnx.GraphProto) -> Iterator[tuple[str, onnx.TensorProto]]:
    yield from ((tensor.name, tensor) for tensor in graph.initializer)
    yield from ((one.values.name, tensor) for one in graph.sparse_initializer for tensor in (one.values, one.indices))


def _inside(found: Iterable[onnx.NodeProto]) -> Iterator[onnx.NodeProto]:
    for node in found:
        yield node
        for attribute in node.attribute:
            for graph in _graphs(attribute):
                yield from _inside(graph.node)


def _graphs(attribute: onnx.AttributeProto) -> list[onnx.GraphProto]:
    return [*[attribute.g] * attribute.HasField("g"), *attribute.graphs]
