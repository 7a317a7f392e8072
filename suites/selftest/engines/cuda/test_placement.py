"""A graph whose computing ONNX Runtime leaves to the CPU is refused; what else it leaves there is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.engines.cuda import placement, runtime
from tools.engines.cuda.placement import Left
from tools.errors import EngineError

GRAPH = Path("g.onnx")


def session(*nodes: tuple[str, str], provider: str = runtime.CPU) -> Any:
    """One whose nodes, each a name and an operator, all lie with *provider*."""
    told = SimpleNamespace(ep_name=provider, get_nodes=lambda: [SimpleNamespace(name=name, op_type=kind) for name, kind in nodes])
    return SimpleNamespace(get_provider_graph_assignment_info=lambda: [told])


@pytest.mark.parametrize("kind", ["Conv", "QLinearConv", "MatMulInteger", "Gemm"])
def test_computing_on_the_cpu_does_not_pass_for_a_gpus(kind: str) -> None:
    """Named with its nodes; the same node with the CUDA provider is well."""
    found = placement.on_cpu(session(("Shape_1", "Shape"), ("First_0", kind)))
    with pytest.raises(EngineError, match=rf"leaves 1 nodes that compute to the CPU: {kind} \(First_0\)") as caught:
        placement.require_on_gpu(found, GRAPH)

    assert str(GRAPH) == caught.value.where
    placement.require_on_gpu(placement.on_cpu(session(("First_0", kind), provider=runtime.CUDA)), GRAPH)


def test_what_only_shapes_numbers_may_stay_there() -> None:
    found = placement.on_cpu(session(("Shape_1", "Shape"), ("", "Gather")))
    placement.require_on_gpu(found, GRAPH)

    assert (Left("Shape_1", "Shape"), Left("Gather", "Gather")) == found
    assert "2: Shape_1, Gather" == placement.sentence(found)
    assert "0" == placement.sentence(())


def test_a_runtime_that_does_not_tell_is_unknown() -> None:
    nothing: Any = SimpleNamespace()
    assert placement.on_cpu(nothing) is None
    placement.require_on_gpu(None, GRAPH)
    assert "unknown" == placement.sentence(None)
