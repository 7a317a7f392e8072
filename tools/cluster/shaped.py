"""What a case is measured with, found without a device, and the digests of all that shapes its scores."""

from __future__ import annotations

from tools.datasets import choice
from tools.deployment.compile import form, require_form, source_graph
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights, checkpoints
from tools.measuring import kinds
from tools.measuring.launch import Found
from tools.measuring.sameness import code_digest, graph_digest
from tools.spec.case import Case
from tools.spec.digest import spec_digest
from tools.spec.model import Spec
from tools.storage.context import Context


def find(context: Context[Spec], case: Case) -> Found:
    """Find or build the weights, the data and the ONNX graphs of *case*; a node makes of these what it loads.

    Raises:
        ClipgateError: as for `launch.find`, but for what a device or its compiler lacks.
    """
    weights = checkpoints(context)
    dataset = kinds.of(context.spec).dataset(context, weights)
    return Found(weights, dataset, tuple(_source(context, one, case) for one in weights))


def _source(context: Context[Spec], checkpoint: Weights, case: Case) -> Graph:
    graph = source_graph(context, checkpoint, case.batch)
    require_form(graph.path, case.device, case.mode)
    return graph


def is_compiled(case: Case) -> bool:
    """Whether the device of *case* loads what a compiler makes of a graph, whose activations nobody can count."""
    return form(case.device, case.mode) == "om"


def of(context: Context[Spec], case: Case, found: Found) -> dict[str, str]:
    """All that shapes the scores of *case*, by what people call it: parts of one run agree in it on every node."""
    settings = context.settings
    named = {"the clips": found.dataset.digest, "the kind of data": choice.word(context), "the model's file": spec_digest(context.spec),
             "the code that measures": code_digest(case.device),
             "the compiler's flags": " ".join((*settings.atc_flags, settings.soc_version, settings.auto_tune))}
    for weights, graph in zip(found.checkpoints, found.graphs, strict=True):
        network = f" of {weights.network.name}" if len(found.checkpoints) > 1 else ""
        named |= {f"the weights{network}": f"{weights.origin} {weights.sha256}", f"the graph{network}": graph_digest(graph)}
    return named
