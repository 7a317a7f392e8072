"""The CPU of any machine: ONNX Runtime's CPU provider with its default threads and optimisations."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.engines import Family
from tools.errors import EngineError
from tools.spec.case import Device
from tools.spec.chips import CPU, ChipKind
from tools.spec.model import Network

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, RunOptions

    from tools.engines.findings import Examination, Show
    from tools.media.preprocess import Floats
    from tools.spec.settings import Settings


class CpuBound:
    """A batch in this process's memory."""

    def __init__(self, engine: CpuEngine, batch: Floats) -> None:
        self._engine = engine
        self.put(batch)

    def __call__(self) -> object:
        return self._engine.run(self._batch)

    def put(self, batch: Floats) -> None:
        self._engine.check(batch)
        self._batch = batch

    def scores(self, answer: object) -> Floats | None:
        import numpy as np

        return np.asarray(answer[0], np.float32) if isinstance(answer, list) and answer else None


class CpuEngine:
    """An ONNX Runtime session whose input and output have been checked."""

    precision = "fp32"

    def __init__(self, session: InferenceSession, network: Network, batch: int) -> None:
        self._session = session
        self._input = network.input.name
        self._shape = (batch, *network.input.shape)
        self._ran = False
        self._outputs = [output.name for output in session.get_outputs()]

    def infer(self, batch: Floats) -> Floats:
        import numpy as np

        self.check(batch)
        try:
            return np.asarray(self.run(batch, self._options())[0], np.float32)
        except failures() as error:
            raise EngineError(f"ONNX Runtime failed: {str(error).splitlines()[0]}") from error

    def _options(self) -> RunOptions | None:
        """Options of the first run, which give its memory back; none later.

        From the first run ONNX Runtime plans one block for all activations, and would keep that run's arena
        beside it: TSM at batch 16 took 4.3 GB instead of 3.2, at the same speed.
        """
        import onnxruntime

        if self._ran:
            return None
        self._ran = True
        options = onnxruntime.RunOptions()
        options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
        return options

    def run(self, batch: Floats, options: RunOptions | None = None) -> Sequence[Any]:
        """The graph's outputs; its first are the scores."""
        return self._session.run(self._outputs, {self._input: batch}, options)  # type: ignore[no-any-return]

    def bind(self, batch: Floats) -> CpuBound:
        return CpuBound(self, batch)

    def device_times(self) -> list[float]:
        return []

    def close(self) -> None:
        pass

    def check(self, batch: Floats) -> None:
        """Refuse, with an EngineError, what the graph does not take."""
        if batch.shape != self._shape or batch.dtype != "float32":
            raise EngineError(f"the graph takes float32 {list(self._shape)}, got {batch.dtype} {list(batch.shape)}")


def failures() -> tuple[type[Exception], ...]:
    """The errors of ONNX Runtime. Their classes share no base but Exception."""
    from onnxruntime.capi import onnxruntime_pybind11_state as state

    return (state.Fail, state.InvalidArgument, state.InvalidGraph, state.InvalidProtobuf, state.NoSuchFile,
            state.NotImplemented, state.RuntimeException)


class CpuFamily(Family):
    """The CPU: it needs nothing in its environment, and nobody can tell whose work it does beside ours."""

    NAMED = "cpu"
    MARK = "cases on the CPU through ONNX Runtime"
    LOADS = "onnx"

    def devices(self) -> list[Device]:
        return [Device("cpu")]

    def describe(self, device: Device) -> ChipKind:
        return CPU

    def load(self, device: Device, graph: Path, network: Network, batch: int) -> CpuEngine:
        """A session on *graph*.

        Raises:
            EngineError: ONNX Runtime refuses the file, or it has another input.
        """
        import onnxruntime

        try:
            session = onnxruntime.InferenceSession(str(graph), providers=["CPUExecutionProvider"])
        except failures() as error:
            raise EngineError(f"ONNX Runtime cannot load the graph: {str(error).splitlines()[0]}", where=str(graph),
                              remedy="python -m tools.store verify") from error
        inputs = [(node.name, node.shape) for node in session.get_inputs()]
        wanted = (network.input.name, [batch, *network.input.shape])
        if inputs != [wanted]:
            raise EngineError(f"the graph's input is {inputs}, not {wanted}", where=str(graph))
        return CpuEngine(session, network, batch)

    def examine(self, settings: Settings, show: Show) -> Examination:
        from tools.engines import host

        return host.examine(settings, show)


FAMILY = CpuFamily()
