"""What this machine has of NVIDIA: its GPUs, by their nodes and by NVML."""

from __future__ import annotations

from tools.engines.cuda import nodes, nvml
from tools.engines.cuda.idle import look_before, require_fit
from tools.engines.findings import MISSING, NOTE, OK, WRONG, Examination, Finding, Look, Show
from tools.engines.nodes import folder
from tools.errors import DeviceError
from tools.spec.case import Device
from tools.spec.settings import Settings


def gpus(settings: Settings) -> list[Finding]:
    """Each GPU, and whether it could be timed now."""
    devices = nodes.devices()
    if not devices:
        return [Finding(MISSING, "NVIDIA GPUs", f"no NVIDIA GPU: {folder()} has no nvidia0",
                        "install NVIDIA's driver; in a container run it with --gpus all")]
    try:
        host = nvml.read()
    except DeviceError as error:
        return [Finding.of(WRONG, "NVML", error)]
    return [Finding(OK, "NVML", f"driver {host.driver}, CUDA up to {host.cuda or 'unknown'}"), *(_gpu(host, one) for one in devices)]


def _gpu(host: nvml.Host, device: Device) -> Finding:
    assert device.index is not None
    try:
        kind = require_fit(host, device)
    except DeviceError as error:
        return Finding(WRONG, str(device), error.what, error.remedy or "", str(device))
    busy = look_before(host, device.index).busy
    if busy:
        return Finding(NOTE, f"{device} ({kind.name})", f"not idle: {', '.join(busy)}", "its speed cannot be judged until it is idle",
                       str(device))
    return Finding(OK, f"{device} ({kind.name})", "idle", device=str(device))


PARTS: dict[str, Look] = {"NVIDIA GPUs": gpus}


def examine(settings: Settings, show: Show) -> Examination:
    """All parts of NVIDIA."""
    return Examination("NVIDIA", tuple(show("NVIDIA", PARTS)))
