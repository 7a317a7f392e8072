"""Which nodes of a graph ONNX Runtime leaves to the CPU: the CUDA provider has no code for some.

What only moves or shapes numbers may stay there. A graph whose convolutions do is none that a GPU computes.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tools.engines.cuda import runtime
from tools.errors import EngineError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

ASKED_BY = "session.record_ep_graph_assignment_info"  # of a session's options
UNKNOWN = "unknown"
SHOWN = 6
COMPUTING = frozenset((  # what a network spends its time in
    "Attention", "Conv", "ConvInteger", "ConvTranspose", "Einsum", "FusedConv", "FusedGemm", "FusedMatMul", "GRU", "Gemm", "LSTM", "MatMul",
    "MatMulInteger", "MatMulIntegerToFloat", "MultiHeadAttention", "QAttention", "QGemm", "QLinearConv", "QLinearMatMul", "RNN"))


@dataclass(frozen=True, slots=True)
class Left:
    """A node that the CPU computes."""

    name: str
    kind: str


def on_cpu(session: InferenceSession) -> tuple[Left, ...] | None:
    """The nodes that the CPU computes; None where this ONNX Runtime does not tell."""
    with suppress(AttributeError, *runtime.raised()):
        return tuple(Left(node.name or node.op_type, node.op_type) for part in session.get_provider_graph_assignment_info()
                     if part.ep_name == runtime.CPU for node in part.get_nodes())
    return None


def require_on_gpu(nodes: tuple[Left, ...] | None, graph: Path) -> None:
    """Refuse a graph whose computing is left to the CPU: its numbers would pass for a GPU's.

    Raises:
        EngineError: it names the nodes.
    """
    computing = [node for node in nodes or () if node.kind in COMPUTING]
    if computing:
        kinds = ", ".join(sorted({node.kind for node in computing}))
        raise EngineError(f"ONNX Runtime's CUDA provider leaves {len(computing)} nodes that compute to the CPU: {kinds} "
                          f"({_listed(computing)})", where=str(graph),
                          remedy="give a graph of float32 or float16 operators, or measure it with --device cpu")


def sentence(nodes: tuple[Left, ...] | None) -> str:
    """How many nodes the CPU computes, with their names, `3: Shape_1, Gather_2, Shape_9`; `0` for none."""
    if nodes is None:
        return UNKNOWN
    return f"{len(nodes)}: {_listed(nodes)}" if nodes else "0"


def _listed(nodes: tuple[Left, ...] | list[Left]) -> str:
    more = f" and {len(nodes) - SHOWN} more" if len(nodes) > SHOWN else ""
    return ", ".join(node.name for node in nodes[:SHOWN]) + more
