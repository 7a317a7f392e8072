"""Whether a GPU can be used at all, and whether it is ours alone, told from what NVML says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.engines.cuda import nodes
from tools.engines.cuda.nvml import THROTTLING, Gpu, Host, Process, read
from tools.engines.idle import Sample, Watch
from tools.errors import DeviceError
from tools.spec.case import Device
from tools.spec.chips import ChipKind, kind

MAX_UTILISATION_PERCENT = 1
DURING_S = 1.0  # NVML answers at once, and a series may take 3 s
HIDDEN = "NVML shows no process here, not even ours (a container started with --pid=host sees them)"
IDLE_MEMORY_MB = 64  # an idle GPU shows 0 to 16 MB beside what its driver keeps; the smallest CUDA context takes above 100


def look_before(host: Host, device: int) -> Sample:
    """A look at a GPU on which nothing of ours runs yet.

    It is idle if it has no process, no display, no load, and no more memory in use than an idle one has.
    Inside a container NVML may hide processes, so that load and memory decide.
    """
    gpu = host.of_device(device)
    if gpu is None:
        return _absent(device)
    busy = [_named(one) for one in gpu.processes or ()]
    if gpu.display:
        busy.append("a display is active on it")
    if (gpu.utilisation_percent or 0) > MAX_UTILISATION_PERCENT:
        busy.append(f"utilisation {gpu.utilisation_percent} %")
    if (gpu.memory_used_mb or 0) > IDLE_MEMORY_MB:
        busy.append(f"memory {gpu.memory_used_mb} MB in use, an idle GPU has up to {IDLE_MEMORY_MB}")
    unknown = [*_unreadable(gpu), *(["utilisation cannot be read"] if gpu.utilisation_percent is None else []),
               *(["memory cannot be read"] if gpu.memory_used_mb is None else [])]
    return Sample((*busy, *_unfit(gpu)), tuple(unknown), gpu.reading)


def look_during(host: Host, device: int, ours: int) -> Sample:
    """A look at a GPU while process *ours* measures: no other process may be on it.

    In a container NVML may show our process by its number on the host. So a single process that does not run
    here is taken for ours. Where it shows none at all, not even ours, nobody can tell who else is there.
    """
    gpu = host.of_device(device)
    if gpu is None:
        return _absent(device)
    shown = gpu.processes or ()
    others = [one for one in shown if one.pid != ours]
    if len(others) == len(shown) == 1 and not Path(f"/proc/{others[0].pid}").exists():
        others = []
    hidden = [] if shown or (gpu.memory_used_mb or 0) <= IDLE_MEMORY_MB else [HIDDEN]
    return Sample((*map(_named, others), *_unfit(gpu)), (*_unreadable(gpu), *hidden), gpu.reading)


def _absent(device: int) -> Sample:
    return Sample(unknown=(f"NVML does not show cuda:{device}",))


def _unfit(gpu: Gpu) -> tuple[str, ...]:
    return (gpu.unfit,) if gpu.unfit else ()


def _unreadable(gpu: Gpu) -> list[str]:
    """What must be known at any time for a judgement of speed, and is not."""
    words = [f"{THROTTLING} cannot be read"] if THROTTLING in gpu.unknown else []
    if gpu.mig:
        words.append("it is split (MIG), so that nobody can tell what its other parts do")
    return [*words, *(["its processes cannot be read"] if gpu.processes is None else [])]


def _named(process: Process) -> str:
    return f"process {process.pid} {process.name}".rstrip()


def require_fit(host: Host, device: Device) -> ChipKind:
    """The kind of GPU of *device*.

    Raises:
        DeviceError: NVML does not show it, it is lost or closed, it disagrees on whether it is simulated, or
            a variable would let CUDA take another one for it.
    """
    assert device.index is not None
    gpu = host.of_device(device.index)
    nodes.require_undisturbed(gpu.uuid if gpu else "")
    if gpu is None:
        raise DeviceError(f"NVML does not show {device.label}", where="NVML",
                          remedy="compare what nvidia-smi shows with /dev/nvidia*; python -m tools.doctor says which GPUs are here")
    if gpu.unfit:
        raise DeviceError(f"{device.label} is not fit to be used: {gpu.unfit}", where="NVML",
                          remedy="see to the GPU, or choose another with --device")
    if host.simulated != device.simulated:
        raise DeviceError(f"{device.label} and the GPU name {gpu.name!r} disagree on whether this is a simulation", where="NVML",
                          remedy="device nodes, NVML and ONNX Runtime must be of one machine: check CLIPGATE_DEVICE_NODES and PYTHONPATH")
    return kind(gpu.name)


def condition(device: Device, look: Callable[[], Host] = read) -> tuple[tuple[str, str], ...]:
    """Clock, temperature and power of *device* now, without what cannot be read; none of it is judged."""
    try:
        gpu = None if device.index is None else look().of_device(device.index)
    except DeviceError:
        return ()
    told = gpu and (("clock_mhz", gpu.reading.clock_mhz), ("temperature_c", gpu.reading.temperature_c), ("power_w", gpu.reading.power_w))
    return tuple((name, f"{value:.0f}") for name, value in told or () if value is not None)


def watch(device: Device, look: Callable[[], Host] = read) -> Watch:
    """What samples whether *device* is ours alone."""
    assert device.index is not None
    index = device.index
    return Watch(lambda: look_before(look(), index), lambda ours: look_during(look(), index, ours), "NVML", DURING_S)
