"""A machine as doctor would find it: its packages, its device nodes, and what NVML says of it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from tools.engines.cuda import nvml
from tools.engines.cuda.nvml import Gpu, Host
from tools.engines.idle import Reading
from tools.errors import DeviceError
from tools.machine import versions
from tools.spec.case import Device
from tools.spec.settings import Settings

T4 = Gpu(0, "NVIDIA T4", "GPU-0", (7, 5), 3, 15360, 0, (), Reading(585.0, 41.0, 14.0))
HOST = Host("580.95", "13.0", (T4,), simulated=False)
SETTINGS = Settings.parse({})
REAL = Device("cuda", 0)


def packages(patch: pytest.MonkeyPatch, **there: str) -> None:
    """Only these packages are installed, `-` written as `_`."""
    def version(name: str) -> str:
        if name.replace("-", "_") not in there:
            raise PackageNotFoundError(name)
        return there[name.replace("-", "_")]

    patch.setattr(versions, "version", version)


def host_of(patch: pytest.MonkeyPatch, folder: Path, found: Host | DeviceError, *names: str) -> None:
    """A machine with these device nodes, about which NVML says *found*."""
    for name in names:
        (folder / name).touch()
    patch.setenv("CLIPGATE_DEVICE_NODES", str(folder))

    def read() -> Host:
        if isinstance(found, DeviceError):
            raise found
        return found

    patch.setattr(nvml, "read", read)
