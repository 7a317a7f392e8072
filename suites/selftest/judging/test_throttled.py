"""A device whose clock was held down: its speed carries no judgement, its answers do."""

from __future__ import annotations

from dataclasses import replace

import pytest

from suites.selftest.judging.test_asked import STEADY, cell_of
from tools.engines.idle import Idle, Reading
from tools.judging.judge import throughput
from tools.measuring.cell import Cell, Times
from tools.measuring.doubts import doubts
from tools.spec.catalog import load_truth
from tools.spec.expectations import Expectations
from tools.spec.settings import MODELS

COOL = Reading(1590.0, 45.0, 60.0)
HOT = Reading(1005.0, 62.0, 70.0, ("thermal slowdown",))
ONE = cell_of([Times(STEADY, 16)], chip="310P3")
TWO = cell_of([Times(STEADY, 1), Times(STEADY, 1)], "bsn", "310P3", 1)


def watched(cell: Cell, number: int, *readings: Reading, state: str = "idle") -> Cell:
    """The cell, with what was read while that network of it was measured."""
    idle = Idle(state, ("process 7",) if state == "busy" else (), len(readings), "NVML", readings)  # type: ignore[arg-type]
    return replace(cell, parts=tuple(replace(part, idle=idle) if at == number else part for at, part in enumerate(cell.parts)))


@pytest.mark.parametrize(("cell", "number"), [(ONE, 0), (TWO, 0), (TWO, 1)])
def test_one_throttled_sample_leaves_a_speed_without_a_verdict(cell: Cell, number: int) -> None:
    """Of any network of the cell; its row says why, how hot and how slow it was."""
    truth, expect = load_truth(MODELS, cell.case.model), Expectations.parse("clips/s=1")
    found = throughput(watched(cell, number, COOL, COOL, HOT, COOL), truth, expect)

    assert {"NO VERDICT"} == {one.verdict.value for one in found}
    assert all(one.reason.startswith("the device was throttled: thermal slowdown, 62 C, 1005 MHz; ") for one in found)
    cool = throughput(watched(cell, number, COOL, COOL, COOL), truth, expect)
    assert "PASS" in {one.verdict.value for one in cool}
    assert throughput(cell, truth, expect) == cool


def test_a_throttled_device_that_was_busy_too_is_told_to_be_busy_first() -> None:
    """Whoever used it beside us may have heated it."""
    assert ["the device was busy in 1 samples of NVML: process 7", "the device was throttled: thermal slowdown, 62 C, 1005 MHz"] == doubts(
        watched(ONE, 0, HOT, state="busy"))
