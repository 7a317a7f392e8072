"""Whether a device can be used at all, and whether it is ours alone, by what npu-smi says of it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from tools.engines.ascend.npu_smi import Process, Table, read
from tools.engines.idle import Sample, Watch
from tools.errors import DeviceError
from tools.spec.case import Device
from tools.spec.chips import ChipKind, kind

MAX_AICORE_PERCENT = 1


def look_before(table: Table, device: int) -> Sample:
    """A device on which nothing of ours runs yet must have no process, no load, no more memory in use than an idle one, and be well.

    A layout without process table leaves load and memory to decide.
    """
    chip = table.of_device(device)
    if chip is None:
        return Sample(unknown=(f"npu-smi shows no device {device}",))
    what = kind(chip.name)
    busy = [_named(one) for one in table.processes_of(chip) or ()]
    unknown = []
    if chip.health != "OK":
        busy.append(f"health {chip.health}")
    if chip.aicore_percent is None:
        unknown.append("AICore cannot be read")
    elif chip.aicore_percent > MAX_AICORE_PERCENT:
        busy.append(f"AICore {chip.aicore_percent} %")
    _judge_memory(chip.memory_used_mb, what, busy, unknown)
    return Sample(tuple(busy), tuple(unknown))


def _judge_memory(used_mb: int | None, what: ChipKind, busy: list[str], unknown: list[str]) -> None:
    if used_mb is None:
        unknown.append("memory cannot be read")
    elif what.idle_memory_mb is None:
        unknown.append(f"nobody knows how much memory an idle {what.name} has in use ({used_mb} MB now)")
    elif used_mb > what.idle_memory_mb:
        busy.append(f"memory {used_mb} MB in use, an idle {what.name} has up to {what.idle_memory_mb}")


def look_during(table: Table, device: int, ours: int) -> Sample:
    """While process *ours* measures, no other process may be on the device.

    In a container npu-smi may show the host's number of our process: one process where one is expected is taken for ours,
    unless its number in the container is shown beside it. One without a readable number may be ours or not.
    """
    chip = table.of_device(device)
    if chip is None:
        return Sample(unknown=(f"npu-smi shows no device {device}",))
    shown = table.processes_of(chip) or ()
    others = [one for one in shown if ours not in (one.pid, one.container_pid)]
    if len(others) == len(shown) == 1 and _may_be_a_host_number(others[0]):
        others = []
    busy = [_named(one) for one in others if one.pid is not None]
    if chip.health != "OK":
        busy.append(f"health {chip.health}")
    return Sample(tuple(busy), tuple(_named(one) for one in others if one.pid is None))


def _may_be_a_host_number(process: Process) -> bool:
    return process.pid is not None and process.container_pid is None and not Path(f"/proc/{process.pid}").exists()


def _named(process: Process) -> str:
    number = "of an unreadable number" if process.pid is None else process.pid
    return f"process {number} {process.name}".rstrip()


UNFIT = ("Critical", "UNKNOWN")  # Warning and Alarm run, and carry no judgement of speed


def require_fit(table: Table, device: Device) -> ChipKind:
    """The kind of chip *device* is, once nothing in *table* speaks against using it.

    Raises:
        DeviceError: npu-smi shows no such device, one that is not well, or one of another nature.
    """
    assert device.index is not None
    chip = table.of_device(device.index)
    if chip is None:
        raise DeviceError(f"npu-smi shows no device {device.index}", where="npu-smi info",
                          remedy="python -m tools.doctor says which it shows")
    found = kind(chip.name)
    if chip.health in UNFIT:
        raise DeviceError(f"{device.label} is not fit to be used: its health is {chip.health}", where="npu-smi info",
                          remedy="see to the device, or choose another with --device")
    if found.simulated != device.simulated:
        raise DeviceError(f"{device.label} and the chip name {chip.name!r} disagree on whether this is a simulation", where="npu-smi info",
                          remedy="device nodes, npu-smi and aclruntime must be of one machine: check CLIPGATE_DEVICE_NODES and PATH")
    return found


def watch(device: Device, look: Callable[[], Table] = read) -> Watch:
    """Samples whether *device* is ours alone."""
    assert device.index is not None
    return Watch(partial(_before, look, device.index), partial(_during, look, device.index), "npu-smi")


def _before(look: Callable[[], Table], device: int) -> Sample:
    return look_before(look(), device)


def _during(look: Callable[[], Table], device: int, ours: int) -> Sample:
    return look_during(look(), device, ours)
