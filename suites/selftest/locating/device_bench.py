"""A graph, a store and a run of a test's own, for parts of the graph on a device."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest import tiny_graph
from suites.selftest.conftest import TINY_MODELS, keeping
from suites.selftest.specs import recogniser_spec
from tools.deployment.specialise import Given, Graph
from tools.engines.fit import Asked
from tools.locating.on_cpu import as_written
from tools.locating.on_device import OnDevice
from tools.locating.values import Tensors
from tools.locating.whole import Whole
from tools.machine import child
from tools.machine.files import sha256
from tools.spec.case import USUAL, Case, Device, Mode
from tools.spec.settings import Settings
from tools.storage.context import Context

TINY = recogniser_spec(TINY_MODELS, "tiny")
BATCH = 4


class Bench:
    """The graph that a person gives, and its parts on *device*. titles: what processes were started for.

    here: whether what a process does is done in this one, which is quicker.
    """

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path, device: Device, mode: Mode = USUAL, *, here: bool = True) -> None:
        (folder / "locks").mkdir(mode=0o700)
        self.folder, self.run, self.titles, self.said = folder, folder / "runs" / "a", list[str](), list[str]()
        self.case, self._real, self._here = Case("tiny", BATCH, device, mode), child.call, here
        self.before: Callable[[str], None] = lambda title: None
        settings = Settings.parse({"artifacts": str(folder), "locks": str(folder / "locks"), "timeout_s": "60"})
        self.context = Context(settings, TINY, keeping(self.said))
        self.graph = given(tiny_graph.save(folder / "mine.onnx", BATCH, classes=100))
        patch.setattr(child, "call", self.call)

    def call(self, work: Callable[[], object], title: str, *, log: Path, **how: Any) -> None:
        self.titles.append(title)
        self.before(title)
        if self._here:
            log.touch()
            work()
        else:
            self._real(work, title, log=log, **how)

    @property
    def whole(self) -> Whole:
        import onnx

        return Whole(onnx.load(str(self.graph.path)))

    @property
    def feeds(self) -> Tensors:
        return {"video": tiny_graph.batch_of(BATCH)}

    @property
    def device(self) -> OnDevice:
        """As a process has it that begins anew."""
        return OnDevice(self.context, self.case, TINY.networks[0], self.graph, self.run)

    @property
    def parts(self) -> list[Path]:
        return sorted((self.folder / "store").glob("*/*/part-*.onnx"))

    def made(self) -> list[str]:
        """What was made by processes of their own."""
        return [title for title in self.titles if not title.startswith("measuring")]

    def left(self) -> list[str]:
        """What is left of the run but its log."""
        return sorted(str(path.relative_to(self.run)) for path in self.run.rglob("*") if path.is_file() and path.name != "child.log")


def given(path: Path) -> Graph:
    """The graph at *path* as a person gives it."""
    sha = sha256(path)
    return Graph(path, sha, "", (), path.stat().st_size, 1000,
                 Given("mine", ((path, sha),), Asked("TCH"), "fp32", shape="4,2,3,4", input="video"))


def require_same(model: Any, feeds: Tensors, found: Tensors, rtol: float = 0.0, atol: float = 0.0) -> None:
    """Check that what a device gave of *model* is what the reference gives, of the same types and names."""
    wanted = as_written(model, feeds)
    assert [*wanted] == [*found]
    for name, value in wanted.items():
        assert (value.dtype, value.shape) == (found[name].dtype, found[name].shape)
        np.testing.assert_allclose(np.asarray(found[name], np.float64), np.asarray(value, np.float64), rtol=rtol, atol=atol)
