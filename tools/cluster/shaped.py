"""What a case is measured with, found without a device, and the digests of all that shapes its scores."""

from __future__ import annotations

from tools.cluster import finding
from tools.cluster.finding import Sources
from tools.datasets import choice
from tools.deployment.compile import form, require_form
from tools.measuring.sameness import code_digest, graph_digest
from tools.spec.case import Case
from tools.spec.digest import spec_digest
from tools.spec.model import Spec
from tools.storage.context import Context


def find(context: Context[Spec], case: Case) -> Sources:
    """Find or build the weights, the data and the ONNX graphs of *case*; a node makes of these what it loads.

    Raises:
        ClipgateError: as for `launch.find`, but for what a device or its compiler lacks.
    """
    sources = finding.sources(context, case)
    for graph in sources.graphs:
        require_form(graph.path, case.device, case.mode)
    return sources


def is_compiled(case: Case) -> bool:
    """Whether the device of *case* loads what a compiler makes of a graph, which tells nothing of memory."""
    return form(case.device, case.mode) == "om"


def can_be_cut(case: Case, spec: Spec) -> bool:
    """Whether nodes may score parts of the case's list.

    A localiser's networks feed each other. TensorRT chooses by timing how to compute, on each node anew.
    """
    return spec.kind == "recogniser" and form(case.device, case.mode) != "tensorrt"


def of(context: Context[Spec], case: Case, found: Sources) -> dict[str, str]:
    """All that shapes the scores of *case*, by what people call it, but for what is a node's own."""
    settings = context.settings
    named = {"the clips": found.dataset.digest, "the kind of data": choice.word(context), "the model's file": spec_digest(context.spec),
             "the code that measures": code_digest(case.device),
             "the compiler's flags": " ".join((*settings.atc_flags, settings.soc_version, settings.auto_tune))}
    for weights, graph in zip(found.checkpoints, found.graphs, strict=True):
        network = f" of {weights.network.name}" if len(found.checkpoints) > 1 else ""
        named |= {f"the weights{network}": f"{weights.origin} {weights.sha256}", f"the graph{network}": graph_digest(graph)}
    return named
