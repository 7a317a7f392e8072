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

    def describe(self, device: Device) -> ChipKind:
        from tools.engines.cuda import ready

        return ready.require_device(device)

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Driver, the newest CUDA that it runs, and what is installed of ONNX Runtime, cuDNN and TensorRT."""
        from tools.engines.cuda import libraries, nvml, runtime
        from tools.machine.versions import ABSENT, of

        host = nvml.read()
        beside = of(*(libraries.package(name, major) for name in libraries.NUMBERED for major in libraries.MAJORS))
        return (("driver", host.driver), ("cuda", host.cuda), *of(runtime.PACKAGE), *(one for one in beside if one[1] != ABSENT))

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


FAMILY = CudaFamily()
