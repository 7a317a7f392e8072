"""A bench for measurements that end too soon: what launches and measures them, and a device that fails."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS, keeping
from suites.selftest.specs import localiser_spec, recogniser_spec
from tools import engines
from tools.datasets import choice
from tools.deployment.specialise import Graph
from tools.deployment.weights import Weights
from tools.engines.faults import Fault
from tools.errors import EngineError
from tools.machine import child, device_locks, memory
from tools.machine.files import sha256
from tools.measuring import cell, kinds, launch, measure, saved
from tools.measuring.cell import Cell, Times
from tools.measuring.predictions import FILE, Predictions
from tools.measuring.repeats import Repeat
from tools.media.batches import Feed
from tools.media.preprocess import Floats
from tools.spec.case import Case, Device
from tools.spec.model import Spec
from tools.spec.settings import MODELS, Settings
from tools.storage.context import Context

TINY, BSN = recogniser_spec(TINY_MODELS, "tiny"), localiser_spec(MODELS, "bsn")
CHANCE = Fault("driver", "a copy failed", ("507899",), ("rtMemcpy execute failed",))
SHAPE = (2, 3)
OF_A_PROCESS = ("scoring_s", "peak_bytes", "machine", "busy", "waited_s")  # of a record: what no two processes have alike


class Bench:
    """A case of *count* items in batches of 4 below *run*. fed: every batch that the device ran, as it was.

    dies: called before each batch with its number in its process. bias: what the device adds to its scores.
    """

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, spec: Spec = TINY, count: int = 13) -> None:
        self.folder, self.run, self.spec, self.count = folder, folder / "run", spec, count
        self.said, self.fed, self.timed = list[str](), list[Floats](), list[Floats]()
        self.started, self.bias, self.budget_s, self.precision = 0, 0.0, "1", "fp32"
        self.dies: Callable[[int], object] = lambda number: None
        self.fault: Fault | None = None
        self.case = Case(spec.name, 4, Device("cpu"))
        self.chip = SimpleNamespace(name="cpu", simulated=False)
        (folder / "graph.onnx").write_bytes(b"a graph")
        driver = SimpleNamespace(describe=lambda device: self.chip, versions=lambda: [("driver", "1")],
                                 condition=lambda device: (), watch=lambda device: None,
                                 environment=lambda device: {}, diagnose=lambda words: self.fault, ON_HOST=True,
                                 FED_AHEAD=False, can_compute=lambda: True)
        kind = SimpleNamespace(feed=self._feed, finish=lambda *given: None)
        for place, name, value in (
                (engines, "family", lambda device: driver), (launch, "family", lambda device: driver),
                (engines, "open_engine", lambda *given: SimpleNamespace(infer=self._infer(), precision=self.precision, fit=None, lanes=1,
                                                                       told={}, close=lambda: None)),
                (kinds, "of", lambda spec: kind), (memory, "require", lambda *given: None),
                (device_locks, "hold", lambda *given, **more: nullcontext()), (measure, "timed", self._timed),
                (measure, "second_pass", lambda engine, kept, rows: Repeat(0.0, 0)),  # a test of its own looks at that one
                (choice, "word", lambda context: "mini"), (child, "call", self.call), (saved, "EVERY_S", 0.0),
                (os, "sched_getaffinity", lambda process: {0})):  # one decode worker: every process forks its own
            patch.setattr(place, name, value)

    def call(self, work: Callable[[], object], title: str, *, log: Path, **rest: object) -> None:
        """What a child process does, in this one."""
        self.started += 1
        log.touch()
        work()

    def _feed(self, dataset: object, spec: object, network: object, before: Predictions | None) -> Feed:
        shift = 0.0 if before is None else float(before.scores.sum())

        def fill(number: int, row: Floats) -> None:
            row[:] = np.random.default_rng(number).random(SHAPE, np.float32) + shift

        return Feed(tuple(f"v_{number}" for number in range(self.count)), SHAPE, fill)

    def _infer(self) -> Callable[[Floats], Floats]:
        numbers = iter(range(10**6))

        def infer(batch: Floats) -> Floats:
            self.dies(next(numbers))
            self.fed.append(batch.copy())
            found: Floats = np.float32(3) * batch.reshape(len(batch), -1)[:, :2] + np.float32(self.bias)
            return found

        return infer

    def _timed(self, engine: object, kept: Any, budget_s: float, *, whole: bool) -> Times:
        self.timed += [kept.batch, kept.scores]
        return Times((1.0, 2.0, 3.0), kept.valid)

    @property
    def found(self) -> launch.Found:
        """What the case is measured with, found anew."""
        graph = Graph(self.folder / "graph.onnx", sha256(self.folder / "graph.onnx"), "", (), 10, 10)
        dataset: Any = SimpleNamespace(digest="the clips", require_unchanged=lambda: None)
        weights = tuple(Weights(Path("w.pth"), "the weights", network, "own") for network in self.spec.networks)
        return launch.Found(weights, dataset, (graph,) * len(weights))

    def measure(self, *, timed: bool = True, resume: bool = True, **other: object) -> Cell:
        """Launch the case. other: fields of what it is measured with."""
        self.said.clear()
        context = Context(Settings.parse({"budget_s": self.budget_s}), self.spec, keeping(self.said))
        found = replace(self.found, **cast("Any", other))
        return launch.launch(context, self.case, found, self.run, timed=timed, resume=resume)

    def broken(self, at: int, **how: Any) -> None:
        """Launch it with a device that fails before batch *at*."""
        self.dies = lambda number: fail() if number == at else None
        with pytest.raises(EngineError, match="the device fails"):
            self.measure(**how)
        self.dies = lambda number: None
        self.fed.clear()

    def place(self, network: str = "") -> Path:
        return self.run / str(self.case) / network

    def record(self, network: str = "") -> dict[str, Any]:
        """The record, but for what no two processes have alike."""
        told: dict[str, Any] = json.loads((self.place(network) / cell.RECORD).read_text())
        return {name: value for name, value in told.items() if name not in OF_A_PROCESS}

    def pieces(self) -> list[Path]:
        return sorted(self.place().glob(f"{saved.PIECES}*/*.npz"))


def fail() -> None:
    raise EngineError("the device fails")


def slow(seconds: float) -> Callable[[int], None]:
    return lambda number: time.sleep(seconds)


def whole(folder: Path, spec: Spec = TINY, count: int = 13) -> Bench:
    """The same case, measured without an interruption."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        bench = Bench(patch, folder, spec, count)
        bench.measure()
    return bench


def lines(bench: Bench) -> Iterator[str]:
    """What was said of the case beside that it is measured."""
    return (line for line in bench.said if not line.endswith(" ..."))


def same(ours: Bench, theirs: Bench, network: str = "") -> bool:
    """Whether two measurements left the same scores, to the bit, and tell the same of them."""
    found = [(one.place(network) / FILE).read_bytes() for one in (ours, theirs)]
    return found[0] == found[1] and ours.record(network) == theirs.record(network)


def flip(path: Path) -> None:
    """Change one bit of the scores."""
    content = bytearray(path.read_bytes())
    content[content.index(np.load(path)["scores"].tobytes()) + 5] ^= 1
    path.write_bytes(content)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-30])
