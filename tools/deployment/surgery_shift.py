"""A temporal shift as devices compile it better: constants for the zeros it computes, one Slice for two in a row."""

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
    """Make constants of zeros computed as x - x, whole or sliced, and one Slice of two that cut different axes.

    A shift keeps three of its seven Slices and no Sub. Outputs are equal wherever x is finite; infinity less itself is no
    zero, so that a device which overflows in x would carry that into the frame the zeros stand for, and now does not.

    Source: fix_slice_part.py and modify_onnx.py in later revisions of the TSM guide; the first names the nodes of one
    torch version.

    Raises:
        ExportError: there is neither, or their shapes are not fixed.
    """
    import onnx

    graph = model.graph
    inferred = onnx.shape_inference.infer_shapes(model).graph
    types = {value.name: value.type.tensor_type for value in (*inferred.value_info, *inferred.input, *inferred.output)}
    found = _replace_zeros(graph, types)
    _drop_dead(graph)  # a Slice that zeros alone were made of is now read once less, and can be merged
    found += _merge_slices(graph, types)
    if not found:
        raise ExportError("constant-shift: the graph has no zeros of a fixed shape made as x - x, and no Slices to merge",
                          remedy="take it out of the spec's surgery or optional_surgery")
    _drop_dead(graph)
    made = {name for node in graph.node for name in node.output}
    del graph.value_info[:]
    graph.value_info.extend(value for value in inferred.value_info if value.name in made)


def _replace_zeros(graph: onnx.GraphProto, types: Types) -> int:
    """Let whatever reads x - x, or Slices of it, read a constant; how many times that was."""
    zeros: set[str] = set()
    for node in graph.node:
        is_zero = (node.op_type == "Sub" and node.input[0] == node.input[1]) or (node.op_type == "Slice" and node.input[0] in zeros)
        if is_zero and _shape(types, node.output[0]) is not None:
            zeros.add(node.output[0])
    readers = [(node, number) for node in graph.node if node.output[0] not in zeros
               for number, name in enumerate(node.input) if name in zeros]
    for node, number in readers:
        node.input[number] = _zeros(graph, types, node.input[number])
    return len(readers)


def _zeros(graph: onnx.GraphProto, types: Types, name: str) -> str:
    """The constant of zeros that has the type and the shape of a tensor."""
    from onnx import helper

    shape, dtype = _shape(types, name), helper.tensor_dtype_to_np_dtype(types[name].elem_type)
    assert shape is not None
    return _constant(graph, f"zeros_{dtype}_{'x'.join(map(str, shape))}", np.zeros(shape, dtype))


def _merge_slices(graph: onnx.GraphProto, types: Types) -> int:
    """Merge a Slice into the one that alone reads it, where they cut different axes; how many were merged."""
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
    """What a Slice cuts, its axes counted from the first; None where the graph computes that, or does not say the rank."""
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
    """Constants for a Slice's starts, ends, axes and steps."""
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
    """The initializer that holds *values*; *content* says which those are, so that equal ones are one."""
    from onnx import numpy_helper

    name = f"constant-shift/{content}"
    if all(tensor.name != name for tensor in graph.initializer):
        graph.initializer.append(numpy_helper.from_array(values, name))
    return name


def _shape(types: Types, name: str) -> tuple[int, ...] | None:
    """A tensor's shape, None where it is not known or not fixed."""
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
