"""What a cell's speed beside its nights means for its rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from suites.selftest.nights.cells import TSM, Machine, cell_of, night, nights
from tools.judging.judge import throughput
from tools.judging.verdict import Judgement, Verdict
from tools.measuring.cell import Cell, Times
from tools.measuring.launch import Found
from tools.nights.history import History
from tools.nights.tonight import Tonight
from tools.nights.verdicts import of_speed
from tools.spec.case import Case, Device, Mode
from tools.spec.catalog import load_truth
from tools.spec.settings import MODELS
from tools.spec.truth import Truth

CHIP = "Ascend310P3"


@pytest.fixture
def history(tmp_path: Path, machine: Machine) -> History:
    """Twenty nights of TSM, none of them slow."""
    found = History.init(tmp_path / "history")
    nights(machine, found, 20)
    return found


def truth_of(figure: float | None) -> Truth:
    """TSM's, with that figure stored of the chip at batch 16, or none."""
    truth = load_truth(MODELS, "tsm")
    others = tuple(one for one in truth.figures if one.batch != 16 or one.metric != "throughput")
    if figure is None:
        return replace(truth, figures=others)
    stored = next(one for one in truth.figures if one.batch == 16 and one.metric == "throughput")
    return replace(truth, figures=(*others, replace(stored, device=CHIP, value=figure, corrected=None)))


def rows(machine: Machine, history: History, truth: Truth, most: int = 40, cell: Cell | None = None) -> list[Judgement]:
    tonight = Tonight(History.open(history.folder), machine.folder / "runs" / "tonight", most)
    measured = cell or machine.cell(TSM)
    return of_speed(throughput(measured, truth), tonight, machine.context, measured, cast("Found", None), truth)


def of(found: list[Judgement], metric: str) -> Judgement:
    return next(one for one in found if one.metric == metric)


def test_where_nothing_is_stored_the_nights_judge(machine: Machine, history: History) -> None:
    """The row of the rate names the centre, how many nights made it, and what to do next where it fails."""
    good = of(rows(machine, history, truth_of(None)), "clips/s")
    machine.slower[TSM] = 0.1
    bad = of(rows(machine, history, truth_of(None)), "clips/s")

    assert (Verdict.PASS, Verdict.FAIL) == (good.verdict, bad.verdict)
    assert good.reference.startswith(("79.", "80."))
    for one in (good, bad):
        assert one.numbers is not None
        assert (one.measured.split("/")[0], one.reference) == (f"{one.numbers.measured:.3f}", f"{one.numbers.reference:.3f}")
    assert "the centre of 20 nights" in bad.meaning
    assert "the control is no slower than its nights" in bad.meaning
    assert f"python -m tools.history show tsm-bs16-npu0 --history {history.folder}" in bad.meaning
    assert "python -m tools.history accept tsm-bs16-npu0" in bad.meaning


def test_the_first_nights_are_learning_and_not_for_ever(machine: Machine, tmp_path: Path) -> None:
    """After 20 nights without a baseline somebody must look, so the row is red by night."""
    young = History.init(tmp_path / "young")
    first = of(rows(machine, young, truth_of(None)), "clips/s")
    machine.slower = {TSM: 0.0}
    assert (Verdict.RECORDED, "1 of 8") == (first.verdict, first.learning)
    nights(machine, young, 3)
    assert "4 of 8" == of(rows(machine, young, truth_of(None)), "clips/s").learning


def test_a_figure_judges_and_the_nights_have_a_row_of_their_own(machine: Machine, history: History) -> None:
    """So a device may keep to what is stored, and be slower than it was."""
    machine.slower[TSM] = 0.1
    found = rows(machine, history, truth_of(70.0))

    assert (Verdict.PASS, Verdict.FAIL) == (of(found, "clips/s").verdict, of(found, "clips/s nights").verdict)
    assert "the stored figure" in of(found, "clips/s").meaning


def test_a_figure_that_is_missed_is_a_fail_whatever_the_nights_say(machine: Machine, history: History) -> None:
    found = rows(machine, history, truth_of(100.0))

    assert (Verdict.FAIL, Verdict.PASS) == (of(found, "clips/s").verdict, of(found, "clips/s nights").verdict)


def test_a_figure_that_is_missed_is_a_fail_though_measuring_again_failed(machine: Machine, history: History) -> None:
    """What one series would fail by itself, no doubt makes better."""
    machine.taken, machine.fails = [], 2
    found = of(rows(machine, history, truth_of(90.0)), "clips/s")

    assert Verdict.FAIL is found.verdict


def test_a_figure_that_nobody_could_measure_again_beside_judges_nothing(machine: Machine, history: History) -> None:
    """One series keeps to it within the tolerance, and leaves open whether the device does."""
    machine.taken, machine.fails = [], 1
    found = of(rows(machine, history, truth_of(83.5)), "clips/s")

    assert Verdict.NO_VERDICT is found.verdict
    assert "measuring again ended: the device fails" in found.meaning


def test_one_series_beside_a_figure_is_judged_as_without_nights(machine: Machine, history: History) -> None:
    """A plain run measures nothing again: then the toml's max_slowdown decides, as it always did."""
    assert Verdict.FAIL is of(rows(machine, history, truth_of(90.0), most=0), "clips/s").verdict
    assert Verdict.PASS is of(rows(machine, history, truth_of(82.0), most=0), "clips/s").verdict


def test_rates_of_single_networks_are_no_verdict_of_their_own(machine: Machine, tmp_path: Path) -> None:
    """A slower network of two may hide in the whole: its row does not say that it passed."""
    history = History.init(tmp_path / "young")
    cell = machine.cell(TSM)
    (part,) = cell.parts
    first, second = (replace(part, record=replace(part.record, network=name)) for name in ("tem", "pem"))
    both = replace(cell, parts=(first, second))
    for number in range(1, 9):
        tonight = Tonight(History.open(history.folder), machine.folder / "runs" / f"both-{number}", 0)
        of_speed(throughput(both, truth_of(None)), tonight, machine.context, both, cast("Found", None), truth_of(None))
        tonight.keep(both)
    found = rows(machine, history, truth_of(None), most=0, cell=both)

    assert [("tem clips/s", Verdict.RECORDED, "clips/s"), ("pem clips/s", Verdict.RECORDED, "clips/s"), ("clips/s", Verdict.PASS, "")] == [
        (one.metric, one.verdict, one.within) for one in found]


def test_a_series_that_is_too_short_judges_nothing(machine: Machine, history: History, tmp_path: Path) -> None:
    """NO VERDICT where nights would judge it, with the seconds it takes; RECORDED where they are learning."""
    usual = cell_of(TSM, machine.folder / "runs" / "tonight", 80.0)
    short = replace(usual, parts=(replace(usual.parts[0], times=Times((0.1, 0.3, 0.2), 16)),))

    judged = of(rows(machine, history, truth_of(None), cell=short), "clips/s")
    assert Verdict.NO_VERDICT is judged.verdict
    assert "--budget-s" in judged.meaning
    learning = of(rows(machine, History.init(tmp_path / "young"), truth_of(None), cell=short), "clips/s")
    assert (Verdict.RECORDED, True, "") == (learning.verdict, learning.short, learning.learning)


def test_a_case_that_stays_slow_is_a_fail_though_nothing_settles_it(machine: Machine, history: History) -> None:
    """In plain runs one series settles no doubt. The centre does not follow. The fourth night is a FAIL."""
    machine.slower[TSM] = 0.15
    found = []
    for number in range(30, 34):
        tonight = Tonight(History.open(history.folder), machine.folder / "runs" / f"night-{number}", 0)
        cell = machine.cell(TSM)
        found.append(of(of_speed(throughput(cell, truth_of(None)), tonight, machine.context, cell, cast("Found", None), truth_of(None)),
                        "clips/s"))
        tonight.keep(cell)

    assert [Verdict.SUSPECT] * 3 + [Verdict.FAIL] == [one.verdict for one in found]
    assert "in grave doubt for 4 nights in a row" in found[-1].meaning
    assert abs(float(found[-1].reference) - float(found[0].reference)) < 0.01


@pytest.mark.parametrize(("most", "fails", "why"), [(40, 2, "measuring again ended: the device fails"), (5, 0, "--confirm 5 allows fewer")])
def test_a_doubt_that_could_not_be_looked_into_judges_nothing(
        machine: Machine, history: History, most: int, fails: int, why: str) -> None:
    """It would else end well every night."""
    machine.slower[TSM], machine.taken, machine.fails = 0.15, [], fails
    found = of(rows(machine, history, truth_of(None), most=most), "clips/s")

    assert Verdict.NO_VERDICT is found.verdict
    assert why in found.meaning


def test_a_series_that_creeps_judges_nothing(machine: Machine, history: History) -> None:
    """Its typical time is that of no state of the device."""
    usual = cell_of(TSM, machine.folder / "runs" / "tonight", 80.0)
    times = Times(tuple(0.2 + 0.0005 * number for number in range(200)), 16)
    found = of(rows(machine, history, truth_of(None), cell=replace(usual, parts=(replace(usual.parts[0], times=times),))), "clips/s")

    assert Verdict.NO_VERDICT is found.verdict
    assert "during the series" in found.meaning


def test_times_in_doubt_are_not_judged_and_make_no_night(machine: Machine, history: History) -> None:
    """Of a busy device, or of calls that ran no network."""
    usual = machine.cell(TSM)
    times: Any = usual.parts[0].times
    doubtful = replace(usual, parts=(replace(usual.parts[0], times=replace(times, doubt="the calls ran nothing")),))
    tonight = Tonight(History.open(history.folder), machine.folder / "runs" / "tonight", 40)
    found = of_speed(throughput(doubtful, truth_of(None)), tonight, machine.context, doubtful, cast("Found", None), truth_of(None))
    tonight.keep(doubtful)

    assert Verdict.NO_VERDICT is of(found, "clips/s").verdict
    assert 20 == len(night(machine, history, 99).baseline.beside.nights)


def test_a_case_that_says_how_it_computes_is_named_whole(machine: Machine, tmp_path: Path) -> None:
    """What repeats it selects its model and batch size, whatever its name ends with."""
    half = Case("tsm", 16, Device("cuda", 0), Mode("", "fp16"))
    history = History.init(tmp_path / "half")
    for number in range(20):
        night(machine, history, number, cases=(half,))
    machine.slower[half] = 0.1
    bad = of(rows(machine, history, truth_of(None), cell=machine.cell(half)), "clips/s")

    assert Verdict.FAIL is bad.verdict
    assert "pytest -m tsm -k 'bs16 and throughput'" in bad.meaning
    assert "python -m tools.history show tsm-bs16-cuda0-fp16" in bad.meaning


def test_a_figure_of_another_engine_leaves_the_rate_to_the_nights(machine: Machine, tmp_path: Path) -> None:
    """A GPU whose T4 the guide measured in another way is learned as one of which nothing is stored."""
    cell = machine.cell(TSM)
    [part] = cell.parts
    gpu = replace(cell, parts=(replace(part, record=replace(part.record, chip="NVIDIA T4", precision="fp32")),))

    assert "1 of 8" == of(rows(machine, History.init(tmp_path / "young"), load_truth(MODELS, "tsm"), cell=gpu), "clips/s").learning
