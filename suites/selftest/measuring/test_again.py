"""A scored cell is timed once more, and what it was measured with before stays what it was."""

from __future__ import annotations

import json
import multiprocessing
import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import keeping
from suites.selftest.measuring.resumed import BSN, Bench, cut, fail
from tools.engines.faults import Fault
from tools.errors import ChildError, DeviceError, EngineError, MeasureError
from tools.machine import child
from tools.measuring import cell, earlier, launch, measure, quarantine
from tools.measuring.again import again, place_of
from tools.measuring.cell import Cell, Times
from tools.spec.case import Case, Device
from tools.spec.settings import Settings
from tools.storage.context import Context

FORK = multiprocessing.get_context("fork")
OTHER = Case("other", 1, Device("cpu"))
LOST = Fault("lost", "it is lost", ("507010",), ("device lost",))


def once_more(bench: Bench, measured: Cell, number: int = 1, beside: Case | None = None, *, anew: bool = False, **other: Any) -> Cell:
    """The cell with further times; other: fields of what it is measured with."""
    context = Context(Settings.parse({"budget_s": bench.budget_s}), bench.spec, keeping(bench.said))
    return again(context, measured, replace(bench.found, **other), bench.run, number, beside, anew=anew)


def slower(bench: Bench, patch: pytest.MonkeyPatch, factor: float = 2.0) -> None:
    """From now on the device takes *factor* times as long."""
    patch.setattr(measure, "timed", lambda engine, kept, budget_s, *, whole: Times((factor, 2 * factor, 3 * factor), kept.valid))


def own_files(folder: Path) -> Mapping[str, bytes]:
    """What a cell's folder holds but for what is below `again` and what processes said."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*"))
            if path.is_file() and earlier.MORE not in path.parts and path.name != launch.LOG}


def test_a_series_has_a_place_of_its_own(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The cell's own times, scores and record stay to the byte; the first batch alone is run again."""
    measured = bench.measure()
    before, batches = own_files(bench.place()), len(bench.fed)
    slower(bench, monkeypatch)
    found = once_more(bench, measured)

    assert (measured.rate() / 2, measured.record) == (found.rate(), found.record)
    assert before == own_files(bench.place())
    assert batches + 1 == len(bench.fed)
    assert (2.0, 4.0, 6.0) == tuple(json.loads((bench.place() / "again" / "01" / cell.TIMES).read_text())["series"])
    assert measured.rate() == bench.measure().rate(), "a run that goes on takes the further times for the cell's"


def test_each_number_and_each_suspect_has_a_place(bench: Bench) -> None:
    """A cell may be the control of several; what it was measured for is in the path."""
    measured = bench.measure()
    for number, beside in ((1, None), (2, None), (1, OTHER)):
        once_more(bench, measured, number, beside)

    assert ["again/01", "again/02", "again/control-of-other-bs1-cpu/01"] == sorted(
        str(path.parent.relative_to(bench.place())) for path in bench.place().rglob(f"{earlier.MORE}/**/{cell.TIMES}"))
    assert bench.place() / "again" / "control-of-other-bs1-cpu" / "40" == place_of(bench.place(), 40, OTHER)


def test_what_an_ended_process_took_whole_is_read_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A series that displeases cannot be taken again by killing the run; one that nobody can read is."""
    measured = bench.measure()
    with monkeypatch.context() as patch:
        slower(bench, patch)
        first = once_more(bench, measured)
    started = bench.started
    found = once_more(bench, measured)
    assert (started, first.rate(), True) == (bench.started, found.rate(), found.parts[0].earlier)

    kept = (place_of(bench.place(), 1) / cell.TIMES).read_bytes()
    assert measured.rate() == once_more(bench, measured, anew=True).rate()
    assert kept == (place_of(bench.place(), 1) / earlier.ASIDE / "1" / cell.TIMES).read_bytes()
    assert started + 1 == bench.started

    cut(place_of(bench.place(), 1) / cell.TIMES)
    assert measured.rate() == once_more(bench, measured).rate()
    assert started + 2 == bench.started


def test_networks_are_timed_in_turn(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each in its own process and folder; the rate is that through both."""
    bench = Bench(monkeypatch, tmp_path, BSN)
    measured = bench.measure()
    slower(bench, monkeypatch, 4.0)
    started = bench.started
    found = once_more(bench, measured)

    assert started + 2 == bench.started
    assert measured.rate() / 4 == pytest.approx(found.rate())
    assert [bench.place(name) / "again" / "01" / cell.TIMES for name in ("pem", "tem")] == sorted(
        bench.place().rglob(f"{earlier.MORE}/**/{cell.TIMES}"))


def test_times_taken_anew_leave_the_further_ones_aside(bench: Bench) -> None:
    """They were to confirm others. They are kept with those, whether times alone or all is measured again."""
    once_more(bench, bench.measure())
    bench.budget_s = "2"
    once_more(bench, bench.measure())
    bench.measure(resume=False)

    assert not (bench.place() / earlier.MORE).exists()
    aside = bench.place() / earlier.ASIDE
    assert {"1/again/01", "1", "2/again/01"} == {str(path.parent.relative_to(aside)) for path in aside.rglob(cell.TIMES)}


def test_other_scores_end_it_and_cost_nothing(bench: Bench) -> None:
    """A device that computes something else now is not timed, and the cell keeps what it has."""
    measured = bench.measure()
    before = own_files(bench.place())
    bench.bias = 1.0
    with pytest.raises(MeasureError, match="timed once more, its first batch has other scores than those saved"):
        once_more(bench, measured)

    assert before == own_files(bench.place())
    assert not (place_of(bench.place(), 1) / cell.TIMES).exists()


def test_what_is_timed_is_what_was_scored(bench: Bench) -> None:
    """Another graph is refused by its digest, before any process starts; so is a cell without scores."""
    measured = bench.measure()
    other = replace(bench.found.graphs[0], digest="another")
    started = bench.started
    with pytest.raises(MeasureError, match="is not what was scored: its weights, graph or clips are others"):
        once_more(bench, measured, graphs=(other,))
    assert started == bench.started

    (bench.place() / cell.RECORD).unlink()
    with pytest.raises(MeasureError, match="it has no scores yet"):
        once_more(bench, measured)
    assert not (bench.place() / cell.RECORD).exists()


def test_a_device_that_fails_is_noted_as_by_a_first_series(bench: Bench) -> None:
    """A lost one is given up for the run, and then refused without a process."""
    measured = bench.measure()
    before, bench.fault, bench.dies = own_files(bench.place()), LOST, lambda number: fail()
    with pytest.raises(EngineError, match="it is lost"):
        once_more(bench, measured)
    started = bench.started
    with pytest.raises(DeviceError, match="is not used again in this run"):
        once_more(bench, measured, 2)

    assert started == bench.started
    assert before == own_files(bench.place())
    with pytest.raises(DeviceError):
        quarantine.refuse(bench.run, bench.case.device)


def test_killed_at_any_moment_it_leaves_the_cell_and_whole_series(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """SIGKILL before the lock, in the first batch, in the series: the cell is read back, and it goes on."""
    measured = bench.measure()
    before = own_files(bench.place())

    def killed_in(stage: str) -> Callable[..., None]:
        def call(work: Callable[[], object], title: str, *, log: Path, **rest: object) -> None:
            log.touch()
            process = FORK.Process(target=work)
            process.start()
            process.join(0 if stage == "start" else 0.4)
            process.kill()
            process.join(60)
            raise ChildError(f"killed in {stage}: {process.exitcode}")
        return call

    for number, stage in enumerate(("start", "scoring", "timing"), 1):
        with monkeypatch.context() as patch, pytest.raises(ChildError, match=f"killed in {stage}: -{signal.SIGKILL}"):
            patch.setattr(child, "call", killed_in(stage))
            patch.setattr(bench, "dies", lambda number, stage=stage: time.sleep(60 if stage == "scoring" else 0))
            patch.setattr(measure, "timed", lambda *given, **more: time.sleep(60))
            once_more(bench, measured, number)
    assert before == own_files(bench.place())
    assert [] == [*bench.place().rglob(f"{earlier.MORE}/**/{cell.TIMES}")]

    assert [measured.rate()] * 3 == [once_more(bench, measured, number).rate() for number in (1, 2, 3)]
    resumed = bench.measure()
    assert (measured.rate(), measured.record) == (resumed.rate(), resumed.record)
