"""Speed: one chip's rate against a chip's, a card's and a T4's stored figures, and when it judges nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.deployments import record
from tools.judging.rows import Row, table
from tools.judging.speed import against_t4, combined_throughput, summary_of, throughput, unfit, unfounded
from tools.judging.verdict import Judgement, Verdict
from tools.measuring.cell import Cell, Part, Times
from tools.measuring.predictions import Predictions
from tools.measuring.timing import Summary, summarise
from tools.spec.case import Case, Device
from tools.spec.catalog import load_truth
from tools.spec.chips import CPU, ChipKind, kind, stored_device
from tools.spec.settings import MODELS

TRUTH = load_truth(MODELS, "tsm")
SERIES = Summary(iterations=30, total_s=3.1, mean_s=0.1, median_s=0.1, iqr_s=0.002, p95_s=0.11, p99_s=0.12, variation=0.03,
                 clips_per_s=100.0, short=False)
THREE = replace(SERIES, iterations=3, total_s=0.3, short=True)
T4 = ChipKind("T4", simulated=False, soc_version=None, chips_per_card=1, stored_under=(stored_device("T4"),), idle_memory_mb=None)


def judged(chip: ChipKind, batch: int, clips_per_s: float, variation: float = 0.03) -> Judgement:
    return throughput(replace(SERIES, clips_per_s=clips_per_s, variation=variation), TRUTH, chip, batch)


@pytest.mark.parametrize(("chip", "batch", "clips_per_s", "variation", "expected"), [
    (CPU, 1, 3.0, 0.03, "RECORDED"),
    (CPU, 1, 3.0, 0.9, "RECORDED"),  # where nothing is stored a wide spread is no scandal
    (T4, 64, 110.0, 0.03, "RECORDED"),  # the T4 table of section 7.2 ends at 32
    (T4, 1, 95.309, 0.03, "PASS"),  # 100.325 less 5 %
    (T4, 1, 95.308, 0.03, "FAIL"),
    (T4, 1, 500.0, 0.1, "PASS"),
    (T4, 1, 500.0, 0.101, "NO VERDICT"),
    (T4, 1, 1.0, 0.101, "NO VERDICT"),
    (T4, 16, 105.0, 0.03, "FAIL"),  # 110.577 is stored for this batch size
])
def test_a_rate_is_judged_where_one_is_stored(chip: ChipKind, batch: int, clips_per_s: float, variation: float, expected: str) -> None:
    """Clips per second are compared with the stored figure of device and batch less the tolerance.

    A wide spread carries no judgement.
    """
    found = judged(chip, batch, clips_per_s, variation)

    assert expected == found.verdict.value
    assert f"{variation:.1%}" in found.reason


@pytest.mark.parametrize(("chip", "clips_per_s", "reference", "figure", "expected"), [
    ("310", 14.5, "14.6556", "r0022", "PASS"),  # one chip against the chip's own figure, not times four against the card's
    ("310", 13.9, "14.6556", "r0022", "FAIL"),
    ("310P3", 151.0, "151", "Ascend310P", "PASS"),  # its card has one chip: nothing is multiplied
    ("310P3", 60.4, "151", "Ascend310P", "FAIL"),
])
def test_a_chip_is_judged_by_its_own_figure(chip: str, clips_per_s: float, reference: str, figure: str, expected: str) -> None:
    """The stored figure is that of one chip where there is one."""
    found = judged(kind(chip), 16, clips_per_s)

    assert (reference, f"{clips_per_s:.3f}/s median", expected) == (found.reference, found.measured, found.verdict.value)
    assert "derived" not in found.reason


def test_a_card_is_derived_where_only_its_figure_is_stored() -> None:
    """Nonlocal's 310 figures are of cards of four chips: one chip is multiplied by four; the line says so."""
    truth = load_truth(MODELS, "nonlocal")
    stored = truth.rate("Ascend310", 16)
    assert stored is not None
    for share, expected in ((0.96, "PASS"), (0.94, "FAIL")):
        found = throughput(replace(SERIES, clips_per_s=share * stored.right / 4), truth, kind("310"), 16)

        assert (expected, f"{stored.right:g}") == (found.verdict.value, found.reference)
        assert f"{share * stored.right:.3f}/s median" == found.measured
        assert "derived: 4 chips of" in found.reason


@pytest.mark.parametrize(("clips_per_s", "expected"), [(13.83, "PASS"), (13.81, "FAIL")])
def test_a_card_must_reach_half_a_t4(clips_per_s: float, expected: str) -> None:
    """TSM's gate on the 310: four times one chip is at least half of the T4's rate at that batch size."""
    [found] = against_t4(clips_per_s, TRUTH, kind("310"), 16, [SERIES])

    assert ("x T4", ">= 0.5", expected) == (found.metric, found.reference, found.verdict.value)
    assert f"{4 * clips_per_s / 110.577:.3f}" == found.measured
    assert "a card of 4 chips, derived from one" in found.reason
    assert found.numbers is not None
    assert (0.5, "at least") == (found.numbers.reference, found.numbers.limit)


@pytest.mark.parametrize(("chip", "batch"), [(kind("310P3"), 16), (CPU, 16), (kind("Sim310"), 16), (kind("310"), 64)])
def test_no_t4_gate_where_the_guide_has_none(chip: ChipKind, batch: int) -> None:
    """The guide's gate is for the 310, at the batch sizes its T4 was measured at."""
    assert [] == against_t4(1.0, TRUTH, chip, batch, [SERIES])


def test_a_simulated_chip_is_judged_by_nothing_stored() -> None:
    """No figure of a real chip judges what only behaves like one."""
    assert Verdict.RECORDED is judged(kind("Sim310"), 16, 1000.0).verdict


def test_a_suspect_rate_that_judges_says_so() -> None:
    """A stored rate in doubt has a reason that says that it is suspect, and why; another has nothing."""
    truth = load_truth(MODELS, "r2plus1d")
    found = [throughput(SERIES, truth, T4, batch).reason for batch in (4, 16)]

    assert "suspect: the ratio printed for it" in found[0]
    assert "suspect" not in found[1]


def test_networks_in_a_row_are_no_better_than_their_parts() -> None:
    """A part whose times carry no judgement leaves the whole without."""
    truth = load_truth(MODELS, "bsn")
    for other in (replace(SERIES, variation=0.2), THREE):
        assert Verdict.NO_VERDICT is combined_throughput(1e6, truth, kind("310"), 1, [SERIES, other]).verdict
    assert Verdict.PASS is combined_throughput(1e6, truth, kind("310"), 1, [SERIES, SERIES]).verdict


@pytest.mark.parametrize(("iterations", "each_s"), [(3, 0.5), (19, 1.0), (20, 0.14)])
def test_a_short_timing_that_tells_too_little_never_passes(iterations: int, each_s: float) -> None:
    """Fewer than 20 iterations or 3 s are NO VERDICT where a rate is stored, for the T4's gate too.

    Where none is stored they are recorded as short. Either way the line has iterations and seconds. Nobody
    has looked here at how well their median is known.
    """
    series = replace(summarise([each_s] * iterations, valid=1), clips_per_s=500.0)
    judging, nothing = throughput(series, TRUTH, kind("310"), 16), throughput(series, TRUTH, CPU, 16)
    [gate] = against_t4(500.0, TRUTH, kind("310"), 16, [series])

    assert ["NO VERDICT", "RECORDED", "NO VERDICT"] == [one.verdict.value for one in (judging, nothing, gate)]
    assert [True, True] == [judging.short, nothing.short]
    for one in (judging, nothing, gate):
        assert f"{iterations} iterations in {iterations * each_s:.1f} s" in one.reason
    assert "20 iterations and 3 s are wanted" in judging.reason


def short_of(series: Sequence[float], chip: str = "310P3", device: Sequence[float] = ()) -> Judgement:
    """The judgement of these times at a batch size of which a rate is stored, and which they reach."""
    return throughput(replace(summary_of(Times(tuple(series), 16, tuple(device))), clips_per_s=500.0), TRUTH, kind(chip), 16)


@pytest.mark.parametrize(("series", "expected"), [
    ([1.0, 1.009, 1.0, 1.009, 1.019, 1.019], "PASS"),  # half of 1.9 % around 1.009
    ([1.0, 1.009, 1.0, 1.009, 1.021, 1.021], "NO VERDICT"),
    ([1.0] * 5, "NO VERDICT"),  # five do not tell it, however alike they are
    ([0.01] * 30, "PASS"),
    ([0.01, 0.0101] * 15, "PASS"),
    ([0.01, 0.0104] * 15, "NO VERDICT"),
])
def test_a_short_timing_is_judged_where_it_tells_its_median_to_a_fifth_of_the_step(series: list[float], expected: str) -> None:
    """To 1 %, from six iterations on. Where nothing is stored it is recorded as short all the same."""
    judging, nothing = short_of(series), short_of(series, "cpu")

    assert (expected, "RECORDED", True) == (judging.verdict.value, nothing.verdict.value, nothing.short)


def test_a_devices_own_times_tell_how_well_their_mean_is_known() -> None:
    """Not the times by our clock, which other work on the host disturbs."""
    steady, wide = [1.0, 1.002] * 4, [0.8, 0.84] * 4

    assert ["PASS", "NO VERDICT"] == [short_of(wide, device=steady).verdict.value, short_of(steady, device=wide).verdict.value]


@pytest.mark.parametrize(("series", "words"), [
    ([2.0] * 3, "3 iterations in 6.0 s are too few to be judged: 20 iterations and 3 s are wanted, or the median time to 1.0%, "),
    ([2.0] * 3, "which these do not tell; about --budget-s 44 gives them here"),
    ([1.0, 1.03] * 3, "which these tell to 1.5%; about --budget-s 16 gives them here"),  # 6 x 1.48 x 1.48, rounded up, are 14 calls
    ([1.0, 1.1] * 3, "which these tell to 4.8%; about --budget-s 24 gives them here"),  # 20 calls are enough
    ([0.1, 0.104] * 10, "which these tell to 2.0%; about --budget-s 4 gives them here"),  # 3 s are enough
])
def test_a_short_timing_says_which_budget_it_needs(series: list[float], words: str) -> None:
    """The lesser of what makes it long and of what makes its median known well; with a tenth to spare."""
    assert words in short_of(series).reason


def test_the_budget_pays_for_warm_up_too() -> None:
    """The calls that were cut take as long the next time."""
    series = summary_of(Times((1.0,) * 4, 16, warm_up=(5.0, 3.0)))

    assert "about --budget-s 66 gives" in throughput(series, TRUTH, kind("310P3"), 16).reason


@pytest.mark.parametrize(("share", "words"), [
    (0.061, "slowed by 6.1% during the series: thermal or clock"), (0.024, ""),
    (-0.061, "sped up by 6.1% during the series: it had not settled, or the clock changed"), (-0.024, ""),
])
def test_what_creeps_by_half_a_step_carries_no_judgement(share: float, words: str) -> None:
    """NO VERDICT where a rate is stored, for the T4's gate and several networks too; else a note."""
    series = replace(SERIES, drift=share, clips_per_s=500.0)
    stored = [throughput(series, TRUTH, T4, 16), *against_t4(500.0, TRUTH, kind("310"), 16, [SERIES, series]),
              combined_throughput(1e6, load_truth(MODELS, "bsn"), kind("310"), 1, [SERIES, series])]
    nothing = throughput(series, TRUTH, CPU, 16)

    assert {"NO VERDICT" if words else "PASS"} == {one.verdict.value for one in stored}
    assert "RECORDED" == nothing.verdict.value
    assert all(words in one.reason for one in [*stored, nothing])
    assert words or "during the series" not in nothing.reason


def test_the_step_of_the_toml_says_what_is_well_known_and_what_creeps() -> None:
    """A model may ask for more or for less."""
    fine = replace(TRUTH, throughput=replace(TRUTH.throughput, step=0.02))

    assert ["", ""] == [unfit([series], TRUTH) for series in (replace(SERIES, drift=0.02), replace(THREE, half_width=0.009))]
    assert all(unfit([series], fine) for series in (replace(SERIES, drift=0.02), replace(THREE, half_width=0.009)))


def test_padding_counts_in_no_rate_of_two_networks() -> None:
    """Each network's rate is of its own rows that count, by whichever clock."""
    case = Case("bsn", 16, Device("cpu"))
    times = [Times((0.5,) * 20, 12), Times((9.0,) * 20, 3, (0.25,) * 20)]
    cell = Cell(case, Path(), tuple(Part(Path(), record(case, "tem", 3), Predictions((), np.zeros((0, 1), np.float32)), one)
                                    for one in times))

    assert [24.0, 12.0] == [part.rate() for part in cell.parts]
    assert 8.0 == cell.rate()


def test_an_unsteady_timing_passes_no_gate() -> None:
    """The T4's gate has no verdict either where the times spread too far."""
    [gate] = against_t4(500.0, TRUTH, kind("310"), 16, [replace(SERIES, variation=0.2)])

    assert Verdict.NO_VERDICT is gate.verdict


def test_a_short_record_says_so_in_the_table() -> None:
    """RECORDED (short) is what tables show; the word in results.jsonl stays one of the five."""
    case = Case("tsm", 16, Device("cpu"))
    cell = Cell(case, Path(), (Part(Path(), record(case, "tsm", 3), Predictions((), np.zeros((0, 1), np.float32)), None),))
    row = Row.of(cell, "throughput", throughput(THREE, TRUTH, CPU, 16))

    assert table([row])[1].endswith("RECORDED (short)")
    assert ["RECORDED", "NO VERDICT"] == [one.shown for one in (replace(row, short=False), replace(row, verdict="NO VERDICT"))]


def test_a_busy_device_carries_no_judgement() -> None:
    """What would pass on an idle device is NO VERDICT on a busy one, and says what was seen."""
    found = unfounded(judged(kind("310"), 16, 15.0), "the device was busy in 3 samples of npu-smi: AICore 87 %")

    assert Verdict.NO_VERDICT is found.verdict
    assert "AICore 87 %" in found.reason
