"""What NVML says of this machine's GPUs, as values: a place that is filled elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from tools.engines.idle import Reading
from tools.errors import DeviceError


@dataclass(frozen=True, slots=True)
class Process:
    pid: int
    name: str
    memory_mb: int | None


@dataclass(frozen=True, slots=True)
class Gpu:
    index: int | None
    name: str
    uuid: str
    compute: tuple[int, int] | None
    memory_used_mb: int | None
    memory_total_mb: int | None
    utilisation_percent: int | None
    processes: tuple[Process, ...] | None
    reading: Reading
    mig: bool = False
    unknown: tuple[str, ...] = ()
    ordinal: int = 0


@dataclass(frozen=True, slots=True)
class Host:
    driver: str
    cuda: str
    gpus: tuple[Gpu, ...]
    simulated: bool


def read() -> Host:
    raise DeviceError("NVML cannot be asked")
