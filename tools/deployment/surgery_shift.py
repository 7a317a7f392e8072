"""A temporal shift that devices compile better: its zeros are constants, two Slices in a row become one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, MutableSequence
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tools.errors import ExportError

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

Cuts = Mapping[int, tuple[int, int, int]]  # axis -> start, end, step
Types = Mapping[str, "onnx.TypeProto.Tensor"]
Part = TypeVar("Part")


def constant_shift(model: onnx.ModelProto) -> None:
    """Replace zeros computed as x - x, whole or sliced, by constants; merge Slices that cut different axes.

    A shift keeps three of its seven Slices and no Sub. Outputs are equal wherever x is finite. Where x
    overflowed on a device, x - x was no zero and spoiled a frame of zeros; a constant cannot be spoiled.

    Later revisions of the TSM guide do this in modify_onnx.py and in fix_slice_part.py, which names the
    nodes of one torch version.

    Raises:
        ExportError: there are no such zeros and Slices, or their shapes are not fixed.
    """
    import onnx

    graph = model.graph
    inferred = onnx.shape_inference.infer_shapes(model).graph
    types = {value.name: value.type.tensor_type for value in (*inferred.value_info, *inferred.input, *inferred.output)}
    changes = _replace_zeros(graph, types)
    _drop_dead(graph)  # dead nodes read Slices that can be merged once they have a single reader
    changes += _merge_slices(graph, types)
    if not changes:
        raise ExportError("constant-shift: the graph has no zeros of a fixed shape made as x - x, and no Slices to merge",
                          remedy="take it out of the spec's surgery or optional_surgery")
    _drop_dead(graph)
    outputs = {name for node in graph.node for name in node.output}
    del graph.value_info[:]
    graph.value_info.extend(value for value in inferred.value_info if value.name in outputs)


def _replace_zeros(graph: onnx.GraphProto, types: Types) -> int:
    """Replace x - x, or a Slice of it, by a constant in every input of a node; the number of these inputs."""
    from onnx import helper

    zeros: dict[str, tuple[int, ...]] = {}
    for node in graph.node:
        is_zero = (node.op_type == "Sub" and node.input[0] == node.input[1]) or (node.op_type == "Slice" and node.input[0] in zeros)
        shape = _shape(types, node.output[0])
        if is_zero and shape is not None:
            zeros[node.output[0]] = shape
    readers = [(node, number) for node in graph.node if node.output[0] not in zeros
               for number, name in enumerate(node.input) if name in zeros]
    for node, number in readers:
        name = node.input[number]
        shape, dtype = zeros[name], helper.tensor_dtype_to_np_dtype(types[name].elem_type)
        node.input[number] = _constant(graph, f"zeros_{dtype}_{'x'.join(map(str, shape))}", np.zeros(shape, dtype))
    return len(readers)


def _merge_slices(graph: onnx.GraphProto, types: Types) -> int:
    """Merge a Slice into its only reader if that is a Slice of other axes; the number of these pairs."""
    slices = {node.output[0]: node for node in graph.node if node.op_type == "Slice"}
    readers = Counter(name for node in graph.node for name in node.input) + Counter(value.name for value in graph.output)
    merged = 0
    for outer in slices.values():
        inner = slices.get(outer.input[0])
        if inner is None or readers[outer.input[0]] != 1:
            continue
        first, second = (_cuts(node, _integers(graph), types) for node in (inner, outer))
        if first and second and not first.keys() & second.keys():
            outer.input[:] = [inner.input[0], *_as_inputs(graph, {**first, **second})]
            merged += 1
    return merged


def _cuts(node: onnx.NodeProto, integers: Mapping[str, list[int]], types: Types) -> Cuts | None:
    """What a Slice cuts from each axis; None if the graph computes that or does not say the rank."""
    starts, ends, axes, steps = [*node.input[1:], "", "", "", ""][:4]
    shape = _shape(types, node.input[0])
    if shape is None or not starts or any(name and name not in integers for name in (starts, ends, axes, steps)):
        return None
    count = len(integers[starts])
    chosen = integers[axes] if axes else list(range(count))
    strides = integers[steps] if steps else [1] * count
    cuts = zip(integers[starts], integers[ends], strides, strict=True)
    return {axis % len(shape): cut for axis, cut in zip(chosen, cuts, strict=True)}


def _as_inputs(graph: onnx.GraphProto, cuts: Cuts) -> list[str]:
    """Names of constants for the starts, ends, axes and steps of a Slice."""
    axes = sorted(cuts)
    starts, ends, steps = zip(*(cuts[axis] for axis in axes), strict=True)
    return [_constant(graph, f"integers_{'_'.join(map(str, values))}", np.array(values, np.int64))
            for values in (starts, ends, axes, steps)]


def _integers(graph: onnx.GraphProto) -> dict[str, list[int]]:
    """The graph's constant lists of integers, by name."""
    from onnx import numpy_helper

    tensors = {tensor.name: tensor for tensor in graph.initializer}
    tensors |= {node.output[0]: node.attribute[0].t for node in graph.node
                if node.op_type == "Constant" and node.attribute[0].name == "value"}
    return {name: numpy_helper.to_array(tensor).tolist() for name, tensor in tensors.items()
            if len(tensor.dims) == 1 and tensor.data_type in (tensor.INT32, tensor.INT64)}


def _constant(graph: onnx.GraphProto, content: str, values: NDArray[np.generic]) -> str:
    """The name of the initializer that holds *values*; equal values have the same *content* and share one."""
    from onnx import numpy_helper

    name = f"constant-shift/{content}"
    if all(tensor.name != name for tensor in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def _shape(types: Types, name: str) -> tuple[int, ...] | None:
    """A tensor's shape; None if it is not known or not fixed."""
    if name not in types or not types[name].HasField("shape"):
        return None
    axes = types[name].shape.dim
    return tuple(axis.dim_value for axis in axes) if all(axis.HasField("dim_value") for axis in axes) else None


def _drop_dead(graph: onnx.GraphProto) -> None:
    """Remove nodes and initializers that no output depends on."""
    needed = {value.name for value in graph.output}
    for node in reversed(graph.node):
        if needed.intersection(node.output):
            needed.update(node.input)
    _keep(graph.node, lambda node: not needed.isdisjoint(node.output))
    _keep(graph.initializer, lambda tensor: tensor.name in needed)


def _keep(parts: MutableSequence[Part], wanted: Callable[[Part], bool]) -> None:
    for number in reversed(range(len(parts))):
        if not wanted(parts[number]):
            del parts[number]
