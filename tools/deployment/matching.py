"""Which of our models a graph fits, at which batch sizes, and how to judge it; or why it does not fit."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tools.engines.fit import Asked, UnsaidError, fitted
from tools.engines.ports import Port, Ports
from tools.errors import EngineError
from tools.spec.case import BATCHES
from tools.spec.given import ONNX, axes
from tools.spec.model import Network, Spec


@dataclass(frozen=True, slots=True)
class Match:
    """A graph beside one network of a model.

    batches: those it fits, in *layout*. unsaid: what a person has to say where it fits in several ways.
    reason: why it does not fit. Only one of the three says something.
    """

    spec: Spec
    network: Network
    batches: tuple[int, ...] = ()
    layout: str = ""
    unsaid: str = ""
    reason: str = ""

    @property
    def name(self) -> str:
        """The model's name, with the network's where it has several."""
        return self.spec.name if len(self.spec.networks) == 1 else f"{self.spec.name} {self.network.name}"

    @property
    def told(self) -> str:
        """How it stands, in words."""
        if self.unsaid or self.reason:
            return f"in several ways: {self.unsaid}" if self.unsaid else f"no: {self.reason}"
        at = f"at batch {' and '.join(map(str, self.batches))}" if len(self.batches) < len(BATCHES) else "at every batch size"
        return f"{at}, as {self.layout}"

    def command(self, path: Path, options: Sequence[str]) -> str:
        """The command, with *options*, that judges the graph at *path* as this model's."""
        chosen = " or ".join(f"bs{batch}" for batch in self.batches)
        places = [str(path) if one is self.network else f"{one.name}{ONNX}" for one in self.spec.networks]
        named = [f"{one.name}={place}" for one, place in zip(self.spec.networks, places, strict=True)]
        only = ["-k", chosen] if len(self.batches) < len(BATCHES) else []
        return shlex.join(["pytest", "-m", self.spec.name, *only, *options, "--graph", ",".join(named) if len(named) > 1 else places[0]])


def match(ports: Ports, spec: Spec, network: Network, batches: Sequence[int]) -> Match:
    """How a graph that takes and gives *ports* stands to *network* at each of *batches*."""
    asked, layouts = Asked(axes(spec, network)), dict[int, str]()
    for batch in batches:
        try:
            layouts[batch] = fitted(ports, network, batch, asked).layout
        except UnsaidError as error:
            return Match(spec, network, unsaid=f"{error.what}; {error.remedy}")
        except EngineError:
            continue
    if layouts:
        return Match(spec, network, tuple(layouts), " or ".join(dict.fromkeys(layouts.values())))
    return Match(spec, network, reason=_reason(ports, network, batches, asked))


def _reason(ports: Ports, network: Network, batches: Sequence[int], asked: Asked) -> str:
    """Which side of the graph does not fit, beside what the network has there."""
    many = str(batches[0]) if len(batches) == 1 else "N"
    if len(ports.inputs) != 1:
        return f"the graph has {len(ports.inputs)} inputs, and {network.name} takes one"
    for batch in batches:
        given = Port(network.output.name, "float32", (batch, *network.output.shape))
        try:
            fitted(replace(ports, outputs=(given,)), network, batch, asked)
        except UnsaidError:
            pass
        except EngineError:
            continue
        rows = f"{network.rows} x {many}" if network.rows > 1 else many
        return f"it gives float32 {_sized(rows, network.output.shape)}"
    return f"it takes float32 {_sized(many, network.input.shape)}"


def _sized(rows: str, shape: Sequence[int]) -> str:
    return f"[{', '.join([rows, *map(str, shape)])}]"
