"""Ascend NPUs as a family of devices: named npu:K, asked through npu-smi, driven by aclruntime."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tools.engines.ascend import cann, npu_smi, om
from tools.engines.ascend.faults import diagnose
from tools.engines.ascend.idle import require_fit, watch
from tools.engines.ascend.nodes import named
from tools.engines.ascend.nodes import npus as devices
from tools.machine.versions import of as installed
from tools.spec.case import Device
from tools.spec.chips import ChipKind
from tools.spec.model import Network

if TYPE_CHECKING:
    from tools.engines.ascend.engine import NpuEngine
    from tools.engines.findings import Examination, Show
    from tools.spec.settings import Settings

__all__ = ["LOADS", "MARK", "NAMED", "describe", "devices", "diagnose", "environment", "examine", "load", "named", "require",
           "versions", "watch"]

NAMED = "npu:K"
MARK = "cases on an Ascend NPU through aclruntime"
LOADS: Literal["om"] = "om"


def describe(device: Device) -> ChipKind:
    """The kind of chip *device* is, as npu-smi names it.

    Raises:
        DeviceError: npu-smi cannot be asked, shows no such device, or one that is not fit to be used.
    """
    return require_fit(npu_smi.read(), device)


def versions() -> tuple[tuple[str, str], ...]:
    """Driver, toolkit and runtime, as each says of itself."""
    return (("driver", npu_smi.read().driver), ("cann", cann.find().version), *installed("aclruntime"))


def environment() -> dict[str, str]:
    """What a process needs in its environment before it loads aclruntime."""
    return cann.of_runtime()


def require(artifacts: Path) -> None:
    """Check, before anything is built, that models below *artifacts* can be loaded."""
    om.require_root(artifacts)


def load(device: Device, graph: Path, network: Network, batch: int) -> NpuEngine:
    """A session on the compiled model *graph*; errors as the engine's."""
    from tools.engines.ascend import engine

    return engine.load(device, graph, network, batch)


def examine(settings: Settings, show: Show) -> Examination:
    """From the device nodes up to the runtime that our Python loads."""
    from tools.engines.ascend import findings

    return findings.examine(settings, show)
