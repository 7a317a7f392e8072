"""Devices behind one small protocol; adding a family is one module here and one line in ENGINES."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Protocol

from tools.case import Device
from tools.errors import OptionError
from tools.preprocess import Floats
from tools.spec import Tensor

ENGINES = {"cpu": "tools.engines.cpu"}


class Engine(Protocol):
    """A loaded graph on one device."""

    precision: str

    def infer(self, batch: Floats) -> Floats:
        """Run one batch, [B, *input] -> [B, classes], float32 in host memory."""

    def bind(self, batch: Floats) -> Callable[[], object]:
        """A call that runs this batch once, its input already where the device reads it."""


def require(device: Device) -> None:
    """Check that this installation can drive *device*.

    Raises:
        OptionError: naming the families it can drive.
    """
    if device.family not in ENGINES:
        raise OptionError(f"device {device} cannot be measured here: there is no engine for the family {device.family!r}",
                          where="--device", remedy=f"choose one of: {', '.join(ENGINES)}")


def open_engine(device: Device, graph: Path, tensor: Tensor, batch: int) -> Engine:
    """Load *graph* on *device* and check that it takes *tensor* at *batch*."""
    require(device)
    engine: Engine = import_module(ENGINES[device.family]).load(device, graph, tensor, batch)
    return engine
