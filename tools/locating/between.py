"""What lies between the tensors of a graph that are known: the nodes that make each of them of others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.locating.values import Runs, Span, Tensors
from tools.locating.whole import Whole

if TYPE_CHECKING:
    import onnx

INPUT = "the input"


@dataclass(frozen=True, slots=True)
class Between:
    """The *nodes*, by their numbers, that make the tensor *made* of the known tensors *read*.

    span: from the first of the nodes to the last; others may lie between them.
    """

    made: str
    read: tuple[str, ...]
    nodes: tuple[int, ...]
    span: Span


def between(whole: Whole, known: Collection[str]) -> list[Between]:
    """For each *known* tensor that a node makes, in the graph's order; the graph's inputs are known too."""
    return [_before(whole, name, {*known, *whole.inputs}) for name in sorted(known, key=whole.maker.__getitem__)]


def up_to(whole: Whole, names: Sequence[str], feeds: Tensors, reference: Runs) -> Tensors:
    """The tensors of these names, with what the graph is fed; of the graph only what leads to them is run."""
    model, fed = model_of(whole, [_before(whole, name, set(whole.inputs)) for name in dict.fromkeys(names) if name not in feeds], feeds)
    return {**feeds, **(reference(model, fed) if model.graph.output else {})}


def model_of(whole: Whole, parts: Sequence[Between], tensors: Tensors) -> tuple[onnx.ModelProto, Tensors]:
    """One model that makes the tensor of each part of the known *tensors* alone, and what it is fed."""
    import onnx
    from onnx import helper

    fed = {name: f"known_{number}" for number, name in enumerate(dict.fromkeys(name for part in parts for name in part.read))}
    nodes = []
    for number in sorted({number for part in parts for number in part.nodes}):
        node = onnx.NodeProto()
        node.CopyFrom(whole.nodes[number])
        node.input[:] = [fed.get(name, name) for name in node.input]
        nodes.append(node)
    held = dict.fromkeys(name for node in nodes for name in node.input if name in whole.constants)
    inputs = [helper.make_tensor_value_info(given, helper.np_dtype_to_tensor_dtype(tensors[name].dtype), tensors[name].shape)
              for name, given in fed.items()]
    graph = helper.make_graph(nodes, "between", inputs, [onnx.ValueInfoProto(name=part.made) for part in parts],
                              [whole.constants[name] for name in held])
    model = helper.make_model(graph, opset_imports=whole.model.opset_import, ir_version=whole.model.ir_version)
    return model, {given: tensors[name] for name, given in fed.items()}


def _before(whole: Whole, made: str, known: set[str]) -> Between:
    """The nodes that lead to *made*, back to what is known."""
    nodes, read, open_ = set[int](), dict[str, None](), [made]
    while open_:
        number = whole.maker[open_.pop()]
        if number in nodes:
            continue
        nodes.add(number)
        for name in whole.nodes[number].input:
            if name in known:
                read[name] = None
            elif name in whole.maker:
                open_.append(name)
    order = sorted(nodes)
    return Between(made, tuple(read), tuple(order), _span(whole, order, [name for name in read if name in whole.maker]))


def _span(whole: Whole, nodes: Sequence[int], read: Sequence[str]) -> Span:
    """The nodes as people call them: one by its name, several as those between what is known."""
    last = whole.node(nodes[-1])
    if len(nodes) == 1:
        return last
    before = whole.node(max(whole.maker[name] for name in read)).name if read else INPUT
    return Span(around(before, last.name), nodes[0], nodes[-1] + 1)


def around(before: str, last: str) -> str:
    """What nodes are called of which the last, and the one before all of them, are known."""
    return f"between {before} and {last}"
