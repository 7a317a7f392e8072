"""What NVIDIA's management library says of this machine's GPUs, as values.

What it does not tell of a GPU is None, and named: it is unknown, and never zero. Known from NVML's own
documentation, and from what its Python module passes on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import PurePath
from types import ModuleType
from typing import Any

from tools.engines.cuda import nodes
from tools.engines.idle import Reading
from tools.errors import DeviceError
from tools.spec.chips import SIMULATED

PACKAGE = "nvidia-ml-py"
MB = 2**20
REFUSALS = {  # NVML's code where it cannot begin -> what it means, and the remedy
    4: ("this user may not ask NVML", "in a container pass /dev/nvidiactl and /dev/nvidia*, or run it with --gpus all"),
    9: ("NVIDIA's kernel driver is not loaded", "load it (sudo modprobe nvidia), or install NVIDIA's driver"),
    12: ("NVIDIA's driver has no NVML here: libnvidia-ml.so.1 is missing",
         "install NVIDIA's driver; in a container run it with --gpus all"),
    15: ("a GPU is lost: its driver no longer answers", "restart the machine; sudo dmesg | grep Xid says why"),
    16: ("a GPU must be reset", "sudo nvidia-smi --gpu-reset while nothing uses it, or restart the machine"),
    17: ("the system does not let NVML reach the driver", "in a container run it with --gpus all, or see to its device rules"),
    18: ("Driver/library version mismatch: NVIDIA's driver was updated, and the old one is still loaded", "restart the machine"),
}
LOST = (15, 16)  # of these codes, those that may be said of a single GPU
SLOWED = {  # bit of the reasons for which a clock is held down -> in words
    0x04: "software power cap", 0x08: "hardware slowdown", 0x10: "sync boost", 0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown", 0x80: "hardware power brake",
}
PROHIBITED = 2  # compute mode in which nothing may compute there
THROTTLING = "why its clock is held down"


@dataclass(frozen=True, slots=True)
class Process:
    """A process on a GPU; its name is empty where it runs elsewhere than NVML can see."""

    pid: int
    name: str
    memory_mb: int | None


@dataclass(frozen=True, slots=True)
class Gpu:
    """A GPU. index: its number in `--device cuda:K`; None where nobody can tell which of them it is.

    compute: its compute capability. memory_used_mb: without what the driver keeps for itself. unknown: what
    NVML did not tell of it. ordinal: the number by which CUDA opens it. display: whether one is active on it.
    unfit: why it cannot be used, in words.
    """

    index: int | None
    name: str
    uuid: str
    compute: tuple[int, int] | None
    memory_used_mb: int | None
    memory_total_mb: int | None
    utilisation_percent: int | None
    processes: tuple[Process, ...] | None
    reading: Reading = field(compare=False)  # it changes from one look to the next
    mig: bool = False
    unknown: tuple[str, ...] = ()
    ordinal: int = 0
    display: bool = False
    unfit: str = ""


@dataclass(frozen=True, slots=True)
class Host:
    """All that one look told. cuda: the newest CUDA that the driver runs, `13.0`; empty if unknown."""

    driver: str
    cuda: str
    gpus: tuple[Gpu, ...]
    simulated: bool

    def of_device(self, index: int) -> Gpu | None:
        """The GPU that is cuda:*index*; None where NVML does not show it."""
        return next((gpu for gpu in self.gpus if gpu.index == index), None)


class _Asking:
    """Questions to NVML. What it refuses to answer is None, and *unknown* then has the word for it."""

    def __init__(self, library: ModuleType) -> None:
        self.library = library
        self.unknown: list[str] = []

    def __call__(self, word: str, names: str | Sequence[str], *given: object, **more: object) -> Any:  # noqa: ANN401 - NVML's module has no types
        """What the first of the functions *names* answers that this module and this driver have."""
        for name in (names,) if isinstance(names, str) else names:
            function: Callable[..., Any] | None = getattr(self.library, name, None)
            try:
                if function is not None:
                    return function(*given, **more)
            except self.library.NVMLError as error:
                if word and error.value in LOST:
                    raise
        if word:
            self.unknown.append(word)
        return None


def read() -> Host:
    """What NVML says now.

    Raises:
        DeviceError: it cannot be asked.
    """
    with _opened() as library:
        ask = _Asking(library)
        driver = _text(ask("driver", "nvmlSystemGetDriverVersion"))
        newest = ask("cuda", ("nvmlSystemGetCudaDriverVersion_v2", "nvmlSystemGetCudaDriverVersion"))
        cuda = "" if newest is None else f"{newest // 1000}.{newest % 1000 // 10}"
        simulated = bool(getattr(library, "__simulated__", False))
        found = [_gpu(library, ordinal, simulated=simulated) for ordinal in range(library.nvmlDeviceGetCount())]
        return Host(driver or "unknown", cuda, tuple(_placed(found, [number for number, _ in nodes.numbered()])), simulated)


@contextmanager
def _opened() -> Iterator[ModuleType]:
    """NVML's module while it is open; its errors inside become ours."""
    try:
        import pynvml
    except ImportError as error:
        raise DeviceError(f"NVML cannot be asked: {error}", remedy=f"./tools/setup --cuda installs {PACKAGE}") from error
    library: ModuleType = pynvml
    try:
        library.nvmlInit()
        try:
            yield library
        finally:
            library.nvmlShutdown()
    except library.NVMLError as error:
        what, remedy = REFUSALS.get(error.value, (f"NVML fails: {error}", "run nvidia-smi by hand as the same user"))
        raise DeviceError(what, where="NVML", remedy=remedy) from error


def _gpu(library: ModuleType, ordinal: int, *, simulated: bool) -> tuple[int | None, Gpu]:
    """A GPU, and the number of its node where the driver tells it."""
    ask = _Asking(library)
    try:
        handle = library.nvmlDeviceGetHandleByIndex(ordinal)
        number = ask("minor number", "nvmlDeviceGetMinorNumber", handle)
        return number, _told(ask, handle, ordinal, simulated=simulated)
    except library.NVMLError as error:
        unfit = REFUSALS[error.value][0] if error.value in REFUSALS else f"NVML fails: {error}"
        return None, Gpu(None, _name("GPU", simulated=simulated), "", None, None, None, None, None, Reading(), unfit=unfit, ordinal=ordinal,
                         unknown=("everything",))


def _told(ask: _Asking, handle: object, ordinal: int, *, simulated: bool) -> Gpu:
    mode = ask("", "nvmlDeviceGetMigMode", handle)  # most kinds of GPU have none, and refuse
    mig = bool(mode and mode[0])
    memory = ask("", "nvmlDeviceGetMemoryInfo", handle, version=getattr(ask.library, "nvmlMemory_v2", None))
    memory = memory or ask("memory", "nvmlDeviceGetMemoryInfo", handle)  # a driver before 510 has one form only
    rates = ask("utilisation", "nvmlDeviceGetUtilizationRates", handle)
    compute = ask("compute capability", "nvmlDeviceGetCudaComputeCapability", handle)
    prohibited = ask("compute mode", "nvmlDeviceGetComputeMode", handle) == PROHIBITED
    return Gpu(
        None, _name(_text(ask("name", "nvmlDeviceGetName", handle)) or "GPU", simulated=simulated),
        _text(ask("uuid", "nvmlDeviceGetUUID", handle)), tuple(compute) if compute else None,
        memory.used // MB if memory else None, memory.total // MB if memory else None,
        None if rates is None or mig else rates.gpu, _processes(ask, handle), _reading(ask, handle), mig, tuple(ask.unknown), ordinal,
        bool(ask("", "nvmlDeviceGetDisplayActive", handle)), "its compute mode is prohibited" if prohibited else "")


def _name(name: str, *, simulated: bool) -> str:
    """`NVIDIA T4` of whatever form its driver gives: Tesla T4, NVIDIA T4, T4."""
    return f"{SIMULATED if simulated else ''}NVIDIA {name.removeprefix('NVIDIA ').removeprefix('Tesla ')}"


def _processes(ask: _Asking, handle: object) -> tuple[Process, ...] | None:
    """What computes or draws there, each process once; None where nobody can tell."""
    computing = ask("processes", "nvmlDeviceGetComputeRunningProcesses", handle)
    drawing = ask("processes that draw", "nvmlDeviceGetGraphicsRunningProcesses", handle)
    if computing is None or drawing is None:
        return None
    found = {one.pid: one for one in (*drawing, *computing)}
    return tuple(Process(pid, _program(_text(ask("", "nvmlSystemGetProcessName", pid))),
                         None if one.usedGpuMemory is None else one.usedGpuMemory // MB) for pid, one in sorted(found.items()))


def _program(command: str) -> str:
    return PurePath(next(iter(command.split()), "")).name


def _reading(ask: _Asking, handle: object) -> Reading:
    library = ask.library
    clock = ask("clock", "nvmlDeviceGetClockInfo", handle, library.NVML_CLOCK_SM)
    heat = ask("temperature", "nvmlDeviceGetTemperature", handle, library.NVML_TEMPERATURE_GPU)
    power = ask("power", "nvmlDeviceGetPowerUsage", handle)
    bits = ask(THROTTLING, ("nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"), handle)
    return Reading(None if clock is None else float(clock), None if heat is None else float(heat), None if power is None else power / 1e3,
                   tuple(word for bit, word in SLOWED.items() if bits and bits & bit))


def _placed(found: Sequence[tuple[int | None, Gpu]], numbers: Sequence[int]) -> Iterator[Gpu]:
    """Each GPU with its index among the nodes: by the number that its driver tells, never by its place.

    One GPU whose number is unknown has the one node that is left; lost ones have those that are left, in any
    order. A GPU without a node is none of ours.
    """
    known = {number for number, _ in found if number is not None}
    left = [index for index, number in enumerate(numbers) if number not in known]
    nameless = [gpu for number, gpu in found if number is None]
    sure = len(nameless) == len(left) and (len(left) == 1 or all(gpu.unfit for gpu in nameless))
    for number, gpu in found:
        if number is None:
            yield replace(gpu, index=left.pop(0) if sure else None)
        elif number in numbers:
            yield replace(gpu, index=numbers.index(number))


def _text(answer: str | bytes | None) -> str:
    """Older modules give bytes."""
    return answer.decode(errors="replace") if isinstance(answer, bytes) else answer or ""
