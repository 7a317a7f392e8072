"""Names and numbers of nvidia-ml-py that its stand-in has too."""

from __future__ import annotations

from dataclasses import dataclass

TEXTS = {1: "Uninitialized", 2: "Invalid Argument", 3: "Not Supported", 4: "Insufficient Permissions", 6: "Not Found",
         9: "Driver Not Loaded", 12: "NVML Shared Library Not Found", 13: "Function Not Found", 15: "GPU is lost",
         18: "RM has detected an NVML/RM version mismatch.", 999: "Unknown Error"}
CLASSES = {1: "Uninitialized", 2: "InvalidArgument", 3: "NotSupported", 4: "NoPermission", 6: "NotFound", 9: "DriverNotLoaded",
           12: "LibraryNotFound", 13: "FunctionNotFound", 15: "GpuIsLost", 18: "LibRmVersionMismatch", 999: "Unknown"}
CONSTANTS = {
    "NVML_SUCCESS": 0, "NVML_ERROR_UNINITIALIZED": 1, "NVML_ERROR_INVALID_ARGUMENT": 2, "NVML_ERROR_NOT_SUPPORTED": 3,
    "NVML_ERROR_NO_PERMISSION": 4, "NVML_ERROR_NOT_FOUND": 6, "NVML_ERROR_DRIVER_NOT_LOADED": 9, "NVML_ERROR_LIBRARY_NOT_FOUND": 12,
    "NVML_ERROR_FUNCTION_NOT_FOUND": 13, "NVML_ERROR_GPU_IS_LOST": 15, "NVML_ERROR_LIB_RM_VERSION_MISMATCH": 18, "NVML_ERROR_UNKNOWN": 999,
    "NVML_CLOCK_GRAPHICS": 0, "NVML_CLOCK_SM": 1, "NVML_CLOCK_MEM": 2, "NVML_TEMPERATURE_GPU": 0,
    "NVML_DEVICE_MIG_DISABLE": 0, "NVML_DEVICE_MIG_ENABLE": 1, "NVML_FEATURE_DISABLED": 0, "NVML_FEATURE_ENABLED": 1,
    "NVML_COMPUTEMODE_DEFAULT": 0, "NVML_COMPUTEMODE_PROHIBITED": 2, "NVML_COMPUTEMODE_EXCLUSIVE_PROCESS": 3,
    "nvmlMemory_v2": 0x2000028,
}
REASONS = {"GpuIdle": 0x1, "ApplicationsClocksSetting": 0x2, "SwPowerCap": 0x4, "HwSlowdown": 0x8, "SyncBoost": 0x10,
           "SwThermalSlowdown": 0x20, "HwThermalSlowdown": 0x40, "HwPowerBrakeSlowdown": 0x80, "DisplayClockSetting": 0x100, "None": 0}
CONSTANTS |= {f"{family}{name}": bit for family in ("nvmlClocksEventReason", "nvmlClocksThrottleReason") for name, bit in REASONS.items()}


class NVMLError(Exception):
    """An error by its number; `NVMLError(15)` is a NVMLError_GpuIsLost."""

    value: int

    def __new__(cls, value: int) -> NVMLError:  # noqa: PYI034 - a class below this one
        """The class of that number."""
        error = super().__new__(ERRORS.get(value, cls) if cls is NVMLError else cls)
        error.value = value
        return error

    def __str__(self) -> str:
        return TEXTS.get(self.value, f"NVML Error with code {self.value}")


def _named(value: int) -> type[NVMLError]:
    def make(cls: type[NVMLError], _: int = value) -> NVMLError:
        return NVMLError.__new__(cls, value)

    return type(f"NVMLError_{CLASSES[value]}", (NVMLError,), {"__new__": make})


ERRORS: dict[int, type[NVMLError]] = {}
ERRORS.update({value: _named(value) for value in CLASSES})


@dataclass
class Memory:
    """Bytes; of version 1, `used` counts what the driver reserves."""

    total: int
    free: int
    used: int
    reserved: int = 0


@dataclass
class Utilization:
    """Per cent of the last sampling period."""

    gpu: int
    memory: int


@dataclass
class ProcessInfo:
    """A process by its number on the host; its memory in bytes, None where the driver does not tell."""

    pid: int
    usedGpuMemory: int | None  # noqa: N815
    gpuInstanceId: int = 0xFFFFFFFF  # noqa: N815
    computeInstanceId: int = 0xFFFFFFFF  # noqa: N815


@dataclass
class Pci:
    """Where a GPU is plugged in."""

    busId: str  # noqa: N815
    domain: int = 0
    bus: int = 0
    device: int = 0
    pciDeviceId: int = 0x1EB810DE  # noqa: N815
