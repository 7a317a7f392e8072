"""What a device loads of a network at one batch size: the ONNX graph, or what the device's compiler makes of it."""

from __future__ import annotations

from importlib import import_module

from tools import specialise
from tools.case import Case
from tools.child import OnEvent
from tools.engines import family
from tools.settings import Settings
from tools.spec import Spec
from tools.specialise import Graph
from tools.weights import Weights


def resolve(settings: Settings, spec: Spec, checkpoint: Weights, case: Case, on_event: OnEvent) -> Graph:
    """The file that *case*'s device loads, built by child processes where the store has none."""
    graph = specialise.resolve(settings, spec, checkpoint, case.batch, on_event)
    compiler = family(case.device).COMPILER
    if not compiler:
        return graph
    compiled: Graph = import_module(compiler).resolve(settings, spec, checkpoint, graph, case, on_event)
    return compiled
