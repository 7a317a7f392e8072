"""A network and two batches to measure without a device, which note what is done with them."""

from __future__ import annotations

import mmap
import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, SimpleNamespace
from typing import Any, cast

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools import engines
from tools.machine import device_locks, memory
from tools.measuring import cell, kinds, measure
from tools.measuring.cell import Times
from tools.measuring.host_quiet import Turns
from tools.measuring.job import Job
from tools.measuring.predictions import FILE, Predictions
from tools.media.batches import Feed
from tools.media.preprocess import Floats
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec

SPEC = load_spec(TINY_MODELS, "tiny")
CASE = Case("tiny", 4, Device("npu", 0))
IDS = tuple(f"v_{number}" for number in range(6))
SHAPE = (2, 3)


def fill(number: int, row: Floats) -> None:
    row[:] = number


class Unit:
    """A block that tells all processes that share it whether it was entered."""

    def __init__(self) -> None:
        self.entered = mmap.mmap(-1, 1)

    def __enter__(self) -> None:
        self.entered[0] = 1

    def __exit__(self, *error: object) -> None:
        pass


class Bench:
    """A network and two batches, one of them short. *did*: what was done in turn."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.did, self.folder, self.need = list[str](), folder, 0
        self.unit = Unit()
        self.watch: Any = None
        self.before: Path | None = None
        self.budget_s: float | None = 1.0
        self.kind = SimpleNamespace(feed=self.feed, finish=self.finish)
        driver = SimpleNamespace(describe=lambda device: SimpleNamespace(name="310P3", simulated=True), versions=lambda: [("cann", "8")],
                                 condition=lambda device: (("temperature_c", "42"),),
                                 watch=lambda device: self.watch, ON_HOST=False)
        patch.setattr(kinds, "of", lambda spec: self.kind)
        patch.setattr(engines, "family", lambda device: driver)
        patch.setattr(engines, "open_engine", self.open_engine)
        patch.setattr(memory, "require", self.require)
        patch.setattr(device_locks, "hold", self.hold)
        patch.setattr(measure, "timed", self.timed)
        patch.setattr(Turns, "of", lambda locks, device: self.turns(locks, device))

    @property
    def job(self) -> Job:
        graph = SimpleNamespace(path=Path("g.om"), digest="g" * 64, peak_bytes=1000, weights_bytes=100, surgery=("a", "b"),
                                given=None, is_compiled_here=True, require_unchanged=lambda: self.did.append("graph is as it was"))
        clips = SimpleNamespace(digest="c" * 64, require_unchanged=lambda: self.did.append("clips are as they were"))
        weights = SimpleNamespace(network=SPEC.networks[0], origin="own", sha256="w" * 64)
        return Job(CASE, SPEC, cast("Any", weights), cast("Any", graph), cast("Any", clips), "my list", self.budget_s, self.folder,
                   self.before, "/locks", ("made by other code",), ("--a=1", "--b"), whole=True)

    def feed(self, dataset: object, spec: object, network: object, before: Predictions | None) -> Feed:
        self.did.append(f"feeds after {before.ids if before else None}")
        return Feed(IDS, SHAPE, fill)

    def finish(self, dataset: object, spec: object, before: object, scores: Predictions, folder: Path) -> None:
        self.did.append(f"finishes {len(scores.ids)}, saved: {(folder / FILE).is_file()}, told: {(folder / cell.RECORD).is_file()}")

    def require(self, need: int, what: str) -> None:
        self.did.append(f"memory of {what}")
        self.need = need

    @contextmanager
    def hold(self, folder: str, label: str, waiting: Callable[[str], None]) -> Iterator[None]:
        self.did.append(f"holds {label} in {folder}")
        yield
        self.did.append("lets go")

    def open_engine(self, device: Device, path: Path, network: object, batch: int, asked: object, mode: object) -> Any:
        assert (CASE.device, Path("g.om"), SPEC.networks[0], 4, None) == (device, path, network, batch, asked)
        return SimpleNamespace(infer=lambda array: array.reshape(len(array), -1)[:, :2].copy(), precision="fp16", fit=None,
                               lanes=1, told=MappingProxyType({"provider": "a runtime"}),
                               close=lambda: self.did.append("closes"))

    def turns(self, locks: str, device: Device) -> Any:
        assert ("/locks", CASE.device) == (locks, device)
        return SimpleNamespace(unit=self.unit, workers=3, seen=self.seen, scoring=self.in_turns, timing=self.in_quiet)

    @contextmanager
    def seen(self) -> Iterator[None]:
        self.did.append("is seen")
        yield
        self.did.append("is seen no more")

    def in_turns(self, engine: Any) -> Any:
        self.did.append("scores in turns")
        return engine

    def in_quiet(self, take: Callable[[], Times]) -> Times:
        self.did.append(f"waits for quiet beside {len(multiprocessing.active_children())} decode workers")
        return replace(take(), waited_s=2.5)

    def timed(self, engine: object, kept: Any, budget_s: float, *, whole: bool) -> Times:
        self.did.append(f"times, told: {(self.folder / cell.RECORD).is_file()}")
        assert (4, (4, *SHAPE), 1.0, True) == (kept.valid, kept.batch.shape, budget_s, whole)
        return Times((1.0,), 4)
