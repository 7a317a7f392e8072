"""What timed calls give is looked at: a rate of calls that do not run the network carries no judgement."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from suites.selftest import tiny_graph
from suites.selftest.deployments import record
from tools import engines
from tools.engines.cpu import CpuBound, CpuEngine
from tools.judging.judge import throughput
from tools.judging.verdict import Verdict
from tools.measuring import answers, cell, measure, remembered, timing
from tools.measuring.answers import Kept
from tools.measuring.cell import Cell, Part, Times
from tools.measuring.predictions import FILE, Predictions, save
from tools.media.preprocess import Floats
from tools.spec.case import Case, Device
from tools.spec.catalog import load_truth
from tools.spec.settings import MODELS

BATCH = 4
CASE = Case("tsm", BATCH, Device("cpu"))
OTHER = "the timed call gives the same scores for another batch"
WRONG = "the last timed call did not give the scores that its batch was given before"


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> CpuEngine:
    graph = tiny_graph.save(tmp_path_factory.mktemp("graph") / "tiny.onnx", BATCH)
    opened = engines.open_engine(CASE.device, graph, tiny_graph.NETWORK, BATCH)
    assert isinstance(opened, CpuEngine)
    return opened


def kept(engine: CpuEngine) -> Kept:
    batch = tiny_graph.batch_of(BATCH)
    return Kept(batch, BATCH, engine.infer(batch))


def judged(times: Times) -> tuple[Verdict, str]:
    part = Part(Path(), record(CASE, "tsm", BATCH), Predictions((), np.zeros((0, 1), np.float32)), times)
    [one] = throughput(Cell(CASE, Path(), (part,)), load_truth(MODELS, "tsm"))
    return one.verdict, one.reason


def test_times_of_right_runs_are_not_doubted(engine: CpuEngine) -> None:
    """Calls that give their batch's scores again, bit by bit, and others for another batch, are judged."""
    times = measure.timed(engine, kept(engine), 0.0)

    assert "" == times.doubt
    assert judged(times)[0] is Verdict.RECORDED


class Skips(CpuBound):
    """Runs nothing."""

    def __call__(self) -> object:
        return None


class Remembers(CpuBound):
    """Runs once, and gives what came out of that from then on."""

    answer: object = None

    def __call__(self) -> object:
        self.answer = self.answer or super().__call__()
        return self.answer


class Ignores(CpuBound):
    """Runs each time, and always the first batch."""

    def put(self, batch: Floats) -> None:
        if not hasattr(self, "_batch"):
            super().put(batch.copy())


class Mixes(CpuBound):
    """Gives the rows of its batch in another order."""

    def __call__(self) -> object:
        [found] = self._engine.run(self._batch)
        return [found[::-1]]


class Rounds(CpuBound):
    """Gives scores that half precision holds, which ONNX Runtime does not."""

    def __call__(self) -> object:
        [found] = self._engine.run(self._batch)
        return [found.astype(np.float16)]


@pytest.mark.parametrize(("bound", "why"), [(Skips, WRONG), (Remembers, OTHER), (Ignores, OTHER), (Mixes, WRONG), (Rounds, WRONG)])
def test_calls_that_do_not_run_their_batch_carry_no_judgement(
        engine: CpuEngine, monkeypatch: pytest.MonkeyPatch, bound: type[CpuBound], why: str) -> None:
    """A call that skips, or gives a stale answer or another batch's, is NO VERDICT; the line says which."""
    monkeypatch.setattr(CpuEngine, "bind", lambda self, batch: bound(self, batch))
    verdict, reason = judged(measure.timed(engine, kept(engine), 0.0))

    assert (Verdict.NO_VERDICT, why) == (verdict, reason.split(";")[0])


class Hashes(CpuBound):
    """Runs a batch once, which takes a while, and gives its answer from then on."""

    def __init__(self, engine: CpuEngine, batch: Floats) -> None:
        super().__init__(engine, batch)
        self.answers: dict[bytes, object] = {}

    def __call__(self) -> object:
        content = self._batch.tobytes()
        if content not in self.answers:
            time.sleep(0.05)
            self.answers[content] = super().__call__()
        return self.answers[content]


def test_answers_remembered_by_their_batches_carry_no_judgement(engine: CpuEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Right answers of calls that run nothing show by how long a batch takes that was not run before."""
    monkeypatch.setattr(CpuEngine, "bind", lambda self, batch: Hashes(self, batch))

    assert re.match(r"a batch that was not run before takes \d+ times as long", measure.timed(engine, kept(engine), 0.0).doubt)


class Spares(Hashes):
    """Runs every batch, and takes a fifth less of a clock of its own where it has run it before."""

    now_s = 0.0

    def __call__(self) -> object:
        content = self._batch.tobytes()
        Spares.now_s += 0.02 if content in self.answers else 0.025
        self.answers[content] = None
        return CpuBound.__call__(self)


def test_answers_that_repeats_give_a_little_sooner_carry_no_judgement(engine: CpuEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What no single call shows: each batch is run twice, and the second run is always the faster one."""
    monkeypatch.setattr(CpuEngine, "bind", lambda self, batch: Spares(self, batch))
    monkeypatch.setattr(remembered, "perf_counter", lambda: Spares.now_s)
    monkeypatch.setattr(measure, "time_series", partial(timing.time_series, clock=lambda: Spares.now_s))
    verdict, reason = judged(measure.timed(engine, kept(engine), 0.0))

    assert verdict is Verdict.NO_VERDICT
    assert reason.startswith("repeating one input is 25% faster than fresh ones; ")


@pytest.mark.parametrize(("by_device", "why"), [
    ((0.5,) * 3, ""), ((0.5, 0.7, 0.6), ""), ((), ""), ((1e-6,), "1 times of 3 calls"), ((0.5, float("nan"), 0.5), "no times"),
    ((0.5, float("inf"), 0.5), "no times"), ((0.5, 0.5, 0.0), "no times"), ((500.0,) * 3, "5e+05 ms of the 1e+03 ms"),
    ((0.0005,) * 3, "0.5 ms of the 1e+03 ms"),
])
def test_a_devices_own_times_are_of_the_same_calls(by_device: tuple[float, ...], why: str) -> None:
    """As many as were timed, each a time, and together not longer than what is measured around them."""
    found = answers._of_another_clock([1.0, 1.0, 1.0], by_device)

    assert (why in found, bool(why)) == (True, bool(found))


def test_times_without_calls_carry_no_judgement(engine: CpuEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Times that were taken around nothing are NO VERDICT, however right the call is that was made first."""

    def skipping(step: Callable[[], object], budget_s: float, beat: Callable[[int], None], *, whole: bool) -> list[float]:
        step()
        return [1e-7] * 30

    monkeypatch.setattr(measure, "time_series", skipping)

    assert (Verdict.NO_VERDICT, "30 times were taken of 0 calls") == (
        (found := judged(measure.timed(engine, kept(engine), 0.0)))[0], found[1].split(";")[0])


def test_half_precision_may_add_up_in_another_order(engine: CpuEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a device computes in half precision, a repeated score may be one of its steps away, not four."""
    monkeypatch.setattr(CpuEngine, "precision", "fp16")
    for steps, doubted in ((0.9, ""), (4.0, WRONG)):
        one = kept(engine)
        one.scores[0] += steps * 2.0**-10 * one.scores.max()

        assert doubted == measure.timed(engine, one, 0.0).doubt


def test_what_is_doubted_is_kept_with_the_times(tmp_path: Path) -> None:
    """The doubt outlives the process; times of a run that kept none have one of their own."""
    cell.write(record(CASE, "tsm", BATCH), tmp_path / cell.RECORD)
    save(Predictions(("a",), np.zeros((1, 2), np.float32)), tmp_path / FILE)
    cell.write(Times((1.0,), BATCH, doubt=OTHER), tmp_path / cell.TIMES)
    told = cell.read(tmp_path).times
    (tmp_path / cell.TIMES).write_text('{"series": [1.0], "valid": 4, "device_series": []}')
    older = cell.read(tmp_path).times

    assert told is not None
    assert older is not None
    assert (OTHER, cell.UNSEEN) == (told.doubt, older.doubt)
