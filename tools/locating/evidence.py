"""What is known about nodes that err: what they read, what they should make, and what the device makes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.engines.onnxruntime_session import failures
from tools.errors import EngineError
from tools.locating.difference import difference
from tools.locating.values import Cause, Difference, Runs, Tensors
from tools.locating.whole import Whole

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

BYTES = 32 * 2**20  # of what the nodes read and make; of more, only the rows that err most are looked at
BY_ROW = {"Conv", "ConvTranspose", "BatchNormalization", "Relu", "LeakyRelu", "Clip", "Sigmoid", "Tanh", "Exp", "MaxPool", "AveragePool",
          "GlobalAveragePool", "GlobalMaxPool"}  # whose first axis is one of separate rows
ELEMENTWISE = {"Add", "Sub", "Mul", "Div", "Sum"}
SHARE = 4  # an explanation leaves at most one part in so many of what it explains
SAMPLE = 4096  # values that are compared before all of them are


@dataclass(frozen=True, slots=True)
class Evidence:
    """*nodes* that err, fed the same *inputs* on both sides.

    output: the tensor of theirs that differs most; expected: the reference's, found: the device's, which is
    *apart* from it. size: the root mean square of what is expected. limit: the error that is news here.
    """

    whole: Whole
    nodes: tuple[onnx.NodeProto, ...]
    inputs: Tensors
    output: str
    expected: NDArray[Any]
    found: NDArray[Any]
    apart: Difference
    size: float
    reference: Runs
    precision: str
    limit: float

    @property
    def node(self) -> onnx.NodeProto:
        """The last of the nodes, or the only one."""
        return self.nodes[-1]

    @property
    def alone(self) -> bool:
        """Whether it is one node, so that what it makes follows from its operator."""
        return len(self.nodes) == 1

    def constant(self, name: str) -> NDArray[Any] | None:
        """The graph's constant of this name."""
        from onnx import numpy_helper

        tensor = self.whole.constants.get(name)
        return None if tensor is None else numpy_helper.to_array(tensor)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of a tensor that the nodes read or make; empty where it is not known."""
        if name in self.inputs:
            return self.inputs[name].shape
        kind = self.whole.types.get(name)
        return () if kind is None else tuple(axis.dim_value for axis in kind.tensor_type.shape.dim)

    def softmax_axis(self, node: onnx.NodeProto) -> int:
        """The axis of a Softmax; up to opset 12 it is 1 where none is said."""
        opset = next(one.version for one in self.whole.model.opset_import if one.domain in ("", "ai.onnx"))
        return next((int(one.i) for one in node.attribute if one.name == "axis"), 1 if opset < 13 else -1)

    def made(self, nodes: Sequence[onnx.NodeProto] | None = None, inputs: Tensors | None = None,
             constants: Tensors | None = None) -> NDArray[Any] | None:
        """What the reference makes of other nodes, inputs or constants; None where it refuses them."""
        import onnx
        from onnx import helper, numpy_helper

        nodes, feeds = nodes or self.nodes, {**self.inputs, **(inputs or {})}
        held = {name: self.constant(name) for node in nodes for name in node.input} | dict(constants or {})
        graph = helper.make_graph(
            list(nodes), "variant", [helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
                                     for name, value in feeds.items()],
            [onnx.ValueInfoProto(name=self.output)], [numpy_helper.from_array(np.ascontiguousarray(value), name)
                                                      for name, value in held.items() if value is not None])
        model = helper.make_model(graph, opset_imports=self.whole.model.opset_import, ir_version=self.whole.model.ir_version)
        refusals: tuple[type[Exception], ...] = (EngineError, *failures())
        try:
            made = self.reference(model, feeds)[self.output]
        except refusals:
            return None
        return made if made.shape == self.expected.shape else None

    def left(self, variant: NDArray[Any] | None) -> float:
        """The error that remains if the device computes *variant*; infinite if that does not explain it.

        variant: as many values as the output has, in the order of its memory, whatever its shape.
        """
        if variant is None or self.apart.unusual or not self.may_be(self.found, variant):
            return float("inf")
        remains = difference(self.found, variant.reshape(self.found.shape)).weight
        return remains if remains <= self._most else float("inf")

    def may_be(self, found: NDArray[Any], variant: NDArray[Any]) -> bool:
        """Whether a sample of two tensors, or of pieces of them, allows that one explains the other."""
        if variant.size != found.size or not found.size:
            return False
        places = np.random.default_rng(0).integers(0, found.size, SAMPLE) if found.size > SAMPLE else np.arange(found.size)
        ours, theirs = (np.asarray(one.flat[places], np.float64) for one in (found, variant))
        with np.errstate(invalid="ignore", over="ignore"):
            return bool(np.sqrt(np.mean(np.square(ours - theirs))) <= SHARE * self._most * (self.size or np.inf))

    @property
    def _most(self) -> float:
        """What an explanation may leave."""
        return min(self.limit, self.apart.rms / SHARE)


@dataclass(frozen=True, slots=True)
class Explained:
    """A cause that would leave only *rms* of the error."""

    cause: Cause
    rms: float


def size_of(values: NDArray[Any]) -> float:
    """The root of the mean square of values that are finite."""
    finite = values[np.isfinite(values)].astype(np.float64)
    return float(np.sqrt(np.mean(np.square(finite)))) if finite.size else 0.0


def thinned(evidence: Evidence) -> Evidence:
    """The evidence of the rows that err most, where all of it is large and its rows are separate."""
    rows = len(evidence.expected) if evidence.expected.ndim else 0
    tensors = (evidence.expected, *evidence.inputs.values())
    size = sum(one.nbytes for one in tensors)
    if size <= BYTES or rows < 2 or not all(_by_row(evidence, node) for node in evidence.nodes) or any(
            one.shape[:1] != (rows,) for one in tensors):
        return evidence
    with np.errstate(invalid="ignore", over="ignore"):
        error = np.abs(np.subtract(evidence.found, evidence.expected, dtype=np.float64)).reshape(rows, -1).max(axis=1)
    kept = np.sort(np.argsort(-np.nan_to_num(error, nan=np.inf))[: max(1, rows * BYTES // size)])
    expected, found = evidence.expected[kept], evidence.found[kept]
    inputs: Mapping[str, NDArray[Any]] = {name: value[kept] for name, value in evidence.inputs.items()}
    return replace(evidence, inputs=inputs, expected=expected, found=found, apart=difference(found, expected),
                   size=size_of(expected))


def _by_row(evidence: Evidence, node: onnx.NodeProto) -> bool:
    """Whether a node treats each row of its first axis by itself, and no constant of it has as many rows."""
    shapes = [value.shape for name in node.input if (value := evidence.constant(name)) is not None]
    alike = node.op_type in ELEMENTWISE and all(len(one) < evidence.expected.ndim or one[0] == 1 for one in shapes)
    return node.op_type in BY_ROW or alike
