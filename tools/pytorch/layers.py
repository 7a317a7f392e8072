"""What a network's innermost modules give in torch, by the names that an exported graph's nodes have."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tools.errors import ExportError
from tools.machine import events, quiet
from tools.machine.reading import load_npy, load_npz, refusing
from tools.pytorch import networks
from tools.spec.model import Network

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

FILE = "layers.npz"
GIVES, TAKES = " gives", " takes"  # behind the number of a call
NOTHING = -1  # in place of a call's number


@dataclass(frozen=True, slots=True)
class Called:
    """One call of an innermost module.

    module: its path as a node's name has it: `network/backbone/layer1/layer1.0/conv1`. shape: of what it
    gives. takes: the number of the call before, if it reads just what that gives.
    """

    module: str
    shape: tuple[int, ...]
    takes: int | None


@dataclass(frozen=True, slots=True)
class Layers:
    """What torch makes of a batch: its scores, all calls in their order, and the tensors that were wanted."""

    scores: NDArray[Any]
    calls: tuple[Called, ...]
    tensors: dict[str, NDArray[Any]]

    @classmethod
    def read(cls, folder: Path) -> Layers:
        """What `keep` has written to *folder*."""
        what = "what torch's layers gave"
        stored = load_npz(folder / FILE, ExportError, what)
        with refusing(ExportError, f"{what} cannot be read", str(folder / FILE)):
            rows = zip(stored["modules"].tolist(), stored["shapes"].tolist(), stored["takes"].tolist(), strict=True)
            calls = tuple(Called(module, tuple(map(int, shape.split())), None if takes == NOTHING else takes)
                          for module, shape, takes in rows)
            return cls(stored["scores"], calls, {name: value for name, value in stored.items() if name.endswith((GIVES, TAKES))})

    def write(self, folder: Path) -> None:
        shapes = [" ".join(map(str, call.shape)) for call in self.calls]
        takes = [NOTHING if call.takes is None else call.takes for call in self.calls]
        told = {"scores": self.scores, "modules": np.array([call.module for call in self.calls], str), "shapes": np.array(shapes, str),
                "takes": np.array(takes, int)}
        np.savez(folder / FILE, allow_pickle=False, **told, **self.tensors)


def keep(network: Network, checkpoint: Path, batch: Path, wanted: Collection[str], locks: str, folder: Path) -> None:
    """Let torch run the batch in the .npy file *batch* on the CPU, and write to *folder* what `Layers` tells.

    wanted: the tensors that are kept, each named by the number of a call: `17 takes`, `17 gives`.
    """
    import torch

    with quiet.working(locks, events.say):
        deployed = networks.deployed(network, networks.load_network(network, checkpoint))
        watched = _Watched(frozenset(wanted))
        watched.watch(deployed)
        with torch.inference_mode():
            scores = deployed(torch.from_numpy(load_npy(batch, ExportError, "the batch"))).numpy()
    Layers(scores, tuple(watched.calls), watched.tensors).write(folder)


@dataclass
class _Watched:
    """Notes every call of a network's innermost modules, by hooks."""

    wanted: frozenset[str]
    calls: list[Called] = field(default_factory=list)
    tensors: dict[str, NDArray[Any]] = field(default_factory=dict)
    inside: list[str] = field(default_factory=list)
    last: Tensor | None = None

    def watch(self, whole: nn.Module) -> None:
        for name, module in whole.named_modules():
            if name:
                module.register_forward_pre_hook(partial(self._entered, _unqualified(name)))
                module.register_forward_hook(self._noted if next(module.children(), None) is None else self._left)

    def _entered(self, path: str, module: nn.Module, inputs: Sequence[object]) -> None:
        self.inside.append(path)
        self._keep(TAKES, inputs[0] if inputs else None)

    def _left(self, *_: object) -> None:
        self.inside.pop()

    def _noted(self, module: nn.Module, inputs: Sequence[object], output: object) -> None:
        import torch

        path = "/".join(self.inside)
        self.inside.pop()
        if isinstance(output, torch.Tensor):
            follows = len(inputs) == 1 and self.last is not None and inputs[0] is self.last
            self._keep(GIVES, output)
            self.calls.append(Called(path, tuple(output.shape), len(self.calls) - 1 if follows else None))
            self.last = output

    def _keep(self, which: str, tensor: object) -> None:
        """Keep a tensor of the call that goes on, or of one around it, which the call itself replaces."""
        import torch

        name = f"{len(self.calls)}{which}"
        if name in self.wanted and isinstance(tensor, torch.Tensor):
            self.tensors[name] = tensor.numpy().copy()  # another layer may change it in place


def _unqualified(name: str) -> str:
    """A module's name as the exporter has it: from the last part that is no number on."""
    parts = name.split(".")
    numbers = len(parts) - len([*dropwhile(str.isnumeric, reversed(parts))])
    return ".".join(parts[-1 - numbers:])
