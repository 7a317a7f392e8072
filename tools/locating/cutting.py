"""Graphs made of a whole one: with more outputs, or cut into parts that each read the reference's tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tools.locating.values import Span, Tensors
from tools.locating.whole import Whole

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

FED = "fed"


@dataclass(frozen=True, slots=True)
class Cut:
    """Parts of a graph in one *model*, none of which reads what another makes.

    fed: each input of the model, with the tensor of the whole that it takes the place of. spans: the parts.
    """

    model: onnx.ModelProto
    fed: tuple[tuple[str, str], ...]
    spans: tuple[Span, ...]

    def feeds(self, tensors: Tensors) -> Tensors:
        """The inputs, of the whole's tensors."""
        return {name: tensors[tensor] for name, tensor in self.fed}


def with_outputs(whole: Whole, names: Iterable[str]) -> onnx.ModelProto:
    """The whole graph, which gives the tensors *names* beside its own outputs."""
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(whole.model)
    model.graph.output.extend(_told(whole, name) for name in dict.fromkeys(names) if name not in whole.outputs)
    return model


def cut(whole: Whole, spans: Sequence[Span], tensors: Tensors, names: Iterable[str] | None = None) -> Cut:
    """The *spans* of a graph, each of which reads only what it is fed; it gives what they make, by its name.

    tensors: what the spans read of each other and of the graph's inputs, and make, where that is known.
    names: the tensors that it gives instead, which may lie inside the spans.
    """
    model = _empty(whole.model)
    graph = model.graph
    fed: dict[str, str] = {}
    used: dict[str, None] = {}
    for span in spans:
        for name in whole.read(span):
            fed.setdefault(name, f"{FED}_{len(fed)}")
        outside = {name: fed[name] for name in whole.read(span)}
        for node in whole.nodes[span.start : span.stop]:
            used.update(dict.fromkeys(name for name in node.input if name in whole.constants))
            graph.node.add().CopyFrom(node)
            graph.node[-1].input[:] = [outside.get(name, name) for name in node.input]
    given = [name for span in spans for name in whole.made(span)] if names is None else names
    graph.output.extend(_told(whole, name, tensors.get(name)) for name in dict.fromkeys(given))
    graph.initializer.extend(whole.constants[name] for name in used)
    graph.input.extend(_as_it_is(fed_as, tensors[name]) for name, fed_as in fed.items())
    return Cut(model, tuple((fed_as, name) for name, fed_as in fed.items()), tuple(spans))


def _empty(model: onnx.ModelProto) -> onnx.ModelProto:
    """A model like another, of the same opset, without a graph."""
    import onnx

    made = onnx.ModelProto(ir_version=model.ir_version, producer_name=model.producer_name)
    made.opset_import.extend(model.opset_import)
    made.functions.extend(model.functions)
    made.graph.name = model.graph.name
    return made


def _told(whole: Whole, name: str, tensor: NDArray[Any] | None = None) -> onnx.ValueInfoProto:
    """A tensor as an output: as it is, or with its type where that can be inferred."""
    import onnx

    if tensor is not None:
        return _as_it_is(name, tensor)
    told = onnx.ValueInfoProto(name=name)
    if name in whole.types:
        told.type.CopyFrom(whole.types[name])
    return told


def _as_it_is(name: str, tensor: NDArray[Any]) -> onnx.ValueInfoProto:
    from onnx import helper

    told: onnx.ValueInfoProto = helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(tensor.dtype), tensor.shape)
    return told
