"""What every engine on ONNX Runtime needs: a session on a file, what it takes and gives, and its errors."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from tools.engines.ports import Port, Ports
from tools.engines.tensors import Loaded
from tools.errors import EngineError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, NodeArg

    from tools.engines.fit import Asked, Fit
    from tools.engines.tensors import Tensor

TYPES = {"float": "float32", "double": "float64"}  # ONNX Runtime's names of types where NumPy has others
OF_LIBRARY = re.compile(r"\b[A-Z]+ failure \d+: [^;]+")  # `CUDA failure 2: out of memory`
OWN_GRAPH, GIVEN_GRAPH = "python -m tools.store verify", "python -m tools.inspect FILE"  # who can say more of a file


def failures() -> tuple[type[Exception], ...]:
    """The errors of ONNX Runtime. Their classes share no base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (state.DeviceReset, state.EPFail, state.EngineError, state.Fail, state.InvalidArgument, state.InvalidGraph,
            state.InvalidProtobuf, state.NoSuchFile, state.NotFound, state.NotImplemented, state.RuntimeException)


def ports(session: InferenceSession) -> Ports:
    """What a session takes and gives."""
    def port(node: NodeArg) -> Port:
        kind = node.type.removeprefix("tensor(").removesuffix(")")
        return Port(node.name, TYPES.get(kind, kind), tuple(size if isinstance(size, int) else None for size in node.shape))

    return Ports(tuple(map(port, session.get_inputs())), tuple(map(port, session.get_outputs())))


def loaded(session: InferenceSession, failing: Callable[[], tuple[type[Exception], ...]] = failures) -> Loaded:
    """All that *session* computes. failing: the errors of its providers."""
    found = ports(session)
    names = [one.name for one in found.inputs]

    def work(tensors: list[Tensor]) -> list[Tensor]:
        try:
            given: list[Tensor] = session.run(None, dict(zip(names, tensors, strict=True)))
        except failing() as error:
            raise EngineError(f"ONNX Runtime failed: {first_line(error)}") from error
        return given

    return Loaded(found, work)


def not_loaded(error: Exception, graph: Path, asked: Asked | None = None) -> EngineError:
    """The error for a file that ONNX Runtime refuses; *asked* of one that a person gives."""
    return EngineError(f"ONNX Runtime cannot load the graph: {first_line(error)}", where=str(graph),
                       remedy=OWN_GRAPH if asked is None else GIVEN_GRAPH)


def not_run(error: Exception, fit: Fit) -> EngineError:
    """The error for a run that ended with one of ONNX Runtime's."""
    read = f"its input was given as {fit.layout}: --graph-input says another layout" if fit.layout else None
    return EngineError(f"ONNX Runtime failed: {first_line(error)}", remedy=read)


def first_line(error: Exception) -> str:
    """What the error says first, without the places in ONNX Runtime's own source that are said with it."""
    line = next(iter(str(error).splitlines()), type(error).__name__)
    found = OF_LIBRARY.search(line)
    return found[0].strip() if found else line
