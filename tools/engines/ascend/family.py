"""Ascend NPUs as a family of devices: named npu:K, asked through npu-smi, driven by aclruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tools.engines.ascend.nodes import named
from tools.engines.ascend.nodes import npus as devices
from tools.spec.case import Device

if TYPE_CHECKING:
    from tools.engines.ascend.engine import NpuEngine
    from tools.engines.faults import Fault
    from tools.engines.findings import Examination, Show
    from tools.engines.idle import Watch
    from tools.spec.chips import ChipKind
    from tools.spec.model import Network
    from tools.spec.settings import Settings

__all__ = ["devices", "named"]

NAMED = "npu:K"
MARK = "cases on an Ascend NPU through aclruntime"
LOADS: Literal["om"] = "om"


def require(artifacts: Path) -> None:
    """Check, before anything is built, that models below *artifacts* can be loaded."""
    from tools.engines.ascend import om

    om.require_root(artifacts)


def load(device: Device, graph: Path, network: Network, batch: int) -> NpuEngine:
    """A session on the compiled model *graph*; errors as the engine's."""
    from tools.engines.ascend import engine

    return engine.load(device, graph, network, batch)


def describe(device: Device) -> ChipKind:
    """The kind of chip *device* is, as npu-smi names it.

    Raises:
        DeviceError: npu-smi cannot be asked, shows no such device, or one that is not fit to be used.
    """
    from tools.engines.ascend import idle, npu_smi

    return idle.require_fit(npu_smi.read(), device)


def versions() -> tuple[tuple[str, str], ...]:
    """Driver, toolkit and runtime, as each says of itself."""
    from tools.engines.ascend import cann, npu_smi
    from tools.machine.versions import of

    return (("driver", npu_smi.read().driver), ("cann", cann.find().version), *of("aclruntime"))


def environment() -> dict[str, str]:
    """What a process needs in its environment before it loads aclruntime."""
    from tools.engines.ascend import cann

    return cann.of_runtime()


def watch(device: Device) -> Watch:
    """Samples whether *device* is ours alone."""
    from tools.engines.ascend import idle

    return idle.watch(device)


def diagnose(log: str) -> Fault:
    """What the runtime's last words mean."""
    from tools.engines.ascend import faults

    return faults.diagnose(log)


def examine(settings: Settings, show: Show) -> Examination:
    """From the device nodes up to the runtime that our Python loads."""
    from tools.engines.ascend import findings

    return findings.examine(settings, show)
