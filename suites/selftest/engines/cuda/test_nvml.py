"""What NVML says becomes values; what it does not say stays unknown, and is named."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.engines.cuda import stand_ins
from suites.selftest.engines.cuda.stand_ins import LOST, REFUSED, Card
from tools.engines.cuda import nvml
from tools.engines.cuda.nvml import Gpu, Host, Process
from tools.engines.idle import Reading
from tools.engines.nodes import NODES
from tools.errors import DeviceError


def told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *cards: Card, nodes: tuple[int, ...] = (0,), **how: Any) -> Host:
    """What is read on a machine with these cards and nodes; NVML is closed again."""
    for number in nodes:
        (tmp_path / f"nvidia{number}").touch()
    monkeypatch.setenv(NODES, str(tmp_path))
    library: Any = stand_ins.nvml(*cards, **how)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    host = nvml.read()
    assert library.open == 0
    return host


def test_all_that_is_told_of_a_gpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Memory in use is without what the driver keeps; a process that computes and draws is one."""
    card = Card(used_mb=3, load=7, computing=[20, 5], drawing=[20], reasons=0x4 | 0x40 | 0x100, display=True)
    host = told(monkeypatch, tmp_path, card)

    assert host == Host("580.65.06", "13.0", (Gpu(
        0, "SimNVIDIA T4", "GPU-0", (7, 5), 3, 15360, 7, (Process(5, "python5", 100), Process(20, "python20", 100)),
        Reading(), display=True),), simulated=True)
    assert host.gpus[0].reading == Reading(585.0, 41.0, 27.5, ("software power cap", "hardware thermal slowdown"))


@pytest.mark.parametrize(("given", "name"), [("Tesla T4", "NVIDIA T4"), ("T4", "NVIDIA T4"), ("NVIDIA T4", "NVIDIA T4"),
                                             ("NVIDIA A100-SXM4-80GB", "NVIDIA A100-SXM4-80GB"), (b"NVIDIA L4", "NVIDIA L4")])
def test_a_name_is_the_same_from_every_driver(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, given: Any, name: str) -> None:
    """With Sim in front exactly where the module is a simulation."""
    assert name == told(monkeypatch, tmp_path, Card(name=given), simulated=False).gpus[0].name
    assert f"Sim{name}" == told(monkeypatch, tmp_path, Card(name=given)).gpus[0].name


@pytest.mark.parametrize(("function", "word", "value"), [
    ("nvmlDeviceGetUtilizationRates", "utilisation", "utilisation_percent"), ("nvmlDeviceGetMemoryInfo", "memory", "memory_used_mb"),
    ("nvmlDeviceGetComputeRunningProcesses", "processes", "processes"), (stand_ins.DRAWS, "processes that draw", "processes"),
    ("nvmlDeviceGetCudaComputeCapability", "compute capability", "compute")])
def test_what_cannot_be_read_is_unknown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, function: str, word: str, value: str) -> None:
    """None and never zero, with a word for it; all else is told."""
    [gpu] = told(monkeypatch, tmp_path, Card(refused={function: REFUSED})).gpus

    assert (None, (word,), "SimNVIDIA T4", "") == (getattr(gpu, value), gpu.unknown, gpu.name, gpu.unfit)


def test_a_process_that_only_draws_is_one_too(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert (Process(9, "python9", 100),) == told(monkeypatch, tmp_path, Card(drawing=[9])).gpus[0].processes


def test_a_reading_has_what_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An old driver gives the reasons under the old name, and where it gives none, that is named."""
    refused = {"nvmlDeviceGetClockInfo": REFUSED, "nvmlDeviceGetTemperature": REFUSED, "nvmlDeviceGetPowerUsage": REFUSED,
               "nvmlDeviceGetCurrentClocksEventReasons": 13}
    [gpu] = told(monkeypatch, tmp_path, Card(refused=refused)).gpus

    assert (Reading(), ("clock", "temperature", "power", nvml.THROTTLING)) == (gpu.reading, gpu.unknown)


def test_a_split_gpu_has_no_utilisation(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """MIG: whatever number NVML gives for the whole."""
    [gpu] = told(monkeypatch, tmp_path, Card(mig=True, load=0)).gpus

    assert (True, None) == (gpu.mig, gpu.utilisation_percent)
    assert told(monkeypatch, tmp_path, Card(refused={"nvmlDeviceGetMigMode": REFUSED})).gpus[0].unknown == ()


@pytest.mark.parametrize(("minors", "nodes", "places"), [
    ((0, 1), (0, 1), [(0, "GPU-0"), (1, "GPU-1")]), ((1, 0), (0, 1), [(1, "GPU-1"), (0, "GPU-0")]),
    ((3, 5), (5,), [(0, "GPU-5")]), ((7, 2), (2, 7), [(1, "GPU-7"), (0, "GPU-2")])])
def test_a_gpu_is_found_by_its_number_and_not_by_its_place(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, minors: tuple[int, ...], nodes: tuple[int, ...], places: list[Any]) -> None:
    """CUDA opens it by its place, though; one without a node here is none of ours."""
    host = told(monkeypatch, tmp_path, *map(Card, minors), nodes=nodes)

    assert places == [(gpu.index, gpu.uuid) for gpu in host.gpus]
    assert all(f"GPU-{minors[gpu.ordinal]}" == gpu.uuid for gpu in host.gpus)
    found = host.of_device(0)
    assert found is not None
    assert f"GPU-{min(nodes)}" == found.uuid


NAMELESS = {"nvmlDeviceGetMinorNumber": REFUSED}


@pytest.mark.parametrize(("cards", "indices"), [
    ([Card(0), Card(refused={"handle": LOST})], [0, 1]), ([Card(refused={"handle": LOST}), Card(0)], [1, 0]),
    ([Card(refused={"handle": LOST}), Card(refused={"handle": LOST})], [0, 1]),
    ([Card(1), Card(refused=NAMELESS)], [1, 0]), ([Card(refused=NAMELESS), Card(refused=NAMELESS)], [None, None]),
    ([Card(refused={"handle": LOST})], [None])])
def test_a_gpu_without_a_number_has_the_node_that_is_left(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cards: list[Card], indices: list[int | None]) -> None:
    """Where that leaves no doubt; lost ones are all alike."""
    assert indices == [gpu.index for gpu in told(monkeypatch, tmp_path, *cards, nodes=(0, 1)).gpus]


@pytest.mark.parametrize(("card", "unfit"), [
    (Card(refused={"handle": LOST}), "a GPU is lost: its driver no longer answers"),
    (Card(refused={"nvmlDeviceGetUtilizationRates": LOST}), "a GPU is lost: its driver no longer answers"),
    (Card(refused={"handle": 4}), "this user may not ask NVML"), (Card(refused={"handle": 999}), "NVML fails: code 999"),
    (Card(mode=2), "its compute mode is prohibited"), (Card(mode=3), "")])
def test_a_gpu_that_cannot_be_used_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, card: Card, unfit: str) -> None:
    """The others are told of as always."""
    host = told(monkeypatch, tmp_path, card, Card(1), nodes=(0, 1))

    assert [unfit, ""] == [gpu.unfit for gpu in host.gpus]


@pytest.mark.parametrize(("code", "words", "remedy"), [
    (stand_ins.MISMATCH, "Driver/library version mismatch", "restart the machine"), (9, "kernel driver is not loaded", "modprobe"),
    (12, "libnvidia-ml.so.1 is missing", "install NVIDIA's driver"), (4, "may not ask NVML", "--gpus all"),
    (999, "NVML fails: code 999", "nvidia-smi")])
def test_nvml_that_does_not_begin_is_one_error(
        monkeypatch: pytest.MonkeyPatch, tmp_path: Path, code: int, words: str, remedy: str) -> None:
    """It says what is wrong and what to do."""
    with pytest.raises(DeviceError) as caught:
        told(monkeypatch, tmp_path, refuses=code)
    assert words in caught.value.what
    assert remedy in str(caught.value.remedy)


def test_without_its_package_nvml_cannot_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with pytest.raises(DeviceError, match=r"^NVML cannot be asked: ") as caught:
        nvml.read()
    assert "./tools/setup --cuda installs nvidia-ml-py" == caught.value.remedy


def test_every_function_is_one_of_nvmls_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The stand-in has nothing that NVIDIA's module lacks, and the same constants as it."""
    real: Any = pytest.importorskip("pynvml")
    made: Any = stand_ins.nvml()
    names = [name for name in vars(made) if name.lower().startswith("nvml")]

    assert [] == [name for name in names if not hasattr(real, name)]
    assert (made.NVML_CLOCK_SM, made.NVML_TEMPERATURE_GPU) == (real.NVML_CLOCK_SM, real.NVML_TEMPERATURE_GPU)
    assert all(bit in {getattr(real, name) for name in vars(real) if name.startswith("nvmlClocksEventReason")} for bit in nvml.SLOWED)
    assert {real.NVML_ERROR_NO_PERMISSION: 4, real.NVML_ERROR_DRIVER_NOT_LOADED: 9, real.NVML_ERROR_LIBRARY_NOT_FOUND: 12,
            real.NVML_ERROR_GPU_IS_LOST: 15, real.NVML_ERROR_RESET_REQUIRED: 16, real.NVML_ERROR_OPERATING_SYSTEM: 17,
            real.NVML_ERROR_LIB_RM_VERSION_MISMATCH: 18} == {code: code for code in nvml.REFUSALS}
    assert real.NVML_COMPUTEMODE_PROHIBITED == nvml.PROHIBITED
