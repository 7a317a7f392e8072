"""From torch to the graph that a device is given: each stage's scores beside those of the stage before.

The stages are torch, its export, onnxsim, surgery, and with `--graph` a person's own file instead. Where the
scores of two differ, their tensors are compared, up to the first node that computes something else.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from tools.deployment import compile as deploy
from tools.deployment import export, given, own_graph, specialise
from tools.deployment.weights import Weights
from tools.locating import simplified
from tools.locating.closeness import apart, resolution
from tools.locating.in_torch import InTorch
from tools.locating.rewritten import Begins, begins, changed_constants, counterparts
from tools.locating.stand import EXACT, Stand, given_one, made_one, on_one_scale
from tools.locating.values import Difference, Span, StageSeen, Tensors
from tools.locating.whole import Whole
from tools.media.preprocess import Floats
from tools.spec.given import OM
from tools.spec.model import Spec
from tools.storage.context import Context
from tools.storage.elsewhere import missing_makers

LIMITS: Mapping[str, float] = {EXACT: 1e-4}  # differences of scores that are news, by what a graph computes in
ROUGH = 5e-2  # of any other numbers
LAYERS = 0.1  # a layer's share of it, since a difference may grow on its way to the scores
SHOWN = 3
OF_TORCH = "export against torch"


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
        why = f"not compared: {', '.join(lacking)} not installed"
        found.insert(0, StageSeen(OF_TORCH, None, LIMITS[EXACT], sentence=why))
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
    found = seen(OF_TORCH, graph.compared(graph.rows), graph.compared(torch.layers.scores), limit)
    if not found.differs:
        return found
    start = begins(graph.fed, torch.counterparts(graph.fed.whole), torch.tensors, LAYERS * limit, graph.output)
    return _told(found, start, [])


def rewritten(before: Stand, after: Stand) -> StageSeen:
    """A graph beside the one that it was made of, or that it stands for."""
    limit = max(LIMITS.get(one.precision, ROUGH) for one in (before, after))
    name = f"{after.name} against {before.name}"
    found = seen(name, *on_one_scale((after, after.scores), (before, before.scores)), limit)
    if not found.differs:
        return found
    shared = counterparts(before.fed.whole, after.fed.whole)
    start = begins(after.fed, shared, before.fed.tensors, LAYERS * limit, after.output)
    if start is None:
        return _told(found, None, ["the two graphs share no tensor's name, so that only their scores are compared"])
    weights = changed_constants(before.fed.whole, after.fed.whole, start.span)
    return _told(found, _narrowed(after.fed.whole, start, weights), [_weights(weights, before.name)] if weights else [])


def _told(found: StageSeen, start: Begins | None, sentences: list[str]) -> StageSeen:
    if start is not None and start.difference is None:
        sentences.insert(0, "all tensors before that both name agree")
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
        yield given_one("model's own graph", own, network, clips)
    else:
        yield from _ours(context, checkpoint, batch, clips)
    if settings.graph and deploy.given_file(context, network, batch):
        graph = deploy.source_graph(context, checkpoint, batch)
        if graph.path.suffix == OM:
            context.say(f"{graph.path.name} is compiled already: it is not compared with the graph of the model")
        elif graph.given:
            yield given_one("given graph", graph, network, clips)


def _ours(context: Context[Spec], checkpoint: Weights, batch: int, clips: Floats) -> Iterator[Stand]:
    network = checkpoint.network
    entry = export.stage(checkpoint).find_or_run(context)
    yield made_one("export", entry.file(export.GRAPH), network, clips)
    plain = simplified.stage(network, entry, batch)
    rewrites = network.surgeries(context.settings.surgery)
    there = bool(rewrites) and (not missing_makers(plain.key) or context.store.find(plain.key) is not None)
    if there:
        yield made_one("onnxsim", plain.find_or_run(context).file(simplified.file_name(batch)), network, clips)
    last = "surgery" if there else "onnxsim and surgery" if rewrites else "onnxsim"
    yield made_one(last, specialise.graph(context, checkpoint, batch).path, network, clips)
