"""Ascend NPUs as a family of devices: named npu:K, asked through npu-smi, driven by aclruntime.

Collecting a matrix imports this module, so each function imports what it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from tools.engines import Family
from tools.engines.ascend import nodes
from tools.spec.case import USUAL, Device, EngineName, Mode, Precision

if TYPE_CHECKING:
    from tools.engines.ascend.engine import NpuEngine
    from tools.engines.faults import Fault
    from tools.engines.findings import Examination, Show
    from tools.engines.fit import Asked
    from tools.engines.idle import Watch
    from tools.engines.tensors import Loaded
    from tools.spec.chips import ChipKind
    from tools.spec.model import Network
    from tools.spec.settings import Settings


class AscendFamily(Family):
    """The NPUs of this machine."""

    NAMED = "npu:K"
    MARK = "cases on an Ascend NPU through aclruntime"
    LOADS = "om"
    COMPUTES: Mapping[EngineName, tuple[Precision, ...]] = MappingProxyType({"": ("", "fp32", "fp16")})
    RAY = "NPU"

    def devices(self) -> list[Device]:
        return nodes.devices()

    def named(self, device: Device) -> Device:
        return nodes.named(device)

    def require(self, artifacts: Path) -> None:
        from tools.engines.ascend import om

        om.require_root(artifacts)

    def needs(self, device: Device, settings: Settings) -> Sequence[Callable[[], object]]:
        from tools.engines.ascend import ready

        return [partial(ready.require_device, device, settings), partial(ready.require_runtime, settings)]

    def require_compiler(self, settings: Settings) -> None:
        from tools.engines.ascend import ready

        ready.require_compiler(settings)

    def load(self, device: Device, graph: Path, network: Network, batch: int, asked: Asked | None = None, mode: Mode = USUAL) -> NpuEngine:
        from tools.engines.ascend import engine

        return engine.load(device, graph, network, batch, asked, mode)

    def tensors(self, device: Device, graph: Path, mode: Mode = USUAL) -> Loaded:
        from tools.engines.ascend import tensors

        return tensors.load(device, graph)

    def describe(self, device: Device) -> ChipKind:
        from tools.engines.ascend import idle, npu_smi

        return idle.require_fit(npu_smi.read(), device)

    def versions(self) -> tuple[tuple[str, str], ...]:
        """Driver, toolkit and runtime, as each says of itself."""
        from tools.engines.ascend import cann, npu_smi
        from tools.machine.versions import of

        return (("driver", npu_smi.read().driver), ("cann", cann.find().version), *of("aclruntime"))

    def condition(self, device: Device) -> tuple[tuple[str, str], ...]:
        """The chip's temperature, from the table of npu-smi, which tells no clock."""
        from tools.engines.ascend import idle

        return idle.condition(device)

    def environment(self, device: Device) -> dict[str, str]:
        from tools.engines.ascend import cann

        return cann.of_runtime()

    def watch(self, device: Device) -> Watch:
        from tools.engines.ascend import idle

        return idle.watch(device)

    def diagnose(self, log: str) -> Fault:
        from tools.engines.ascend import faults

        return faults.diagnose(log)

    def examine(self, settings: Settings, show: Show) -> Examination:
        from tools.engines.ascend import findings

        return findings.examine(settings, show)


FAMILY = AscendFamily()
