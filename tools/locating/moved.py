"""Causes that show in where values lie: moved by one, turned over, axes swapped, or simply passed on."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, islice, permutations
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.locating.evidence import Evidence, Explained
from tools.locating.values import Cause

if TYPE_CHECKING:
    from numpy.typing import NDArray

LAYOUTS = {"Reshape", "Flatten", "Squeeze", "Unsqueeze"}
ORDERS = 120  # of the axes that are tried of a Transpose

Variant = tuple[str, str, "NDArray[Any]"]  # the cause's kind, its sentence, and what the device would give


def elsewhere(evidence: Evidence) -> Iterator[Explained]:
    """Each way of moving the reference's output, or a node's input, that gives the device's."""
    for kind, sentence, variant in (*_passed(evidence), *_axes(evidence), *_shifts(evidence)):
        if (left := evidence.left(variant)) < float("inf"):
            yield Explained(Cause(kind, sentence), left)


def _passed(evidence: Evidence) -> Iterator[Variant]:
    """An input that is passed on as it is, or nothing at all."""
    what = evidence.node.op_type if evidence.alone else f"all from {evidence.nodes[0].op_type} to {evidence.node.op_type}"
    for name, value in evidence.inputs.items():
        if value.shape == evidence.expected.shape:
            yield "missing", f"its output is its input {name}, as if {what} were missing", value
    yield "missing", "its output is zero", np.zeros_like(evidence.expected)


def _axes(evidence: Evidence) -> Iterator[Variant]:
    """Axes that are taken in another order, before or after values are laid out."""
    yield from _laid_out(evidence)
    shape, expected = evidence.expected.shape, evidence.expected
    for one, two in combinations(range(expected.ndim), 2):
        if min(shape[one], shape[two]) == 1:
            continue
        yield "axis", f"axes {one} and {two} of its output are swapped", np.swapaxes(expected, one, two)
        if shape[one] != shape[two]:
            turned = list(shape)
            turned[one], turned[two] = turned[two], turned[one]
            yield ("axis", f"axes {one} and {two} of its output are swapped before it is laid out",
                   np.swapaxes(expected.reshape(turned), one, two))


def _laid_out(evidence: Evidence) -> Iterator[Variant]:
    """Of a node that only lays values out anew: its input's axes in another order."""
    value = evidence.inputs.get(evidence.node.input[0]) if evidence.node.input else None
    if value is None or not evidence.alone or value.size != evidence.expected.size:
        return
    if evidence.node.op_type == "Transpose":
        for order in islice(permutations(range(value.ndim)), ORDERS):
            yield "axis", f"it orders the axes as {list(order)}", value.transpose(order)
    if evidence.node.op_type in LAYOUTS:
        for one, two in combinations(range(value.ndim), 2):
            if min(value.shape[one], value.shape[two]) > 1:
                yield "axis", f"axes {one} and {two} of its input are swapped before it is laid out anew", np.swapaxes(value, one, two)


def _shifts(evidence: Evidence) -> Iterator[Variant]:
    """The output moved by one along an axis, what falls out at the other end or zeros, or turned over."""
    expected = evidence.expected
    for axis, size in enumerate(expected.shape):
        if size < 2:
            continue
        for step in (1, -1):
            kept, moved = ((slice(None),) * axis + (slice(one, one + size - 1),) for one in (max(step, 0), max(-step, 0)))
            if evidence.may_be(evidence.found[kept], expected[moved]):
                yield from _shifted(expected, axis, step)
        yield "shift", f"its output is turned over along axis {axis}", np.flip(expected, axis)


def _shifted(expected: NDArray[Any], axis: int, step: int) -> Iterator[Variant]:
    """Moved by one along an axis, with two ways to fill what becomes free."""
    rolled = np.roll(expected, step, axis)
    yield "shift", f"its output is rolled by {step} along axis {axis}", rolled
    filled = rolled.copy()
    filled[(slice(None),) * axis + (0 if step > 0 else -1,)] = 0
    yield "shift", f"its output is moved by {step} along axis {axis}, with zeros behind", filled
