"""What a measurement on a GPU needs, checked before anything is built for it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path

from tools.engines.cuda import idle, libraries, needed, nodes, nvml, runtime, tensorrt
from tools.errors import DeviceError, OptionError
from tools.machine import child, device_locks
from tools.spec.case import Device, Mode
from tools.spec.chips import ChipKind
from tools.spec.settings import Settings

LOAD_S = 120.0  # CUDA's libraries are gigabytes, a disk may be cold, and TensorRT compiles
FIRST_WITH_TF32 = (8, 0)  # compute capability
ORDER = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # else CUDA counts the fastest GPU first


def require_device(device: Device) -> ChipKind:
    """The kind of GPU of *device*.

    Raises:
        DeviceError: ONNX Runtime's GPU package is not installed, or the GPU cannot be used.
    """
    if not runtime.installed():
        raise DeviceError(f"{device.label} cannot be used: ONNX Runtime here computes on the CPU only", where=runtime.PACKAGE,
                          remedy=f"{libraries.SETUP} puts the GPU package in its place")
    host = nvml.read()
    needed.require(host, device)
    return idle.require_fit(host, device)


def require_runtime(device: Device, settings: Settings) -> None:
    """Check that ONNX Runtime computes on *device* by the engine that is asked for, and the CPU does not.

    Raises:
        EngineError, ChildError: it does not.
    """
    try:
        require_device(device)
    except DeviceError:  # which is said already
        return
    if settings.engine == "tensorrt":
        tensorrt.require(device)
    if device_locks.is_free(settings.locks, device.label):  # else it is in use, and would be disturbed
        _compute(device, Mode(settings.engine), settings.store, settings.locks)


def require_precision(device: Device, settings: Settings) -> None:
    """Check that *device* has the precision that is asked for: an older GPU computes float32 in TF32's place.

    Raises:
        OptionError: it has no TF32. DeviceError: NVML fails.
    """
    if settings.precision != "tf32" or device.index is None:
        return
    gpu = nvml.read().of_device(device.index)
    if gpu and gpu.compute and gpu.compute < FIRST_WITH_TF32:
        have, need = (".".join(map(str, compute)) for compute in (gpu.compute, FIRST_WITH_TF32))
        raise OptionError(f"{gpu.name} has no TF32: its compute capability is {have}, and TF32 needs {need}", where="--precision tf32",
                          remedy="leave it out: this GPU computes in float32 by itself, or choose fp16")


def environment(device: Device) -> Mapping[str, str]:
    """What a process has set that computes on *device*: CUDA then shows it no other GPU.

    NVML's order alone would not do: CUDA passes over GPUs that are lost, or closed to the process.
    """
    try:
        gpu = None if device.index is None else nvml.read().of_device(device.index)
    except DeviceError:  # which the process itself then meets, and tells
        gpu = None
    return ORDER | ({nodes.RENUMBERED: gpu.uuid} if gpu and gpu.uuid else {})


@cache
def _compute(device: Device, mode: Mode, store: Path, locks: str) -> None:
    """Run a small graph once in a process of its own, as a cell does, while nobody measures there."""
    from tools.engines.cuda import probe

    log = store / "logs" / f"cuda-{os.getpid()}.log"
    with device_locks.hold(locks, device.label, lambda holder: None):
        child.call(partial(probe.tell, device, mode), f"computing on {device.label}", log=log, on_event=lambda event: None,
                   stall_s=LOAD_S, environment=environment(device))
    log.unlink(missing_ok=True)
