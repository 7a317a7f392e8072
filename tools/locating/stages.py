"""From torch to the graph that a device is given: each stage's scores beside those of the stage before.

The stages are torch, its export, onnxsim, surgery, and with `--graph` a person's own file instead. Where the
scores of two differ, their tensors are compared, up to the first node that computes something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tools.deployment import compile as deploy
from tools.deployment import export, given, own_graph, specialise
from tools.deployment.onnx_file import INSPECT, ports
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights
from tools.engines.fit import Fit, exact, fitted
from tools.errors import GraphError
from tools.locating import simplified
from tools.locating.closeness import apart, resolution
from tools.locating.in_torch import InTorch
from tools.locating.rewritten import Begins, Fed, begins, changed_constants, counterparts
from tools.locating.values import Difference, Span, StageSeen, Tensors
from tools.locating.whole import Whole
from tools.measuring.metrics import centred, log_scores
from tools.measuring.scales import Scales
from tools.media.preprocess import Floats
from tools.spec.given import OM
from tools.spec.model import Network, Spec
from tools.storage.context import Context
from tools.storage.elsewhere import missing_makers

if TYPE_CHECKING:
    import onnx

EXACT = "fp32"
LIMITS: Mapping[str, float] = {EXACT: 1e-4}  # differences of scores that are news, by what a graph computes in
ROUGH = 5e-2  # of any other numbers
LAYERS = 0.1  # a layer's share of it, since a difference may grow on its way to the scores
SHOWN = 3


@dataclass(frozen=True)
class Stand:
    """The graph that a stage leaves, with the batch as it takes it.

    fit: how its scores are read. scales: what brings a recogniser's to the network's own scale. precision:
    its numbers.
    """

    name: str
    fed: Fed
    fit: Fit
    scales: Scales | None
    precision: str = EXACT

    @property
    def output(self) -> str:
        """The name of the scores."""
        name: str = self.fed.whole.outputs[self.fit.output]
        return name

    @cached_property
    def rows(self) -> Floats:
        """The scores as the graph gives them."""
        return self.fit.checked(self.fed.tensors([self.output])[self.output])

    @cached_property
    def scores(self) -> Floats:
        """Those of an item [B, ...], on the network's scale."""
        return self.rows if self.scales is None else self.scales.of(self.rows)

    def compared(self, scores: Floats) -> Floats:
        """Probabilities as logarithms, so that a sure network's small ones count; others as they are."""
        return log_scores(scores, softmax=self.scales is not None and self.scales.softmax).astype(np.float32)


def stages(context: Context[Spec], checkpoint: Weights, batch: int, feeds: Tensors) -> tuple[StageSeen, ...]:
    """Each stage of a network beside the one before it, for one batch of real input.

    feeds: the network's own input [batch, ...], by its name, whatever a given graph calls it. Of a network
    that is an ONNX file there is nothing to compare but what `--graph` names.

    Raises:
        ClipgateError: a stage cannot be made, or ONNX Runtime refuses its graph.
    """
    network = checkpoint.network
    clips = np.asarray(feeds[network.input.name], np.float32)
    graphs = [*_graphs(context, checkpoint, batch, clips)]
    found = [rewritten(before, after) for before, after in pairwise(graphs)]
    if network.graph:
        context.say(f"{network.name} is an ONNX file: there is no torch, export or simplifying before it")
    elif lacking := missing_makers(export.stage(checkpoint).key):
        context.say(f"the export is not compared with torch, since this is not installed here: {', '.join(lacking)}")
    else:
        found.insert(0, exported(InTorch(context, checkpoint, clips), graphs[0]))
    return tuple(found)


def seen(name: str, scores: Floats, before: Floats, limit: float, first: Span | None = None, sentence: str = "") -> StageSeen:
    """A stage whose *scores* are compared with those *before* it.

    limit: what is news, unless the scores lie so close together that float32 cannot tell so little.
    """
    return StageSeen(name, apart(scores, before), max(limit, resolution(before)), first, sentence)


def exported(torch: InTorch, graph: Stand) -> StageSeen:
    """The exported graph beside torch."""
    limit = LIMITS[graph.precision]
    found = seen(f"{graph.name} against torch", graph.compared(graph.rows), graph.compared(torch.layers.scores), limit)
    if not found.differs:
        return found
    start = begins(graph.fed, torch.counterparts(graph.fed.whole), torch.tensors, LAYERS * limit, graph.output)
    return _told(found, start, [])


def rewritten(before: Stand, after: Stand) -> StageSeen:
    """A graph beside the one that it was made of, or that it stands for."""
    limit = max(LIMITS.get(one.precision, ROUGH) for one in (before, after))
    name = f"{after.name} against {before.name}"
    found = seen(name, *_on_one_scale(after, before), limit)
    if not found.differs:
        return found
    shared = counterparts(before.fed.whole, after.fed.whole)
    start = begins(after.fed, shared, before.fed.tensors, LAYERS * limit, after.output)
    if start is None:
        return _told(found, None, ["the two graphs share no tensor's name, so that only their scores are compared"])
    weights = changed_constants(before.fed.whole, after.fed.whole, start.span)
    return _told(found, _narrowed(after.fed.whole, start, weights), [_weights(weights, before.name)] if weights else [])


def _on_one_scale(one: Stand, other: Stand) -> tuple[Floats, Floats]:
    """Their scores as they are compared; less their mean where those of one are logits up to a constant."""
    first, second = one.compared(one.scores), other.compared(other.scores)
    shifted = any(stand.scales is not None and stand.scales.shifted for stand in (one, other))
    return (centred(first), centred(second)) if shifted else (first, second)


def _told(found: StageSeen, start: Begins | None, sentences: list[str]) -> StageSeen:
    if start is not None and start.difference is None:
        sentences.insert(0, "all tensors before agree")
    elif start is not None and start.difference is not None:
        sentences.insert(0, f"its tensor differs by {start.difference.relative:.1e} of its range")
    return replace(found, first=start.span if start else None, sentence="; ".join(sentences))


def _narrowed(whole: Whole, start: Begins, weights: Mapping[str, Difference]) -> Begins:
    """The first node of a span that reads a changed weight, where one does."""
    numbers = range(start.span.start, start.span.stop)
    number = next((number for number in numbers if weights.keys() & {*whole.nodes[number].input}), None)
    return start if number is None else Begins(whole.node(number), start.difference)


def _weights(weights: Mapping[str, Difference], before: str) -> str:
    """That constants are others than before."""
    told = [f"{name} by {one.relative:.1e} of its range" for name, one in weights.items()]
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    return f"constants that differ from those of the {before}: {', '.join(told[:SHOWN])}{more}"


def _graphs(context: Context[Spec], checkpoint: Weights, batch: int, clips: Floats) -> Iterator[Stand]:
    """The graph of each stage from the export on, or of a network that is a file, that file."""
    network, settings = checkpoint.network, context.settings
    if network.graph:
        path = own_graph.places(context, network).file(network.name, batch)
        own = given.onnx_graph(context, network, path, batch, own_graph.asked(context.spec, network))
        yield _given("model's own graph", own, network, clips)
    else:
        yield from _ours(context, checkpoint, batch, clips)
    if settings.graph and deploy.given_file(context, network, batch):
        graph = deploy.source_graph(context, checkpoint, batch)
        if graph.path.suffix == OM:
            context.say(f"{graph.path.name} is compiled already: it is not compared with the graph of the model")
        elif graph.given:
            yield _given("given graph", graph, network, clips)


def _ours(context: Context[Spec], checkpoint: Weights, batch: int, clips: Floats) -> Iterator[Stand]:
    network = checkpoint.network
    entry = export.stage(checkpoint).find_or_run(context)
    yield _made("export", entry.file(export.GRAPH), network, clips)
    plain = simplified.stage(network, entry, batch)
    rewrites = network.surgeries(context.settings.surgery)
    there = bool(rewrites) and (not missing_makers(plain.key) or context.store.find(plain.key) is not None)
    if there:
        yield _made("onnxsim", plain.find_or_run(context).file(simplified.file_name(batch)), network, clips)
    last = "surgery" if there else "onnxsim and surgery" if rewrites else "onnxsim"
    yield _made(last, specialise.graph(context, checkpoint, batch).path, network, clips)


def _made(name: str, path: Path, network: Network, clips: Floats) -> Stand:
    """A graph of ours, which takes the batch as it is."""
    import onnx

    model = onnx.load(str(path))
    _settle(model, network.input.name, clips.shape)
    scales = Scales(len(clips), network.softmax, scale="softmax" if network.softmax else "logits")
    return _stand(name, model, exact(ports(model), network, len(clips)), network, clips, scales)


def _given(name: str, graph: Graph, network: Network, clips: Floats) -> Stand:
    """A person's graph, which may take another layout, and give logits or a row for each view."""
    import onnx

    assert graph.given
    try:
        model = onnx.load(str(graph.path))
    except onnx.checker.ValidationError as error:
        raise GraphError(f"its weights cannot be read: {str(error).splitlines()[0]}", where=str(graph.path), remedy=INSPECT) from error
    graph.require_unchanged()
    fit = fitted(ports(model), network, len(clips), graph.given.asked)
    _settle(model, fit.input.name, fit.shape)
    return _stand(name, model, fit, network, clips, Scales(len(clips), network.softmax, graph.given.asked.output), graph.given.precision)


def _stand(name: str, model: onnx.ModelProto, fit: Fit, network: Network, clips: Floats, scales: Scales, precision: str = EXACT) -> Stand:
    fed = Fed(Whole(model), {fit.input.name: fit.arranged(clips)})
    return Stand(name, fed, fit, scales if len(network.output.shape) == 1 else None, precision)


def _settle(model: onnx.ModelProto, name: str, shape: tuple[int, ...]) -> None:
    """Fix the free axes of the input *name*, of which the sizes of all tensors follow."""
    [port] = [one for one in model.graph.input if one.name == name]
    for axis, size in zip(port.type.tensor_type.shape.dim, shape, strict=True):
        axis.dim_value = size
