"""The fixed small graph is a cell of its own on every device, and may be timed beside any other."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from suites.selftest.conftest import keeping
from suites.selftest.measuring.resumed import TINY
from tools import engines
from tools.deployment import control_graph
from tools.engines.idle import Idle
from tools.errors import DeviceError, EngineError
from tools.machine import child
from tools.measuring import cell, control, earlier, launch, quarantine
from tools.measuring.alternate import alternate
from tools.measuring.cell import Cell
from tools.measuring.control import control_series, subject
from tools.spec.case import Case, Device
from tools.spec.settings import Settings
from tools.storage import code
from tools.storage.context import Context

CPU, SUSPECT = Device("cpu"), Case("tiny", 4, Device("cpu"))


class Bench:
    """The graph in a store of its own, and processes that are none."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self.run, self.titles, self.said = folder / "run", list[str](), list[str]()
        self.context = Context(Settings.parse({"artifacts": str(folder), "locks": str(folder), "budget_s": "0.02"}), TINY,
                               keeping(self.said))
        patch.setattr(child, "call", self.call)

    def call(self, work: Callable[[], object], title: str, *, log: Path, **rest: Any) -> None:
        self.titles.append(title)
        log.parent.mkdir(parents=True, exist_ok=True)
        log.touch()
        work()

    def series(self, number: int = 0, beside: Case | None = None) -> Cell:
        return control_series(self.context, CPU, self.run, number, beside)

    @property
    def started(self) -> int:
        return self.titles.count("measuring control-bs1-cpu")


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Bench:
    return Bench(monkeypatch, tmp_path)


def test_it_is_a_cell_with_a_record(bench: Bench) -> None:
    """What a history needs of any cell: case, chip, graph, versions, precision and times without doubt."""
    found = bench.series()

    assert ("control-bs1-cpu", bench.run / "control-bs1-cpu") == (str(found.case), found.folder)
    assert ("control-bs1-cpu", "cpu", "fp32", False) == (
        found.record.case, found.record.chip, found.record.precision, found.record.simulated)
    assert control_graph.loadable(bench.context, CPU).digest == found.record.digests["graph"]
    assert {"onnxruntime", "onnx", "numpy"} == found.record.versions.keys()
    [part] = found.parts
    assert part.times is not None
    assert ("", 1, True) == (part.times.doubt, part.times.valid, len(part.times.series) >= 3)
    assert 1 / found.rate() == pytest.approx(part.times.summary().median_s)
    assert part.predictions.scores.any()


def test_it_is_measured_once_a_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that goes on reads back what is whole, of the same graph and the same versions."""
    first = bench.series()
    assert (first.rate(), 1) == (bench.series().rate(), bench.started)

    for damage in (lambda: (first.folder / cell.TIMES).unlink(), lambda: (first.folder / cell.RECORD).write_text("{}"),
                   lambda: (first.folder / earlier.JOB).unlink()):
        damage()
        before = bench.started
        bench.series()
        assert before + 1 == bench.started
    for place, name, value in ((control, "_versions", lambda device: {"driver": "2"}), (code, "current", lambda place: "other")):
        before = bench.started
        monkeypatch.setattr(place, name, value)
        bench.series()
        assert before + 1 == bench.started
    before = bench.started
    bench.series()
    assert before == bench.started


def test_beside_a_suspect_it_has_places_of_its_own(bench: Bench) -> None:
    """Its own series, which is its night, stays; each further one is there once."""
    own = bench.series()
    kept = (own.folder / cell.TIMES).read_bytes()
    found = alternate(subject(bench.context, CPU, bench.run, SUSPECT), subject(bench.context, CPU, bench.run, Case("tiny", 1, CPU)), 2,
                      bench.said.append, "slower")

    assert (None, 2, 2) == (found.error, len(found.suspect), len(found.control))
    assert 5 == bench.started
    assert [f"again/control-of-tiny-bs{batch}-cpu/0{number}" for batch in (1, 4) for number in (1, 2)] == sorted(
        str(path.parent.relative_to(own.folder)) for path in own.folder.glob("again/**/times.json"))
    assert kept == (own.folder / cell.TIMES).read_bytes()

    place = subject(bench.context, CPU, bench.run, SUSPECT)
    assert (True, 5) == (place.take(1, anew=False).parts[0].earlier, bench.started)
    assert (False, 6) == (place.take(1, anew=True).parts[0].earlier, bench.started)
    assert 1 == len([*own.folder.glob("again/control-of-tiny-bs4-cpu/01/earlier/1/times.json")])


def test_it_holds_the_lock_and_looks_whether_the_device_is_idle(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As any cell does: nothing is loaded before the lock is held, and what the watch saw is kept."""
    did: list[str] = []

    class Block:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            did.append(f"{self.name} begins")

        def __exit__(self, *error: object) -> None:
            did.append(f"{self.name} ends")

        def idle(self) -> Idle:
            return Idle("busy", ("another process",), 3)

    class Driver:
        def __init__(self, real: Any) -> None:
            self.real = real

        def __getattr__(self, name: str) -> Any:
            return (lambda device: Block("watch")) if name == "watch" else getattr(self.real, name)

    family, opening = engines.family, engines.open_engine
    monkeypatch.setattr(engines, "family", lambda device: Driver(family(device)))
    monkeypatch.setattr(engines, "open_engine", lambda *given: did.append("loaded") or opening(*given))
    hold = SimpleNamespace(hold=lambda locks, name, waiting: Block(f"lock of {name} in {locks}"))
    monkeypatch.setattr(control, "device_locks", hold)
    [part] = bench.series().parts

    lock = f"lock of cpu in {bench.context.settings.locks}"
    assert [f"{lock} begins", "watch begins", "loaded", "watch ends", f"{lock} ends"] == did
    assert Idle("busy", ("another process",), 3) == part.idle


def test_a_device_that_was_given_up_is_not_used(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error is the caller's to judge, and nothing that could be taken for times is left."""
    def fails(*given: object) -> None:
        raise EngineError("the device fails")

    with monkeypatch.context() as patch, pytest.raises(EngineError, match="the device fails"):
        patch.setattr(engines, "open_engine", fails)
        bench.series()
    assert [launch.LOG, earlier.JOB] == sorted(path.name for path in (bench.run / "control-bs1-cpu").iterdir())

    quarantine.give_up(bench.run, CPU, "it is lost")
    before = bench.started
    with pytest.raises(DeviceError, match="is not used again in this run: it is lost"):
        bench.series()
    assert before == bench.started
