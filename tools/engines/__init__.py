"""Devices behind two small protocols. A new family is files of its own here and one line in FAMILIES."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import import_module
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Protocol

from tools.errors import DeviceError, EngineError, OptionError
from tools.spec.case import USUAL, Device, EngineName, Mode, Precision

if TYPE_CHECKING:
    from tools.engines.faults import Fault
    from tools.engines.findings import Examination, Show
    from tools.engines.fit import Asked, Fit
    from tools.engines.idle import Watch
    from tools.engines.tensors import Loaded
    from tools.media.preprocess import Floats
    from tools.spec.chips import ChipKind
    from tools.spec.model import Network
    from tools.spec.settings import Settings

NODES_ON_CPU = "nodes_on_cpu"  # by which `Engine.told` says which nodes of the graph the CPU computes; "0" for none
FAMILIES = {  # name -> module, as `auto` prefers them
    "npu": "tools.engines.ascend.family",
    "cuda": "tools.engines.cuda.family",
    "cpu": "tools.engines.cpu",
}


class Bound(Protocol):
    """A batch that lies where the device reads it."""

    def __call__(self) -> object:
        """Run it once. `scores` reads what comes back."""

    def put(self, batch: Floats) -> None:
        """Put another batch in its place."""

    def scores(self, answer: object) -> Floats | None:
        """What a call gave, once, as `infer` gives it; None where it gave nothing that could be scores."""


class Engine(Protocol):
    """A loaded graph on one device.

    precision: the numbers that it computes in. fit: how batches go into it. lanes: how many bound batches may
    lie on the device, so that one is brought there while another one runs. told: what its runtime says of
    itself, for the record: its provider, say, and the nodes that it leaves to the CPU.
    """

    precision: str
    fit: Fit
    lanes: int
    told: Mapping[str, str]

    def infer(self, batch: Floats) -> Floats:
        """Run one batch, [B, *input] -> its rows of output, float32 in host memory."""

    def bind(self, batch: Floats) -> Bound:
        """This batch, its input already where the device reads it."""

    def device_times(self) -> list[float]:
        """Seconds of each execution since `bind` by the device's own clock; empty where it has none."""

    def close(self) -> None:
        """Give the device back; the engine is not used again."""


class Family(Protocol):
    """A family of devices: the FAMILY of its module, whose import loads nothing heavy.

    NAMED: how `--device` names its devices. MARK: what `pytest --markers` says of its cases.
    LOADS: what its devices load: an ONNX graph, or what Ascend's compiler makes of one.
    ON_HOST: whether they compute with the cores of the host.
    FED_AHEAD: whether the next batch is brought to them while they compute, so that more cores may decode.
    COMPUTES: the precisions that each engine of theirs offers; the first is what it does by itself, "" where
    that differs from chip to chip.
    RAY: the resource by which a Ray cluster counts them; empty where it counts none of their kind.
    """

    NAMED: str
    MARK: str
    LOADS: Literal["onnx", "om"]
    ON_HOST: bool = False
    FED_AHEAD: bool = False
    COMPUTES: Mapping[EngineName, tuple[Precision, ...]] = MappingProxyType({"": ("fp32",)})
    RAY: str = ""

    def devices(self) -> list[Device]:
        """The devices of this machine. It answers quickly, since collecting a matrix asks."""

    def named(self, device: Device) -> Device:
        """The device that a person named, as this machine has it; an error where it has none."""
        return device

    def can_compute(self) -> bool:
        """Whether this Python has what its devices are driven by, told quickly; one without is left alone."""
        return True

    def require(self, artifacts: Path) -> None:
        """Check what must hold of the artifacts folder before anything is built."""
        return

    def require_ready(self, device: Device, settings: Settings) -> None:
        """Check what a measurement on *device* needs, before anything is built for it."""
        for check in self.needs(device, settings):
            check()

    def needs(self, device: Device, settings: Settings) -> Sequence[Callable[[], object]]:
        """What `require_ready` checks, one thing each, so that all that is missing can be told at once."""
        return [partial(self.describe, device)]

    def require_compiler(self, settings: Settings) -> None:
        """Check what compiling for such a device needs."""
        return

    def load(self, device: Device, graph: Path, network: Network, batch: int, asked: Asked | None = None, mode: Mode = USUAL) -> Engine:
        """Load *graph* on *device* and check that it takes the network's input at *batch*.

        asked: of a graph that a person gives; one of our own has to fit the network exactly.
        mode: how it computes there, one of those that COMPUTES offers.
        """

    def tensors(self, device: Device, graph: Path, mode: Mode = USUAL) -> Loaded:
        """Load any *graph*, whatever it takes and gives, to compute as the batches of a cell do.

        Raises:
            EngineError: the device cannot run it, or this family runs the graphs of networks only.
        """
        raise EngineError(f"{device} gives no tensors of any graph, only a network's scores", where=str(graph),
                          remedy="choose another --device, or write `tensors` for its family in tools/engines")

    def describe(self, device: Device) -> ChipKind:
        """The kind of chip of *device*; an error where it is not fit to be used."""

    def versions(self) -> tuple[tuple[str, str], ...]:
        """What shapes the results and the speed of such a device beside our own packages."""
        return ()

    def condition(self, device: Device) -> tuple[tuple[str, str], ...]:
        """What the device tells of its state now, `clock_mhz` and `temperature_c`; it need not tell any."""
        return ()

    def environment(self, device: Device) -> Mapping[str, str]:
        """The variables that a process needs before it loads the runtime of *device*."""
        return {}

    def watch(self, device: Device) -> Watch | None:
        """What samples whether *device* is ours alone while it is measured; None where nobody can tell."""
        return None

    def diagnose(self, log: str) -> Fault | None:
        """What the runtime's last words mean; *log* is all that a process printed. None if nothing."""
        return None

    def examine(self, settings: Settings, show: Show) -> Examination:
        """What this machine has of the family, shown group by group; for tools.doctor."""


def named(name: str) -> Family:
    """The family of that name."""
    found: Family = import_module(FAMILIES[name]).FAMILY
    return found


def family(device: Device) -> Family:
    """The family of *device*."""
    return named(device.family)


def open_engine(device: Device, graph: Path, network: Network, batch: int, asked: Asked | None = None, mode: Mode = USUAL) -> Engine:
    """Load *graph* on *device*, as its family does."""
    return family(device).load(device, graph, network, batch, asked, mode)


def mode(device: Device, settings: Settings) -> Mode:
    """How *device* computes, as the options ask.

    Raises:
        OptionError: it does not offer that.
    """
    engine, precision, offered = settings.engine, settings.precision, family(device).COMPUTES
    if engine not in offered:
        raise OptionError(f"{device} has no engine {engine!r}", where=f"--engine {engine}", remedy="leave it out")
    if precision not in ("", *offered[engine]):
        raise OptionError(f"{device} does not compute in {precision}", where=f"--precision {precision}",
                          remedy=f"choose one of: auto, {', '.join(filter(None, offered[engine]))}")
    return Mode(engine, "" if precision == offered[engine][0] else precision)


def parse(text: str, *, only_one: bool = False) -> Device:
    """The device of this machine that *text* names: `cpu`, or a family and an index, `npu:0`.

    only_one: whether who asks takes one device alone, so that no list is offered, nor `auto`.

    Raises:
        OptionError: there is no such family, or no such device here.
    """
    match = re.fullmatch(r"([a-z]+)(?::([0-9]{1,9}))?", text)
    if match is None or match[1] not in FAMILIES or (match[2] is None) != (":" not in named(match[1]).NAMED):
        *most, last = sorted(named(name).NAMED for name in FAMILIES)
        remedy = (f"name one device: {', '.join(most)}, or {last}" if only_one
                  else f"choose {', '.join(['auto', *most])}, or {last} (several with commas)")
        raise OptionError(f"unknown device {text!r}", where="--device", remedy=remedy)
    device = Device(match[1], None if match[2] is None else int(match[2]))
    return family(device).named(device)


def devices() -> list[Device]:
    """The devices of this machine, those that `auto` prefers first."""
    return [device for name in FAMILIES for device in named(name).devices()]


def first_fit(candidates: Sequence[Device]) -> tuple[Device, list[str]]:
    """The first of *candidates* that is fit to be used, and what is wrong with those before it."""
    wrong = []
    for device in candidates:
        try:
            family(device).describe(device)
        except DeviceError as error:
            wrong.append(f"{device.label}: {error.what}")
        else:
            return device, wrong
    raise AssertionError("the CPU is among the candidates")
