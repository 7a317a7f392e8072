"""NVIDIA's GPUs as a family of devices: named cuda:K, asked through NVML, driven by ONNX Runtime.

Collecting a matrix imports this module, so each function imports what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tools.engines import Family
from tools.engines.cuda import nodes
from tools.spec.case import USUAL, Device, EngineName, Mode, Precision

if TYPE_CHECKING:
    from tools.engines.cuda.engine import CudaEngine
    from tools.engines.faults import Fault
    from tools.engines.findings import Examination, Show
    from tools.engines.fit import Asked
    from tools.engines.idle import Watch
    from tools.engines.tensors import Loaded
    from tools.spec.chips import ChipKind
    from tools.spec.model import Network
    from tools.spec.settings import Settings

PRECISIONS: tuple[Precision, ...] = ("fp32", "tf32", "fp16")


class CudaFamily(Family):
    """The NVIDIA GPUs of this machine."""

    NAMED = "cuda:K"
    MARK = "cases on an NVIDIA GPU through ONNX Runtime"
    LOADS = "onnx"
    FED_AHEAD = True
    COMPUTES: Mapping[EngineName, tuple[Precision, ...]] = MappingProxyType({"": PRECISIONS, "tensorrt": PRECISIONS})
    RAY = "GPU"

    def devices(self) -> list[Device]:
        return nodes.devices()

    def named(self, device: Device) -> Device:
        return nodes.named(device)

    def can_compute(self) -> bool:
        from tools.engines.cuda import runtime

        return bool(runtime.installed())

    def needs(self, device: Device, settings: Settings) -> Sequence[Callable[[], object]]:
        from tools.engines.cuda import ready

        return [partial(ready.require_device, device), partial(ready.require_precision, device, settings),
                partial(ready.require_runtime, device, settings)]

    def load(self, device: Device, graph: Path, network: Network, batch: int, asked: Asked | None = None, mode: Mode = USUAL) -> CudaEngine:
        from tools.engines.cuda import engine

        return engine.load(device, graph, network, batch, asked, mode)

    def tensors(self, device: Device, graph: Path, mode: Mode = USUAL) -> Loaded:
        from tools.engines.cuda import tensors

        return tensors.load(device, graph, mode)

    def describe(self, device: Device) -> ChipKind:
        from tools.engines.cuda import ready

        return ready.require_device(device)

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Driver, the newest CUDA it runs, and which ONNX Runtime, CUDA libraries and TensorRT are here."""
        from tools.engines import host
        from tools.engines.cuda import libraries, nvml, runtime
        from tools.machine.versions import ABSENT, of

        here, pins = nvml.read(), host.PINNED.findall(host.CUDA_LOCK.read_text(errors="replace"))
        beside = of(*(name for name, _ in pins if name.startswith("nvidia-")),
                    *(libraries.package(libraries.TENSORRT, major) for major in libraries.MAJORS))
        found = [one for one in beside if one[1] != ABSENT]
        system = () if here.simulated or any(name.startswith(libraries.TENSORRT) for name, _ in found) else _systems_tensorrt()
        return (("driver", here.driver), ("cuda", here.cuda), *of(runtime.PACKAGE), *found, *system)

    def condition(self, device: Device) -> tuple[tuple[str, str], ...]:
        """Clock, temperature and power, from NVML."""
        from tools.engines.cuda import idle

        return idle.condition(device)

    def environment(self, device: Device) -> Mapping[str, str]:
        from tools.engines.cuda import ready

        return ready.environment(device)

    def watch(self, device: Device) -> Watch:
        from tools.engines.cuda import idle

        return idle.watch(device)

    def diagnose(self, log: str) -> Fault:
        from tools.engines.cuda import faults

        return faults.diagnose(log)

    def examine(self, settings: Settings, show: Show) -> Examination:
        from tools.engines.cuda import findings

        return findings.examine(settings, show)


def _systems_tensorrt() -> tuple[tuple[str, str], ...]:
    """A TensorRT that no package brought, with the version of its libraries; none where there is none."""
    from tools.engines.cuda import libraries, tensorrt
    from tools.errors import EngineError

    try:
        return ((libraries.TENSORRT, tensorrt.installed(Device("cuda", 0))),)
    except EngineError:
        return ()


FAMILY = CudaFamily()
