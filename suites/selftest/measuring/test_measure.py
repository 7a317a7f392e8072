"""One network measured in a process of its own: what it checks first, what it leaves, and in which order."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from suites.selftest.measuring.bench import IDS, SHAPE, SPEC, Bench
from tools import engines
from tools.deployment.specialise import Given
from tools.engines.fit import Asked
from tools.engines.idle import Idle
from tools.errors import DataError, MeasureError, StoreError
from tools.machine import memory
from tools.machine.files import require_unchanged, sha256
from tools.measuring import cell, measure
from tools.measuring.cell import Times
from tools.measuring.inputs import digest_of
from tools.measuring.predictions import FILE, Predictions, load, save
from tools.media.batches import SLOTS
from tools.spec.case import Case, Device, Mode


class Bound:
    """A batch on the bench's device."""

    def __init__(self, engine: Any, batch: Any) -> None:
        self.engine, self.batch = engine, batch.copy()

    def __call__(self) -> Any:
        return self.engine.infer(self.batch)

    def scores(self, answer: Any) -> Any:
        return answer


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path)


def test_a_network_is_scored_told_and_timed_in_this_order(bench: Bench) -> None:
    """All files are as they were found; scores are safe before the record, both before anything is timed."""
    measure.measure(bench.job)

    files = ["graph is as it was", "clips are as they were"]
    assert ["feeds after None", "memory of tiny-bs4-npu0", *files, "holds npu0 in /locks", files[1], "is seen", files[0],
            "scores in turns", "is seen no more", files[0], "finishes 6, saved: True, told: False",
            "waits for quiet beside 0 decode workers", "times, told: True", files[0], "closes", "lets go"] == bench.did
    found = load(bench.folder / FILE)
    assert (IDS, 1) == (found.ids, bench.unit.entered[0])
    assert [[number, number] for number in range(6)] == found.scores.tolist()
    times = cell.read(bench.folder).times
    assert times is not None
    assert ((1.0,), 4, 2.5) == (times.series, times.valid, times.waited_s)


def test_a_record_says_what_was_measured_with_what(bench: Bench) -> None:
    measure.measure(bench.job)
    told = json.loads((bench.folder / cell.RECORD).read_text())
    numbers = {name: told.pop(name) for name in ("scoring_s", "peak_bytes", "estimated_bytes", "versions", "machine", "busy", "waited_s")}

    assert {"case": "tiny-bs4-npu0", "network": SPEC.networks[0].name, "data": "my list", "weights": "own", "precision": "fp16",
            "chip": "310P3", "simulated": True, "clips": 6, "digests": {"weights": "w" * 64, "graph": "g" * 64, "clips": "c" * 64},
            "surgery": "a b", "inputs": {id: digest_of(np.full(SHAPE, number, np.float32)) for number, id in enumerate(IDS)},
            "others": ["made by other code"], "given": "", "flags": "--a=1 --b", "shifted": False, "own": "", "itself": False,
            "repeat": 0.0, "repeat_flipped": 0, "engine": {"provider": "a runtime"}, "place": "", "scored_by": [], "alone": False} == told
    assert 0 < numbers["scoring_s"] < 60
    assert 0 <= numbers["busy"] < 1
    assert ["decode"] == [*numbers["waited_s"]]
    assert numbers["peak_bytes"] > 2**20
    assert bench.need == numbers["estimated_bytes"] == memory.need_bytes(1000, 100, 4 * 4 * 6, SLOTS)
    assert {"cann", "onnxruntime", "onnx", "onnxsim", "torch", "mmaction2", "numpy", "av"} == numbers["versions"].keys()
    assert {"python", "system", "cpu", "cores", "load", "temperature_c"} == numbers["machine"].keys()


def test_as_many_processes_decode_as_its_turns_allow(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    open_engine, seen = engines.open_engine, list[int]()

    def opened(*given: Any) -> Any:
        seen.append(len(multiprocessing.active_children()))
        return open_engine(*given)

    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(9)))
    monkeypatch.setattr(engines, "open_engine", opened)
    measure.measure(bench.job)

    assert [3] == seen


def test_scoring_is_neither_opening_nor_the_second_pass(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A graph may take minutes to load, and a batch is run once more after all are scored."""
    places: tuple[tuple[Any, str], ...] = ((engines, "open_engine"), (measure, "second_pass"))
    for place, name in places:
        what = getattr(place, name)
        monkeypatch.setattr(place, name, lambda *given, what=what: (time.sleep(1.0), what(*given))[1])
    measure.measure(bench.job)

    assert json.loads((bench.folder / cell.RECORD).read_text())["scoring_s"] < 1.0


def test_a_record_says_what_a_device_with_two_lanes_waited_for(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of bringing the batches there too, which is part of computing on any other."""
    open_engine = engines.open_engine

    def opened(*given: Any) -> Any:
        engine: Any = open_engine(*given)
        engine.lanes = 2
        engine.bind = lambda batch: (time.sleep(0.2), Bound(engine, batch))[1]
        return engine

    monkeypatch.setattr(engines, "open_engine", opened)
    measure.measure(bench.job)
    told = json.loads((bench.folder / cell.RECORD).read_text())

    assert ["decode", "copy"] == [*told["waited_s"]]
    assert 0.4 <= told["waited_s"]["copy"] < told["scoring_s"]
    assert [[number, number] for number in range(6)] == load(bench.folder / FILE).scores.tolist()


def test_a_second_network_is_fed_by_the_scores_of_the_first(bench: Bench, tmp_path: Path) -> None:
    """Its inputs are made of scores, so they are compared with nobody's."""
    bench.before = tmp_path / "first"
    bench.before.mkdir()
    save(Predictions(IDS[:2], np.zeros((2, 3), np.float32)), bench.before / FILE)
    measure.measure(bench.job)

    assert f"feeds after {IDS[:2]}" == bench.did[0]
    assert {} == json.loads((bench.folder / cell.RECORD).read_text())["inputs"]


def test_where_nobody_asks_for_times_none_are_taken(bench: Bench) -> None:
    """The record is then the last thing that is left."""
    assert bench.folder / cell.TIMES == bench.job.last
    bench.budget_s = None
    measure.measure(bench.job)

    assert bench.folder / cell.RECORD == bench.job.last
    assert not any(done.startswith("times") for done in bench.did)
    assert {FILE, cell.RECORD} == {path.name for path in bench.folder.iterdir()}


def test_whoever_watched_the_device_is_read_at_the_end(bench: Bench) -> None:
    @contextmanager
    def watching() -> Iterator[None]:
        bench.did.append("watches")
        yield
        bench.did.append("watched")

    watch = watching()
    watch.idle = lambda: Idle("busy", ("pid 7",), 3)  # type: ignore[attr-defined]
    bench.watch = watch
    measure.measure(bench.job)

    assert ["holds npu0 in /locks", "watches"] == bench.did[4:6]
    assert ["closes", "watched", "lets go"] == bench.did[-3:]
    assert Idle("busy", ("pid 7",), 3) == cell.read(bench.folder).idle


@pytest.mark.parametrize("when", [2, 3])
def test_a_graph_that_changes_later_leaves_no_scores(bench: Bench, monkeypatch: pytest.MonkeyPatch, when: int) -> None:
    """While another cell holds the device, or while it is scored: its digest would name other numbers."""
    job, looks = bench.job, list[int]()

    def look() -> None:
        looks.append(1)
        if len(looks) == when:
            raise StoreError("it has changed")

    monkeypatch.setattr(job.graph, "require_unchanged", look)
    with pytest.raises(StoreError, match="it has changed"):
        measure.measure(job)
    assert not (bench.folder / FILE).exists()


def test_times_of_a_graph_that_was_swapped_meanwhile_are_doubted(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The scores are safe and stay; what was timed may be another graph, and the doubt is in times.json."""
    job, path, times = bench.job, bench.folder / "bs4.onnx", bench.timed
    path.write_bytes(b"as it was scored")
    sha = sha256(path)
    monkeypatch.setattr(job.graph, "require_unchanged", lambda: require_unchanged(path, sha))

    def swapped(*given: Any, **more: Any) -> Times:
        path.write_bytes(b"faster")
        return times(*given, **more)

    monkeypatch.setattr(measure, "timed", swapped)
    measure.measure(job)
    found = cell.read(bench.folder)

    assert found.times is not None
    assert f"the graph was changed while it was timed: bs4.onnx has changed since this run found it ({path})" == found.times.doubt
    assert (6, (1.0,)) == (len(found.predictions.ids), found.times.series)


@pytest.mark.parametrize("wrong", ["memory", "graph", "clips"])
def test_nothing_is_left_where_it_cannot_begin(bench: Bench, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    """Too little memory, or files that are others now: no device is taken for it."""
    job = bench.job

    def refuse(*given: object) -> None:
        raise {"memory": MeasureError, "graph": StoreError, "clips": DataError}[wrong]("not so")

    if wrong == "memory":
        monkeypatch.setattr(memory, "require", refuse)
    else:
        monkeypatch.setattr(job.graph if wrong == "graph" else job.dataset, "require_unchanged", refuse)
    with pytest.raises((MeasureError, StoreError, DataError), match="not so"):
        measure.measure(job)
    assert not any(done.startswith("holds") for done in bench.did)
    assert [] == [*bench.folder.iterdir()]


@pytest.mark.parametrize(("device", "mode", "itself"), [
    (Device("cpu"), Mode(), True), (Device("cpu"), Mode(precision="fp16"), False), (Device("npu", 0), Mode(), False),
])
def test_only_the_hosts_own_runtime_computes_what_the_reference_is(device: Device, mode: Mode, itself: bool) -> None:
    """A model's own graph on another device, or in another precision, is no longer the reference itself."""
    job: Any = SimpleNamespace(case=Case("mine", 4, device, mode), checkpoint=SimpleNamespace(files=((Path("a.onnx"), "a"),)))
    own = Given("a.onnx", (), Asked("TCH"), "fp32", own=True)
    another = replace(own, own=False, files=((Path("b.onnx"), "b"),))

    assert [itself, itself, False] == [measure._is_itself(job, one) for one in (own, replace(another, same=True), another)]
