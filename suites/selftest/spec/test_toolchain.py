"""How a rate was measured: which words say it, what goes unsaid, and which ways are the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from suites.selftest.spec.test_truth import whole
from tools.spec.case import USUAL, Mode
from tools.spec.catalog import load_truth
from tools.spec.chips import is_gpu
from tools.spec.settings import MODELS
from tools.spec.toolchain import GUIDES, Toolchain, of

TSM = load_truth(MODELS, "tsm")
GUIDE = TSM.figure("r0055")


@pytest.mark.parametrize(("chip", "mode", "precision", "provider", "found"), [
    ("NVIDIA T4", USUAL, "fp32", "", Toolchain("onnxruntime", "fp32")),
    ("NVIDIA T4", USUAL, "fp32", "CUDAExecutionProvider", Toolchain("onnxruntime", "fp32")),
    ("NVIDIA T4", Mode("", "tf32"), "tf32", "", Toolchain("onnxruntime", "tf32")),
    ("NVIDIA A100-SXM4-80GB", Mode("tensorrt", "fp16"), "fp16", "TensorrtExecutionProvider", Toolchain("tensorrt", "fp16")),
    ("SimNVIDIA T4", Mode("tensorrt"), "fp32", "", Toolchain("tensorrt", "fp32")),
    ("NVIDIA T4", Mode("tensorrt"), "fp32", "CUDAExecutionProvider", Toolchain("onnxruntime", "fp32")),  # what computed, not what was asked
    ("310P3", USUAL, "fp16", "", Toolchain()), ("310P3", Mode("", "fp32"), "fp32", "", Toolchain("", "fp32")),
    ("cpu", USUAL, "fp32", "CPUExecutionProvider", Toolchain()),
])
def test_a_cell_is_of_an_engine_and_a_precision(chip: str, mode: Mode, precision: str, provider: str, found: Toolchain) -> None:
    """A GPU's always; of what has one engine, the precision where somebody asks for another than its own."""
    assert found == of(chip, mode, precision, provider)


@pytest.mark.parametrize(("name", "gpu"), [
    ("NVIDIA T4", True), ("T4", True), ("SimNVIDIA T4", True), ("NVIDIA GeForce RTX 3090", True), ("cpu", False), ("310P3", False),
    ("Ascend910", False), ("Sim310P3", False), ("Ascend 910B", False),
])
def test_a_gpu_is_what_is_neither_an_ascend_chip_nor_a_processor(name: str, *, gpu: bool) -> None:
    assert gpu == is_gpu(name)


@pytest.mark.parametrize("name", ["tsm", "bsn", "nonlocal", "r2plus1d"])
def test_what_a_guide_prints_of_a_t4_is_of_the_guides_tools(name: str) -> None:
    """Their tomls need not say it; of other devices nothing is said, and a recorded figure says its own."""
    figures = whole(name).figures
    t4s = [one for one in figures if one.device.startswith("T4")]

    assert t4s
    assert {GUIDES} == {one.toolchain for one in t4s}
    assert {Toolchain()} == {one.toolchain for one in figures if not one.device.startswith("T4")}
    assert Toolchain() == replace(t4s[0], origin="recorded").toolchain
    assert Toolchain("onnxruntime", "fp32") == replace(t4s[0], engine="onnxruntime", precision="fp32").toolchain


def test_trtexec_measures_tensorrt() -> None:
    """So its rates and those of TensorRT in the same precision may judge each other, and no others."""
    assert GUIDES.same(Toolchain("trtexec", "fp16"))
    assert not GUIDES.same(Toolchain("trtexec", "fp32"))
    assert not GUIDES.same(Toolchain("onnxruntime", "fp16"))
    usual = [Toolchain(), GUIDES, Toolchain("trtexec"), Toolchain("trtexec", "fp16")]
    assert [True] * 4 == [one.usual for one in usual]
    assert [False] * 4 == [one.usual for one in (Toolchain("trtexec", "fp32"), Toolchain("onnxruntime", "fp16"), Toolchain("onnxruntime"),
                                                 Toolchain("", "fp32"))]


def test_the_rate_of_a_device_is_that_of_the_way_that_is_asked_for() -> None:
    """What was recorded by another engine stands beside the guide's T4, and takes its place nowhere."""
    ours = replace(GUIDE, id="recorded-T4-onnxruntime-fp32-bs16", value=60.0, origin="recorded", engine="onnxruntime", precision="fp32")
    truth = replace(TSM, figures=(ours, *TSM.figures), throughput=replace(TSM.throughput, judge_by="recorded"))

    assert (GUIDE, ours) == (truth.rate("T4", 16), truth.rate("T4", 16, by=Toolchain("onnxruntime", "fp32")))
    assert truth.rate("T4", 16, by=Toolchain("onnxruntime", "fp16")) is None
    theirs = replace(ours, id="recorded-T4-bs16", engine="trtexec", precision="fp16")
    assert theirs == replace(truth, figures=(*truth.figures, theirs)).rate("T4", 16)


@pytest.mark.parametrize(("more", "column"), [
    ({}, "T4 guide: TensorRT fp16"), ({"origin": "recorded"}, "T4 measured"), ({"device": "Ascend310"}, "Ascend310"),
    ({"origin": "recorded", "engine": "onnxruntime", "precision": "fp32"}, "T4 measured: ONNX Runtime fp32"),
    ({"origin": "recorded", "engine": "trtexec", "precision": "fp16"}, "T4 measured: trtexec fp16"),
    ({"origin": "recorded", "engine": "onnxruntime", "precision": "tf32", "device": "NVIDIA L4"}, "NVIDIA L4 measured: ONNX Runtime tf32"),
])
def test_a_column_says_what_it_is_of(more: dict[str, str], column: str) -> None:
    assert column == replace(GUIDE, **more).column  # type: ignore[arg-type]
