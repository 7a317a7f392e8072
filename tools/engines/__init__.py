"""Devices behind two small protocols: adding a family is its own files here and one line in FAMILIES."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, cast

from tools.errors import DeviceError, OptionError
from tools.spec.case import Device

if TYPE_CHECKING:
    from tools.engines.faults import Fault
    from tools.engines.findings import Examination, Show
    from tools.engines.idle import Watch
    from tools.media.preprocess import Floats
    from tools.spec.chips import ChipKind
    from tools.spec.model import Network
    from tools.spec.settings import Settings

FAMILIES = {"npu": "tools.engines.ascend.family", "cpu": "tools.engines.cpu"}  # name -> module, as `auto` prefers them


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
    """What the module of a family of devices offers; importing it loads nothing heavy.

    NAMED: how `--device` names its devices; MARK: what `pytest --markers` says of its cases;
    LOADS: what its devices load, an ONNX graph or what Ascend's compiler makes of one.
    """

    NAMED: str
    MARK: str
    LOADS: Literal["onnx", "om"]

    def devices(self) -> list[Device]:
        """Those of this machine, told quickly: collecting a matrix asks."""

    def named(self, device: Device) -> Device:
        """A device that a person named, as it is on this machine; an error where it is not there."""

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

    def examine(self, settings: Settings, show: Show) -> Examination:
        """What there is of the family on this machine, shown group by group; for tools.doctor."""


def named(name: str) -> Family:
    """The module of a family."""
    return cast("Family", import_module(FAMILIES[name]))


def family(device: Device) -> Family:
    """The module that drives devices of this kind."""
    return named(device.family)


def open_engine(device: Device, graph: Path, network: Network, batch: int) -> Engine:
    """Load *graph* on *device* and check that it takes *network*'s input at *batch*."""
    return family(device).load(device, graph, network, batch)


def parse(text: str) -> Device:
    """The device of this machine that *text* names: `cpu`, or a family and an index, `npu:0`.

    Raises:
        OptionError: there is no such family, or no such device here.
    """
    match = re.fullmatch(r"([a-z]+)(?::(\d+))?", text)
    if match is None or match[1] not in FAMILIES or (match[2] is None) != (":" not in named(match[1]).NAMED):
        *most, last = sorted(named(name).NAMED for name in FAMILIES)
        raise OptionError(f"unknown device {text!r}", where="--device",
                          remedy=f"choose {', '.join(['auto', *most])}, or {last} (several with commas)")
    device = Device(match[1], None if match[2] is None else int(match[2]))
    return family(device).named(device)


def devices() -> list[Device]:
    """The devices of this machine, those that `auto` prefers first."""
    return [device for name in FAMILIES for device in named(name).devices()]


def first_fit(candidates: Sequence[Device]) -> tuple[Device, list[str]]:
    """The first of *candidates* that is fit to be used, and what is wrong with those before it; the CPU is always fit."""
    wrong = []
    for device in candidates:
        try:
            family(device).describe(device)
        except DeviceError as error:
            wrong.append(f"{device.label}: {error.what}")
        else:
            return device, wrong
    raise AssertionError("the CPU is among the candidates")
