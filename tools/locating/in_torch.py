"""A network in torch beside its exported graph: what each module gives, by the export's own name."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from tools.deployment.weights import Weights
from tools.locating.rewritten import Counterpart
from tools.locating.values import Tensors
from tools.locating.whole import Whole
from tools.machine import child
from tools.media.preprocess import Floats
from tools.pytorch import layers
from tools.pytorch.layers import GIVES, TAKES, Called, Layers
from tools.spec.model import Spec
from tools.storage.context import Context

FLOAT_BYTES = 4
NUMBERED = re.compile(r"_\d+$")


@dataclass(frozen=True)
class InTorch:
    """The network of a *checkpoint* with one *batch*, in a child process for each question."""

    context: Context[Spec]
    checkpoint: Weights
    batch: Floats

    @cached_property
    def layers(self) -> Layers:
        """Its scores and the calls of its modules."""
        return self._ran(())

    def tensors(self, names: Sequence[str]) -> Tensors:
        """The tensors of calls, as `layers` names them."""
        return self._ran(names).tensors

    def counterparts(self, exported: Whole) -> dict[str, Counterpart]:
        """What each module's nodes in the exported graph give, in the graph's order.

        A module that has no nodes is part of those before it, as a BatchNorm is that became part of a
        convolution. A module that runs more or less often than its nodes are there is left out.
        """
        runs = _runs(exported, {call.module for call in self.layers.calls})
        found: dict[int, tuple[str, Counterpart]] = {}
        times: dict[str, int] = {}
        calls = self.layers.calls
        for number, call in enumerate(calls):
            mine = runs.get(call.module, [])
            turn = times[call.module] = times.get(call.module, 0) + 1
            if len(mine) == sum(one.module == call.module for one in calls):
                first, last = (exported.nodes[one] for one in mine[turn - 1])
                reads = ((first.input[0], f"{number}{TAKES}"),) if first.input and first.input[0] not in exported.constants else ()
                there = Counterpart((f"{_with_what_follows(calls, number, runs)}{GIVES}",), FLOAT_BYTES * math.prod(call.shape), reads)
                found[mine[turn - 1][1]] = (last.output[0], there)
        return dict(found[number] for number in sorted(found))

    def _ran(self, wanted: Sequence[str]) -> Layers:
        settings, network = self.context.settings, self.checkpoint.network
        log = settings.store / "logs" / f"locate-torch-{network.name}-{os.getpid()}.log"
        with TemporaryDirectory() as name:
            folder = Path(name)
            np.save(folder / "batch.npy", self.batch)
            child.call(partial(layers.keep, network, self.checkpoint.path, folder / "batch.npy", tuple(wanted), settings.locks, folder),
                       f"running torch on {network.name}", log=log, on_event=self.context.on_event)
            self.checkpoint.require_unchanged()
            return Layers.read(folder)


def _runs(whole: Whole, modules: Container[str]) -> dict[str, list[tuple[int, int]]]:
    """The first and last node of each time that one of *modules* runs, by the module's path.

    Where two have one path, as those of two pathways that are no calls of their own, the exporter numbers the
    second.
    """
    found: dict[str, list[tuple[int, int]]] = {}
    for path, group in groupby(range(len(whole.nodes)), key=lambda number: whole.nodes[number].name.rpartition("/")[0][1:]):
        numbers = [*group]
        plain = NUMBERED.sub("", path)
        found.setdefault(plain if path not in modules and plain in modules else path, []).append((numbers[0], numbers[-1]))
    return found


def _with_what_follows(calls: Sequence[Called], number: int, runs: dict[str, list[tuple[int, int]]]) -> int:
    """The last call of those that follow a call directly and that have no nodes of their own."""
    for follower, call in enumerate(calls[number + 1 :], number + 1):
        if call.takes != follower - 1 or call.module in runs or call.shape != calls[number].shape:
            return follower - 1
    return len(calls) - 1
