"""What doctor finds of NVIDIA: each part that is there, missing or wrong, with a step that leads on."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.engines.cuda.found import HOST, REAL, SETTINGS, T4, host_of, packages
from tools import doctor
from tools.engines.cuda import findings, needed
from tools.engines.cuda.nvml import THROTTLING, Process
from tools.engines.findings import MISSING, NOTE, OK, WRONG, Examination, Finding, attempt
from tools.engines.idle import Reading
from tools.errors import DeviceError, EngineError
from tools.machine import child
from tools.spec.case import Device, Mode


def examined() -> Examination:
    return findings.examine(SETTINGS, lambda title, looks: [
        one for thing, look in looks.items() for one in attempt(thing, partial(look, SETTINGS))])


def test_without_nvidia_each_part_is_missing_and_nothing_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The CPU's package is no fault there, nor is a variable that is set."""
    packages(monkeypatch, onnxruntime="1.31.1")
    host_of(monkeypatch, tmp_path, DeviceError("libnvidia-ml.so.1 is missing", remedy="install it"))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    found = examined()

    assert (False, True) == (found.present, found.good)
    assert {MISSING} == {one.word for one in found.parts}
    assert ["nodes of GPUs", "NVIDIA driver", "ONNX Runtime for GPUs"] == [one.thing for one in found.parts]
    assert all(one.remedy for one in found.parts)
    assert [NOTE] == [one.word for one in found.rules]


def test_a_gpu_beside_the_cpus_package_leads_to_set_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is there and cannot be measured on; one line says why, with the one step."""
    packages(monkeypatch, onnxruntime="1.31.1")
    simulated = replace(HOST, gpus=(replace(T4, name="SimNVIDIA T4"),), simulated=True)
    host_of(monkeypatch, tmp_path, simulated, "nvidia0", "nvidiactl", "nvidia-uvm")
    found = examined()
    [bad] = [one for one in found.parts if not one.good]

    assert (MISSING, "ONNX Runtime for GPUs") == (bad.word, bad.thing)
    assert "onnxruntime-gpu is not installed; onnxruntime 1.31.1 computes on the CPU only" == bad.found
    assert bad.remedy.startswith("./tools/setup --cuda")
    assert (False, []) == (found.good, found.usable([]))


def test_a_whole_host_can_be_measured_on_and_calls_itself_simulated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every part is right, and each GPU has the name that --device takes."""
    packages(monkeypatch, onnxruntime="1.31.1", onnxruntime_gpu="1.31.1")  # a simulation lays its package beside the real one
    simulated = replace(HOST, gpus=(replace(T4, name="SimNVIDIA T4"), replace(T4, name="SimNVIDIA A100", index=1)), simulated=True)
    host_of(monkeypatch, tmp_path, simulated, "nvidia0", "nvidia1", "nvidiactl", "nvidia-uvm")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    tried = []

    def call(work: Any, title: str, *, on_event: Any, **more: object) -> None:
        tried.append(work.args)
        on_event({"text": "simulated, ONNX Runtime"})

    monkeypatch.setattr(child, "call", call)
    found = examined()

    assert [(Device("cuda", 0, simulated=True), Mode(engine)) for engine in ("", "tensorrt")] == tried
    assert {OK} == {one.word for one in (*found.parts, *found.rules)}
    assert ["cuda:0", "cuda:1"] == [one.device for one in found.usable([])]
    cpu = Finding(OK, "CPU", "")
    assert "can be measured on here: cpu, cuda:0 (SimNVIDIA T4), cuda:1 (SimNVIDIA A100); say --device cpu,cuda:0,cuda:1" == (
        doctor.measurable(Examination("CPU", (cpu,)), [found]))
    told = {one.thing: one.found for one in found.parts}
    assert all(told[thing].startswith("simulated") for thing in ("NVIDIA driver", "CUDA provider"))


@pytest.mark.parametrize(("cuda", "word", "words"), [
    ("13.0", OK, "580.95, runs CUDA up to 13.0"), ("13.2", OK, "up to 13.2"), ("14.0", OK, "up to 14.0"),
    ("12.8", WRONG, "580.95 runs CUDA 12.8 at most: ONNX Runtime is built for CUDA 13"), ("", NOTE, "does not say which CUDA it runs"),
])
def test_a_driver_runs_the_cuda_of_the_package_or_is_too_old(cuda: str, word: str, words: str) -> None:
    """The newest CUDA that it runs is held to the one of our lock."""
    found = findings.driver_of(replace(HOST, cuda=cuda), needed.built_for())

    assert 13 == needed.built_for()
    assert word == found.word
    assert words in found.found
    assert (word == OK) == (not found.remedy)


@pytest.mark.parametrize(("changed", "word", "words"), [
    ({}, OK, "compute capability 7.5, 3 of 15360 MB, 585 MHz, 41 C, no process"),
    ({"memory_used_mb": None, "memory_total_mb": None}, NOTE, "unknown of unknown MB, 585 MHz, 41 C, no process; memory cannot"),
    ({"processes": (Process(4711, "python", 900),), "memory_used_mb": 900}, NOTE, "process 4711 python"),
    ({"reading": Reading(300.0, 91.0, 70.0, ("software thermal slowdown",))}, NOTE, "91 C, no process; slowed down by software thermal"),
    ({"mig": True, "utilisation_percent": None}, NOTE, "MIG; "), ({"unknown": (THROTTLING,)}, NOTE, "cannot be read"),
    ({"compute": (7, 0)}, WRONG, "CUDA 13 computes from 7.5 on"), ({"compute": (12, 0)}, OK, "compute capability 12.0"),
    ({"unfit": "its compute mode is prohibited"}, WRONG, "its compute mode is prohibited"),
    ({"index": 1}, WRONG, "NVML does not show cuda0"),
])
def test_a_gpu_is_right_or_says_why_not(changed: dict[str, Any], word: str, words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be timed now is a note; what cannot be used at all is wrong; each has a step."""
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = findings.gpu(replace(HOST, gpus=(replace(T4, **changed),)), REAL)

    assert (word, "cuda:0") == (found.word, found.device)
    assert words in found.found
    assert (word == OK) == (not found.remedy)


def test_a_gpu_that_is_no_device_of_ours_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container NVML may show more than was handed in."""
    host_of(monkeypatch, tmp_path, replace(HOST, gpus=(T4, replace(T4, index=None))), "nvidia0")

    assert ["NVIDIA driver", "cuda:0", "another GPU"] == [one.thing.partition(" (")[0] for one in findings.driver(SETTINGS)]


@pytest.mark.parametrize(("there", "word", "words"), [
    ({"onnxruntime": "1.31.1"}, MISSING, "onnxruntime 1.31.1 computes on the CPU only"),
    ({"onnxruntime_gpu": "1.31.1"}, OK, "onnxruntime-gpu 1.31.1"),
    ({"onnxruntime": "1.31.1", "onnxruntime_gpu": "1.30.0"}, WRONG, "are both installed, and write the same files"),
])
def test_the_gpu_package_stands_in_the_cpus_place_and_not_beside_it(
        there: dict[str, str], word: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pip lets both be installed, and then one of them is broken."""
    packages(monkeypatch, **there)
    host_of(monkeypatch, tmp_path, HOST)
    [found] = findings.package(SETTINGS)

    assert word == found.word
    assert words in found.found
    if word == WRONG:
        first, second = found.remedy.splitlines()
        assert first.endswith("-m pip uninstall -y onnxruntime onnxruntime-gpu")
        assert second.endswith("-m pip install --no-deps onnxruntime-gpu==1.30.0")


def test_without_tensorrt_all_is_right_and_without_cuda_it_is_not_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only `--engine tensorrt` needs it, so that its absence is a note."""
    packages(monkeypatch, onnxruntime_gpu="1.31.1")
    host_of(monkeypatch, tmp_path, replace(HOST, gpus=(replace(T4, name="SimNVIDIA T4"),), simulated=True), "nvidia0", "nvidiactl")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    lacks = {"tensorrt"}

    def call(work: Any, title: str, *, log: Path, **more: object) -> None:
        if work.args[1].engine in lacks:
            raise EngineError("libnvinfer.so.10 is missing", remedy="pip install it")

    monkeypatch.setattr(child, "call", call)
    found = examined()
    assert [("environment of CUDA", OK), ("TensorRT", NOTE)] == [(one.thing, one.word) for one in found.rules]
    assert (True, ["cuda:0"]) == (found.good, [one.device for one in found.usable([])])
    lacks.add("")
    found = examined()
    assert ["environment of CUDA"] == [one.thing for one in found.rules]
    assert (False, []) == (found.good, found.usable([]))


def test_nodes_without_those_of_their_driver_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that was handed nvidia0 alone cannot compute there."""
    host_of(monkeypatch, tmp_path, HOST, "nvidia0", "nvidiactl")
    [found] = findings.device_nodes(SETTINGS)

    assert (NOTE, f"1 in {tmp_path}, simulated; without nvidia-uvm") == (found.word, found.found)
    assert "nvidia-modprobe" in found.remedy
