"""The case: one model at one batch size on one device, as a frozen value whose text is the test id."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, cast, get_args

BATCHES = (1, 4, 8, 16, 32, 64)
Precision = Literal["", "fp32", "tf32", "fp16"]  # "" is what a device does by itself
EngineName = Literal["", "tensorrt"]  # "" is the usual one of a family of devices
MODES = "".join(f"(?:-({'|'.join(get_args(kind)[1:])}))?" for kind in (EngineName, Precision))  # how the text of a case may end
COUNTED = ("npu", "cuda")  # families of which a cluster gives a case any device: it has no index before
DEVICE = rf"(?:(cpu)|(?:({'|'.join(COUNTED)})|(?!cpu)([a-z]+)([0-9]{{1,9}}))(sim)?)"  # its label in the text of a case
CONTROL = "control"  # in a model's place: the fixed small graph that a doubtful cell is measured in turn with


@dataclass(frozen=True, slots=True, order=True)
class Device:
    """A device as `--device` names it: `cpu`, or a family with an index, `npu:0`.

    Of a cluster it is any device of a family, `npu`, which a task is given an index of where it runs.
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


@dataclass(frozen=True, slots=True, order=True)
class Mode:
    """How a device computes, where it does not as its family does by itself; `str(mode)` ends a test id."""

    engine: EngineName = ""
    precision: Precision = ""

    def __str__(self) -> str:
        return "-".join(filter(None, (self.engine, self.precision)))


USUAL = Mode()


@dataclass(frozen=True, slots=True)
class Case:
    """One cell of the matrix; `str(case)` is its test id, its folder and its report row."""

    model: str
    batch: int
    device: Device
    mode: Mode = USUAL

    def __str__(self) -> str:
        return "-".join(filter(None, (f"{self.model}-bs{self.batch}-{self.device.label}", str(self.mode))))

    @classmethod
    def parse(cls, text: str, model: str) -> Case | None:
        """The case of *model* whose text this is; None where it is another's, or no case's."""
        match = re.fullmatch(rf"{re.escape(model)}-bs([0-9]{{1,9}})-{DEVICE}{MODES}", text)
        if match is None:
            return None
        batch, cpu, any_of, family, index, simulated, engine, precision = match.groups(default="")
        device = Device(cpu or any_of or family, int(index) if index else None, simulated=bool(simulated))
        return cls(model, int(batch), device, Mode(cast("EngineName", engine), cast("Precision", precision)))
