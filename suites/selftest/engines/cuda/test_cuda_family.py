"""The CUDA family: what it needs before anything is built, and what it says of its devices."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.engines.cuda import stand_ins
from suites.selftest.engines.cuda.stand_ins import Card
from tools import engines
from tools.engines.cuda import nvml, probe, ready, runtime, tensorrt
from tools.engines.cuda.family import FAMILY
from tools.engines.cuda.nvml import Gpu, Host
from tools.engines.idle import Reading
from tools.engines.nodes import NODES
from tools.errors import DeviceError, EngineError, OptionError
from tools.machine import child, device_locks, events, versions
from tools.spec.case import USUAL, Device, Mode
from tools.spec.settings import Settings

SIMULATED = Device("cuda", 0, simulated=True)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A machine with one GPU and the GPU package; what another process would ask is asked here."""
    (tmp_path / "nvidia0").touch()
    monkeypatch.setenv(NODES, str(tmp_path))
    made = stand_ins.onnxruntime()
    monkeypatch.setitem(sys.modules, "onnxruntime", made)
    monkeypatch.setitem(sys.modules, "pynvml", stand_ins.nvml(Card()))
    monkeypatch.setattr(runtime, "installed", lambda: "1.31.1")
    ready._compute.cache_clear()
    return made


def settings(tmp_path: Path, **more: str) -> Settings:
    return Settings.parse({"artifacts": str(tmp_path / "artifacts"), **more})


def test_the_family_is_described(host: Any) -> None:
    """It is preferred to the CPU; its cores compute nothing; CUDA counts as NVML does."""
    assert [SIMULATED, Device("cpu")] == engines.devices()
    assert ("cuda:K", "onnx", False) == (FAMILY.NAMED, FAMILY.LOADS, FAMILY.ON_HOST)
    assert {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "CUDA_VISIBLE_DEVICES": "GPU-0"} == FAMILY.environment(SIMULATED)
    assert ("SimNVIDIA T4", True) == (FAMILY.describe(SIMULATED).name, FAMILY.describe(SIMULATED).simulated)
    assert (("clock_mhz", "585"), ("temperature_c", "41"), ("power_w", "28")) == FAMILY.condition(SIMULATED)
    assert "memory" == FAMILY.diagnose("CUDA failure 2: out of memory").kind


@pytest.mark.parametrize(("asked", "mode"), [
    ({}, Mode()), ({"precision": "fp32"}, Mode()), ({"precision": "tf32"}, Mode("", "tf32")),
    ({"engine": "tensorrt", "precision": "fp16"}, Mode("tensorrt", "fp16"))], ids=str)
def test_it_computes_in_three_precisions_by_two_engines(tmp_path: Path, asked: dict[str, str], mode: Mode) -> None:
    assert mode == engines.mode(SIMULATED, settings(tmp_path, **asked))
    if asked:
        with pytest.raises(OptionError):
            engines.mode(Device("cpu"), settings(tmp_path, precision="tf32", engine=asked.get("engine", "auto")))


def test_versions_are_told_of_what_is_there(host: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's own, the GPU package's, and of CUDA's libraries and TensorRT whichever package is here."""
    known = {"onnxruntime-gpu": "1.31.1", "nvidia-cublas": "13.1", "nvidia-cuda-runtime": "13.0", "nvidia-cudnn-cu13": "9.15.0",
             "tensorrt-cu13": "10.14"}
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, known.get(name, versions.ABSENT)) for name in names))

    assert (("driver", "580.65.06"), ("cuda", "13.0"), *known.items()) == FAMILY.versions()


@pytest.mark.parametrize(("system", "package", "told"), [
    ("10.13.3", "", (("tensorrt", "10.13.3"),)), ("10.13.3", "10.14", (("tensorrt-cu13", "10.14"),)), ("", "", ())])
def test_a_systems_tensorrt_is_told_where_no_package_is(
        host: Any, monkeypatch: pytest.MonkeyPatch, system: str, package: str, told: tuple[tuple[str, str], ...]) -> None:
    """It is what `--engine tensorrt` computes with: another one is another measurement."""
    def installed(device: Device) -> str:
        if not system:
            raise EngineError("TensorRT 10 is not installed")
        return system

    shown, known = replace(nvml.read(), simulated=False), {"tensorrt-cu13": package} if package else {}
    monkeypatch.setattr(nvml, "read", lambda: shown)
    monkeypatch.setattr(tensorrt, "installed", installed)
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, known.get(name, versions.ABSENT)) for name in names))

    assert told == FAMILY.versions()[3:]


@pytest.mark.parametrize(("cuda", "compute", "words"), [
    ("12.4", (7, 5), "the driver 550.54.15 runs CUDA 12.4 at most, and ONNX Runtime is built for CUDA 13"),
    ("13.0", (7, 0), "its compute capability is 7.0, and CUDA 13 computes from 7.5 on"), ("13.0", (7, 5), ""), ("", None, "")])
def test_what_cuda_13_does_not_compute_on_is_passed_over(
        host: Any, monkeypatch: pytest.MonkeyPatch, cuda: str, compute: tuple[int, int] | None, words: str) -> None:
    """By `auto`, and before anything is tried there; what NVML does not tell speaks against nothing."""
    one = Gpu(0, "SimNVIDIA T4", "GPU-0", compute, 0, 15360, 0, (), Reading())
    monkeypatch.setattr(nvml, "read", lambda: Host("550.54.15", cuda, (one,), simulated=True))
    taken, passed_over = engines.first_fit([SIMULATED, Device("cpu")])

    assert (Device("cpu") if words else SIMULATED, [f"cuda0sim: cuda0sim cannot be used: {words}"] if words else []) == (taken, passed_over)


def test_nobody_is_disturbed_by_the_look_at_a_gpu(host: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It is left out while another process measures there; else it holds the GPU itself."""
    calls: list[bool] = []
    locks = tmp_path / "locks"
    locks.mkdir(mode=0o700)
    asked = settings(tmp_path, locks=str(locks))
    ready._compute.cache_clear()
    monkeypatch.setattr(child, "call", lambda work, title, **how: calls.append(device_locks.is_free(str(locks), SIMULATED.label)))
    with device_locks.hold(str(locks), SIMULATED.label, lambda holder: None):
        FAMILY.require_ready(SIMULATED, asked)
    assert [] == calls
    FAMILY.require_ready(SIMULATED, asked)
    assert [False] == calls


def test_a_host_with_the_cpu_package_has_no_gpu_to_use(host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is said once, as the device's fault with the step to take, and `auto` takes the CPU and says why."""
    monkeypatch.setattr(runtime, "installed", lambda: "")
    with pytest.raises(DeviceError) as caught:
        FAMILY.describe(SIMULATED)
    words = "cuda0sim cannot be used: ONNX Runtime here computes on the CPU only"
    assert (words, "onnxruntime-gpu") == (caught.value.what, caught.value.where)
    assert "./tools/setup --cuda puts the GPU package in its place" == caught.value.remedy
    assert (Device("cpu"), [f"cuda0sim: {words}"]) == engines.first_fit(engines.devices())
    first, *others = FAMILY.needs(SIMULATED, settings(tmp_path))
    assert {None} == {check() for check in others}
    with pytest.raises(DeviceError):
        first()


def test_what_is_ready_has_computed_on_the_gpu_once(host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a process of its own, asked once for all cells; nothing of the look is left."""
    calls: list[Any] = []
    monkeypatch.setattr(child, "call", lambda work, title, **how: calls.append((title, how["environment"])) or work())
    monkeypatch.setattr(events, "say", calls.append)
    for _ in range(2):
        FAMILY.require_ready(SIMULATED, settings(tmp_path))
    [[session]] = [made for made in host.made if hasattr(made[0], "asked")]

    assert [("computing on cuda0sim", FAMILY.environment(SIMULATED)), "simulated, ONNX Runtime 1.31.1, cuda 13.0"] == calls
    assert [runtime.CUDA, "0"] == [session.asked[0][0], session.asked[0][1]["device_id"]]
    assert session.ran == 1
    assert [] == list(tmp_path.rglob("cuda-*.log"))


@pytest.mark.parametrize(("how", "words"), [
    ({"falls_back": True, "prints": "libcublas.so.13: cannot open shared object file\n"},
     "libcublas.so.13 is missing: install nvidia-cublas"),
    ({"wrong": "no kernel image is available\nmore"}, "CUDAExecutionProvider fails at a small convolution: no kernel image is available"),
    ({"providers": ("CPUExecutionProvider",)},
     "this ONNX Runtime computes on the CPU only: it has no CUDAExecutionProvider")], ids=range(3))
def test_what_is_not_ready_says_why(host: Any, monkeypatch: pytest.MonkeyPatch, how: dict[str, Any], words: str) -> None:
    """Before anything is built."""
    monkeypatch.setitem(sys.modules, "onnxruntime", stand_ins.onnxruntime(**how))
    with pytest.raises(EngineError) as caught:
        probe.tell(SIMULATED)
    assert words == caught.value.what


def test_tensorrt_is_tried_where_it_is_asked_for(host: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also before anything is built, by the provider that a cell would use."""
    monkeypatch.setattr(child, "call", lambda work, title, **how: work())
    monkeypatch.setattr(events, "say", lambda text: None)
    stand_ins.tensorrt(monkeypatch)
    FAMILY.require_ready(SIMULATED, settings(tmp_path, engine="tensorrt"))
    [[session]] = [made for made in host.made if hasattr(made[0], "asked")]

    assert [runtime.TENSORRT, runtime.CUDA] == [name for name, _ in session.asked[:-1]]
    monkeypatch.setitem(sys.modules, "onnxruntime", stand_ins.onnxruntime(
        fails="Please install TensorRT", prints="libnvinfer.so.10: cannot open shared object file\n"))
    with pytest.raises(EngineError, match=r"^libnvinfer\.so\.10 is missing: install tensorrt-cu13\n"):
        probe.tell(SIMULATED, Mode("tensorrt"))


def test_a_bad_install_is_found_in_a_process_of_its_own(tmp_path: Path) -> None:
    """This Python's ONNX Runtime is real, with which a simulated GPU disagrees; its error comes here."""
    ready._compute.cache_clear()
    with pytest.raises(EngineError, match="disagree on whether they are a simulation"):
        ready._compute(SIMULATED, USUAL, tmp_path, "")
    [log] = tmp_path.rglob("cuda-*.log")
    assert "computing on cuda0sim" in log.read_text()
