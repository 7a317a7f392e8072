"""A GPU's speed is judged by figures of its own engine and precision; others stand beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.deployments import record
from tools.judging import guide_tables
from tools.judging.comparisons import Rate, comparisons, extra_info, heading_of, rates, ratio_table
from tools.judging.judge import throughput
from tools.judging.speed import against_t4, summary_of
from tools.judging.verdict import Judgement
from tools.measuring.cell import Cell, Part, Times
from tools.measuring.predictions import Predictions
from tools.reporting import speeds
from tools.spec.case import USUAL, Case, Device, Mode
from tools.spec.catalog import load_truth
from tools.spec.chips import kind
from tools.spec.figures import Figure
from tools.spec.settings import MODELS
from tools.spec.truth import Truth

TSM = load_truth(MODELS, "tsm")
GUIDE = TSM.figure("r0055")  # of a T4 at batch size 16
CUDA = {"provider": "CUDAExecutionProvider"}
TENSORRT = Mode("tensorrt", "fp16")


def measured(clips_per_s: float, mode: Mode = USUAL, precision: str = "fp32", chip: str = "NVIDIA T4", **more: Any) -> Cell:
    """A cell of TSM at batch size 16 on a GPU."""
    case = Case("tsm", 16, Device("cuda", 0), mode)
    told = replace(record(case, "tsm", 40), precision=precision, chip=chip, **more)
    series = tuple(16 / clips_per_s * (1 + 0.001 * (number % 3)) for number in range(60))
    return Cell(case, Path(), (Part(Path("tsm"), told, Predictions((), np.zeros((0, 1), np.float32)), Times(series, 16)),))


def recorded(value: float, engine: str = "onnxruntime", precision: str = "fp32", device: str = "T4", **more: Any) -> Figure:
    return replace(GUIDE, id=f"recorded-{device}-{engine}-{precision}-bs16", value=value, origin="recorded", device=device,
                   engine=engine, precision=precision, expression="", **more)  # type: ignore[arg-type]


def with_figures(*figures: Figure) -> Truth:
    return replace(TSM, figures=(*TSM.figures, *figures))


def rate(cell: Cell, truth: Truth = TSM) -> Judgement:
    [found] = throughput(cell, truth)
    return found


@pytest.mark.parametrize(("mode", "precision", "words"), [
    (USUAL, "fp32", "ONNX Runtime in fp32"), (Mode("", "fp16"), "fp16", "ONNX Runtime in fp16"),
    (Mode("tensorrt"), "fp32", "TensorRT in fp32"),
])
@pytest.mark.parametrize("clips_per_s", [30.0, 500.0])
def test_a_figure_of_another_way_is_no_reason_for_green_or_red(clips_per_s: float, mode: Mode, precision: str, words: str) -> None:
    """However fast the GPU is: the row says what is stored, and what this was."""
    found = rate(measured(clips_per_s, mode, precision))

    assert ("RECORDED", f"the stored T4 figure is of TensorRT in fp16; this was {words}") == (
        found.verdict.value, found.reason.partition("; ")[2])


@pytest.mark.parametrize(("clips_per_s", "verdict"), [(104.0, "FAIL"), (106.0, "PASS")])
def test_the_guides_t4_judges_tensorrt_in_half_precision(clips_per_s: float, verdict: str) -> None:
    """On a T4, and on no other GPU; what computed counts, not what was asked for."""
    assert verdict == rate(measured(clips_per_s, TENSORRT, "fp16")).verdict.value
    assert "RECORDED" == rate(measured(clips_per_s, TENSORRT, "fp16", engine=CUDA)).verdict.value
    other = rate(measured(clips_per_s, TENSORRT, "fp16", "NVIDIA A100-SXM4-80GB"))
    assert ("RECORDED", True) == (other.verdict.value, "nothing is stored for NVIDIA A100-SXM4-80GB at bs16" in other.reason)


@pytest.mark.parametrize(("clips_per_s", "verdict"), [(56.0, "FAIL"), (58.0, "PASS")])
@pytest.mark.parametrize(("device", "chip"), [("T4", "NVIDIA T4"), ("NVIDIA L4", "NVIDIA L4")])
def test_what_was_recorded_in_the_same_way_judges(clips_per_s: float, verdict: str, device: str, chip: str) -> None:
    """Whatever judge_by says, since the guide's is of another way."""
    truth = with_figures(recorded(60.0, device=device), recorded(200.0, precision="fp16", device=device))

    assert verdict == rate(measured(clips_per_s, chip=chip, engine=CUDA), truth).verdict.value
    assert "RECORDED" == rate(measured(clips_per_s, Mode("", "tf32"), "tf32", chip), truth).verdict.value


@pytest.mark.parametrize(("judge_by", "id"), [("published", "r0055"), ("recorded", "recorded-T4-tensorrt-fp16-bs16")])
def test_of_two_of_the_same_way_the_toml_says_which_judges(judge_by: Any, id: str) -> None:
    truth = with_figures(recorded(90.0, "tensorrt", "fp16"))
    truth = replace(truth, throughput=replace(truth.throughput, judge_by=judge_by))

    assert f"(tsm.toml {id})" in rate(measured(100.0, TENSORRT, "fp16"), truth).reason


def test_an_ascend_chip_in_another_precision_than_its_own_is_judged_by_none_of_it() -> None:
    """The guides' NPUs computed as their chips do by themselves."""
    case = Case("tsm", 16, Device("npu", 0), Mode("", "fp32"))
    cell = measured(10.0)
    told = replace(cell.parts[0].record, chip="310P3", case=str(case))
    usual, other = (rate(Cell(replace(case, mode=mode), Path(), (replace(cell.parts[0], record=told),))) for mode in (USUAL, case.mode))

    assert ("FAIL", "RECORDED") == (usual.verdict.value, other.verdict.value)
    assert "this was an engine that is not named in fp32" not in other.reason
    assert "the stored Ascend310P figure is of its own precision; this was fp32" in other.reason


def test_a_cards_ratio_is_taken_to_the_guides_t4_all_the_same() -> None:
    """What was measured on a T4 in another way does not take its place; the row says of which way it is."""
    truth = with_figures(recorded(60.0))
    truth = replace(truth, throughput=replace(truth.throughput, judge_by="recorded"))
    cell = measured(14.0)
    assert cell.parts[0].times is not None
    [found] = against_t4(14.0, truth, kind("310"), 16, [summary_of(cell.parts[0].times)])

    assert ("PASS", "0.506") == (found.verdict.value, found.measured)
    assert "over 110.577 (tsm.toml r0055, TensorRT in fp16)" in found.reason


def test_measured_gpus_come_first_in_the_table_of_ratios() -> None:
    """A T4 before other GPUs, then the guide's T4, then the rest; the line above names what is compared."""
    truth = with_figures(recorded(50.0, device="NVIDIA L4"), recorded(60.0), recorded(120.0, "tensorrt", "fp16"))
    cell = measured(30.0, Mode("", "tf32"), "tf32")
    [one] = rates(cell)
    found = comparisons(truth, one)
    header, row = ratio_table([(one.name, found)])

    assert ["case", "x T4 measured: ONNX Runtime fp32", "x T4 measured: TensorRT fp16",
            "x NVIDIA L4 measured: ONNX Runtime fp32", "x T4 guide: TensorRT fp16", "x Ascend310-1chip", "x Ascend310", "x Ascend310P"] == [
        column.strip() for column in header.split("  ") if column.strip()]
    assert ["tsm-bs16-cuda0-tf32", "0.500", "0.250", "0.599", "0.271"] == row.split()[:5]
    assert "measured clips/s (median; cuda0-tf32: ONNX Runtime tf32) over" in heading_of([one])
    kept: Any = extra_info(cell, found)["compared"]
    assert (GUIDE.right, 60.0) == (kept["T4"]["clips_per_s"], kept["T4 measured: ONNX Runtime fp32"]["clips_per_s"])


def test_the_guides_table_names_both_sides_of_a_gpu() -> None:
    """Its ratios to what was measured come first; an NPU's heading stays as it is."""
    truth = with_figures(recorded(60.0))
    [grid] = guide_tables.guide_grids(truth, rates(measured(30.0)))

    assert ("tsm: clips/s of a card; measured on cuda0 (NVIDIA T4, ONNX Runtime fp32, median); T4: the guide's, TensorRT fp16"
            == grid.heading)
    ours = "T4 measured: ONNX Runtime fp32"
    assert ("batch", ours, "310", "310P", "T4", "measured", f"measured/{ours}") == grid.columns[:7]
    row = next(row for row in grid.rows if row[0] == "16")
    assert ("60.00", "0.500") == (row[1], row[6])
    npu = guide_tables.guide_grids(TSM, [Rate("tsm", "", "npu0", "310P3", 16, 100.0)])[0]
    assert ("tsm: clips/s of a card; measured on npu0 (310P3, median)", "310") == (npu.heading, npu.columns[1])


def test_a_report_draws_what_was_measured_before_what_was_printed() -> None:
    """Each way of a device has a line of its own."""
    cells = [measured(30.0), measured(80.0, Mode("", "fp16"), "fp16")]
    names = [line.of for line in speeds.speeds(cells, {"tsm": with_figures(recorded(60.0))})]

    assert ["measured on cuda0", "measured on cuda0-fp16", "T4 measured: ONNX Runtime fp32", "T4"] == names[:4]
