"""What was measured on a GPU is stored beside the guide's figure, with how it was measured."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS, Command
from suites.selftest.exchange.test_record import log, t4_log
from suites.selftest.exchange.test_record_runs import MEASURED, STEADY, measured_run
from suites.selftest.exchange.test_tool_speeds import STAMP, TRT8
from suites.selftest.nights.made import CHIP, RECORD, kept, night
from tools.engines.idle import BEFORE, Idle, Reading
from tools.exchange import recordable
from tools.exchange.speeds import read
from tools.judging.speed import stored_rate
from tools.measuring import cell
from tools.measuring.cell import Cell, Part, Times
from tools.measuring.predictions import Predictions
from tools.spec.case import Case, Device
from tools.spec.chips import kind, nvidia
from tools.spec.figures import Figure
from tools.spec.toolchain import GUIDES, Toolchain
from tools.spec.truth import read_truth

ON_T4 = replace(MEASURED, case="tiny-bs4-cuda0", precision="fp32", chip="NVIDIA T4", engine={"provider": "CUDAExecutionProvider"},
                versions={"driver": "580.65.06", "cuda": "13.0", "onnxruntime-gpu": "1.31.1"},
                machine={**MEASURED.machine, "clock_mhz": "1590", "temperature_c": "41"})
TINY = replace(RECORD, case="tiny-bs16-cuda0", model="tiny", device="cuda:0", fingerprint=replace(
    CHIP, chip="NVIDIA T4", driver="580.65.06", toolkit="CUDA 13.0", runtime="onnxruntime-gpu 1.31.1, CUDAExecutionProvider",
    precision="fp32"))


def stored(models: Path, model: str = "tiny") -> dict[str, Figure]:
    return {one.id: one for one in read_truth(models / f"{model}.toml").figures if one.provenance == "recorded"}


@pytest.mark.parametrize(("more", "id", "by"), [
    ({}, "recorded-T4-onnxruntime-fp32-bs4", Toolchain("onnxruntime", "fp32")),
    ({"case": "tiny-bs4-cuda0-fp16", "precision": "fp16"}, "recorded-T4-onnxruntime-fp16-bs4", Toolchain("onnxruntime", "fp16")),
    ({"case": "tiny-bs4-cuda0-tensorrt-fp16", "precision": "fp16", "engine": {"provider": "TensorrtExecutionProvider"}},
     "recorded-T4-tensorrt-fp16-bs4", Toolchain("tensorrt", "fp16")),
    ({"chip": "NVIDIA A100-SXM4-80GB"}, "recorded-NVIDIA A100-SXM4-80GB-onnxruntime-fp32-bs4", Toolchain("onnxruntime", "fp32")),
])
def test_a_run_on_a_gpu_is_stored_under_its_name_and_its_way(
        recording: Command, writable_models: Path, tmp_path: Path, more: Mapping[str, Any], id: str, by: Toolchain) -> None:
    """A T4's beside the guide's, another GPU's alone; driver, CUDA and clocks in the note."""
    told = replace(ON_T4, **more)
    status, said = recording("tiny", "throughput", measured_run(tmp_path, told), "--write")

    assert 0 == status, said
    figure = stored(writable_models)[id]
    assert by == figure.toolchain
    assert "driver 580.65.06, CUDA 13.0, onnxruntime-gpu 1.31.1, clock in MHz 1590, temperature in C 41" in figure.note
    found = stored_rate(read_truth(writable_models / "tiny.toml"), kind(told.chip), 4, by=by)
    assert found is not None
    if by == GUIDES:
        assert 't3 goes on judging there: [gates.throughput] judge_by = "published"' in said
    else:
        assert (figure, "from now on what is measured there is judged by it") == (found[0], said.splitlines()[-2].strip()[:50])
    guide = read_truth(writable_models / "tiny.toml").rate("T4", 4)
    assert guide is not None
    assert "published" == guide.provenance, "the ratio to a T4 stays one to the guide's"


@pytest.mark.parametrize("networks", [1, 2])
def test_the_clock_in_the_note_is_that_of_the_measurement(tmp_path: Path, networks: int) -> None:
    """Not that of the one look before, at a GPU that rested; of several networks each has its own."""
    rest, readings = (Reading(300.0, 30.0, 9.0),) * BEFORE, (Reading(1590.0, 60.0, 69.0), Reading(1005.0, 71.4, 70.0))
    parts = [Part(tmp_path, replace(ON_T4, network=name), Predictions(("a",), np.zeros((1, 20), np.float32)), Times(STEADY, 4),
                  Idle("idle", (), 5, "NVML", (*rest, *during)))
             for name, during in (("tem", readings), ("pem", readings[:1]))[:networks]]
    cell.write(ON_T4, tmp_path / cell.RECORD)
    measured = Cell(Case("tiny", 4, Device("cuda", 0)), tmp_path, tuple(parts))
    figures = recordable._rates(tmp_path, measured, read_truth(TINY_MODELS / "tiny.toml"), [])
    notes = [one.note.partition("onnxruntime-gpu 1.31.1, ")[2].partition(";")[0] for one in figures]
    cool, hot = "1590 MHz, 60 C, 69 W while {} was measured", "1005 to 1590 MHz, 60 to 71 C, 69 to 70 W while {} was measured"
    each = [hot.format("it"), cool.format("it"), f"{hot.format('tem')}, {cool.format('pem')}"]

    assert (each if networks == 2 else each[:1]) == notes


def test_two_ways_of_one_gpu_are_two_figures(recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """A second run in the same way renews its own."""
    run = measured_run(tmp_path, ON_T4)
    measured_run(tmp_path, replace(ON_T4, case="tiny-bs4-cuda0-fp16", precision="fp16"))
    recording("tiny", "throughput", run, "--write")
    slower = tuple(2 * one for one in STEADY)
    recording("tiny", "throughput", measured_run(tmp_path / "again", ON_T4, slower), "--write")

    found = {id: round(one.value, 1) for id, one in stored(writable_models).items()}
    assert {"recorded-T4-onnxruntime-fp32-bs4": 33.0, "recorded-T4-onnxruntime-fp16-bs4": 66.0} == found


@pytest.mark.parametrize("more", [{"chip": "SimNVIDIA T4"}, {"simulated": True}, {"case": "tiny-bs4-cuda0sim"}])
def test_a_simulated_gpu_is_refused(
        recording: Command, writable_models: Path, tmp_path: Path, more: Mapping[str, Any]) -> None:
    status, said = recording("tiny", "throughput", measured_run(tmp_path, replace(ON_T4, **more)), "--write")

    assert (1, True, {}) == (status, "measured on a simulation" in said, stored(writable_models))


def test_nights_of_a_gpu_propose_a_figure_for_each_way(recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """Named as the guides call the GPU, or as its driver does."""
    half = replace(TINY, case="tiny-bs16-cuda0-fp16", fingerprint=replace(TINY.fingerprint, precision="fp16"))
    records = [*(night(number, record=TINY) for number in range(1, 10)), *(night(number, -0.5, record=half) for number in range(20, 29))]
    folder = kept(tmp_path / "h", records).folder

    for name in ("T4", "NVIDIA T4"):
        status, said = recording("tiny", "--from-history", "--device", name, "--history", folder, "--write")
        assert 0 == status, said
    found = stored(writable_models)
    assert {"recorded-T4-onnxruntime-fp32-bs16": 80.0, "recorded-T4-onnxruntime-fp16-bs16": pytest.approx(131.9, abs=0.1)} == {
        id: one.value for id, one in found.items()}
    assert "driver 580.65.06, CUDA 13.0, onnxruntime-gpu 1.31.1" in found["recorded-T4-onnxruntime-fp32-bs16"].note


@pytest.mark.parametrize(("command", "listed", "precision"), [
    ("trtexec --onnx=a.onnx --fp16", "", "fp16"), ("./trtexec --fp16 --onnx=a.onnx", "FP32+FP16", "fp16"), ("", "FP32+FP16", "fp16"),
    ("trtexec --onnx=a.onnx", "FP32", ""),  # with TF32 or without: that depends on the GPU
    ("trtexec --onnx=a.onnx --noTF32", "FP32", "fp32"), ("trtexec --onnx=a.onnx --best", "", ""),
    ("trtexec --onnx=a.onnx --fp16 --int8", "", ""), ("", "FP32+FP16+INT8", ""), ("trtexec --onnx=my--fp16.onnx", "", ""), ("", "", ""),
])
def test_a_log_of_trtexec_tells_its_precision(tmp_path: Path, command: str, listed: str, precision: str) -> None:
    """By its own command line or its list of options; what is not certain is not told."""
    lines = [f"&&&& RUNNING TensorRT.trtexec [TensorRT v8502] # {command}"] if command else []
    lines += [f"[{STAMP}] [I] Precision: {listed}"] if listed else []
    text = re.sub(r"&&&& RUNNING.*", "\n".join(lines), TRT8.format(stamp=STAMP))

    assert precision == read(log(tmp_path, text), 16).precision


@pytest.mark.parametrize(("chosen", "named", "device"), [
    ("Tesla T4", "T4", "T4"), ("Tesla T4", "NVIDIA T4", "T4"), ("Tesla T4", "Tesla T4", "T4"), ("NVIDIA A10", "A10", "NVIDIA A10"),
    ("NVIDIA A10", "NVIDIA A10", "NVIDIA A10"), ("Tesla V100-SXM2-16GB", "V100-SXM2-16GB", "NVIDIA V100-SXM2-16GB"),
])
def test_a_logs_gpu_is_stored_under_the_name_of_what_is_measured_there(
        recording: Command, writable_models: Path, tmp_path: Path, chosen: str, named: str, device: str) -> None:
    """With its maker or without: a run of ours on that GPU is stored, judged and shown in the same column."""
    one = log(tmp_path, TRT8.replace("Tesla T4", chosen).format(stamp=STAMP))
    status, said = recording("tsm", "throughput", one, "--device", named, "--write")

    assert 0 == status, said
    [figure] = stored(writable_models, "tsm").values()
    assert device == figure.device
    own = kind(nvidia(named)).own_device
    assert own is not None
    assert device == own.name


def test_a_log_of_trtexec_is_stored_as_one(recording: Command, writable_models: Path, tmp_path: Path) -> None:
    """In half precision it stands for the guides' T4, under the name that it always had."""
    recording("tsm", "throughput", log(tmp_path, TRT8.format(stamp=STAMP)), "--device", "T4", "--write")
    half = stored(writable_models, "tsm")["recorded-T4-bs16"]
    assert ("trtexec", "fp16") == (half.engine, half.precision)

    single = TRT8.replace("--fp16", "--noTF32").format(stamp=STAMP)
    recording("tsm", "throughput", log(tmp_path, single), "--device", "T4", "--write")
    assert {"recorded-T4-bs16", "recorded-T4-trtexec-fp32-bs16"} == set(stored(writable_models, "tsm"))
    recording("tsm", "throughput", t4_log(tmp_path, 8), "--device", "T4", "--batch", 8, "--write")
    assert ("trtexec", "") == ((one := stored(writable_models, "tsm")["recorded-T4-bs8"]).engine, one.precision)
