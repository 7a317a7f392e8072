"""What a measurement on a GPU needs, checked before anything is built for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

from tools.engines.cuda import idle, libraries, nvml, runtime
from tools.errors import DeviceError
from tools.machine import child
from tools.spec.case import Device, Mode
from tools.spec.chips import ChipKind
from tools.spec.settings import Settings

LOAD_S = 120.0  # CUDA's libraries are gigabytes, a disk may be cold, and TensorRT compiles
ENVIRONMENT: Mapping[str, str] = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # else CUDA counts the fastest GPU first


def require_device(device: Device) -> ChipKind:
    """The kind of GPU of *device*.

    Raises:
        DeviceError: ONNX Runtime's GPU package is not installed, or the GPU cannot be used.
    """
    if not runtime.installed():
        raise DeviceError(f"{device.label} cannot be used: ONNX Runtime here computes on the CPU only", where=runtime.PACKAGE,
                          remedy=f"{libraries.SETUP} puts the GPU package in its place")
    return idle.require_fit(nvml.read(), device)


def require_runtime(device: Device, settings: Settings) -> None:
    """Check that ONNX Runtime computes on *device* by the engine that is asked for, and the CPU does not.

    Raises:
        EngineError, ChildError: it does not.
    """
    if runtime.installed():  # else that is said as the device's fault
        _compute(device, Mode(settings.engine), settings.store)


@cache
def _compute(device: Device, mode: Mode, store: Path) -> None:
    """Run a small graph once in a process of its own, as a cell does."""
    from tools.engines.cuda import probe

    log = store / "logs" / f"cuda-{os.getpid()}.log"
    child.call(partial(probe.tell, device, mode), f"computing on {device.label}", log=log, on_event=lambda event: None, stall_s=LOAD_S,
               environment=ENVIRONMENT)
    log.unlink(missing_ok=True)
