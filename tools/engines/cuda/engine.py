"""NVIDIA GPUs through ONNX Runtime: its CUDA provider, or TensorRT's with CUDA's beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tools.engines import NODES_ON_CPU
from tools.engines.cuda import nodes, nvml, placement, runtime, tensorrt
from tools.engines.fit import Asked, Fit, exact, fitted
from tools.engines.onnxruntime_session import not_run, ports
from tools.errors import DeviceError, naming
from tools.media.preprocess import Floats
from tools.spec.case import USUAL, Device, Mode, Precision
from tools.spec.model import Network

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, IOBinding, OrtValue

ALGORITHM = "HEURISTIC"  # the same in every process; EXHAUSTIVE times them, and may choose others, with other sums, the next time
Answer = TypeVar("Answer")


class CudaBound:
    """A batch in the GPU's memory, in a place of its own that every later one takes too."""

    def __init__(self, engine: CudaEngine, batch: Floats) -> None:
        self._engine = engine
        self._input, self._binding = engine.place()
        self.put(batch)

    def __call__(self) -> object:
        self._engine.execute(self._binding)
        return self._binding

    def put(self, batch: Floats) -> None:
        """Copy the batch to its place, and wait for that. Another thread may run another batch meanwhile."""
        self._engine.copy(batch, self._input)

    def scores(self, answer: object) -> Floats | None:
        return self._engine.read(self._binding) if answer is self._binding else None


class CudaEngine:
    """A session of ONNX Runtime on one GPU, its input and output checked.

    A call ends when the GPU has computed: ONNX Runtime waits for its providers at the end of a run.
    """

    lanes = 2

    def __init__(self, library: ModuleType, session: InferenceSession, ordinal: int, fit: Fit, mode: Mode, told: Mapping[str, str]) -> None:
        self._library, self._session, self._ordinal, self.fit = library, session, ordinal, fit
        self.precision: str = mode.precision or "fp32"
        self.told = told
        self._output = session.get_outputs()[fit.output].name
        self._own: CudaBound | None = None

    def infer(self, batch: Floats) -> Floats:
        if self._own is None:
            self._own = CudaBound(self, batch)
        else:
            self._own.put(batch)
        scores = self._own.scores(self._own())
        assert scores is not None
        return scores

    def bind(self, batch: Floats) -> CudaBound:
        return CudaBound(self, batch)

    def place(self) -> tuple[OrtValue, IOBinding]:
        """Room for a batch on the GPU, and what binds it to an output there."""
        def made() -> tuple[OrtValue, IOBinding]:
            room = self._library.OrtValue.ortvalue_from_shape_and_type(list(self.fit.shape), np.dtype(self.fit.input.dtype).type, "cuda",
                                                                       self._ordinal)
            binding = self._session.io_binding()
            binding.bind_ortvalue_input(self.fit.input.name, room)
            binding.bind_output(self._output, "cuda", self._ordinal)
            return room, binding

        return self._guarded(made)

    def copy(self, batch: Floats, room: OrtValue) -> None:
        """Put a batch into *room*; it is there when this returns."""
        arranged = self.fit.arranged(batch)
        self._guarded(lambda: room.update_inplace(arranged))

    def execute(self, binding: IOBinding) -> None:
        """Run the graph once on what is bound."""
        self._guarded(lambda: self._session.run_with_iobinding(binding))

    def read(self, binding: IOBinding) -> Floats:
        """The scores of the last run on what is bound."""
        scores: Floats = self._guarded(lambda: binding.copy_outputs_to_cpu()[0])
        return self.fit.checked(scores)

    def device_times(self) -> list[float]:
        return []

    def close(self) -> None:
        self._own = None

    def _guarded(self, work: Callable[[], Answer]) -> Answer:
        try:
            return work()
        except runtime.raised() as error:
            raise not_run(error, self.fit) from error


def load(device: Device, graph: Path, network: Network, batch: int, asked: Asked | None = None, mode: Mode = USUAL) -> CudaEngine:
    """A session on *graph*.

    Raises:
        EngineError: ONNX Runtime's GPU package is not there or not for this device, or it refuses the file or
            would compute it on the CPU, or the file has another input or output. DeviceError: NVML fails.
    """
    library = library_of(device, mode)
    number = ordinal(device)
    session = session_on(library, number, graph, mode, asked)
    with naming(graph):
        found = ports(session)
        fit = exact(found, network, batch) if asked is None else fitted(found, network, batch, asked)
    return CudaEngine(library, session, number, fit, mode, told(library, session, device, mode))


def session_on(library: ModuleType, number: int, graph: Path, mode: Mode, asked: Asked | None = None) -> InferenceSession:
    """A session on *graph*, whose computing is the GPU's that CUDA opens by *number*.

    Raises:
        EngineError: ONNX Runtime refuses the file, or would compute it on the CPU.
    """
    options = library.SessionOptions()
    options.add_session_config_entry(placement.ASKED_BY, "1")
    session = runtime.open_session(library, graph, providers(number, mode), options, asked)
    placement.require_on_gpu(placement.on_cpu(session), graph)
    return session


def library_of(device: Device, mode: Mode) -> ModuleType:
    """ONNX Runtime, with all that it needs on *device* loaded; errors as for `import_runtime`."""
    if mode.engine == "tensorrt":
        tensorrt.settle(mode)  # before any of CUDA's libraries is loaded
    library = runtime.import_runtime(device)
    if mode.engine == "tensorrt":
        tensorrt.load_libraries(device)
    return library


def providers(number: int, mode: Mode) -> list[runtime.Provider]:
    """What computes on the GPU of that number, the first what it can."""
    own = cuda_provider(number, mode.precision)
    return [tensorrt.provider(number, mode), own] if mode.engine == "tensorrt" else [own]


def cuda_provider(number: int, precision: Precision = "") -> runtime.Provider:
    """CUDA's provider on the GPU that CUDA opens by *number*.

    TF32 is used only where a person asks for it: the provider would use it by itself. The arena grows by what
    is needed, and not to twice its size, so that no batch fails that would fit.
    """
    return runtime.CUDA, {"device_id": str(number), "cudnn_conv_algo_search": ALGORITHM,
                          "use_tf32": "1" if precision == "tf32" else "0", "arena_extend_strategy": "kSameAsRequested",
                          "do_copy_in_default_stream": "1"}


def ordinal(device: Device) -> int:
    """The number by which CUDA opens *device*: 0 in a process that sees no other, else its place on the bus.

    Raises:
        DeviceError: NVML does not show the device.
    """
    assert device.index is not None
    gpu = nvml.read().of_device(device.index)
    if gpu is None:
        raise DeviceError(f"NVML does not show {device.label}", where="NVML", remedy="python -m tools.doctor says which GPUs are here")
    return 0 if gpu.uuid and os.environ.get(nodes.RENUMBERED) == gpu.uuid else gpu.ordinal


def told(library: ModuleType, session: InferenceSession, device: Device, mode: Mode) -> dict[str, str]:
    """What ran the graph, for the record; of TensorRT's own choices nothing is known."""
    how = {"conv_algorithm": ALGORITHM} if mode.engine == "" else {"tensorrt": tensorrt.installed(device)}
    tf32 = "on" if mode.precision == "tf32" else "off" if mode.engine == "" or mode.precision == "" else "as TensorRT chooses"
    return {"provider": session.get_providers()[0], **how, "tf32": tf32, NODES_ON_CPU: placement.sentence(placement.on_cpu(session)),
            **dict(libraries_of(library, device))}


def libraries_of(library: ModuleType, device: Device) -> Sequence[tuple[str, str]]:
    """CUDA as ONNX Runtime is built for it, and cuDNN as it is loaded; a simulation has none."""
    found = (("cuda", runtime.cuda_version(library)), ("cudnn", "" if device.simulated else runtime.cudnn_version()))
    return [(name, version) for name, version in found if version]
