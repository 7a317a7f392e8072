"""A run's folder that several users share: what another has planted there is one error."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from suites.selftest.machine.test_opening import no_waiting
from tools.errors import DataError, DeviceError, MeasureError
from tools.exchange import runs
from tools.judging import results
from tools.judging.numbers import Numbers, Timing
from tools.judging.rows import Row
from tools.machine import typed
from tools.measuring import cell, predictions, quarantine
from tools.measuring.predictions import FILE, Predictions
from tools.spec.case import Device

__all__ = ["no_waiting"]  # used by being here
RECORD = {"case": "tiny-bs4-cpu", "network": "tiny", "data": "mini", "weights": "mini", "precision": "fp32", "chip": "cpu",
          "simulated": False, "clips": 2, "scoring_s": 1, "peak_bytes": 1, "estimated_bytes": 1, "digests": {"graph": "5d"},
          "versions": {}, "machine": {}, "surgery": "", "inputs": {}, "others": [], "given": "", "flags": "", "shifted": False,
          "own": "", "itself": False}
TIMES = {"series": [0.1, 0.2], "valid": 4, "device_series": [], "doubt": ""}
IDLE = {"state": "idle", "seen": [], "samples": 3}
VALUES: tuple[object, ...] = (None, [], {}, "x", 5, 1.5, True, [[5]], {"a": [1]}, [{}])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A measured cell."""
    for name, content in ((cell.RECORD, RECORD), (cell.TIMES, TIMES), (cell.IDLE, IDLE)):
        (tmp_path / name).write_text(json.dumps(content))
    predictions.save(Predictions(("a", "b"), np.zeros((2, 3), np.float32)), tmp_path / FILE)
    return tmp_path


def test_a_good_cell_is_read(folder: Path) -> None:
    assert 2 == cell.read(folder).record.clips


@pytest.mark.parametrize(("name", "content"), [(cell.RECORD, RECORD), (cell.TIMES, TIMES), (cell.IDLE, IDLE)])
def test_a_cell_with_other_types_is_one_error(folder: Path, name: str, content: Mapping[str, object]) -> None:
    """Nothing else than what a measurement writes is taken, so that nothing breaks where it is used."""
    like = {bool: (bool,), float: (int, float), int: (int, float), str: (str,), list: (list,), dict: (dict,)}
    empty: tuple[object, ...] = ([], {})
    for key, good in content.items():
        for value in VALUES:
            if type(value) in like[type(good)] and (not isinstance(value, list | dict) or value in empty):
                continue
            (folder / name).write_text(json.dumps({**content, key: value}))
            with pytest.raises(MeasureError):
                taken = cell.read(folder)
                pytest.fail(f"{key} {value!r} is taken: {taken}")


@pytest.mark.parametrize("name", [cell.RECORD, cell.TIMES, cell.IDLE, FILE])
def test_a_pipe_in_a_cell_is_not_waited_for(folder: Path, name: str) -> None:
    """What must be there is one error; what need not be is not there."""
    (folder / name).unlink()
    os.mkfifo(folder / name)
    if name in (cell.RECORD, FILE):
        with pytest.raises(MeasureError, match="a pipe, a device or a socket"):
            cell.read(folder)
    else:
        part = cell.read(folder)
        assert None in (part.times, part.idle)


def row() -> Row:
    timing = Timing("median", 10.0, 3, 1.0, 1.0, 1.0, 0.1, 1.1, 1.2, 0.1)
    return Row("tiny-bs4-cpu", "throughput", "mini", "mini", "clips/s", "10", "9", "PASS", "good", batch=4,
               digests={"tiny": {"graph": "5d"}}, numbers=Numbers("clips_per_s", 10.0, 9.0, "median", timing))


def test_results_with_other_types_are_one_error(tmp_path: Path) -> None:
    """Each value of a line of results.jsonl is what a run writes, or the line is named."""
    good = results.to_json(row())
    results.append([row()], tmp_path)
    assert ["tiny-bs4-cpu"] == [one.case for one in runs.rows(tmp_path)]
    for key in good.keys() - {"schema_version"}:
        others: tuple[object, ...] = ({"a": 5}, [5], [{}])
        for value in others:
            (tmp_path / "results.jsonl").write_text("\n" + json.dumps({**good, key: value}) + "\n")
            with pytest.raises(MeasureError) as caught:
                taken = runs.rows(tmp_path)
                pytest.fail(f"{key} {value!r} is taken: {taken}")
            assert f"{tmp_path / 'results.jsonl'}:2" == caught.value.where


def test_a_planted_reason_is_one_short_line(tmp_path: Path) -> None:
    """Of a device that somebody says this run has given up: it forges no line of the report."""
    (tmp_path / quarantine.FOLDER).mkdir()
    (tmp_path / quarantine.FOLDER / "cpu.json").write_text(
        json.dumps({"given_up": "x\nremedy  rm -rf /\n\x1b[2J" + "y" * 10**6, "kernel_faults": 0}))
    with pytest.raises(DeviceError) as caught:
        quarantine.refuse(tmp_path, Device("cpu"))
    lines = str(caught.value).splitlines()
    assert ["cpu", "where", "remedy"] == [line.split()[0] for line in lines]
    assert len(lines[0]) < 3000
    assert "\\x1b[2J" in lines[0]


@dataclass(frozen=True)
class Part:
    """What the rules are tried on."""

    word: Literal["a", "b"]
    many: Mapping[str, tuple[float, ...]]
    maybe: str | None = None


@pytest.mark.parametrize(("values", "wrong"), [
    (("a", {"x": [1, 2.5]}, None), ""), (("c", {}, ""), "word"), ((["a"], {}, ""), "word"), (("a", {"x": [True]}, ""), "many"),
    (("a", {"x": "12"}, ""), "many"), (("a", {5: []}, ""), "many"), (("a", {}, 5), "maybe"),
])
def test_a_field_has_the_type_written_at_it(values: tuple[Any, ...], wrong: str) -> None:
    """A whole number is a float; true is no number, and a text no sequence."""
    if not wrong:
        assert values[0] == typed.require(Part(*values), DataError, "here", "again").word
        return
    with pytest.raises(DataError, match=f"{wrong} cannot be") as caught:
        typed.require(Part(*values), DataError, "here", "again")
    assert ("here", "again") == (caught.value.where, caught.value.remedy)
