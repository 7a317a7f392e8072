"""Whether a device can be used at all, by what npu-smi says of it."""

from __future__ import annotations

from tools.case import Device
from tools.chips import ChipKind, kind
from tools.errors import DeviceError
from tools.npu_smi import Table

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
