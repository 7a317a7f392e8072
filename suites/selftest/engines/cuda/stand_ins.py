"""Stand-ins for NVML's module and ONNX Runtime's GPU package, small enough for tests inside this process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tools.engines.cuda import tensorrt as real
from tools.engines.nodes import NODES

MB = 2**20
DRAWS, LOST, REFUSED, MISMATCH = "nvmlDeviceGetGraphicsRunningProcesses", 15, 3, 18


class NVMLError(Exception):
    """As NVML's module raises it."""

    def __init__(self, value: int) -> None:
        super().__init__(f"code {value}")
        self.value = value


@dataclass
class Card:
    """A GPU; refused: NVML's code by the function that this GPU answers with it."""

    minor: int = 0
    name: str = "Tesla T4"
    used_mb: int = 0
    load: int = 0
    computing: list[int] = field(default_factory=list)
    drawing: list[int] = field(default_factory=list)
    reasons: int = 1
    mig: bool = False
    mode: int = 0
    display: bool = False
    limit_w: int = 60
    makers_limit_w: int = 70
    refused: dict[str, int] = field(default_factory=dict)


def nvml(*cards: Card, simulated: bool = True, refuses: int = 0) -> ModuleType:
    """NVML's module with these cards; refuses: the code with which it does not begin."""
    module: Any = ModuleType("pynvml")

    def init() -> None:
        module.open += 1
        if refuses:
            raise NVMLError(refuses)

    def ended() -> None:
        module.open -= 1

    def processes(pids: list[int]) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=pid, usedGpuMemory=100 * MB) for pid in pids]

    def about(name: str, tell: Callable[..., object]) -> None:
        def answer(card: Card, *given: object, **more: object) -> object:
            if name in card.refused:
                raise NVMLError(card.refused[name])
            return tell(card, *given, **more)

        setattr(module, name, answer)

    module.open, module.__simulated__, module.NVMLError = 0, simulated, NVMLError
    module.NVML_CLOCK_SM, module.NVML_TEMPERATURE_GPU, module.nvmlMemory_v2 = 1, 0, 2
    module.nvmlInit, module.nvmlShutdown = init, ended
    module.nvmlSystemGetDriverVersion = lambda: "580.65.06"
    module.nvmlSystemGetCudaDriverVersion_v2 = lambda: 13000
    module.nvmlSystemGetProcessName = lambda pid: f"/usr/bin/python{pid} -m more"
    module.nvmlDeviceGetCount = lambda: len(cards)
    module.nvmlDeviceGetHandleByIndex = lambda number: _handle(cards[number])
    tells: dict[str, Callable[..., object]] = {
        "nvmlDeviceGetMinorNumber": lambda card: card.minor, "nvmlDeviceGetName": lambda card: card.name,
        "nvmlDeviceGetUUID": lambda card: f"GPU-{card.minor}", "nvmlDeviceGetCudaComputeCapability": lambda card: (7, 5),
        "nvmlDeviceGetMemoryInfo": lambda card, version=None: SimpleNamespace(
            used=(card.used_mb + (0 if version else 300)) * MB, total=15360 * MB),
        "nvmlDeviceGetUtilizationRates": lambda card: SimpleNamespace(gpu=card.load, memory=0),
        "nvmlDeviceGetComputeRunningProcesses": lambda card: processes(card.computing),
        DRAWS: lambda card: processes(card.drawing), "nvmlDeviceGetMigMode": lambda card: [int(card.mig), 0],
        "nvmlDeviceGetComputeMode": lambda card: card.mode, "nvmlDeviceGetDisplayActive": lambda card: int(card.display),
        "nvmlDeviceGetClockInfo": lambda card, kind: 585, "nvmlDeviceGetTemperature": lambda card, sensor: 41,
        "nvmlDeviceGetEnforcedPowerLimit": lambda card: card.limit_w * 1000,
        "nvmlDeviceGetPowerManagementDefaultLimit": lambda card: card.makers_limit_w * 1000,
        "nvmlDeviceGetPowerUsage": lambda card: 27500, "nvmlDeviceGetCurrentClocksEventReasons": lambda card: card.reasons,
    }
    for name, tell in tells.items():
        about(name, tell)
    return module


def _handle(card: Card) -> Card:
    if "handle" in card.refused:
        raise NVMLError(card.refused["handle"])
    return card


def part(provider: str, *names: str) -> SimpleNamespace:
    """What a provider computes of a graph, as a session tells it."""
    return SimpleNamespace(ep_name=provider, get_nodes=lambda: [SimpleNamespace(name=name, op_type="Shape") for name in names])


class Room:
    """An OrtValue on the GPU."""

    def __init__(self, shape: list[int], dtype: type) -> None:
        self.array: Any = np.full(shape, np.nan, dtype)

    def update_inplace(self, array: np.ndarray[Any, Any]) -> None:
        assert array.flags.c_contiguous
        assert array.dtype == self.array.dtype
        self.array[...] = array


class Binding:
    """An IOBinding; the output of a run is its own."""

    def __init__(self) -> None:
        self.room: Room | None = None
        self.outputs: list[Any] = []
        self.bound: list[tuple[Any, ...]] = []

    def bind_ortvalue_input(self, name: str, room: Room) -> None:
        self.room = room
        self.bound.append((name,))

    def bind_output(self, name: str, device: str, number: int) -> None:
        self.bound.append((name, device, number))

    def copy_outputs_to_cpu(self) -> list[Any]:
        return [np.array(one) for one in self.outputs]


def tensorrt(monkeypatch: pytest.MonkeyPatch) -> None:
    """TensorRT's provider, which tells what it was asked for with, and whether it was prepared."""
    done: list[object] = []
    monkeypatch.setattr(real, "settle", done.append)
    monkeypatch.setattr(real, "load_libraries", done.append)
    monkeypatch.setattr(real, "installed", lambda device: "10.13")
    monkeypatch.setattr(real, "provider", lambda number, mode: (
        "TensorrtExecutionProvider", {"number": str(number), "mode": str(mode), "prepared": str(len(done))}))


class Session:
    """A session that computes by the real ONNX Runtime.

    falls_back: it leaves the GPU's provider out. prints: what it prints as it begins. fails: what it ends
    with then. wrong: what its runs end with. made: all sessions and rooms of its library.
    """

    falls_back = False
    prints = fails = wrong = ""
    real: Any
    made: list[tuple[Any, ...]]

    def __init__(self, path: str, options: Any, providers: list[Any], enable_fallback: int = 1) -> None:
        os.write(2, self.prints.encode())
        if self.fails:
            raise RuntimeError(self.fails)
        self.asked, self.options, self.enable_fallback, self.ran = providers, options, enable_fallback, 0
        self._session = self.real.InferenceSession(path, providers=["CPUExecutionProvider"])
        self.get_inputs, self.get_outputs = self._session.get_inputs, self._session.get_outputs
        self.made.append((self,))

    def get_providers(self) -> list[str]:
        return ["CPUExecutionProvider"] if self.falls_back else [*(name for name, _ in self.asked[:-1]), self.asked[-1]]

    def get_provider_graph_assignment_info(self) -> list[Any]:
        return [part("CPUExecutionProvider", "Shape_1", ""), part("CUDAExecutionProvider", *"abcde")]

    def io_binding(self) -> Binding:
        return Binding()

    def run(self, outputs: Any, inputs: dict[str, Any]) -> Any:
        if self.wrong:
            raise RuntimeError(self.wrong)
        self.ran += 1
        return self._session.run(outputs, inputs)

    def run_with_iobinding(self, binding: Binding) -> None:
        assert binding.room is not None
        binding.outputs = self.run(None, {self.get_inputs()[0].name: binding.room.array})


def onnxruntime(*, simulated: bool = True, providers: tuple[str, ...] = ("CUDAExecutionProvider", "CPUExecutionProvider"),
                **how: Any) -> Any:
    """ONNX Runtime's GPU package; how: its sessions' own."""
    import onnxruntime as imported

    real = getattr(imported, "real", imported)  # another stand-in may be there
    made: list[tuple[Any, ...]] = []

    def room(shape: list[int], dtype: type, device: str, number: int) -> Room:
        made.append((shape, dtype, device, number))
        return Room(shape, dtype)

    return SimpleNamespace(
        __name__="onnxruntime", __file__="/somewhere/onnxruntime/__init__.py", __simulated__=simulated, __version__="1.31.1", real=real,
        cuda_version="13.0", get_available_providers=lambda: list(providers), made=made, SessionOptions=real.SessionOptions,
        InferenceSession=type("Session", (Session,), {"real": real, "made": made, **how}), preload_dlls=lambda: made.append(("preloaded",)),
        OrtValue=SimpleNamespace(ortvalue_from_shape_and_type=room))


def two_gpus(folder: Path, patch: pytest.MonkeyPatch) -> ModuleType:
    """A machine with two GPUs, whose numbers are the other way round on the PCI bus; its ONNX Runtime."""
    for number in (0, 1):
        (folder / f"nvidia{number}").touch()
    patch.setenv(NODES, str(folder))
    made = onnxruntime()
    patch.setitem(sys.modules, "onnxruntime", made)
    patch.setitem(sys.modules, "pynvml", nvml(Card(1), Card(0)))
    return made
