"""The terms that a node adds up: how large they are beside what is left of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tools.locating.evidence import Evidence

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

LINEAR = {"Conv", "ConvTranspose", "Gemm", "MatMul", "Add", "Sub", "Sum", "ReduceSum", "ReduceMean", "GlobalAveragePool", "AveragePool"}


def magnitudes(evidence: Evidence, power: int) -> NDArray[np.float64] | None:
    """For each value that a node makes, the sum of its terms' absolute values to *power*, which is 1 or 2.

    Of a mean, that of the terms before they are divided by their number counts as divided too. None for an
    operator that does not add.
    """
    if not evidence.alone:
        return None
    if evidence.node.op_type == "BatchNormalization":
        return _normalised(evidence, power)
    if evidence.node.op_type not in LINEAR or any(one.name in ("alpha", "beta") and one.f != 1 for one in evidence.node.attribute):
        return None
    constants = {name: value for name in evidence.node.input if (value := evidence.constant(name)) is not None}
    made = evidence.made([_adding(evidence.node)], {name: _to(value, power) for name, value in evidence.inputs.items()},
                         {name: _to(value, power) for name, value in constants.items()})
    return None if made is None else np.asarray(made, np.float64)


def _adding(node: onnx.NodeProto) -> onnx.NodeProto:
    """The node, which adds where it subtracts."""
    import onnx

    changed = onnx.NodeProto()
    changed.CopyFrom(node)
    if node.op_type == "Sub":
        changed.op_type = "Add"
    return changed


def _to(value: NDArray[Any], power: int) -> NDArray[Any]:
    """Absolute values to a power; whole numbers are axes and shapes, and stay."""
    return np.abs(value) ** power if value.dtype.kind == "f" else value


def _normalised(evidence: Evidence, power: int) -> NDArray[np.float64] | None:
    """Of `scale * (x - mean) / sqrt(variance + epsilon) + bias`, which adds three terms."""
    values = evidence.inputs.get(evidence.node.input[0])
    held = [evidence.constant(name) for name in evidence.node.input[1:5]]
    added = next((one.f for one in evidence.node.attribute if one.name == "epsilon"), 1e-5)
    if values is None or len(held) < 4:
        return None
    shaped = [np.asarray(one, np.float64).reshape(-1, *[1] * (values.ndim - 2)) for one in held if one is not None]
    if len(shaped) < 4:
        return None
    scale, bias, mean, variance = shaped
    gain = scale / np.sqrt(variance + added)
    total: NDArray[np.float64] = np.abs(gain * values) ** power + np.abs(gain * mean) ** power + np.abs(bias) ** power
    return total
