"""Every command that judges ends with its verdict: 1 if one is red, by the same rule everywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from suites.selftest.conftest import ran, tiny_measuring
from tools import measure
from tools.errors import EngineError
from tools.judging.verdict import RED, Verdict, status
from tools.measuring import launch
from tools.measuring.cell import Cell


def test_three_words_are_red() -> None:
    """FAIL, NO VERDICT and ERROR end a command with 1, wherever they stand; a suspicion does not."""
    assert {"FAIL", "NO VERDICT", "ERROR"} == {word.value for word in RED}
    assert [0, 0, 0, 1, 1, 1] == [status([Verdict.PASS, word, Verdict.PASS]) for word in Verdict]
    assert 0 == status([])


@pytest.mark.parametrize(("floor", "expected"), [("0.01", 0), ("1.0", 1)])
def test_a_cell_measured_by_hand_ends_with_its_verdict(tiny_store: Path, tmp_path: Path, floor: str, expected: int) -> None:
    """The exit status of tools.measure is 1 where one number fails, and 0 where all are good or recorded."""
    done = ran("measure", "tiny", "--batch=4", f"--run={tmp_path}", *tiny_measuring(), "--clips=8", f"--expect=top1={floor}")

    assert expected == done.returncode, done.stdout + done.stderr
    assert ("FAIL top1 expected" in done.stdout) == bool(expected)


def test_a_failed_timing_is_told_in_its_own_words(tiny_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was scored is judged; the rate is an ERROR that says what ended the timing; status 1."""

    def untimed(*arguments: object, **how: object) -> Cell:
        cell = launch.launch(*arguments, **how)  # type: ignore[arg-type]
        error = EngineError("the device is lost", where="npu:0", remedy="reset it")
        return replace(cell, parts=tuple(replace(part, times=None, timing_error=error) for part in cell.parts))

    monkeypatch.setattr(measure, "launch", untimed)
    done = ran("measure", "tiny", "--batch=4", f"--run={tmp_path}", *tiny_measuring(), "--clips=8")

    assert (1, "") == (done.returncode, "".join(line for line in done.stderr.splitlines() if "Traceback" in line))
    assert "PASS (mini) difference" in done.stdout
    assert "ERROR throughput: the device is lost" in done.stdout
    assert "reset it" in done.stdout
