"""Speeds that are asked for: settled only where all that the times allow is on one side of the bound."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.deployments import record
from tools.engines.idle import Idle
from tools.judging import asked
from tools.judging.judge import throughput
from tools.judging.rows import Row
from tools.judging.verdict import Judgement
from tools.measuring.cell import Cell, Part, Times
from tools.measuring.predictions import Predictions
from tools.spec.case import Case, Device
from tools.spec.catalog import load_truth
from tools.spec.expectations import Expectations
from tools.spec.settings import MODELS

STEADY = tuple(0.2 + 0.001 * (5 * number % 13 - 6) for number in range(78))  # 0.2 s, between 0.194 and 0.206
NONE = Predictions((), np.zeros((0, 1), np.float32))


def cell_of(times: Sequence[Times], model: str = "tsm", chip: str = "cpu", batch: int = 16) -> Cell:
    case = Case(model, batch, Device("cpu") if chip == "cpu" else Device("npu", 0, simulated=chip.startswith("Sim")))
    told = replace(record(case, model, 3), chip=chip, weights="own", simulated=chip.startswith("Sim"))
    return Cell(case, Path(), tuple(Part(Path(), replace(told, network=f"{number}"), NONE, one) for number, one in enumerate(times)))


def judged(text: str, cell: Cell) -> list[Judgement]:
    """What the test of throughput says of what is asked."""
    found = throughput(cell, load_truth(MODELS, cell.case.model), Expectations.parse(text))
    return [one for one in found if one.metric in asked.METRICS]


@pytest.mark.parametrize(("bounds", "verdict"), [
    (("clips/s=79", "latency_ms=203", "xT4=0.70"), "PASS"),
    (("clips/s=80", "latency_ms=200", "xT4=0.7234"), "NO VERDICT"),
    (("clips/s=82", "latency_ms=197", "xT4=0.75"), "FAIL"),
])
def test_a_speed_is_settled_outside_of_its_interval_only(bounds: Sequence[str], verdict: str) -> None:
    """80 clips/s, 200 ms and 0.723 of TSM's T4, each known to one in a hundred at best."""
    found = judged(",".join(bounds), cell_of([Times(STEADY, 16)]))

    assert [(f"{bound.partition('=')[0]} expected", verdict) for bound in bounds] == [(one.metric, one.verdict.value) for one in found]
    assert ["80.000/s median", "200.000 ms median", "0.723"] == [
        one.measured for one in sorted(found, key=lambda one: ["clips/s", "latency_ms", "xT4"].index(one.metric.split()[0]))]
    for one in found:
        assert "with 95% confidence (78 iterations in 15.6 s, spread 1.9%)" in one.reason
        assert "--expect" in one.reason


def test_the_bound_itself_is_kept() -> None:
    """Times that are all equal are known exactly, and what they just reach is reached."""
    cell = cell_of([Times((0.25,) * 60, 16)])

    assert ["PASS", "PASS"] == [one.verdict.value for one in judged("clips/s=64,latency_ms=250", cell)]
    assert ["FAIL", "FAIL"] == [one.verdict.value for one in judged("clips/s=64.001,latency_ms=249.999", cell)]


@pytest.mark.parametrize(("times", "why"), [
    (Times((0.2,) * 59, 16), "59 iterations are too few to tell how well a speed is known: 60 are wanted, which takes about --budget-s 14"),
    (Times((0.038,) * 30 + (0.042,) * 30, 16), "60 iterations in 2.4 s are too few"),
    (Times((0.1, 0.2) * 30, 16), "a spread of 33.6% is over the limit of 10%"),
    (Times((0.2,) * 60, 16, (0.2,) * 59), "59 iterations are too few"),
    (Times((0.01,) * 20, 16), "60 are wanted, which takes about --budget-s 3 here"),
    (Times((0.2,) * 60, 16, doubt="the timed calls gave other scores"), "the timed calls gave other scores"),
])
def test_times_that_can_judge_nothing_settle_nothing(times: Times, why: str) -> None:
    """Kept by far, or missed by less than a half: too few times, too wide, or not of the network."""
    near = 1.9 * 16 / min(times.series)
    for text in ("clips/s=1", f"clips/s={near:.3f}", f"latency_ms={16000 / near:.3f}", "latency_ms=1e6"):
        [found] = judged(text, cell_of([times]))

        assert ("NO VERDICT", True) == (found.verdict.value, why in found.reason)


@pytest.mark.parametrize(("series", "bound", "verdict"), [
    ((0.2,) * 6, "clips/s=160", "FAIL"), ((0.2,) * 6, "clips/s=159", "NO VERDICT"), ((0.2,) * 5, "clips/s=160", "NO VERDICT"),
    ((0.2,) * 6, "latency_ms=100", "FAIL"), ((0.2,) * 6, "latency_ms=101", "NO VERDICT"), ((0.2, 0.4) * 3, "latency_ms=100", "FAIL"),
    ((0.19, *(0.2,) * 40), "latency_ms=100", "NO VERDICT"), ((0.2,) * 6, "clips/s=1", "NO VERDICT"),
])
def test_a_hopeless_speed_fails_at_once(series: tuple[float, ...], bound: str, verdict: str) -> None:
    """Where each of six single times misses the bound by a factor of two; nothing passes so."""
    [found] = judged(bound, cell_of([Times(series, 16)]))

    assert verdict == found.verdict.value
    assert (verdict == "FAIL") == ("each single time misses the" in found.reason)
    [doubted] = judged(bound, cell_of([Times(series, 16, doubt="the timed calls gave other scores")]))
    assert "NO VERDICT" == doubted.verdict.value


def test_a_hopeless_speed_is_of_all_networks_in_turn() -> None:
    """BSN's shortest times together are what no batch was faster than."""
    both = cell_of([Times((0.1,) * 6, 1), Times((0.3,) * 6, 1)], model="bsn", batch=1)

    assert ["FAIL", "FAIL"] == [one.verdict.value for one in judged("clips/s=5,latency_ms=200", both)]
    assert ["NO VERDICT", "NO VERDICT"] == [one.verdict.value for one in judged("clips/s=4.9,latency_ms=201", both)]


def test_a_device_that_was_not_idle_settles_nothing() -> None:
    """Another process may have slowed it; the row says what was seen."""
    cell = cell_of([Times(STEADY, 16)], chip="310P3")
    busy = replace(cell, parts=(replace(cell.parts[0], idle=Idle("busy", ("process 7",), 3)),))
    [found] = judged("clips/s=1", busy)

    assert "PASS" == judged("clips/s=1", cell)[0].verdict.value
    assert ("NO VERDICT", True) == (found.verdict.value, "process 7" in found.reason)


def test_only_what_is_asked_of_the_batch_size_is_judged() -> None:
    """Bounds of other sizes are no matter; one of every size and one of this size both count."""
    found = judged("bs1:clips/s=1e6,clips/s=70,bs16:clips/s=90,bs32:latency_ms=1", cell_of([Times(STEADY, 16)]))

    assert [(">= 70", "PASS"), (">= 90", "FAIL")] == [(one.reference, one.verdict.value) for one in found]
    assert [] == judged("bs1:clips/s=1", cell_of([Times(STEADY, 16)]))


def test_the_devices_own_times_judge_by_their_mean() -> None:
    """As its rate is shown; our clock's times around the runs are no matter."""
    device = (*STEADY[:-1], 0.3)
    [rate, latency] = judged("clips/s=70,latency_ms=210", cell_of([Times((9.0,) * 78, 16, device)], chip="310P3"))

    assert (f"{16 / np.mean(device):.3f}/s mean", f"{1000 * np.mean(device):.3f} ms mean") == (rate.measured, latency.measured)
    assert ("PASS", "PASS") == (rate.verdict.value, latency.verdict.value)


def test_networks_in_turn_take_the_sum_of_their_times() -> None:
    """BSN's batch goes through both; each interval is wider, so that both hold at once."""
    both = cell_of([Times(STEADY, 1), Times(tuple(3 * one for one in STEADY), 1)], model="bsn", batch=1)
    alone = cell_of([Times(tuple(4 * one for one in STEADY), 1)], batch=1)
    found, single = judged("clips/s=1,latency_ms=900", both), judged("clips/s=1,latency_ms=900", alone)

    assert ["1.250/s median", "800.000 ms median"] == [one.measured for one in found] == [one.measured for one in single]
    assert "78 iterations in 15.6 s, spread 1.9%, 78 iterations in 46.8 s" in found[0].reason
    rising = Times(tuple(0.2 + 0.0005 * number for number in range(70)), 1)
    wider = judged("latency_ms=440", cell_of([rising, rising], model="bsn", batch=1))[0]
    assert ("NO VERDICT", True) == (wider.verdict.value, "between 404.500 and 464.500" in wider.reason)  # the first and the last ten
    sixty = cell_of([rising, Times(rising.series[:69], 1)], model="bsn", batch=1)
    assert "69 iterations are too few" in judged("latency_ms=440", sixty)[0].reason
    short = replace(both, parts=(both.parts[0], replace(both.parts[1], times=Times(STEADY[:5], 1))))
    assert ["NO VERDICT", "NO VERDICT"] == [one.verdict.value for one in judged("clips/s=0.1,latency_ms=1e5", short)]


def test_a_ratio_is_of_a_card_and_a_rate_of_one_chip() -> None:
    """Four chips of a 310 beside one T4, as in the guide's own gate; a figure in doubt says so."""
    rate, ratio = judged("clips/s=79,xT4=2.8", cell_of([Times(STEADY, 16)], chip="310"))

    assert ("80.000/s median", "PASS") == (rate.measured, rate.verdict.value)
    assert (f"{4 * 80 / 110.577:.3f}", "PASS") == (ratio.measured, ratio.verdict.value)
    assert "a card of 4 chips, derived from one, to the T4's 110.577 (tsm.toml r0055, TensorRT in fp16)" in ratio.reason
    assert "suspect" in judged("xT4=1", cell_of([Times(STEADY, 16)], model="r2plus1d", batch=4))[0].reason


def test_a_simulation_passes_as_one_only() -> None:
    """What is asked of it is judged, and the word says what judged it."""
    cell = cell_of([Times(STEADY, 16)], chip="Sim310")
    [found] = judged("clips/s=1", cell)

    assert "PASS (simulated)" == Row.of(cell, "throughput", found).verdict


def test_programs_read_the_number_its_bound_and_its_side() -> None:
    """In the unit that is asked for."""
    found = judged("clips/s=70,latency_ms=40,xT4=0.5", cell_of([Times(STEADY, 16)]))
    numbers = [one.numbers for one in found]

    assert [("clips_per_s", 70.0, "at least"), ("ms", 40.0, "at most"), ("ratio", 0.5, "at least")] == [
        (one.unit, one.reference, one.limit) for one in numbers if one]
    assert [80.0, 200.0, 80 / 110.577] == pytest.approx([one.measured for one in numbers if one])
