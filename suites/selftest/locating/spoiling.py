"""One fault put into a graph: into the nodes of one name, be it the whole graph or a part that has them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import onnx

Kind = Literal["scaled-weight", "zeroed-channel", "reversed-shift", "padding", "no-relu", "epsilon", "overflow", "swapped-axes",
               "half-output", "wrong-constant", "dropped-node"]
KINDS: tuple[Kind, ...] = get_args(Kind)
WIDE_EPSILON = 1e-2
ONE_PERCENT = np.float32(1.01)


@dataclass(frozen=True, slots=True)
class Fault:
    """A *kind* of fault in the *node* of that name.

    number: the channel, axis or input that it is about. reader: of an overflow, the node whose weights make
    up for it. factors, offsets: what each channel is multiplied by, and what is added to its bias then.
    shape: of what a Reshape makes.
    """

    kind: Kind
    node: str
    number: int = 0
    reader: str = ""
    factors: tuple[float, ...] = ()
    offsets: tuple[float, ...] = ()
    shape: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class _Spoilt:
    """A graph that is being changed, its constants by name."""

    graph: onnx.GraphProto
    constants: Mapping[str, onnx.TensorProto]

    def values(self, node: onnx.NodeProto, number: int) -> NDArray[Any] | None:
        """The constant that is this input of *node*; None if it is none."""
        from onnx import numpy_helper

        name = node.input[number] if number < len(node.input) else ""
        values: NDArray[Any] | None = numpy_helper.to_array(self.constants[name]) if name in self.constants else None
        return values

    def set(self, node: onnx.NodeProto, number: int, values: NDArray[Any]) -> None:
        """Let this input of *node*, of no other, be a constant of these values."""
        from onnx import numpy_helper

        name = f"{node.input[number]}__planted_{len(self.graph.initializer)}"
        self.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        node.input[number] = name

    def follow(self, node: onnx.NodeProto, *more: onnx.NodeProto) -> None:
        """Let *more*, the first of which reads `__planted`, follow *node* and make what it made."""
        made = node.output[0]
        node.output[0] = f"{made}__planted"
        place = list(self.graph.node).index(node) + 1
        for step, one in enumerate(more):
            one.input[0] = f"{made}__planted" if step == 0 else f"{made}__planted_{step}"
            one.output[0] = made if step == len(more) - 1 else f"{made}__planted_{step + 1}"
            self.graph.node.insert(place + step, one)


def planted(model: onnx.ModelProto, fault: Fault) -> onnx.ModelProto:
    """*model* with the fault in all nodes of its name; the same model where it has none."""
    import onnx

    made = onnx.ModelProto()
    made.CopyFrom(model)
    held = {node.output[0]: node.attribute[0].t for node in made.graph.node
            if node.op_type == "Constant" and node.attribute[0].name == "value"}
    spoilt = _Spoilt(made.graph, {**{tensor.name: tensor for tensor in made.graph.initializer}, **held})
    for node in list(made.graph.node):
        if fault.node in (node.name, *node.output):
            SPOIL[fault.kind](spoilt, node, fault)
        elif fault.reader and fault.reader in (node.name, *node.output):
            _multiply(spoilt, node, 1 / fault.factors[0], bias=False)
    return made


def channel_axis(node: onnx.NodeProto) -> int:
    """The axis of a node's weights that counts what it makes."""
    if node.op_type == "Conv":
        return 0
    turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return 0 if node.op_type == "Gemm" and turned else -1


def _scaled(spoilt: _Spoilt, node: onnx.NodeProto, fault: Fault) -> None:
    weights = spoilt.values(node, 1)
    assert weights is not None
    spoilt.set(node, 1, weights * ONE_PERCENT)


def _multiply(spoilt: _Spoilt, node: onnx.NodeProto, factor: float, *, bias: bool) -> None:
    for number in (1, 2) if bias else (1,):
        values = spoilt.values(node, number)
        if values is not None:
            spoilt.set(node, number, values * np.float32(factor))


def _zeroed(spoilt: _Spoilt, node: onnx.NodeProto, fault: Fault) -> None:
    weights, bias = spoilt.values(node, 1), spoilt.values(node, 2)
    assert weights is not None
    weights = np.moveaxis(weights.copy(), channel_axis(node), 0)
    weights[fault.number] = 0
    spoilt.set(node, 1, np.moveaxis(weights, 0, channel_axis(node)))
    if bias is not None:
        spoilt.set(node, 2, np.where(np.arange(len(bias)) == fault.number, np.float32(0), bias))


def _reversed(spoilt: _Spoilt, node: onnx.NodeProto, fault: Fault) -> None:
    node.input[:] = list(node.input)[::-1]


def _padded(spoilt: _Spoilt, node: onnx.NodeProto, fault: Fault) -> None:
    [pads] = [attribute for attribute in node.attribute if attribute.name == "pads"]
    first, last = fault.number, fault.number + len(pads.ints) // 2
    step = -1 if pads.ints[first] else 1
    pads.ints[first] += step
    pads.ints[last] -= step


def _passed(spoilt: _Spoilt, node: onnx.NodeProto, fault: Fault) -> None:
    node.op_type = "Identity"
    node.input[:] = [node.input[fault.number]]
    del node.attribute[:]


def _epsilon(spoilt: _Spoilt, node: onnx.NodeProto, fault: Fault) -> None:
    from onnx import helper

    if node.op_type == "BatchNormalization":
        kept = [attribute for attribute in node.attribute if attribute.name != "epsilon"]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute("epsilon", WIDE_EPSILON)])
        return
    weights, bias = spoilt.values(node, 1), spoilt.values(node, 2)
    assert weights is not None
    assert bias is not None
    factors, offsets = np.array(fault.factors, np.float32), np.array(fault.offsets, np.float32)
    spoilt.set(node, 1, weights * factors.reshape(-1, *[1] * (weights.ndim - 1)))
    spoilt.set(node, 2, bias * factors + offsets)


def _overflowing(spoilt: _Spoilt, node: onnx.NodeProto, fault: Fault) -> None:
    _multiply(spoilt, node, fault.factors[0], bias=True)


def _swapped(spoilt: _Spoilt, node: onnx.NodeProto, fault: Fault) -> None:
    from onnx import helper

    order = list(range(len(fault.shape)))
    order[fault.number : fault.number + 2] = [fault.number + 1, fault.number]
    if node.op_type == "Flatten":
        node.op_type = "Reshape"
        del node.attribute[:]
        node.input.append("")
    name = f"{node.output[0]}__shape"
    spoilt.graph.initializer.append(helper.make_tensor(name, 7, [len(order)], [fault.shape[axis] for axis in order]))
    node.input[1] = name
    spoilt.follow(node, helper.make_node("Transpose", [""], [""], perm=order))


def _half(spoilt: _Spoilt, node: onnx.NodeProto, fault: Fault) -> None:
    from onnx import TensorProto, helper

    spoilt.follow(node, helper.make_node("Cast", [""], [""], to=TensorProto.FLOAT16),
                  helper.make_node("Cast", [""], [""], to=TensorProto.FLOAT))


def _wrong(spoilt: _Spoilt, node: onnx.NodeProto, fault: Fault) -> None:
    values = spoilt.values(node, fault.number)
    assert values is not None
    spoilt.set(node, fault.number, values * np.float32(2))


SPOIL: Mapping[Kind, Callable[[_Spoilt, Any, Fault], None]] = {
    "scaled-weight": _scaled, "zeroed-channel": _zeroed, "reversed-shift": _reversed, "padding": _padded, "no-relu": _passed,
    "epsilon": _epsilon, "overflow": _overflowing, "swapped-axes": _swapped, "half-output": _half, "wrong-constant": _wrong,
    "dropped-node": _passed}
