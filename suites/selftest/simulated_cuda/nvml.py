"""Stand-in for the functions of nvidia-ml-py: each call reads the state of the simulated host anew."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from simulated_cuda import nvml_values as values
from simulated_cuda import state

MB = 1 << 20
FOREIGN: dict[str, Any] = {"pid": 293029, "name": "python3", "memory_mb": 6612}


class Library:
    """Whether NVML is started in this process, and how often."""

    starts = 0
    lock = threading.Lock()


class Handle:
    """A GPU that was asked for; what is known of it is read at each question."""

    def __init__(self, device: int) -> None:
        self.device = device


def start() -> None:
    """Start the library, or fail as the driver's state asks."""
    failed = state.due("nvml")
    if failed:
        raise values.NVMLError(failed.get("code", 12))
    with Library.lock:
        Library.starts += 1


def shutdown() -> None:
    """End what one start began."""
    require_started()
    with Library.lock:
        Library.starts -= 1


def require_started() -> None:
    if not Library.starts:
        raise values.NVMLError(1)


def about(handle: Handle, what: str) -> state.Gpu:
    """The GPU as it is now; an error where it is lost, or where a fault hides this."""
    require_started()
    if not isinstance(handle, Handle):
        raise values.NVMLError(2)
    [gpu] = [gpu for gpu in state.gpus() if gpu["device"] == handle.device]
    if state.lost(gpu):
        raise values.NVMLError(15)
    hidden = state.seen("unreadable", gpu, what)
    if hidden:
        raise values.NVMLError(hidden.get("code", 3))
    return changed(gpu)


def changed(gpu: state.Gpu) -> state.Gpu:
    """The GPU with what its faults make of it."""
    now = dict(gpu)
    if state.computing(gpu):
        now |= {"utilisation_percent": 98, "clock_mhz": gpu["max_clock_mhz"] - 15, "temperature_c": 61, "power_w": 0.9 * gpu["limit_w"]}
    hot, busy = state.seen("throttled", gpu), state.seen("busy", gpu)
    if busy:
        now |= {"utilisation_percent": busy.get("utilisation", 97), "processes": [*gpu["processes"], FOREIGN | busy]}
    if hot:
        now |= {"reasons": hot.get("reasons", 0x40), "clock_mhz": hot.get("clock_mhz", 585), "temperature_c": hot.get("temperature_c", 92)}
    return now


def running(handle: Handle, what: str) -> list[values.ProcessInfo]:
    """The processes of one kind, as the driver lists them: by their numbers on the host."""
    return [values.ProcessInfo(one["pid"], None if one["memory_mb"] is None else one["memory_mb"] * MB)
            for one in state.held(about(handle, "processes")) if one.get("does", "compute") == what]


def memory(handle: Handle, version: int | None = None) -> values.Memory:
    """Of version 1 `used` counts what the driver reserves; of version 2 that stands apart."""
    gpu = about(handle, "memory")
    used = sum(one["memory_mb"] or 0 for one in state.held(gpu))
    total, reserved = gpu["memory_mb"], gpu["reserved_mb"]
    known = values.Memory(total * MB, (total - used - reserved) * MB, (used if version else used + reserved) * MB)
    known.reserved = reserved * MB if version else 0
    return known


def utilisation(handle: Handle) -> values.Utilization:
    gpu = about(handle, "utilisation")
    if gpu["mig"]:
        raise values.NVMLError(3)
    return values.Utilization(gpu["utilisation_percent"], gpu["utilisation_percent"] // 2)


def process_name(pid: int) -> str:
    """The path of a process's program, where it can be seen."""
    require_started()
    for gpu in state.gpus():
        for one in state.held(changed(gpu)):
            if one["pid"] == pid:
                return str(one["name"])
    if not Path(f"/proc/{pid}").exists():
        raise values.NVMLError(6)
    return str(Path(f"/proc/{pid}/exe").resolve())


def by_index(index: int) -> Handle:
    """The GPU of that number in PCI order; an error where it is lost."""
    require_started()
    found = state.gpus()
    if not 0 <= index < len(found):
        raise values.NVMLError(2)
    if state.lost(found[index]):
        raise values.NVMLError(15)
    return Handle(found[index]["device"])


def by_uuid(uuid: str | bytes) -> Handle:
    require_started()
    wanted = uuid.decode() if isinstance(uuid, bytes) else uuid
    for gpu in state.gpus():
        if gpu["uuid"] == wanted:
            return Handle(gpu["device"])
    raise values.NVMLError(6)


def mig(handle: Handle) -> list[int]:
    """Current and pending; a GPU without MIG does not know the question."""
    gpu = about(handle, "mig")
    if gpu["compute"] < [8, 0]:
        raise values.NVMLError(3)
    return [int(gpu["mig"])] * 2


def system(name: str) -> Any:
    require_started()
    return state.read()[name]


def _of(what: str, key: str, factor: float = 1) -> Callable[..., Any]:
    def ask(handle: Handle, *_: Any) -> Any:
        value = about(handle, what)[key]
        return int(value * factor) if isinstance(value, int | float) else value

    return ask


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "nvmlInit": start, "nvmlInit_v2": start, "nvmlShutdown": shutdown, "nvmlSystemGetProcessName": process_name,
    "nvmlSystemGetDriverVersion": lambda: system("driver"), "nvmlSystemGetNVMLVersion": lambda: f"13.{system('driver')}",
    "nvmlSystemGetCudaDriverVersion": lambda: system("cuda"), "nvmlSystemGetCudaDriverVersion_v2": lambda: system("cuda"),
    "nvmlDeviceGetCount": lambda: (require_started(), len(state.gpus()))[1],
    "nvmlDeviceGetHandleByIndex": by_index, "nvmlDeviceGetHandleByUUID": by_uuid,
    "nvmlDeviceGetName": _of("name", "name"), "nvmlDeviceGetUUID": _of("uuid", "uuid"), "nvmlDeviceGetMinorNumber": _of("minor", "minor"),
    "nvmlDeviceGetIndex": lambda handle: [gpu["device"] for gpu in state.gpus()].index(about(handle, "index")["device"]),
    "nvmlDeviceGetPciInfo": lambda handle: values.Pci(about(handle, "pci")["pci"]),
    "nvmlDeviceGetCudaComputeCapability": lambda handle: tuple(about(handle, "compute")["compute"]),
    "nvmlDeviceGetComputeMode": _of("mode", "compute_mode"), "nvmlDeviceGetMigMode": mig,
    "nvmlDeviceGetDisplayActive": _of("display", "display"), "nvmlDeviceGetDisplayMode": _of("display", "display"),
    "nvmlDeviceGetMemoryInfo": memory, "nvmlDeviceGetUtilizationRates": utilisation,
    "nvmlDeviceGetComputeRunningProcesses": lambda handle: running(handle, "compute"),
    "nvmlDeviceGetGraphicsRunningProcesses": lambda handle: running(handle, "graphics"),
    "nvmlDeviceGetMPSComputeRunningProcesses": lambda handle: running(handle, "mps"),
    "nvmlDeviceGetClockInfo": _of("clock", "clock_mhz"), "nvmlDeviceGetMaxClockInfo": _of("clock", "max_clock_mhz"),
    "nvmlDeviceGetTemperature": _of("temperature", "temperature_c"), "nvmlDeviceGetPowerUsage": _of("power", "power_w", 1000),
    "nvmlDeviceGetEnforcedPowerLimit": _of("power", "limit_w", 1000),
    "nvmlDeviceGetPowerManagementLimit": _of("power", "limit_w", 1000),
    "nvmlDeviceGetPowerManagementDefaultLimit": _of("power", "makers_limit_w", 1000),
    "nvmlDeviceGetCurrentClocksEventReasons": _of("reasons", "reasons"),
    "nvmlDeviceGetCurrentClocksThrottleReasons": _of("reasons", "reasons"),
}
FUNCTIONS |= {f"nvmlDeviceGet{kind}RunningProcesses_v{version}": FUNCTIONS[f"nvmlDeviceGet{kind}RunningProcesses"]
              for kind in ("Compute", "Graphics", "MPSCompute") for version in (2, 3)}


def names() -> dict[str, Any]:
    """What `import pynvml` defines."""
    errors = {error.__name__: error for error in values.ERRORS.values()}
    return {**values.CONSTANTS, **FUNCTIONS, **errors, "NVMLError": values.NVMLError, "__simulated__": True}
