"""Any graph on an NVIDIA GPU: its tensors are copied there for a run, and back behind it."""

from __future__ import annotations

from pathlib import Path

from tools.engines.cuda import engine, placement, runtime
from tools.engines.onnxruntime_session import loaded
from tools.engines.tensors import Loaded
from tools.machine import events
from tools.spec.case import Device, Mode


def load(device: Device, graph: Path, mode: Mode) -> Loaded:
    """A session on *graph* as a cell has it. Which nodes the CPU computes instead is said.

    Raises:
        EngineError: ONNX Runtime's GPU package is not there or not for this device, or it refuses the file or
            would compute it on the CPU. DeviceError: NVML fails.
    """
    library = engine.library_of(device, mode)
    session = engine.session_on(library, engine.ordinal(device), graph, mode)
    left = placement.on_cpu(session)
    if left:
        events.say(f"{graph.name}: the CPU computes {placement.sentence(left)}")
    return loaded(session, runtime.raised)
