"""A measured cell, read back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.deployments import record
from tools.engines import NODES_ON_CPU
from tools.engines.idle import Idle, Reading
from tools.errors import ClipgateError, MeasureError
from tools.measuring import cell
from tools.measuring.cell import Cell, Part, Times
from tools.measuring.predictions import FILE, Predictions, save
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.settings import MODELS

CASE = Case("bsn", 1, Device("cpu"))
TIMES = Times((0.25, 0.25), 1)
DIED = MeasureError("the child died while timing", where="pem", remedy="run it again")


def untimed(tem: Times | None, pem: Times | None, error: ClipgateError | None = None) -> ClipgateError | None:
    """Why a cell of two networks with these times has none; *error* is what ended the second's timing."""
    scores = Predictions(("a",), np.zeros((1, 2), np.float32))
    parts = (Part(Path(name), record(CASE, name, 1), scores, times, timing_error=ended)
             for name, times, ended in (("tem", tem, None), ("pem", pem, error)))
    return Cell(CASE, Path(), tuple(parts)).untimed


def test_a_cell_without_times_names_the_first_network_that_lacks_them() -> None:
    """By its folder, unless an error ended its timing, which tells more; nothing where both have times."""
    assert untimed(TIMES, TIMES) is None
    for tem, pem, where in ((None, TIMES, "tem"), (TIMES, None, "pem"), (None, None, "tem")):
        told = untimed(tem, pem)
        assert told is not None
        assert ("the cell has no times", where) == (told.what, told.where)
    assert untimed(TIMES, None, DIED) is DIED


def part(folder: Path, **more: Any) -> Part:
    scores = Predictions(("a", "b"), np.zeros((2, 3), np.float32))
    return Part(folder, record(CASE, folder.name, 2), scores, **{"times": TIMES, **more})


def saved(folder: Path, times: Times | None = TIMES, idle: Idle | None = None) -> Path:
    """What a measured network leaves."""
    folder.mkdir(exist_ok=True)
    one = part(folder)
    save(one.predictions, folder / FILE)
    cell.write(one.record, folder / cell.RECORD)
    for value, name in ((times, cell.TIMES), (idle, cell.IDLE)):
        if value is not None:
            cell.write(value, folder / name)
    return folder


def test_what_was_saved_is_read_back(tmp_path: Path) -> None:
    """All of it; and where nothing was timed or watched, that there is none."""
    times = Times((0.5, 0.25), 3, (0.125, 0.0625), "a doubt", 12.5, ("process 7", "process 8"), (0.75, 0.625))
    idle = Idle("busy", ("pid 7",), 9, "NVML", (Reading(1005.0, 62.0, 70.5, ("thermal slowdown", "power cap")), Reading()))
    whole, bare = cell.read(saved(tmp_path / "whole", times, idle)), cell.read(saved(tmp_path / "bare", None))

    assert (times, idle, None, "") == (whole.times, whole.idle, whole.timing_error, whole.retried)
    assert (record(CASE, "whole", 2), tmp_path / "whole") == (replace(whole.record, others=(), scored_by=()), whole.folder)
    assert ("a", "b") == whole.predictions.ids
    assert (None, None) == (bare.times, bare.idle)


@pytest.mark.parametrize(("name", "old", "new", "words"), [
    (cell.TIMES, "0.25,", "-0.25,", "a time is"), (cell.TIMES, "0.25,", "0,", "a time is"), (cell.TIMES, '"valid": 1', '"valid": 0', "0"),
    (cell.TIMES, '"series"', '"other"', "cannot be read"), (cell.RECORD, '"case"', '"other"', "cannot be read"),
    (cell.RECORD, "{", "", "what was measured"), (cell.IDLE, '"state"', '"other"', "cannot be read"),
    (cell.IDLE, '"clock_mhz": null', '"clock_mhz": "fast"', "clock_mhz cannot be 'fast'"),
    (cell.IDLE, '"throttled": []', '"throttled": "no"', "cannot be read"), (cell.IDLE, '"power_w"', '"watts"', "cannot be read"),
])
def test_what_cannot_be_read_back_is_refused(tmp_path: Path, name: str, old: str, new: str, words: str) -> None:
    """Times that no rate can be taken from too; each time says which file, and to measure again."""
    file = saved(tmp_path / "tem", idle=Idle("idle", (), 9, readings=(Reading(),))) / name
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new, 1))

    with pytest.raises(MeasureError, match=words) as caught:
        cell.read(tmp_path / "tem")
    assert str(tmp_path / "tem") in str(caught.value.where)
    if words != "0":
        assert "measure the case again" == caught.value.remedy


def test_a_series_of_no_times_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MeasureError, match="there are no times") as caught:
        cell.read(saved(tmp_path / "tem", Times((), 1)))
    assert (str(tmp_path / "tem" / cell.TIMES), "measure the case again") == (caught.value.where, caught.value.remedy)


def test_times_of_before_they_were_doubted_are_doubted(tmp_path: Path) -> None:
    file = saved(tmp_path / "tem") / cell.TIMES
    stored = json.loads(file.read_text())
    del stored["doubt"]
    file.write_text(json.dumps(stored))

    times = cell.read(tmp_path / "tem").times
    assert times is not None
    assert "this run is older than the look at what timed calls give" == times.doubt


def test_times_of_before_quiet_was_kept_have_waited_for_none(tmp_path: Path) -> None:
    """Nobody knows who worked beside them, and nobody is named."""
    file = saved(tmp_path / "tem") / cell.TIMES
    stored = json.loads(file.read_text())
    del stored["waited_s"], stored["beside"]
    file.write_text(json.dumps(stored))

    assert cell.read(tmp_path / "tem").times == TIMES


def test_a_watch_of_before_readings_were_kept_has_none(tmp_path: Path) -> None:
    """It was npu-smi that was asked, where nobody says."""
    file = saved(tmp_path / "tem", idle=Idle("busy", ("pid 7",), 9)) / cell.IDLE
    stored = json.loads(file.read_text())
    del stored["source"], stored["readings"]
    file.write_text(json.dumps(stored))

    assert Idle("busy", ("pid 7",), 9, "npu-smi", ()) == cell.read(tmp_path / "tem").idle


WAITED = "the device computed 57% of the scoring pass; it waited 3.2 s for decoding"


@pytest.mark.parametrize(("chip", "busy", "waited_s", "scoring_s", "words"), [
    ("NVIDIA T4", 0.57, 3.2, 10.0, WAITED), ("310P3", 0.57, 3.2, 10.0, WAITED), ("cpu", 0.57, 3.2, 10.0, ""),
    ("NVIDIA T4", None, 3.2, 10.0, ""), ("NVIDIA T4", 0.57, 3.2, 40.0, ""), ("NVIDIA T4", 0.57, 0.9, 2.0, "")])
def test_a_note_tells_where_decoding_kept_the_device_waiting(tmp_path: Path, chip: str, busy: float | None, waited_s: float,
                                                             scoring_s: float, words: str) -> None:
    """For more than a second and a tenth of the pass; the cores of a CPU decode themselves."""
    told = replace(record(CASE, "tem", 2), chip=chip, busy=busy, scoring_s=scoring_s, waited_s={"decode": waited_s, "copy": 9.0})
    one = replace(part(tmp_path / "tem"), record=told)
    both = Cell(CASE, tmp_path, (one, part(tmp_path / "pem")))

    assert words == told.kept_waiting
    assert ([words] if words else []) == Cell(CASE, tmp_path, (one,)).notes
    assert ([f"tem: {words}"] if words else []) == both.notes


@pytest.mark.parametrize(("left", "words"), [({NODES_ON_CPU: "0"}, ""), ({}, ""), ({NODES_ON_CPU: "1: Shape_3"}, "1: Shape_3"),
                                             ({NODES_ON_CPU: "unknown"}, "unknown")])
def test_a_note_tells_which_nodes_the_cpu_computes(tmp_path: Path, left: dict[str, str], words: str) -> None:
    """Once, whichever networks have them."""
    told = [f"nodes that the CPU computes in the device's place: {words}"] if words else []
    parts = [replace(part(tmp_path / name), record=replace(record(CASE, name, 2), engine=left)) for name in ("tem", "pem")]
    assert told == Cell(CASE, tmp_path, tuple(parts)).notes


def test_notes_tell_of_the_wait_for_quiet_and_of_who_broke_it(tmp_path: Path) -> None:
    """Of a wait that a user noticed, and of each process once for all networks."""
    tem, pem = replace(TIMES, waited_s=12.4, beside=("process 7 (fitting)",)), replace(TIMES, waited_s=0.9, beside=("process 7 (fitting)",))
    one = Cell(CASE, tmp_path, (part(tmp_path / "tem", times=tem), part(tmp_path / "pem", times=pem), part(tmp_path / "no", times=None)))

    assert ["timing waited 12 s for quiet", "timed while process 7 (fitting) worked on this host"] == one.notes[:2]
    assert 2 == len(one.notes) - len(one.others)


def test_the_device_times_are_judged_where_it_has_its_own(tmp_path: Path) -> None:
    """By their mean, as its tool does; whether they were enough is told by our clock."""
    both = Times((1.0,) * 30, 4, (0.5,) * 20 + (1.0,) * 10)
    one = Cell(CASE, tmp_path, (part(tmp_path / "tem", times=both),))

    assert ("median", 4.0) == (Times((1.0,) * 30, 4).summary().statistic, Times((1.0,) * 30, 4).summary().clips_per_s)
    assert ("mean", 6.0) == (both.summary().statistic, round(both.summary().clips_per_s, 9))
    assert "mean" == one.statistic
    assert Times((1.0,) * 30, 4).summary().short == both.summary().short
    assert Times((0.001,) * 3, 4, (5.0,) * 30).summary().short == Times((0.001,) * 3, 4).summary().short
    assert "median" == replace(one, parts=(part(tmp_path / "tem"),)).statistic
    assert "median" == replace(one, parts=(part(tmp_path / "tem", times=None),)).statistic


def test_networks_in_a_row_share_their_time(tmp_path: Path) -> None:
    """The rate is of both, and each iteration of the shorter series takes the sum."""
    both = Cell(CASE, tmp_path, (part(tmp_path / "tem", times=Times((0.25,) * 3, 1)), part(tmp_path / "pem", times=Times((0.75,) * 2, 1))))

    assert [1.0, 1.0] == both.series()
    assert 1.0 == both.rate()
    assert both.parts[1].record == both.record


def test_notes_tell_of_second_attempts_and_of_other_code_once(tmp_path: Path) -> None:
    told = (("tem", "", ("x by other code",)), ("pem", "a kernel failed", ("x by other code", "y too")))
    one = Cell(CASE, tmp_path, tuple(
        replace(part(tmp_path / name, retried=retried), record=replace(record(CASE, name, 2), others=others))
        for name, retried, others in told))

    assert ["x by other code", "y too"] == one.others
    assert ["measured at the second attempt: a kernel failed", "x by other code", "y too"] == one.notes


def test_a_note_tells_who_measured_and_who_scored_elsewhere(tmp_path: Path) -> None:
    """Once, whichever networks they did."""
    told = {"place": "node-1/npu3", "scored_by": ("node-1 npu3: 1,250 clips", "node-2 npu0: 1,233 clips")}
    parts = [replace(part(tmp_path / name), record=replace(record(CASE, name, 2), **told)) for name in ("tem", "pem")]  # type: ignore[arg-type]

    assert ["measured on node-1/npu3",
            "scored by node-1 npu3: 1,250 clips, node-2 npu0: 1,233 clips"] == Cell(CASE, tmp_path, tuple(parts)).notes


def test_each_network_has_a_folder_below_the_cases_if_there_are_several(tmp_path: Path) -> None:
    assert tmp_path / "bsn-bs1-cpu" / "pem" == cell.part_folder(CASE, load_spec(MODELS, "bsn"), "pem", tmp_path)
    assert tmp_path / "bsn-bs1-cpu" == cell.part_folder(CASE, load_spec(MODELS, "tsm"), "tsm", tmp_path)
