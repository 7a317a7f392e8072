"""Whether a GPU was ours alone: what each look at it says, and which GPU is not used at all."""

from __future__ import annotations

import os
from dataclasses import replace

import pytest

from tools.engines.cuda import nodes
from tools.engines.cuda.idle import HIDDEN, condition, look_before, look_during, require_fit, watch
from tools.engines.cuda.nvml import THROTTLING, Gpu, Host, Process
from tools.engines.idle import Reading, Sample, judge
from tools.errors import DeviceError
from tools.spec.case import Device

SIMULATED = Device("cuda", 0, simulated=True)
READING = Reading(585.0, 41.0, 27.5, ("sync boost",))
IDLE = Gpu(0, "SimNVIDIA T4", "GPU-0", (7, 5), 0, 15360, 0, (), READING)
OURS, HERE = os.getpid(), os.getppid()
ELSEWHERE = 2**22 + 1  # beyond any process's number on this machine: it can only be another name space's


def of(**values: object) -> Host:
    """A host whose one GPU is the idle one with other values."""
    return Host("580.65", "13.0", (replace(IDLE, **values),), simulated=True)  # type: ignore[arg-type]


def process(pid: int, name: str = "python3") -> Process:
    return Process(pid, name, 100)


@pytest.mark.parametrize(("values", "busy", "unknown"), [
    ({}, (), ()), ({"utilisation_percent": 1, "memory_used_mb": 64}, (), ()),
    ({"utilisation_percent": 2}, ("utilisation 2 %",), ()),
    ({"memory_used_mb": 65}, ("memory 65 MB in use, an idle GPU has up to 64",), ()),
    ({"processes": (process(OURS), process(5, ""))}, (f"process {OURS} python3", "process 5"), ()),
    ({"display": True}, ("a display is active on it",), ()), ({"unfit": "it is lost"}, ("it is lost",), ()),
    ({"utilisation_percent": None}, (), ("utilisation cannot be read",)), ({"memory_used_mb": None}, (), ("memory cannot be read",)),
    ({"processes": None}, (), ("its processes cannot be read",)), ({"unknown": ("power", "uuid")}, (), ()),
    ({"unknown": (THROTTLING,)}, (), ("why its clock is held down cannot be read",)),
    ({"mig": True}, (), ("it is split (MIG), so that nobody can tell what its other parts do",))], ids=range(13))
def test_a_look_before_knows_the_limits(values: dict[str, object], busy: tuple[str, ...], unknown: tuple[str, ...]) -> None:
    """Any process, load, memory or display speaks against a GPU; what cannot be read is unknown."""
    assert Sample(busy, unknown, READING) == look_before(of(**values), 0)


@pytest.mark.parametrize(("processes", "busy"), [
    ((process(OURS),), ()), ((process(ELSEWHERE),), ()), ((process(HERE),), (HERE,)),
    ((process(OURS), process(HERE)), (HERE,)), ((process(OURS), process(ELSEWHERE)), (ELSEWHERE,)),
    ((process(ELSEWHERE), process(ELSEWHERE + 1)), (ELSEWHERE, ELSEWHERE + 1))], ids=range(6))
def test_only_ours_may_be_there_during(processes: tuple[Process, ...], busy: tuple[int, ...]) -> None:
    """Load and memory are then ours; a single process of another name space is taken for ours."""
    host = of(processes=processes, utilisation_percent=99, memory_used_mb=9000)

    assert Sample(tuple(f"process {pid} python3" for pid in busy), (), READING) == look_during(host, 0, OURS)


@pytest.mark.parametrize(("used", "unknown"), [(9000, (HIDDEN,)), (64, ())])
def test_a_gpu_in_use_that_shows_no_process_is_unknown(used: int, unknown: tuple[str, ...]) -> None:
    """Others would be hidden like ours. Before ours has begun there is nothing to be shown."""
    assert Sample((), unknown, READING) == look_during(of(processes=(), memory_used_mb=used), 0, OURS)


@pytest.mark.parametrize(("values", "sample"), [
    ({"unfit": "a GPU is lost"}, Sample(("a GPU is lost",), (), READING)),
    ({"processes": None}, Sample((), ("its processes cannot be read",), READING)),
    ({"index": 1}, Sample((), ("NVML does not show cuda:0",)))], ids=str)
def test_a_gpu_that_goes_during_is_seen(values: dict[str, object], sample: Sample) -> None:
    assert sample == look_during(of(**values), 0, OURS)


def test_every_sample_keeps_what_the_gpu_told() -> None:
    """In their order, with why its clock was held down."""
    samples = [look_before(of(), 0), look_during(of(reading=Reading(1590.0)), 0, OURS)]

    assert (READING, Reading(1590.0)) == judge(samples, "NVML").readings


@pytest.mark.parametrize(("values", "device", "words"), [
    ({"index": 1}, SIMULATED, "NVML does not show cuda0sim"),
    ({"unfit": "its compute mode is prohibited"}, SIMULATED, "cuda0sim is not fit to be used: its compute mode is prohibited"),
    ({}, Device("cuda", 0), "cuda0 and the GPU name 'SimNVIDIA T4' disagree on whether this is a simulation")], ids=range(3))
def test_a_gpu_that_is_not_fit_is_refused(values: dict[str, object], device: Device, words: str) -> None:
    with pytest.raises(DeviceError) as caught:
        require_fit(of(**values), device)
    assert (words, "NVML") == (caught.value.what, caught.value.where)


def test_a_gpu_that_cuda_would_count_otherwise_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that `auto` passes over it; a real T4 has the stored T4 figures, a simulated one none."""
    real = Host("580.65", "13.0", (replace(IDLE, name="NVIDIA T4"),), simulated=False)
    assert "T4" == require_fit(real, Device("cuda", 0)).stored_under[0].name
    assert () == require_fit(of(), SIMULATED).stored_under
    monkeypatch.setenv(nodes.RENUMBERED, "1,0")
    with pytest.raises(DeviceError, match="CUDA_VISIBLE_DEVICES=1,0 renumbers the GPUs"):
        require_fit(of(), SIMULATED)


def test_the_condition_is_what_can_be_read() -> None:
    """Nothing where NVML fails: nothing is judged by it."""
    def fails() -> Host:
        raise DeviceError("it does not answer")

    assert (("clock_mhz", "585"), ("temperature_c", "41"), ("power_w", "28")) == condition(SIMULATED, of)
    assert (("temperature_c", "50"),) == condition(SIMULATED, lambda: of(reading=Reading(temperature_c=50.0)))
    assert ((), ()) == (condition(SIMULATED, fails), condition(Device("cuda", 4), of))


def test_a_watch_looks_before_and_during(monkeypatch: pytest.MonkeyPatch) -> None:
    """And says NVML was asked; our own process is there in both, and counts before only."""
    monkeypatch.setattr("tools.engines.idle.APART_S", 0.01)
    with watch(SIMULATED, lambda: of(processes=(process(OURS),))) as watching:
        pass
    found = watching.idle()

    assert ("busy", 4, "NVML", (f"process {OURS} python3",)) == (found.state, found.samples, found.source, found.seen)
    assert (READING,) * 4 == found.readings
