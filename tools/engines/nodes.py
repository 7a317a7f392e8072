"""Which devices of a family this machine has, by their nodes alone: quick enough for collecting a matrix."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path

from tools.errors import OptionError
from tools.spec.case import Device

NODES = "CLIPGATE_DEVICE_NODES"  # a folder instead of /dev, where a container or a simulation keeps them


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes of one family's devices.

    family: what `--device` calls it. stem: how a node's name begins, before its number. title: what people
    call such a device. renumbered: the variable by which the runtime would count otherwise than we do.
    """

    family: str
    stem: str
    title: str
    renumbered: str

    def numbered(self) -> list[tuple[int, Device]]:
        """Each node's number, with its device. One that is no character device is a simulated device."""
        try:
            nodes = sorted((int(match[1]), path.stat().st_mode) for path in folder().iterdir()
                           if (match := re.fullmatch(rf"{self.stem}(\d+)", path.name)) and path.exists())
        except OSError:
            return []
        return [(number, Device(self.family, index, simulated=not stat.S_ISCHR(mode))) for index, (number, mode) in enumerate(nodes)]

    def devices(self) -> list[Device]:
        """The devices in the order of their nodes' numbers."""
        return [device for _, device in self.numbered()]

    def named(self, device: Device) -> Device:
        """The device that a person names, as this machine has it: K is the K-th node.

        Raises:
            OptionError: there is no such device, or the runtime would count otherwise than we do.
        """
        assert device.index is not None
        found = self.devices()
        if not found:
            raise OptionError(f"no {self.title}: {folder()} has no {self.stem}0", where=f"--device {device}",
                              remedy="choose cpu; python -m tools.doctor says what is there and what is missing")
        if device.index >= len(found):
            raise OptionError(f"no such device: this machine has {len(found)} {self.title}(s)", where=f"--device {device}",
                              remedy=f"choose one of: {', '.join(str(one) for one in found)}, cpu")
        if self.renumbered in os.environ:  # an empty one hides every device
            raise OptionError(f"{self.renumbered}={os.environ[self.renumbered]} renumbers the devices, and so does --device {device}: "
                              "one of them only", where="environment",
                              remedy=f"unset {self.renumbered}, and name the device by its own number")
        return found[device.index]


def folder() -> Path:
    """Where the nodes are."""
    return Path(os.environ.get(NODES, "/dev"))
