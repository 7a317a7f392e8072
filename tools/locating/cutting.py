"""Graphs made of a whole one: with more outputs, or cut into parts that each read the reference's tensors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tools.locating.values import Span, Tensors
from tools.locating.whole import Whole

if TYPE_CHECKING:
    import onnx

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
    model.graph.output.extend(_told(whole, name) for name in names if name not in whole.outputs)
    return model


def cut(whole: Whole, spans: Sequence[Span], tensors: Tensors) -> Cut:
    """The *spans* of a graph, each of which reads only what it is fed; it gives what they make, by its name.

    tensors: what the spans read of each other and of the graph's inputs, for its types.
    """
    import onnx
    from onnx import helper

    model = onnx.ModelProto()
    model.CopyFrom(whole.model)
    graph = model.graph
    del graph.node[:], graph.initializer[:], graph.input[:], graph.output[:], graph.value_info[:]
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
        graph.output.extend(_told(whole, name) for name in whole.made(span))
    graph.initializer.extend(whole.constants[name] for name in used)
    graph.input.extend(helper.make_tensor_value_info(given, helper.np_dtype_to_tensor_dtype(tensors[name].dtype), tensors[name].shape)
                       for name, given in fed.items())
    return Cut(model, tuple((given, name) for name, given in fed.items()), tuple(spans))


def _told(whole: Whole, name: str) -> onnx.ValueInfoProto:
    """A tensor as an output, with its type where that is known."""
    import onnx

    told = onnx.ValueInfoProto(name=name)
    if name in whole.types:
        told.type.CopyFrom(whole.types[name])
    return told
