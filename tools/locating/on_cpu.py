"""The reference: a graph on ONNX Runtime's CPU provider, node by node as it is written, in float32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.engines.onnxruntime_session import GIVEN_GRAPH, OWN_GRAPH, failures, first_line, not_loaded
from tools.errors import EngineError
from tools.locating.values import Tensors

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray

    from tools.engines.fit import Asked


def as_written(model: onnx.ModelProto, feeds: Tensors, path: Path | None = None, asked: Asked | None = None) -> dict[str, NDArray[Any]]:
    """All outputs of *model*, which is not optimised.

    path: the file that it is made of. asked: of one that a person gives.

    Raises:
        EngineError: ONNX Runtime refuses or fails.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.log_severity_level = 3
    try:
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    except failures() as error:
        raise not_loaded(error, path or Path(model.graph.name or "graph"), asked) from error
    names = [one.name for one in session.get_outputs()]
    wanted = {one.name for one in session.get_inputs()}
    try:
        found = session.run(names, {name: value for name, value in feeds.items() if name in wanted})
    except failures() as error:
        raise EngineError(f"ONNX Runtime's CPU cannot run the graph: {first_line(error)}", where=str(path or model.graph.name),
                          remedy=OWN_GRAPH if asked is None else GIVEN_GRAPH) from error
    return dict(zip(names, found, strict=True))
