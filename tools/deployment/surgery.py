"""Rewrites of an ONNX graph that some device compiles better, with equal outputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tools.deployment.surgery_shift import constant_shift
from tools.errors import ExportError
from tools.spec.model import Surgery

if TYPE_CHECKING:
    import onnx

ELEMENTWISE = {"Relu", "LeakyRelu", "Sigmoid", "Tanh", "Clip", "Mul", "Add"}  # the last two by a number only
HEIGHT = 2  # the axis that makes an image [N, C, 1, T] of a sequence [N, C, T]


def operate(model: onnx.ModelProto, surgery: Surgery) -> None:
    """Apply the rewrite of that name to *model*, in place.

    Raises:
        ExportError: the graph has nothing to rewrite, or not in a form that can be rewritten.
    """
    REWRITES[surgery](model)


def conv1d_to_conv2d(model: onnx.ModelProto) -> None:
    """Turn every convolution of a sequence into a convolution of an image of height 1.

    A chain of convolutions gets an Unsqueeze before it and a Squeeze after it. The nodes between are
    elementwise, so the new axis does not matter to them. Weights keep their bytes: [O, I, k] becomes
    [O, I, 1, k]. Nodes are matched by operator, never by name.

    The BSN guide does this in TEM_onnx_conv1d2conv2d.py, which names the nodes of one torch version.
    """
    import onnx

    graph = model.graph
    _own_constants(graph)
    weights = {tensor.name: tensor for tensor in graph.initializer}
    convolutions = [node for node in graph.node if node.op_type == "Conv" and len(weights[node.input[1]].dims) == 3]
    if not convolutions:
        raise ExportError("conv1d-to-conv2d: the graph has no convolution of a sequence", remedy="take it out of the spec's surgery")
    for name in {node.input[1] for node in convolutions}:
        weights[name].dims.insert(HEIGHT, 1)
    for node in convolutions:
        _widen(node)
    wide = _wide_tensors(graph, convolutions, weights)
    nodes = _with_bridges(graph, wide)
    del graph.node[:], graph.value_info[:]
    graph.node.extend(nodes)
    graph.value_info.extend(onnx.shape_inference.infer_shapes(model).graph.value_info)


def _own_constants(graph: onnx.GraphProto) -> None:
    """Make initializers of Constant nodes: onnxsim leaves weights that way when it has multiplied them."""
    constants = [node for node in graph.node if node.op_type == "Constant" and node.attribute[0].name == "value"]
    for node in constants:
        graph.initializer.add().CopyFrom(node.attribute[0].t)
        graph.initializer[-1].name = node.output[0]
        graph.node.remove(node)


def _widen(node: onnx.NodeProto) -> None:
    """Give the attributes of a convolution the axis of height 1."""
    for attribute in node.attribute:
        first = {"kernel_shape": [1], "strides": [1], "dilations": [1]}.get(attribute.name)
        values = list(attribute.ints)
        if attribute.name == "pads":
            attribute.ints[:] = [0, values[0], 0, values[1]]
        elif first:
            attribute.ints[:] = [*first, *values]


def _wide_tensors(graph: onnx.GraphProto, convolutions: list[onnx.NodeProto], weights: dict[str, onnx.TensorProto]) -> set[str]:
    """Outputs that get the new axis: of the convolutions, and of elementwise nodes between two of them."""
    wide = {node.output[0] for node in convolutions}
    if wide & {output.name for output in graph.output}:
        raise ExportError("conv1d-to-conv2d: a convolution is the graph's output", remedy="take it out of the spec's surgery")
    indifferent = [node for node in graph.node if node.op_type in ELEMENTWISE
                   and all(name in weights and not weights[name].dims for name in node.input[1:])]
    wanted = {node.input[0] for node in convolutions}
    for node in reversed(indifferent):
        if node.output[0] in wanted:
            wanted.add(node.input[0])
    for node in indifferent:
        if node.input[0] in wide and node.output[0] in wanted:
            wide.add(node.output[0])
    return wide


def _with_bridges(graph: onnx.GraphProto, wide: set[str]) -> list[onnx.NodeProto]:
    """The nodes in order, with an Unsqueeze or Squeeze where a node needs a tensor in the other form."""
    from onnx import helper

    bridged: dict[str, str] = {}
    nodes: list[onnx.NodeProto] = []

    def other_form(name: str, kind: str) -> str:
        if name not in bridged:
            bridged[name] = f"{name}/{kind}"
            nodes.append(helper.make_node(kind, [name], [bridged[name]], name=bridged[name], axes=[HEIGHT]))
        return bridged[name]

    for node in graph.node:
        if node.output[0] in wide and node.input[0] not in wide:
            node.input[0] = other_form(node.input[0], "Unsqueeze")
        elif node.output[0] not in wide:
            node.input[:] = [other_form(name, "Squeeze") if name in wide else name for name in node.input]
        nodes.append(node)
    return nodes


REWRITES: dict[Surgery, Callable[[onnx.ModelProto], None]] = {"conv1d-to-conv2d": conv1d_to_conv2d, "constant-shift": constant_shift}
