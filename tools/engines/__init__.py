"""Devices behind one small protocol; adding a family is one module here and one line in ENGINES."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from tools.errors import DeviceError
from tools.spec.case import Device

if TYPE_CHECKING:  # collecting a matrix asks here for devices only
    from tools.engines.ascend.faults import Fault
    from tools.engines.ascend.idle import Watch
    from tools.media.preprocess import Floats
    from tools.spec.chips import ChipKind
    from tools.spec.model import Network

ENGINES = {"cpu": "tools.engines.cpu", "npu": "tools.engines.ascend.engine"}


class Engine(Protocol):
    """A loaded graph on one device."""

    precision: str

    def infer(self, batch: Floats) -> Floats:
        """Run one batch, [B, *input] -> [B, classes], float32 in host memory."""

    def bind(self, batch: Floats) -> Callable[[], object]:
        """A call that runs this batch once, its input already where the device reads it."""

    def device_times(self) -> list[float]:
        """Seconds of each execution since `bind` by the device's own clock; empty where it has none."""

    def close(self) -> None:
        """Give the device back; the engine is not used again."""


class Family(Protocol):
    """What each module of this package offers.

    COMPILES: whether the device loads what its compiler makes of an ONNX graph, and not the graph itself.
    """

    COMPILES: bool

    def require(self, artifacts: Path) -> None:
        """Check what must hold of the artifacts folder before anything is built."""

    def load(self, device: Device, graph: Path, network: Network, batch: int) -> Engine:
        """Load *graph* on *device* and check that it takes the network's input at *batch*."""

    def describe(self, device: Device) -> ChipKind:
        """The kind of chip *device* is; an error where it is not fit to be used."""

    def versions(self) -> tuple[tuple[str, str], ...]:
        """What, beside our own packages, shapes what such a device computes and how fast."""

    def environment(self) -> Mapping[str, str]:
        """What a process needs in its environment before it loads the device's runtime."""

    def watch(self, device: Device) -> Watch | None:
        """Samples, around and during a measurement, whether the device is ours alone; None where nobody can tell."""

    def diagnose(self, log: str) -> Fault | None:
        """What the runtime's last words mean, in what a process printed."""


def family(device: Device) -> Family:
    """The module that drives devices of this kind."""
    return cast("Family", import_module(ENGINES[device.family]))


def first_fit(candidates: Sequence[Device]) -> tuple[Device | None, list[str]]:
    """The first of *candidates* that is fit to be used, and what is wrong with those before it."""
    wrong = []
    for device in candidates:
        try:
            family(device).describe(device)
        except DeviceError as error:
            wrong.append(f"{device.label}: {error.what}")
        else:
            return device, wrong
    return None, wrong


def open_engine(device: Device, graph: Path, network: Network, batch: int) -> Engine:
    """Load *graph* on *device* and check that it takes *network*'s input at *batch*."""
    return family(device).load(device, graph, network, batch)
