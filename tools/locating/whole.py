"""A graph of one batch size: its nodes in order, what each reads and makes, and the parts it consists of."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

from tools.errors import LocateError
from tools.locating.values import Span

if TYPE_CHECKING:
    import onnx

PARTS = 12  # a network is cut by its modules at the least depth that gives so many parts
FEWEST = 3  # parts have neighbours
OUTPUT = re.compile(r"_output_\d+$")  # so the exporter ends the name of a tensor
FOLD = "unroll or fold it before: python -m onnxsim does that where it can"
OWN = "network"  # what the deployed module calls the model's own


class Whole:
    """A model whose axes are fixed. Its Constant nodes count as constants; the model itself stays as it is.

    Nodes whose results nobody reads are left aside.

    Raises:
        LocateError: the model holds what cannot be cut: graphs inside nodes, or what is no plain tensor.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        import onnx

        _require_plain(model)
        self.model = model
        constants = [node for node in model.graph.node if node.op_type == "Constant"]
        self.nodes = _read([node for node in model.graph.node if node.op_type != "Constant"], [one.name for one in model.graph.output])
        self.constants = {tensor.name: tensor for tensor in model.graph.initializer}
        for node in constants:
            self.constants[node.output[0]] = _held(node)
        self.inputs = [one.name for one in model.graph.input if one.name not in self.constants]
        self.outputs = [one.name for one in model.graph.output]
        self.maker = {name: number for number, node in enumerate(self.nodes) for name in node.output if name}
        inferred = onnx.shape_inference.infer_shapes(model).graph
        _require_tensors(inferred)
        self.types = {one.name: one.type for one in (*inferred.value_info, *inferred.input, *inferred.output)}

    @cached_property
    def last_reader(self) -> dict[str, int]:
        """The number of the last node that reads a tensor; one behind the last of what the graph gives."""
        readers = {name: number for number, node in enumerate(self.nodes) for name in node.input if name}
        return readers | dict.fromkeys(self.outputs, len(self.nodes))

    def read(self, span: Span) -> list[str]:
        """The tensors that *span* reads and does not make, constants aside."""
        inside = {name for node in self.nodes[span.start : span.stop] for name in node.output}
        names = (name for node in self.nodes[span.start : span.stop] for name in node.input)
        return [name for name in dict.fromkeys(names) if name and name not in inside and name not in self.constants]

    def made(self, span: Span) -> list[str]:
        """The tensors that *span* makes and others read, or that the graph gives."""
        names = (name for node in self.nodes[span.start : span.stop] for name in node.output)
        return [name for name in names if self.last_reader.get(name, -1) >= span.stop]

    def bytes_of(self, name: str) -> int:
        """The bytes of a tensor by its type; where that is not known, those of the largest that is."""
        return self._sizes.get(name, 0) or max(self._sizes.values(), default=0)

    @cached_property
    def _sizes(self) -> dict[str, int]:
        return {name: self._size(name) for name in self.types}

    def _size(self, name: str) -> int:
        """The bytes of a tensor; 0 where its type or an axis is not known."""
        from onnx import helper

        kind = self.types[name].tensor_type
        if not kind.elem_type:
            return 0
        width: int = helper.tensor_dtype_to_np_dtype(kind.elem_type).itemsize
        return width * math.prod(axis.dim_value for axis in kind.shape.dim) if kind.HasField("shape") else 0

    def node(self, number: int) -> Span:
        """One node, by its own name, or by what it makes."""
        node = self.nodes[number]
        return Span(node.name or next(name for name in node.output if name), number, number + 1)

    def range(self, start: int, stop: int) -> Span:
        """Some nodes that follow each other, by the names of the first and the last."""
        if stop - start == 1:
            return self.node(start)
        return Span(f"{self.node(start).name} to {self.node(stop - 1).name}", start, stop)

    @cached_property
    def modules(self) -> list[tuple[str, ...]]:
        """The torch module of each node, as the exporter writes it into the node's name.

        A simplifier's own nodes have no such name. They belong to the module of what they make, or else to
        that of the node before.
        """
        found: list[tuple[str, ...]] = []
        for node in self.nodes:
            path = next((_path(name) for name in (node.name, *node.output) if name.startswith("/")), None)
            found.append(path if path is not None else found[-1] if found else ())
        return found

    def segments(self) -> list[Span]:
        """The parts of the network, by its modules; each begins where another module does.

        A graph whose nodes are not named by modules has parts of equally many nodes.
        """
        deepest = max(map(len, self.modules), default=0)
        parts = [_parts(self.modules, depth) for depth in range(1, max(2, deepest + 1))]
        found = next((found for found in parts if len(found) >= PARTS), parts[-1])
        return found if len(found) >= FEWEST else self._even()

    def _even(self) -> list[Span]:
        count = len(self.nodes)
        bounds = [count * number // min(PARTS, count) for number in range(min(PARTS, count) + 1)] if count else []
        return [self.range(start, stop) for start, stop in pairwise(bounds)]


def _require_plain(model: onnx.ModelProto) -> None:
    for node in model.graph.node:
        if any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute):
            raise LocateError(f"{node.op_type} {node.name or node.output[0]} holds a graph of its own, which cannot be cut", remedy=FOLD)
    if model.graph.sparse_initializer:
        raise LocateError("the graph holds sparse weights, which cannot be cut", remedy="save it with dense ones")


def _require_tensors(graph: onnx.GraphProto) -> None:
    for one in (*graph.input, *graph.output, *graph.value_info):
        if one.type.WhichOneof("value") not in (None, "tensor_type"):
            raise LocateError(f"{one.name} is no plain tensor, and cannot be compared", remedy=FOLD)


def _read(nodes: Sequence[onnx.NodeProto], outputs: Iterable[str]) -> list[onnx.NodeProto]:
    """The nodes without those of which nobody reads anything."""
    wanted = set(outputs)
    kept: list[onnx.NodeProto] = []
    for node in reversed(nodes):
        if wanted.intersection(name for name in node.output if name):
            kept.append(node)
            wanted.update(node.input)
    return kept[::-1]


def _held(node: onnx.NodeProto) -> onnx.TensorProto:
    """The constant that a Constant node holds, by the name of what it makes."""
    import onnx
    from onnx import numpy_helper
    from onnx.reference import ReferenceEvaluator

    [attribute] = node.attribute
    if attribute.name == "value":
        tensor = onnx.TensorProto()
        tensor.CopyFrom(attribute.t)
    else:
        graph = onnx.helper.make_graph([node], "constant", [], [onnx.helper.make_empty_tensor_value_info(node.output[0])])
        [value] = ReferenceEvaluator(onnx.helper.make_model(graph)).run(None, {})
        tensor = numpy_helper.from_array(value)
    tensor.name = node.output[0]
    return tensor


def _path(name: str) -> tuple[str, ...]:
    """The modules in a node's name: `/network/backbone/conv1/conv/Conv` is of backbone, conv1, conv.

    What a rewrite puts behind a tensor is named after it: `/network/conv3/Conv_output_0/Squeeze` is of conv3.
    """
    parts = [part for part in name.split("/")[1:-1] if not OUTPUT.search(part)]
    return tuple(parts[1:] if parts[:1] == [OWN] else parts)


def _parts(modules: Sequence[tuple[str, ...]], depth: int) -> list[Span]:
    """Spans of nodes of one module at *depth*; a node of a module above it belongs to the span before."""
    named: list[tuple[str, ...]] = []
    for path in modules:
        path = path[:depth]
        inside = bool(named) and named[-1][: len(path)] == path
        named.append(named[-1] if inside else path)
    spans, start = [], 0
    for path, group in groupby(named):
        stop = start + len(list(group))
        spans.append(Span(".".join(_last(path)) or "input", start, stop))
        start = stop
    return _numbered(spans)


def _last(path: Iterable[str]) -> list[str]:
    """Module names without what they repeat: backbone, layer1, layer1.0 is backbone, layer1.0."""
    kept: list[str] = []
    for part in path:
        if kept and part.startswith(f"{kept[-1]}."):
            kept.pop()
        kept.append(part)
    return kept


def _numbered(spans: Sequence[Span]) -> list[Span]:
    """The spans, each with a name of its own: a module that is called again is counted."""
    seen: dict[str, int] = {}
    found = []
    for span in spans:
        seen[span.name] = count = seen.get(span.name, 0) + 1
        found.append(span if count == 1 else Span(f"{span.name} ({count})", span.start, span.stop))
    return found
