"""Whether a device can be used at all, and whether it is ours alone, told from npu-smi's table."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tools.engines.ascend.npu_smi import Chip, Process, Table, read
from tools.engines.idle import Reading, Sample, Watch
from tools.errors import DeviceError, TruthError
from tools.spec.case import Device
from tools.spec.chips import ChipKind, ascend_kind

MAX_AICORE_PERCENT = 1
UNFIT = ("Critical", "UNKNOWN")  # Warning and Alarm run, and carry no judgement of speed


def look_before(table: Table, device: int) -> Sample:
    """A look at a device on which nothing of ours runs yet.

    It is idle if it is well and has no process, no load, and no more memory in use than an idle one has.
    Where npu-smi has no table of processes, load and memory decide.
    """
    chip = table.of_device(device)
    if chip is None:
        return Sample(unknown=(f"npu-smi shows no device {device}",))
    busy = [_named(one) for one in table.processes_of(chip) or ()]
    unknown = []
    if chip.health != "OK":
        busy.append(f"health {chip.health}")
    if chip.aicore_percent is None:
        unknown.append("AICore cannot be read")
    elif chip.aicore_percent > MAX_AICORE_PERCENT:
        busy.append(f"AICore {chip.aicore_percent} %")
    _judge_memory(chip.memory_used_mb, ascend_kind(chip.name), busy, unknown)
    return Sample(tuple(busy), tuple(unknown), _reading(chip))


def _reading(chip: Chip) -> Reading | None:
    """What the chip tells of itself: npu-smi's table has no clock, and names no reason for a low one."""
    return None if chip.temperature_c is None and chip.power_w is None else Reading(None, chip.temperature_c, chip.power_w)


def _judge_memory(used_mb: int | None, chip: ChipKind, busy: list[str], unknown: list[str]) -> None:
    if used_mb is None:
        unknown.append("memory cannot be read")
    elif chip.idle_memory_mb is None:
        unknown.append(f"nobody knows how much memory an idle {chip.name} has in use ({used_mb} MB now)")
    elif used_mb > chip.idle_memory_mb:
        busy.append(f"memory {used_mb} MB in use, an idle {chip.name} has up to {chip.idle_memory_mb}")


def look_during(table: Table, device: int, ours: int) -> Sample:
    """A look at a device while process *ours* measures: no other process may be on it.

    In a container npu-smi may show our process by its number on the host. So a single process is taken for
    ours, unless its number in the container is shown beside it. One without a readable number is unknown.
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
    return Sample(tuple(busy), tuple(_named(one) for one in others if one.pid is None), _reading(chip))


def _may_be_a_host_number(process: Process) -> bool:
    return process.pid is not None and process.container_pid is None and not Path(f"/proc/{process.pid}").exists()


def _named(process: Process) -> str:
    number = "of an unreadable number" if process.pid is None else process.pid
    return f"process {number} {process.name}".rstrip()


def require_fit(table: Table, device: Device) -> ChipKind:
    """The kind of chip of *device*.

    Raises:
        DeviceError: *table* lacks the device, says it is not well, or disagrees on whether it is simulated.
    """
    assert device.index is not None
    chip = table.of_device(device.index)
    if chip is None:
        raise DeviceError(f"npu-smi shows no device {device.index}", where="npu-smi info",
                          remedy="python -m tools.doctor says which it shows")
    try:
        chip_kind = ascend_kind(chip.name)
    except TruthError as error:  # `auto` passes over such a device, as over one that is not well
        raise DeviceError(f"{device.label}: {error.what}", where="npu-smi info", remedy=error.remedy) from error
    if chip.health in UNFIT:
        raise DeviceError(f"{device.label} is not fit to be used: its health is {chip.health}", where="npu-smi info",
                          remedy="see to the device, or choose another with --device")
    if chip_kind.simulated != device.simulated:
        raise DeviceError(f"{device.label} and the chip name {chip.name!r} disagree on whether this is a simulation", where="npu-smi info",
                          remedy="device nodes, npu-smi and aclruntime must be of one machine: check CLIPGATE_DEVICE_NODES and PATH")
    return chip_kind


def condition(device: Device, look: Callable[[], Table] = read) -> tuple[tuple[str, str], ...]:
    """The temperature of *device* now; nothing where it cannot be read, since nothing is judged by it."""
    try:
        chip = None if device.index is None else look().of_device(device.index)
    except DeviceError:
        return ()
    return () if chip is None or chip.temperature_c is None else (("temperature_c", str(chip.temperature_c)),)


def watch(device: Device, look: Callable[[], Table] = read) -> Watch:
    """What samples whether *device* is ours alone."""
    assert device.index is not None
    index = device.index
    return Watch(lambda: look_before(look(), index), lambda ours: look_during(look(), index, ours), "npu-smi")
