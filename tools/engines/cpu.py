"""The CPU of any machine: ONNX Runtime's CPU provider with its default threads and optimisations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from tools.engines import Family
from tools.engines.onnxruntime_session import failures, loaded, not_loaded, not_run, ports
from tools.errors import naming
from tools.spec.case import USUAL, Device, Mode
from tools.spec.chips import CPU, ChipKind
from tools.spec.model import Network

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from onnxruntime import InferenceSession, RunOptions, SessionOptions

    from tools.engines.findings import Examination, Show
    from tools.engines.fit import Asked, Fit
    from tools.engines.tensors import Loaded
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
        self._batch = self._engine.fit.arranged(batch)

    def scores(self, answer: object) -> Floats | None:
        return self._engine.fit.checked(answer[0]) if isinstance(answer, list) and answer else None


class CpuEngine:
    """An ONNX Runtime session whose input and output have been checked."""

    precision = "fp32"
    lanes = 1  # the cores that would bring the next batch are those that compute this one
    told: Mapping[str, str] = MappingProxyType({})

    def __init__(self, session: InferenceSession, fit: Fit) -> None:
        self._session = session
        self.fit = fit
        self._ran = False
        self._outputs = [session.get_outputs()[fit.output].name]

    def infer(self, batch: Floats) -> Floats:
        arranged = self.fit.arranged(batch)
        try:
            return self.fit.checked(self.run(arranged, self._options())[0])
        except failures() as error:
            raise not_run(error, self.fit) from error

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

    def run(self, arranged: NDArray[np.floating], options: RunOptions | None = None) -> Sequence[Any]:
        """The output with the scores, of a batch as the graph takes it."""
        return self._session.run(self._outputs, {self.fit.input.name: arranged}, options)  # type: ignore[no-any-return]

    def bind(self, batch: Floats) -> CpuBound:
        return CpuBound(self, batch)

    def device_times(self) -> list[float]:
        return []

    def close(self) -> None:
        pass


def plain(graph: Path, network: Network, asked: Asked) -> CpuEngine:
    """A session that computes node by node as the file says, on one thread, at the smallest batch size.

    Raises:
        EngineError: ONNX Runtime refuses the file, or it does not fit.
    """
    import onnxruntime

    from tools.engines import fit

    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    with naming(graph):
        session = _session(graph, asked, options)
        return CpuEngine(session, fit.smallest(ports(session), network, asked))


def _session(graph: Path, asked: Asked | None, options: SessionOptions | None = None) -> InferenceSession:
    import onnxruntime

    try:
        return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    except failures() as error:
        raise not_loaded(error, graph, asked) from error


class CpuFamily(Family):
    """The CPU: it needs nothing in its environment, and nobody can tell whose work it does beside ours."""

    NAMED = "cpu"
    MARK = "cases on the CPU through ONNX Runtime"
    LOADS = "onnx"
    ON_HOST = True

    def devices(self) -> list[Device]:
        return [Device("cpu")]

    def describe(self, device: Device) -> ChipKind:
        return CPU

    def condition(self, device: Device) -> tuple[tuple[str, str], ...]:
        """The mean clock of the cores while they compute, where the kernel tells it."""
        try:
            with open("/proc/cpuinfo", errors="replace") as file:
                clocks = [float(line.partition(":")[2]) for line in file if line.startswith("cpu MHz")]
        except (OSError, ValueError):
            return ()
        return (("clock_mhz", f"{sum(clocks) / len(clocks):.0f}"),) if clocks else ()

    def needs(self, device: Device, settings: Settings) -> Sequence[Callable[[], object]]:
        from tools.engines import host

        return [host.require_engine]

    def load(self, device: Device, graph: Path, network: Network, batch: int, asked: Asked | None = None, mode: Mode = USUAL) -> CpuEngine:
        """A session on *graph*.

        Raises:
            EngineError: ONNX Runtime refuses the file, or it has another input or output.
        """
        from tools.engines import fit

        session = _session(graph, asked)
        with naming(graph):
            found = ports(session)
            return CpuEngine(session, fit.exact(found, network, batch) if asked is None else fit.fitted(found, network, batch, asked))

    def tensors(self, device: Device, graph: Path, mode: Mode = USUAL) -> Loaded:
        """A session with the threads and optimisations of a cell; an EngineError where it cannot be made."""
        return loaded(_session(graph, None))

    def examine(self, settings: Settings, show: Show) -> Examination:
        from tools.engines import host

        return host.examine(settings, show)


FAMILY = CpuFamily()
