"""Speed: one chip's rate against a chip's, a card's and a T4's stored figures, and when it judges nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.judging.speed import against_t4, combined_throughput, not_idle, throughput
from tools.judging.verdict import Judgement, Verdict
from tools.measuring.timing import Summary
from tools.spec.catalog import load_truth
from tools.spec.chips import CPU, ChipKind, kind, stored_device
from tools.spec.settings import MODELS

TRUTH = load_truth(MODELS, "tsm")
SERIES = Summary(iterations=30, total_s=3.1, mean_s=0.1, median_s=0.1, iqr_s=0.002, p95_s=0.11, p99_s=0.12, variation=0.03,
                 clips_per_s=100.0, short=False)
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

    assert (reference, f"{clips_per_s:.3f}/s", expected) == (found.reference, found.measured, found.verdict.value)
    assert "derived" not in found.reason


def test_a_card_is_derived_where_only_its_figure_is_stored() -> None:
    """Nonlocal's 310 figures are of cards of four chips: one chip is multiplied by four; the line says so."""
    truth = load_truth(MODELS, "nonlocal")
    stored = truth.rate("Ascend310", 16)
    assert stored is not None
    for share, expected in ((0.96, "PASS"), (0.94, "FAIL")):
        found = throughput(replace(SERIES, clips_per_s=share * stored.right / 4), truth, kind("310"), 16)

        assert (expected, f"{stored.right:g}", f"{share * stored.right:.3f}/s") == (found.verdict.value, found.reference, found.measured)
        assert "derived: 4 chips of" in found.reason


@pytest.mark.parametrize(("clips_per_s", "expected"), [(13.83, "PASS"), (13.81, "FAIL")])
def test_a_card_must_reach_half_a_t4(clips_per_s: float, expected: str) -> None:
    """TSM's gate on the 310: four times one chip is at least half of the T4's rate at that batch size."""
    [found] = against_t4(clips_per_s, TRUTH, kind("310"), 16)

    assert ("x T4", ">= 0.5", expected) == (found.metric, found.reference, found.verdict.value)
    assert f"{4 * clips_per_s / 110.577:.3f}" == found.measured
    assert "a card of 4 chips, derived from one" in found.reason


@pytest.mark.parametrize(("chip", "batch"), [(kind("310P3"), 16), (CPU, 16), (kind("Sim310"), 16), (kind("310"), 64)])
def test_no_t4_gate_where_the_guide_has_none(chip: ChipKind, batch: int) -> None:
    """The guide's gate is for the 310, at the batch sizes its T4 was measured at."""
    assert [] == against_t4(1.0, TRUTH, chip, batch)


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
    """A part without judgement leaves the whole without."""
    truth = load_truth(MODELS, "bsn")
    parts = [Judgement("tem clips/s", "1", "1", Verdict.PASS, ""), Judgement("pem clips/s", "1", "1", Verdict.NO_VERDICT, "")]

    assert Verdict.NO_VERDICT is combined_throughput(1e6, truth, kind("310"), 1, parts).verdict
    assert Verdict.PASS is combined_throughput(1e6, truth, kind("310"), 1, parts[:1]).verdict


def test_a_busy_device_carries_no_judgement() -> None:
    """What would pass on an idle device is NO VERDICT on a busy one, and says what was seen."""
    found = not_idle(judged(kind("310"), 16, 15.0), "busy in 3 samples of npu-smi: AICore 87 %")

    assert Verdict.NO_VERDICT is found.verdict
    assert "AICore 87 %" in found.reason
