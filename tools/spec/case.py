"""The case: one model at one batch size on one device, as a frozen value whose text is the test id."""

from __future__ import annotations

import re
from dataclasses import dataclass

BATCHES = (1, 4, 8, 16, 32, 64)
CONTROL = "control"  # in a model's place: the fixed small graph that a doubtful cell is measured in turn with


@dataclass(frozen=True, slots=True, order=True)
class Device:
    """A device as `--device` names it: `cpu`, or a family with an index, `npu:0`.

    simulated: it only behaves like one. Everything that names the device says so.
    """

    family: str
    index: int | None = None
    simulated: bool = False

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

    @classmethod
    def parse(cls, text: str, model: str) -> Case | None:
        """The case of *model* whose text this is; None where it is another's, or no case's."""
        match = re.fullmatch(rf"{re.escape(model)}-bs([0-9]{{1,9}})-(?:(cpu)|(?!cpu)([a-z]+)([0-9]{{1,9}})(sim)?)", text)
        if match is None:
            return None
        batch, cpu, family, index, simulated = match.groups()
        return cls(model, int(batch), Device(cpu) if cpu else Device(family, int(index), simulated=bool(simulated)))
