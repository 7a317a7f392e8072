"""What doctor finds of NVIDIA: each part that is there, missing or wrong, with a step that leads on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any

import pytest

from tools import doctor
from tools.engines.cuda import findings, nvml
from tools.engines.cuda.nvml import THROTTLING, Gpu, Host, Process
from tools.engines.findings import MISSING, NOTE, OK, WRONG, Examination, Finding, attempt
from tools.engines.idle import Reading
from tools.errors import ChildError, DeviceError, EngineError
from tools.machine import child, versions
from tools.spec.case import Device
from tools.spec.settings import Settings

T4 = Gpu(0, "NVIDIA T4", "GPU-0", (7, 5), 3, 15360, 0, (), Reading(585.0, 41.0, 14.0))
HOST = Host("580.95", "13.0", (T4,), simulated=False)
SETTINGS = Settings.parse({})
REAL = Device("cuda", 0)


def packages(patch: pytest.MonkeyPatch, **there: str) -> None:
    """Only these packages are installed, `-` written as `_`."""
    def version(name: str) -> str:
        if name.replace("-", "_") not in there:
            raise PackageNotFoundError(name)
        return there[name.replace("-", "_")]

    patch.setattr(versions, "version", version)


def host_of(patch: pytest.MonkeyPatch, folder: Path, found: Host | DeviceError, *names: str) -> None:
    """A machine with these device nodes, about which NVML says *found*."""
    for name in names:
        (folder / name).touch()
    patch.setenv("CLIPGATE_DEVICE_NODES", str(folder))

    def read() -> Host:
        if isinstance(found, DeviceError):
            raise found
        return found

    patch.setattr(nvml, "read", read)


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
    monkeypatch.setattr(child, "call", lambda *given, on_event, **more: on_event({"text": "simulated, ONNX Runtime"}))
    found = examined()

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
    found = findings.driver_of(replace(HOST, cuda=cuda), findings.built_for())

    assert 13 == findings.built_for()
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


GONE = "{}: cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(("answer", "word", "words"), [
    (("13.0", "92000"), OK, "CUDA 13.0, cuDNN 9.20.0"),
    (("13.0", "", GONE.format("libcudnn.so.9")), WRONG, "libcudnn.so.9 is missing: install nvidia-cudnn-cu13"),
    (("13.0", "", GONE.format("libcublasLt.so.13"), GONE.format("libcublas.so.13")), WRONG, "install nvidia-cublas; 1 more are missing"),
    (("13.0", "", "libcudnn.so.9: invalid ELF header"), WRONG, "invalid ELF header"),
])
def test_a_library_that_is_missing_is_told_with_the_package_that_brings_it(answer: tuple[str, ...], word: str, words: str) -> None:
    """The loader's own words name the library, and a table the package."""
    found = findings.told_libraries(*answer)

    assert word == found.word
    assert words in found.found
    assert (word == OK) == (not found.remedy)


@pytest.mark.parametrize(("module", "words"), [
    ("cuda_version = '99.0'\ndef preload_dlls(): print('Failed to load')", "libcudart.so.99 is missing: install nvidia-cuda-runtime"),
    ("raise ImportError('libonnxruntime.so.1: bad')", "ONNX Runtime cannot be imported: ImportError: libonnxruntime.so.1: bad"),
])
def test_another_process_loads_the_libraries(module: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the CUDA that ONNX Runtime says it is built for; what it prints itself does not matter."""
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "onnxruntime.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "python"))
    packages(monkeypatch, onnxruntime_gpu="1.31.1")
    host_of(monkeypatch, tmp_path, HOST)
    [found] = findings.loaded(SETTINGS)

    assert WRONG == found.word
    assert words in found.found
    assert found.remedy


def raising(error: Exception, printed: str = "") -> Callable[..., object]:
    def call(*given: object, log: Path, **more: object) -> None:
        log.write_text(f"$ the command\n{printed}")
        raise error

    return call


@pytest.mark.parametrize(("error", "words"), [
    (EngineError("libcuda.so.1 is missing: it comes with NVIDIA's driver", remedy="install it"), "libcuda.so.1 is missing"),
    (ChildError("computing on a GPU was killed by SIGSEGV", remedy="see its log"), "was killed by SIGSEGV: CUDA failure 719"),
])
def test_the_provider_loads_in_another_process_or_is_wrong(
        error: Exception, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU it is tried as well: what is missing then is the driver's library."""
    packages(monkeypatch, onnxruntime_gpu="1.31.1")
    host_of(monkeypatch, tmp_path, HOST)
    monkeypatch.setattr(child, "call", raising(error, "CUDA failure 719\n"))
    [found] = findings.provider(SETTINGS)

    assert (WRONG, True) == (found.word, bool(found.remedy))
    assert words in found.found


def test_nodes_without_those_of_their_driver_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container that was handed nvidia0 alone cannot compute there."""
    host_of(monkeypatch, tmp_path, HOST, "nvidia0", "nvidiactl")
    [found] = findings.device_nodes(SETTINGS)

    assert (NOTE, f"1 in {tmp_path}, simulated; without nvidia-uvm") == (found.word, found.found)
    assert "nvidia-modprobe" in found.remedy
