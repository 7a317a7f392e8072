"""Causes that lie in a node's constants: channels that are zero or scaled, or one value that is another."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.locating.evidence import Evidence, Explained
from tools.locating.ranges import short
from tools.locating.values import Cause

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

AFFINE = {"Conv": ("weight", "bias"), "ConvTranspose": ("weight", "bias"), "Gemm": ("weight", "bias"), "MatMul": ("weight",),
          "BatchNormalization": ("scale", "bias", "mean"), "Mul": ("constant",), "Add": ("constant",), "Sub": ("constant",)}
ONE_CHANNEL = 0.999  # the share of all squared error that a single channel has where one value of it is another
ALIKE = 0.01  # the share of a factor by which channels may differ that have one in common
LEAST_OF_CHANNEL = 8  # values of a channel from which two numbers can be fitted to it
SHOWN = 4  # channels that a sentence names


def scaled(evidence: Evidence) -> Iterator[Explained]:
    """Constants of which all or some channels are the graph's times a factor, zero among them."""
    if not evidence.alone or evidence.expected.dtype.kind != "f" or not evidence.expected.ndim:
        return
    yield from _silent(evidence)
    for number, name in enumerate(one for one in evidence.node.input if evidence.constant(one) is not None):
        roles, value = AFFINE.get(evidence.node.op_type, ()), evidence.constant(name)
        if number < len(roles) and value is not None and value.dtype.kind == "f":
            without = evidence.made(constants={name: np.zeros_like(value)})
            if without is not None and without.shape == evidence.expected.shape:
                yield from _factors(evidence, evidence.expected - without, f"{roles[number]} {name}")
    yield from _shifted(evidence)


def _silent(evidence: Evidence) -> Iterator[Explained]:
    """Channels that the device gives as zero."""
    found, expected = (_by_channel(evidence, one) for one in (evidence.found, evidence.expected))
    zero = np.atleast_1d(~found.any(axis=1) & expected.any(axis=1))
    if not zero.any():
        return
    variant = np.where(_along(evidence, zero), 0, evidence.expected)
    if (left := evidence.left(variant)) < float("inf"):
        yield Explained(Cause("weights", f"{_named(zero)} of its output {'are' if zero.sum() > 1 else 'is'} zero"), left)


def _factors(evidence: Evidence, part: NDArray[Any], what: str) -> Iterator[Explained]:
    """The factor by which *part*, that of the output which the constant *what* makes, is another."""
    apart = np.subtract(evidence.found, evidence.expected, dtype=np.float64)
    shares, errors = _by_channel(evidence, part), _by_channel(evidence, apart)
    sizes = np.atleast_1d(np.sum(shares * shares, axis=1, dtype=np.float64))
    if not sizes.any() or not np.isfinite(errors).all():
        return
    overlap = np.sum(errors * shares, axis=1, dtype=np.float64)
    one = float(overlap.sum() / sizes.sum())
    if (left := evidence.left(evidence.expected + (one * part).astype(part.dtype))) < float("inf"):
        which = f"all {len(sizes)} channels of its {what} are" if len(sizes) > 1 else f"its {what} is"
        yield Explained(Cause("weights", f"{which} {1 + one:.3f} times the graph's"), left)
        return
    each = np.divide(overlap, sizes, out=np.zeros_like(sizes), where=sizes > 0)
    left = evidence.left(evidence.expected + (_along(evidence, each) * part).astype(part.dtype))
    if left < float("inf"):
        yield Explained(Cause("weights", _factors_told(each, what)), left)


def _shifted(evidence: Evidence) -> Iterator[Explained]:
    """A factor and an offset of its own for each channel, as weights and biases have that differ together."""
    if evidence.node.op_type not in ("Conv", "ConvTranspose", "Gemm", "BatchNormalization"):
        return
    found, expected = (np.asarray(_by_channel(evidence, one), np.float64) for one in (evidence.found, evidence.expected))
    if found.shape[1] < LEAST_OF_CHANNEL or not np.isfinite(found).all() or not np.isfinite(expected).all():
        return
    means = [one.mean(axis=1, keepdims=True) for one in (found, expected)]
    ours, theirs = found - means[0], expected - means[1]
    sizes = np.sum(theirs * theirs, axis=1)
    each = np.divide(np.sum(ours * theirs, axis=1), sizes, out=np.ones_like(sizes), where=sizes > 0)
    offsets = means[0][:, 0] - each * means[1][:, 0]
    variant = _along(evidence, each) * evidence.expected + _along(evidence, offsets)
    if (left := evidence.left(variant.astype(evidence.expected.dtype))) < float("inf"):
        alike = np.ptp(each) <= ALIKE * np.abs(each - 1).max()
        sentence = (f"all its {len(each)} channels are {each.mean():.3f} times the graph's" if alike else
                    f"its {len(each)} channels are {each.min():.3f} to {each.max():.3f} times the graph's, each by a factor of its own")
        if (most := float(np.abs(offsets).max())) > evidence.limit * evidence.size:
            sentence += f" and with an offset of up to {short(most)}"
        yield Explained(Cause("weights", sentence), left)


def _factors_told(each: NDArray[np.float64], what: str) -> str:
    """Channels by a factor of their own, of those the ones that stand out if they are few."""
    out = np.abs(each) > max(10 * float(np.median(np.abs(each))), 1e-4)
    some = each[out] if 0 < out.sum() <= max(1, len(each) // 4) else each
    which = _named(out) if len(some) < len(each) else f"all {len(each)} channels"
    many = len(some) > 1
    if np.all(np.abs(1 + some) < 0.02):
        return f"{which} of its {what} {'are' if many else 'is'} zero"
    if np.ptp(some) <= ALIKE * np.abs(some).max():
        return f"{which} of its {what} {'are' if many else 'is'} {1 + some.mean():.3f} times the graph's"
    return f"{which} of its {what} are {1 + some.min():.3f} to {1 + some.max():.3f} times the graph's, each by a factor of its own"


def single(evidence: Evidence) -> Iterator[Explained]:
    """One value of a weight that is another, and the bit of it that is flipped, if it is one."""
    node = evidence.node
    if not evidence.alone or node.op_type not in ("Conv", "Gemm", "MatMul") or len(node.input) < 2 or node.input[0] not in evidence.inputs:
        return
    weight, apart = evidence.constant(node.input[1]), np.subtract(evidence.found, evidence.expected, dtype=np.float64)
    if weight is None or weight.ndim < 2 or not np.isfinite(apart).all():
        return
    squares = np.sum(np.square(_by_channel(evidence, apart)), axis=1)
    channel = int(squares.argmax())
    if squares[channel] < ONE_CHANNEL * squares.sum():
        return
    error = np.take(apart, channel, _axis(node, apart.ndim))
    best = max(_taps(evidence, weight, channel, error.shape), key=lambda tap: _explains(tap[1], error), default=None)
    if best is None:
        return
    index, tap = best
    more = float(np.vdot(tap, error) / max(float(np.vdot(tap, tap)), 1e-300))
    variant = np.moveaxis(np.array(evidence.expected, np.float64), _axis(node, apart.ndim), 0)
    variant[channel] += more * tap
    left = evidence.left(np.moveaxis(variant, 0, _axis(node, apart.ndim)))
    if left < float("inf"):
        yield Explained(Cause("weights", _told(node.input[1], index, float(weight[index]), more)), left)


def _taps(evidence: Evidence, weight: NDArray[Any], channel: int, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], NDArray[Any]]]:
    """Each value of the weight that makes a channel, by its index, with what it is multiplied with."""
    node, values = evidence.node, np.asarray(evidence.inputs[evidence.node.input[0]], np.float64)
    said = {one.name: one for one in node.attribute}
    if node.op_type != "Conv":
        turned = "transB" in said and said["transB"].i
        if weight.ndim == 2 and not ("transA" in said and said["transA"].i):
            yield from (((channel, one) if turned else (one, channel), values[..., one]) for one in range(values.shape[-1]))
        return
    axes = weight.ndim - 2
    pads = list(said["pads"].ints) if "pads" in said else [0] * 2 * axes
    steps, apart = ([*said[name].ints] if name in said else [1] * axes for name in ("strides", "dilations"))
    padded = np.pad(values, [(0, 0), (0, 0), *zip(pads[:axes], pads[axes:], strict=True)])
    first = channel // (weight.shape[0] // (values.shape[1] // weight.shape[1])) * weight.shape[1]
    for place in product(*map(range, weight.shape[2:])):
        window = tuple(slice(at * gap, at * gap + step * (size - 1) + 1, step)
                       for at, gap, step, size in zip(place, apart, steps, shape[1:], strict=True))
        yield from (((channel, one, *place), padded[(slice(None), first + one, *window)]) for one in range(weight.shape[1]))


def _explains(tap: NDArray[Any], error: NDArray[Any]) -> float:
    """The share of an error that a multiple of *tap* explains."""
    size = float(np.vdot(tap, tap)) * float(np.vdot(error, error))
    return float(np.vdot(tap, error)) ** 2 / size if size > 0 and tap.shape == error.shape else 0.0


def _told(name: str, index: tuple[int, ...], value: float, more: float) -> str:
    place = f"{name}[{', '.join(map(str, index))}]"
    for kind, whole, bits in ((np.float32, "u4", 32), (np.float16, "u2", 16)):
        ones = np.left_shift(np.ones(1, whole), np.arange(bits, dtype=whole))
        with np.errstate(invalid="ignore", over="ignore"):
            flipped = (np.array([value], kind).view(whole) ^ ones).view(kind).astype(np.float64)
            fits = np.flatnonzero(np.abs(flipped - (value + more)) <= 1e-3 * abs(more))
        if len(fits):
            return f"bit {fits[0]} of {place} as {np.dtype(kind)} is flipped: {short(value)} became {short(value + more)}"
    return f"{place} is {short(value + more)} where the graph's is {short(value)}"


def _axis(node: onnx.NodeProto, axes: int) -> int:
    """The axis of the output's channels."""
    return axes - 1 if node.op_type == "MatMul" else min(1, axes - 1)


def _by_channel(evidence: Evidence, values: NDArray[Any]) -> NDArray[Any]:
    """A tensor as [channels, all else]."""
    return np.moveaxis(values, _axis(evidence.node, values.ndim), 0).reshape(values.shape[_axis(evidence.node, values.ndim)], -1)


def _along(evidence: Evidence, values: NDArray[Any]) -> NDArray[Any]:
    """Values of the channels, shaped so that they spread over the output."""
    axes, axis = evidence.expected.ndim, _axis(evidence.node, evidence.expected.ndim)
    return values.reshape([-1 if one == axis else 1 for one in range(axes)])


def _named(which: NDArray[np.bool_]) -> str:
    """The channels in words."""
    numbers = [str(one) for one in np.flatnonzero(which)[:SHOWN]]
    more = " ..." if which.sum() > SHOWN else ""
    return f"channel{'s' if which.sum() > 1 else ''} {', '.join(numbers)}{more} of {len(which)}"
