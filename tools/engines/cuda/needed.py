"""What CUDA, as ONNX Runtime's GPU package is built for it, needs of a driver and of a GPU."""

from __future__ import annotations

from tools.engines import host
from tools.engines.cuda.nvml import Host
from tools.errors import DeviceError
from tools.spec.case import Device

DRIVER = "install NVIDIA's driver, 580 or newer"
OLDEST = (7, 5)  # the compute capability from which on CUDA 13 computes


def built_for() -> int:
    """The major version of CUDA that the GPU package of our lock is built for."""
    pins = dict(host.PINNED.findall(host.CUDA_LOCK.read_text(errors="replace")))
    return int(pins["nvidia-cuda-runtime"].partition(".")[0])


def require(found: Host, device: Device) -> None:
    """Check that the driver runs that CUDA, and that it computes on *device*, as far as NVML tells.

    Raises:
        DeviceError: one of them is too old.
    """
    needed = built_for()
    if found.cuda and int(found.cuda.partition(".")[0]) < needed:
        raise DeviceError(f"{device.label} cannot be used: the driver {found.driver} runs CUDA {found.cuda} at most, and ONNX Runtime is "
                          f"built for CUDA {needed}", where="NVML", remedy=DRIVER)
    gpu = None if device.index is None else found.of_device(device.index)
    if gpu and gpu.compute and gpu.compute < OLDEST:
        have, oldest = (".".join(map(str, compute)) for compute in (gpu.compute, OLDEST))
        raise DeviceError(f"{device.label} cannot be used: its compute capability is {have}, and CUDA {needed} computes from {oldest} on",
                          where="NVML", remedy="choose another GPU")
