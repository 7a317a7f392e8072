"""Which Ascend devices this machine has, by their nodes alone: quick enough for collecting a matrix."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from tools.errors import OptionError
from tools.spec.case import Device

NODES = "CLIPGATE_DEVICE_NODES"  # a folder instead of /dev, where a container or a simulation keeps them
RENUMBERED = "ASCEND_RT_VISIBLE_DEVICES"


def named(device: Device) -> Device:
    """The device that a person names, as this machine has it: npu:K is the K-th node, as the runtime counts.

    Raises:
        OptionError: there is no such device, or the runtime would count otherwise than we do.
    """
    assert device.index is not None
    found = devices()
    if not found:
        raise OptionError(f"no Ascend device: {folder()} has no davinci0", where=f"--device {device}",
                          remedy="choose cpu; python -m tools.doctor says what is there and what is missing")
    if device.index >= len(found):
        raise OptionError(f"no such device: this machine has {len(found)} Ascend device(s)", where=f"--device {device}",
                          remedy=f"choose one of: {', '.join(str(one) for one in found)}, cpu")
    if RENUMBERED in os.environ:  # an empty one hides every device
        raise OptionError(f"{RENUMBERED}={os.environ[RENUMBERED]} renumbers the devices, and so does --device {device}: one of them only",
                          where="environment", remedy=f"unset {RENUMBERED}, and name the device by its own number")
    return found[device.index]


def devices() -> list[Device]:
    """The Ascend devices in the runtime's order. A node that is no character device is a simulated one."""
    try:
        nodes = sorted((int(match[1]), path.stat().st_mode) for path in folder().iterdir()
                       if (match := re.fullmatch(r"davinci(\d+)", path.name)) and path.exists())
    except OSError:
        return []
    return [Device("npu", index, simulated=not stat.S_ISCHR(mode)) for index, (_, mode) in enumerate(nodes)]


def folder() -> Path:
    return Path(os.environ.get(NODES, "/dev"))
