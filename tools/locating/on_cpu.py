"""The reference: a graph on ONNX Runtime's CPU provider, node by node as it is written, in float32."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.engines.onnxruntime_session import failures, first_line, not_loaded
from tools.errors import EngineError
from tools.locating.values import Tensors

if TYPE_CHECKING:
    import onnx
    from numpy.typing import NDArray


def as_written(model: onnx.ModelProto, feeds: Tensors) -> dict[str, NDArray[Any]]:
    """All outputs of *model*, which is not optimised.

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
        raise not_loaded(error, Path(model.graph.name or "graph")) from error
    names = [one.name for one in session.get_outputs()]
    wanted = {one.name for one in session.get_inputs()}
    try:
        found = session.run(names, {name: value for name, value in feeds.items() if name in wanted})
    except failures() as error:
        raise EngineError(f"ONNX Runtime's CPU cannot run the graph: {first_line(error)}", where=model.graph.name) from error
    return dict(zip(names, found, strict=True))
