"""The case: one model at one batch size on one device, as a frozen value whose text is the test id."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tools.errors import OptionError

BATCHES = (1, 4, 8, 16, 32, 64)
FAMILIES = ("cpu", "npu")


@dataclass(frozen=True, slots=True, order=True)
class Device:
    """A device as `--device` names it: `cpu`, or a family with an index, `npu:0`.

    simulated: it only behaves like one. Everything that names the device says so.
    """

    family: str
    index: int | None = None
    simulated: bool = False

    @classmethod
    def parse(cls, text: str) -> Device:
        match = re.fullmatch(r"cpu|(npu):(\d+)", text)
        if match is None:
            raise OptionError(f"unknown device {text!r}", where="--device",
                              remedy="choose auto, cpu, or npu:K (several: npu:0,npu:1)")
        return cls("cpu") if text == "cpu" else cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return self.family if self.index is None else f"{self.family}:{self.index}"

    @property
    def label(self) -> str:
        """The device as it stands in a test id and in file names: `npu0`, or `npu0sim`."""
        return str(self).replace(":", "") + ("sim" if self.simulated else "")


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of the matrix; `str(case)` is its test id, its folder and its report row."""

    model: str
    batch: int
    device: Device

    def __str__(self) -> str:
        return f"{self.model}-bs{self.batch}-{self.device.label}"
