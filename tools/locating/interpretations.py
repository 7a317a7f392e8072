"""Causes that lie in how a device reads a node: its padding, kernel, axis, epsilon, or order of inputs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.locating.evidence import Evidence, Explained
from tools.locating.paddings import paddings
from tools.locating.ranges import short
from tools.locating.values import Cause
from tools.locating.variant import Variant, said, with_attributes, with_constant

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

EPSILONS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8, 0.0)
MOST = 64  # variants that are computed of one part
LARGEST_PART = 16  # nodes of a part whose nodes are read in other ways


def readings(evidence: Evidence) -> Iterator[Explained]:
    """Each other reading of a node under which the reference gives what the device gives."""
    if evidence.apart.unusual or len(evidence.nodes) > LARGEST_PART:
        return
    tried = 0
    for number, node in enumerate(evidence.nodes):
        for variant in _variants(evidence, node):
            tried += 1
            if tried > MOST:
                return
            nodes = (*evidence.nodes[:number], *variant.nodes, *evidence.nodes[number + 1 :])
            left = evidence.left(evidence.made(nodes, constants=variant.constants))
            if left < float("inf"):
                sentence = variant.sentence if evidence.alone else f"{node.name or node.output[0]}: {variant.sentence}"
                yield Explained(Cause(variant.kind, sentence), left)


def _variants(evidence: Evidence, node: onnx.NodeProto) -> Iterator[Variant]:
    yield from paddings(evidence, node)
    match node.op_type:
        case "Conv":
            yield from _kernels(evidence, node)
        case "BatchNormalization":
            yield from _epsilons(node)
        case "Slice":
            yield from _slices(evidence, node)
        case "Concat" | "Split":
            yield from _orders(node)
        case "Gather":
            yield from _indices(evidence, node)
        case "Softmax" | "LogSoftmax":
            yield from _softmaxes(evidence, node)
        case "MatMul" | "Gemm":
            yield from _matrices(evidence, node)


def _kernels(evidence: Evidence, node: onnx.NodeProto) -> Iterator[Variant]:
    """A kernel that is turned over, or whose axes are swapped."""
    kernel = evidence.constant(node.input[1])
    if kernel is None:
        return
    axes = tuple(range(2, kernel.ndim))
    if max(kernel.shape[2:], default=1) > 1:
        yield with_constant(node, 1, np.flip(kernel, axes), "axis", "its kernel is turned over along all axes of space and time")
        for axis in axes if len(axes) > 1 else ():
            if kernel.shape[axis] > 1:
                yield with_constant(node, 1, np.flip(kernel, axis), "axis", f"its kernel is turned over along axis {axis}")
    for axis in axes[:-1]:
        if kernel.shape[axis] == kernel.shape[axis + 1] > 1:
            turned = np.swapaxes(kernel, axis, axis + 1)
            yield with_constant(node, 1, turned, "axis", f"axes {axis} and {axis + 1} of its kernel are swapped")


def _epsilons(node: onnx.NodeProto) -> Iterator[Variant]:
    own = float(said(node).get("epsilon", 1e-5))
    for other in EPSILONS:
        if not np.isclose(other, own):
            yield with_attributes(node, "epsilon", f"its epsilon is {short(other)} where the graph's is {short(own)}", epsilon=other)


def _slices(evidence: Evidence, node: onnx.NodeProto) -> Iterator[Variant]:
    """As many values that begin elsewhere along an axis: at the other end, or one aside."""
    begins, ends, axes, steps = ([*(evidence.constant(name) for name in node.input[1:]), None, None, None, None])[:4]
    sizes = evidence.shape(node.input[0])
    if begins is None or ends is None or not sizes or (steps is not None and np.any(steps != 1)):
        return
    for number in range(begins.size):
        size = sizes[int(axes[number]) if axes is not None else number]
        first, last, _ = slice(int(begins[number]), int(ends[number])).indices(size)
        for other in dict.fromkeys((size - last, first - 1, first + 1)):
            if other != first and 0 <= other <= size - (last - first):
                yield _beginning(node, number, begins, ends, (first, last), other)


def _beginning(node: onnx.NodeProto, number: int, begins: NDArray[Any], ends: NDArray[Any], now: tuple[int, int], other: int) -> Variant:
    """A Slice of which one axis begins elsewhere."""
    import onnx

    first, last = now
    changed = onnx.NodeProto()
    changed.CopyFrom(node)
    changed.input[1], changed.input[2] = f"{node.output[0]} begins", f"{node.output[0]} ends"
    begins, ends = begins.copy(), ends.copy()
    begins[number], ends[number] = other, other + last - first
    return Variant("shift", f"it takes {other}:{other + last - first} where the graph says {first}:{last}", (changed,),
                   {changed.input[1]: begins, changed.input[2]: ends})


def _orders(node: onnx.NodeProto) -> Iterator[Variant]:
    """Inputs that are joined, or outputs that are parted, in another order."""
    import onnx

    side, words = ("input", "its inputs are joined") if node.op_type == "Concat" else ("output", "its outputs are")
    names = list(getattr(node, side))
    swaps = {"in the reverse order": names[::-1]}
    for number in range(len(names) - 1) if len(names) > 2 else ():
        swaps[f"with numbers {number} and {number + 1} swapped"] = [*names[:number], names[number + 1], names[number], *names[number + 2 :]]
    for how, order in swaps.items():
        changed = onnx.NodeProto()
        changed.CopyFrom(node)
        getattr(changed, side)[:] = order
        yield Variant("shift", f"{words} {how}", (changed,), {})


def _indices(evidence: Evidence, node: onnx.NodeProto) -> Iterator[Variant]:
    indices = evidence.constant(node.input[1])
    sizes = evidence.shape(node.input[0])
    if indices is None or not sizes or not indices.size:
        return
    size = sizes[int(said(node).get("axis", 0))]
    for step in (1, -1):
        if (moved := indices + step).min() >= 0 and moved.max() < size:
            yield with_constant(node, 1, moved, "shift", f"it takes what lies {step} beside what the graph says")
    if indices.size > 1:
        yield with_constant(node, 1, indices[..., ::-1], "shift", "it takes its values in the reverse order")


def _softmaxes(evidence: Evidence, node: onnx.NodeProto) -> Iterator[Variant]:
    own, axes = evidence.softmax_axis(node), len(evidence.shape(node.input[0]))
    for other in range(axes):
        if other != own % axes:
            yield with_attributes(node, "axis", f"it is taken over axis {other} where the graph says {own}", axis=other)


def _matrices(evidence: Evidence, node: onnx.NodeProto) -> Iterator[Variant]:
    matrix: Any = evidence.constant(node.input[1])
    if matrix is not None and matrix.ndim == 2 and matrix.shape[0] == matrix.shape[1]:
        yield with_constant(node, 1, matrix.T, "axis", "the axes of its weight are swapped")

