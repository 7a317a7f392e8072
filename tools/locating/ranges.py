"""Causes that lie in the values themselves: beyond half precision's range, or where an operator is flat."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.locating.difference import HALF_MAX
from tools.locating.evidence import Evidence
from tools.locating.terms import magnitudes
from tools.locating.values import Cause

if TYPE_CHECKING:
    from numpy.typing import NDArray

EPSILON = {"fp32": 2.0**-24}  # the relative error of rounding once, of each precision; half of all others
HALF_EPSILON = 2.0**-11
FLAT = 0.25  # the share of saturated values that is worth a word


def beyond_half(evidence: Evidence) -> Cause | None:
    """Values that half precision cannot hold, if the device computes in it or gives what is not finite."""
    if evidence.precision != "fp16" and not evidence.apart.unusual:
        return None
    for side, tensors in _sides(evidence):
        low, high = _range(tensors)
        if max(-low, high) > HALF_MAX:
            return Cause("range", f"{side} range {short(low)}..{short(high)} exceeds fp16")
    if not evidence.apart.unusual or not evidence.alone:
        return None
    sums = magnitudes(evidence, 1)
    if sums is None or (most := float(np.max(sums, initial=0))) <= HALF_MAX:
        return None
    return Cause("range", f"its terms add up to {short(most)}, which exceeds fp16")


def saturated(evidence: Evidence) -> Cause | None:
    """A Softmax, Sigmoid, Exp or BatchNormalization that works where it is flat, or where it magnifies."""
    if not evidence.alone or not evidence.node.input or evidence.node.input[0] not in evidence.inputs:
        return None
    values = np.asarray(evidence.inputs[evidence.node.input[0]], np.float64)
    flat_from = -float(np.log(epsilon(evidence.precision)))
    match evidence.node.op_type:
        case "Softmax" if values.shape:
            top = np.sort(np.moveaxis(values, evidence.softmax_axis(evidence.node), -1), axis=-1)
            apart = top[..., -1] - top[..., -2] if top.shape[-1] > 1 else np.zeros(1)
            return _flat(apart > flat_from, f"of its rows have a largest value that is more than {flat_from:.1f} above all others")
        case "Sigmoid" | "Tanh":
            return _flat(np.abs(values) > flat_from, f"of its inputs lie beyond {flat_from:.1f}, where it is flat")
        case "Exp":
            most = 11.09 if evidence.precision == "fp16" else 88.72
            if values.max(initial=0) > most:
                return Cause("saturated", f"its input reaches {short(values.max())}, and it overflows from {most}")
        case "BatchNormalization":
            return _tiny_variance(evidence)
    return None


def _tiny_variance(evidence: Evidence) -> Cause | None:
    """Channels whose variance epsilon outweighs, so that it decides how they are scaled."""
    variance = evidence.constant(evidence.node.input[4])
    added = next((one.f for one in evidence.node.attribute if one.name == "epsilon"), 1e-5)
    if variance is None or not (tiny := int(np.sum(variance < added))):
        return None
    return Cause("saturated", f"the variance of {tiny} of {variance.size} channels is below its epsilon {short(added)}")


def _flat(where: NDArray[np.bool_], words: str) -> Cause | None:
    share = float(np.mean(where)) if where.size else 0.0
    return Cause("saturated", f"{share:.0%} {words}") if share >= FLAT else None


def _sides(evidence: Evidence) -> Iterator[tuple[str, list[NDArray[Any]]]]:
    names = dict.fromkeys(name for node in evidence.nodes for name in node.input)
    yield "input", list(evidence.inputs.values())
    yield "weight", [value for name in names if (value := evidence.constant(name)) is not None]
    yield "output", [evidence.expected]


def _range(tensors: list[NDArray[Any]]) -> tuple[float, float]:
    """The least and the largest finite value of tensors of numbers with fractions."""
    finite = [one[np.isfinite(one)] for one in tensors if one.dtype.kind == "f"]
    lows, highs = zip(*[(float(one.min()), float(one.max())) for one in finite if one.size], strict=True) if any(
        one.size for one in finite) else ((0.0,), (0.0,))
    return min(lows), max(highs)


def epsilon(precision: str) -> float:
    """The relative error of rounding once."""
    return EPSILON.get(precision, HALF_EPSILON)


def short(value: float) -> str:
    """A number as in 7.1e4."""
    if value == 0 or 0.1 <= abs(value) < 1000:
        return f"{value:.3g}"
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa}e{int(exponent)}"
