"""A cause is named where it explains what the device gives, and only there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from suites.selftest.locating.small import Arrays, attribute, device, named, node, normal, weights, whole
from tools.locating.values import Runs
from tools.locating.whole import Whole

IMAGE = normal(2, 6, 9, 10)
KERNEL = {"w": normal(8, 6, 3, 3, seed=1, scale=0.2), "b": normal(8, seed=2)}
NORM = {"scale": 1 + normal(6, seed=3, scale=0.1), "bias": normal(6, seed=4), "mean": normal(6, seed=5, scale=0.1),
        "var": np.linspace(0.01, 1.5, 6, dtype=np.float32)}
VIDEO = normal(2, 4, 6, 5, 5)


def conv() -> tuple[Whole, Arrays]:
    feeds = {"x": IMAGE}
    return whole([node("Conv", ["x", "w", "b"], "y", pads=[1, 1, 1, 1])], feeds, KERNEL), feeds


def bare() -> tuple[Whole, Arrays]:
    """A convolution that says nothing of padding, steps or gaps."""
    return whole([node("Conv", ["x", "w", "b"], "y")], {"x": IMAGE}, KERNEL), {"x": IMAGE}


def norm() -> tuple[Whole, Arrays]:
    feeds = {"x": IMAGE}
    return whole([node("BatchNormalization", ["x", *NORM], "y", epsilon=1e-5)], feeds, NORM), feeds


def gemm() -> tuple[Whole, Arrays]:
    feeds = {"x": normal(16, 12)}
    return whole([node("Gemm", ["x", "w", "b"], "y")], feeds, {"w": normal(12, 12, seed=1), "b": normal(12, seed=2)}), feeds


def relu() -> tuple[Whole, Arrays]:
    return whole([node("Relu", ["x"], "y")], {"x": IMAGE}, {}), {"x": IMAGE}


def reshape() -> tuple[Whole, Arrays]:
    return whole([node("Reshape", ["x", "to"], "y")], {"x": VIDEO}, {"to": np.array([8, 6, 5, 5])}), {"x": VIDEO}


def transpose() -> tuple[Whole, Arrays]:
    return whole([node("Transpose", ["x"], "y", perm=[0, 2, 1, 3, 4])], {"x": VIDEO}, {}), {"x": VIDEO}


def sliced() -> tuple[Whole, Arrays]:
    held = {"begins": np.array([1, 0]), "ends": np.array([4, 3]), "axes": np.array([1, 2]), "steps": np.array([1, 1])}
    return whole([node("Slice", ["x", *held], "y")], {"x": VIDEO}, held), {"x": VIDEO}


def grouped() -> tuple[Whole, Arrays]:
    feeds = {"x": IMAGE}
    return whole([node("Conv", ["x", "w"], "y", pads=[2, 1, 0, 1], group=2)], feeds, {"w": normal(8, 3, 3, 3, seed=1)}), feeds


def halved() -> tuple[Whole, Arrays]:
    held = {"begins": np.array([2]), "ends": np.array([4]), "axes": np.array([1])}
    return whole([node("Slice", ["x", *held], "y")], {"x": VIDEO}, held), {"x": VIDEO}


def gathered() -> tuple[Whole, Arrays]:
    return whole([node("Gather", ["x", "which"], "y", axis=1)], {"x": VIDEO}, {"which": np.array([0, 1])}), {"x": VIDEO}


def joined() -> tuple[Whole, Arrays]:
    feeds = {"x": VIDEO, "zeros": np.zeros_like(VIDEO[:, :1])}
    return whole([node("Concat", ["x", "zeros"], "y", axis=1)], feeds, {}), feeds


def pool() -> tuple[Whole, Arrays]:
    feeds = {"x": IMAGE - 5}
    return whole([node("MaxPool", ["x"], "y", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1])], feeds, {}), feeds


def softmax() -> tuple[Whole, Arrays]:
    return whole([node("Softmax", ["x"], "y", axis=1)], {"x": IMAGE}, {}), {"x": IMAGE}


def all_weights(value: np.ndarray) -> None:
    value *= 1.01


def one_channel(value: np.ndarray) -> None:
    value[3] = 0


def some_channels(value: np.ndarray) -> None:
    value[2:4] *= 1.3


def gains(value: np.ndarray) -> None:
    value *= np.linspace(0.8, 0.94, 8, dtype=np.float32).reshape(-1, *[1] * (value.ndim - 1))
    value += value.ndim == 1


def a_bit(value: np.ndarray) -> None:
    raw = value.view(np.uint32)
    raw[5, 2, 1, 0] ^= 1 << 25


def a_value(value: np.ndarray) -> None:
    value[3, 7] += 0.777


def edges(model: Any) -> None:
    from onnx import helper, numpy_helper

    [one] = model.graph.node
    attribute("Conv", "pads", [0, 0, 0, 0])(model)
    model.graph.initializer.append(numpy_helper.from_array(np.array([0, 0, 1, 1, 0, 0, 1, 1]), "around"))
    model.graph.node.insert(0, helper.make_node("Pad", [one.input[0], "around"], ["padded"], mode="edge"))
    model.graph.node[1].input[0] = "padded"


def first_half(model: Any) -> None:
    weights(next(one.input[1] for one in model.graph.node if one.op_type == "Slice"), lambda value: value.__setitem__(0, 0))(model)
    weights(next(one.input[2] for one in model.graph.node if one.op_type == "Slice"), lambda value: value.__setitem__(0, 2))(model)


def one_on(value: np.ndarray) -> None:
    value += 1


def turned(value: np.ndarray) -> None:
    value[:] = value[:, :, ::-1, ::-1].copy()


def reversed_inputs(model: Any) -> None:
    for one in model.graph.node:
        if one.op_type == "Concat":
            one.input[:] = list(one.input)[::-1]


def identity(model: Any) -> None:
    for one in model.graph.node:
        one.op_type = "Identity"


def half(values: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return values.astype(np.float16).astype(np.float32)


def earlier(model: Any) -> None:
    weights(next(one.input[1] for one in model.graph.node if one.op_type == "Slice"), lambda value: value.__setitem__(0, 0))(model)
    weights(next(one.input[2] for one in model.graph.node if one.op_type == "Slice"), lambda value: value.__setitem__(0, 3))(model)


@dataclass(frozen=True)
class Fault:
    """A device that computes something else, the kind of cause that it has, and words of its sentence."""

    graph: Callable[[], tuple[Whole, Arrays]]
    device: Runs
    kind: str
    words: str


FAULTS = {
    "weight-scaled": Fault(conv, device(weights("w", all_weights)), "weights",
                           "all 8 channels of its weight w are 1.010 times the graph's"),
    "channel-zeroed": Fault(conv, device(weights("w", one_channel)), "weights", "channel 3 of 8 of its weight w is zero"),
    "channel-silent": Fault(conv, device(lambda model: (weights("w", one_channel)(model), weights("b", one_channel)(model))[0]), "weights",
                            "channel 3 of 8 of its output is zero"),
    "channels-scaled": Fault(conv, device(weights("w", some_channels)), "weights", "channels 2, 3 of 8 of its weight w are 1.300 times"),
    "norm-folded": Fault(conv, device(lambda model: (weights("w", gains)(model), weights("b", gains)(model))[0]), "weights",
                         "its 8 channels are 0.800 to 0.940 times the graph's, each by a factor of its own and with an offset of up to"),
    "bit-flipped": Fault(conv, device(weights("w", a_bit)), "weights", "bit 25 of w[5, 2, 1, 0] as float32 is flipped"),
    "value-changed": Fault(gemm, device(weights("w", a_value)), "weights", "w[3, 7] is "),
    "matrix-turned": Fault(gemm, device(weights("w", lambda value: value.__setitem__(slice(None), value.T.copy()))), "axis",
                           "the axes of its weight are swapped"),
    "gain-scaled": Fault(norm, device(weights("scale", all_weights)), "weights", "all 6 channels of its scale scale are 1.010 times"),
    "epsilon": Fault(norm, device(attribute("BatchNormalization", "epsilon", 1e-2)), "epsilon", "its epsilon is 1.0e-2 where"),
    "padding-moved": Fault(conv, device(attribute("Conv", "pads", [0, 1, 2, 1])), "padding", "its padding is [0, 1, 2, 1]"),
    "padding-moved-both": Fault(conv, device(attribute("Conv", "pads", [2, 2, 0, 0])), "padding", "its padding is [2, 2, 0, 0]"),
    "padding-ends-swapped": Fault(grouped, device(attribute("Conv", "pads", [0, 1, 2, 1])), "padding", "its padding is [0, 1, 2, 1]"),
    "padding-edge": Fault(conv, device(edges), "padding", "it pads with the values at the edge"),
    "bit-in-a-group": Fault(grouped, device(weights("w", a_bit)), "weights", "bit 25 of w[5, 2, 1, 0] as float32 is flipped"),
    "bit-without-padding": Fault(bare, device(weights("w", a_bit)), "weights", "bit 25 of w[5, 2, 1, 0] as float32 is flipped"),
    "slice-other-end": Fault(halved, device(first_half), "shift", "it takes 0:2 where the graph says 2:4"),
    "gather-moved": Fault(gathered, device(weights("which", one_on)), "shift", "it takes what lies 1 beside"),
    "kernel-turned": Fault(conv, device(weights("w", turned)), "axis", "its kernel is turned over along all axes"),
    "relu-missing": Fault(relu, device(identity), "missing", "as if Relu were missing"),
    "shift-reversed": Fault(joined, device(reversed_inputs), "shift", "its inputs are joined in the reverse order"),
    "slice-moved": Fault(sliced, device(earlier), "shift", "it takes 0:3 where the graph says 1:4"),
    "axis-swapped": Fault(reshape, device(after=lambda one: VIDEO.swapaxes(1, 2).reshape(one.shape)), "axis",
                          "axes 1 and 2 of its input are swapped"),
    "order-of-axes": Fault(transpose, device(attribute("Transpose", "perm", [0, 2, 1, 4, 3])), "axis", "[0, 2, 1, 4, 3]"),
    "softmax-axis": Fault(softmax, device(attribute("Softmax", "axis", 2)), "axis", "it is taken over axis 2"),
    "output-rolled": Fault(relu, device(after=lambda one: np.roll(one, 1, axis=3)), "shift", "its output is rolled by 1 along axis 3"),
    "output-turned": Fault(relu, device(after=lambda one: one[..., ::-1].copy()), "shift", "its output is turned over along axis 3"),
    "output-in-half": Fault(conv, device(after=half), "rounding", "its output is the reference's rounded to fp16"),
    "another-shape": Fault(conv, device(attribute("Conv", "pads", [0, 0, 0, 0])), "shape", "its output is [2, 8, 7, 8]"),
}


@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_named_first(fault: Fault) -> None:
    """The first cause that is told is the one that the device has."""
    graph, feeds = fault.graph()

    found = named(graph, feeds, fault.device)

    assert len({one.sentence for one in found}) == len(found) <= 3
    assert fault.kind == found[0].kind
    assert fault.words in found[0].sentence


@pytest.mark.parametrize("graph", [conv, norm, gemm, relu, reshape, joined, pool])
def test_noise_has_no_cause(graph: Callable[[], tuple[Whole, Arrays]]) -> None:
    """An error that nothing explains is given no cause."""
    made, feeds = graph()

    assert named(made, feeds, device(after=lambda one: one + normal(*one.shape, seed=9, scale=0.01))) == ()


def more(value: np.ndarray) -> None:
    value *= np.float32(1.006)


@pytest.mark.parametrize(("precision", "noise", "count"), [("fp16", 3e-3, 0), ("fp16", 5e-4, 1), ("fp32", 5e-4, 0)])
def test_half_an_explanation_is_none(precision: str, noise: float, count: int) -> None:
    """A cause leaves no more than is usual, and far less than the error that it explains."""
    graph, feeds = conv()
    size = float(np.sqrt(np.mean(np.square(device()(graph.model, feeds)["y"]))))

    found = named(graph, feeds, device(weights("w", more), lambda one: one + normal(*one.shape, seed=5, scale=noise * size)), precision)

    assert count == len(found)


def test_only_the_best_of_several_explanations_is_told() -> None:
    """What falls out at the other end is told from zeros where both are near."""
    feeds = {"x": np.abs(IMAGE)}
    feeds["x"][..., -1] *= 1e-3
    graph = whole([node("Relu", ["x"], "y")], feeds, {})

    found = named(graph, feeds, device(after=lambda one: np.roll(one, 1, axis=3) + normal(*one.shape, seed=6, scale=1e-5)), "fp16")

    assert ["its output is rolled by 1 along axis 3"] == [one.sentence for one in found]
