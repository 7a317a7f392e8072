"""What a case is measured with, found without a device, and the digests of all that shapes its scores."""

from __future__ import annotations

from collections.abc import Mapping

from tools.datasets import choice
from tools.deployment.compile import form, require_form, source_graph
from tools.deployment.specialise import Graph
from tools.deployment.weights import checkpoints
from tools.measuring import kinds, sameness
from tools.measuring.launch import Found
from tools.spec.case import Case
from tools.spec.digest import digest, spec_digest
from tools.spec.model import Spec
from tools.storage.context import Context


def find(context: Context[Spec], case: Case) -> Found:
    """Find or build the weights, the data and the ONNX graphs of *case*; its nodes make of them what it loads."""
    weights = checkpoints(context)
    dataset = kinds.of(context.spec).dataset(context, weights)
    return Found(weights, dataset, tuple(_source(context, one, case) for one in weights))
