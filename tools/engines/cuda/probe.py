"""Whether this Python's ONNX Runtime computes on a GPU. Another process asks: a library may end it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from types import ModuleType

import numpy as np

from tools.engines.cuda import engine, faults, runtime
from tools.engines.onnxruntime_session import first_line
from tools.errors import EngineError
from tools.machine import events
from tools.spec.case import USUAL, Device, Mode

SHAPE = (1, 1, 3, 3)


def tell(device: Device, mode: Mode = USUAL) -> None:
    """Run a small convolution on *device*, and say what ran it.

    Raises:
        EngineError: it cannot, or something else would run it. DeviceError: NVML fails.
    """
    library = engine.library_of(device, mode)
    with tempfile.TemporaryDirectory() as folder:
        graph = _convolution(Path(folder) / "convolution.onnx")
        providers = engine.providers(engine.ordinal(device), mode)
        session = runtime.open_session(library, graph, providers, library.SessionOptions())
        try:
            session.run(None, {"x": np.ones(SHAPE, np.float32)})
        except runtime.raised() as error:
            fault = faults.diagnose(str(error))
            if fault.kind == "memory":
                raise EngineError(f"{device.label}: {fault.sentence}", where="NVML", remedy="nvidia-smi shows who has it") from error
            raise EngineError(f"{providers[0][0]} fails at a small convolution: {first_line(error)}", where=device.label,
                              remedy="python -m tools.doctor looks at driver and libraries") from error
    events.say(describe(library, device))


def describe(library: ModuleType, device: Device) -> str:
    """ONNX Runtime, the CUDA that it is built for, and cuDNN, by version."""
    simulated = "simulated, " if device.simulated else ""
    return f"{simulated}ONNX Runtime {getattr(library, '__version__', 'of unknown version')}" + "".join(
        f", {name} {version}" for name, version in engine.libraries_of(library, device))


def _convolution(path: Path) -> Path:
    """A graph of one convolution, for which cuDNN is needed."""
    import onnx
    from onnx import TensorProto, helper

    ports = [helper.make_tensor_value_info(name, TensorProto.FLOAT, SHAPE) for name in ("x", "y")]
    weights = helper.make_tensor("w", TensorProto.FLOAT, (1, 1, 1, 1), [2.0])
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"], name="Conv_0")], "probe", ports[:1], ports[1:], [weights])
    onnx.save_model(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 11)], ir_version=6), str(path))
    return path
