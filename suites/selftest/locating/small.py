"""Graphs of one node or a few, and devices that compute something else: for tests of causes and dumps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tools.locating.causes import causes
from tools.locating.difference import difference
from tools.locating.on_cpu import as_written
from tools.locating.values import Cause, Found, Runs, Tensors
from tools.locating.whole import Whole

Arrays = Mapping[str, np.ndarray]
Spoils = Callable[[Any], None]  # changes a model in place


def normal(*shape: int, seed: int = 0, scale: float = 1.0) -> np.ndarray:
    return (np.random.default_rng(seed).normal(size=shape) * scale).astype(np.float32)


def node(kind: str, inputs: Sequence[str], output: str, **attributes: object) -> Any:
    """A node named after what it makes."""
    from onnx import helper

    return helper.make_node(kind, list(inputs), [output], name=f"{kind}_{output}", **attributes)


def whole(nodes: Sequence[Any], feeds: Arrays, constants: Arrays, opset: int = 13) -> Whole:
    """A graph of these nodes, which gives what the last of them makes."""
    import onnx
    from onnx import helper, numpy_helper

    inputs = [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(one.dtype), one.shape) for name, one in feeds.items()]
    graph = helper.make_graph(list(nodes), "small", inputs, [onnx.ValueInfoProto(name=nodes[-1].output[0])],
                              [numpy_helper.from_array(one, name) for name, one in constants.items()])
    return Whole(helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8))


def device(spoil: Spoils | None = None, after: Callable[[np.ndarray], np.ndarray] | None = None) -> Runs:
    """What runs a model that *spoil* has changed, and gives its outputs changed by *after*."""
    def runs(model: Any, feeds: Tensors) -> dict[str, np.ndarray]:
        import onnx

        other = onnx.ModelProto()
        other.CopyFrom(model)
        if spoil is not None:
            spoil(other)
        return {name: after(one) if after else one for name, one in as_written(other, feeds).items()}

    return runs


def weights(name: str, change: Callable[[np.ndarray], None]) -> Spoils:
    """Change a constant of a model in place."""
    def spoil(model: Any) -> None:
        from onnx import numpy_helper

        for tensor in model.graph.initializer:
            if tensor.name == name:
                value = numpy_helper.to_array(tensor).copy()
                change(value)
                tensor.CopyFrom(numpy_helper.from_array(value, name))

    return spoil


def attribute(kind: str, name: str, value: Any) -> Spoils:
    """Give the nodes of a kind another value of an attribute."""
    def spoil(model: Any) -> None:
        from onnx import helper

        for one in model.graph.node:
            if one.op_type == kind:
                kept = [held for held in one.attribute if held.name != name]
                del one.attribute[:]
                one.attribute.extend([*kept, helper.make_attribute(name, value)])

    return spoil


def named(graph: Whole, feeds: Arrays, runs: Runs, precision: str = "fp32", start: int = 0, stop: int | None = None) -> tuple[Cause, ...]:
    """The causes of the nodes from *start* on, on a device: of one, or of several up to *stop*."""
    from tools.locating.values import Span

    span = graph.node(start) if stop is None else Span("several", start, stop)
    limit = 2e-5 if precision == "fp32" else 4e-3
    ours, theirs = (next(iter(one(graph.model, feeds).values())) for one in (runs, as_written))
    own = difference(ours, theirs)
    assert own.weight > limit, "the device is not wrong"
    found = Found("node" if stop is None else "together", span, span, own, limit / 8, limit, (), (), 0)
    return causes(graph, found, feeds, as_written, runs, precision)
