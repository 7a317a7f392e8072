"""The CPU engine and the choice of a device: what is refused, in which words, and what a batch gives."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest import tiny_graph
from tools import engines
from tools.engines import faults
from tools.engines.cpu import CpuEngine
from tools.engines.findings import MISSING, NOTE, OK, WRONG, Examination, Finding, last_line
from tools.errors import DeviceError, EngineError, OptionError
from tools.spec.case import Device
from tools.spec.chips import CPU

BATCH = 4
CPU_DEVICE = Device("cpu")


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_graph.save(tmp_path_factory.mktemp("graph") / "tiny.onnx", BATCH)


def opened(graph: Path, batch: int = BATCH) -> CpuEngine:
    return cast("CpuEngine", engines.open_engine(CPU_DEVICE, graph, tiny_graph.NETWORK, batch))


def test_a_batch_gives_what_onnx_runtime_gives(graph: Path) -> None:
    """Bit by bit, alone and bound, and of whichever batch is put in its place."""
    engine, batch = opened(graph), tiny_graph.batch_of(BATCH)
    expected, other = tiny_graph.answer(graph, batch), tiny_graph.answer(graph, batch * 2)
    bound = engine.bind(batch)

    assert np.array_equal(expected, engine.infer(batch))
    assert np.array_equal(expected, cast("Any", bound.scores(bound())))
    bound.put(batch * 2)
    assert np.array_equal(other, cast("Any", bound.scores(bound())))
    nothings: tuple[object, ...] = (None, [], "scores")
    assert [None] * 3 == [bound.scores(answer) for answer in nothings]
    assert ("fp32", []) == (engine.precision, engine.device_times())
    engine.close()


@pytest.mark.parametrize("wrong", [np.zeros((3, 2, 3, 4), np.float32), np.zeros((4, 2, 3, 4), np.float64)], ids=["shape", "type"])
def test_a_batch_that_the_graph_does_not_take_is_refused(graph: Path, wrong: Any) -> None:
    """Before it is run or bound, and in place of another."""
    engine = opened(graph)
    words = f"the network takes float32 [4, 2, 3, 4], got {wrong.dtype} {list(wrong.shape)}"
    for give in (engine.infer, engine.bind, engine.bind(tiny_graph.batch_of(BATCH)).put):
        with pytest.raises(EngineError, match=f"^{re.escape(words)}$"):
            give(wrong)


def test_a_graph_that_does_not_fit_is_named(graph: Path, tmp_path: Path) -> None:
    """What is no graph, and one of another batch size or network."""
    (tmp_path / "bad.onnx").write_bytes(b"noise")
    for path in (tmp_path / "bad.onnx", tmp_path / "none.onnx"):
        with pytest.raises(EngineError, match="ONNX Runtime cannot load the graph: ") as caught:
            opened(path)
        assert (str(path), "python -m tools.store verify") == (caught.value.where, caught.value.remedy)
        assert "\n" not in caught.value.what
    with pytest.raises(EngineError) as caught:
        opened(graph, 8)
    assert "the graph's input is video float32 [4, 2, 3, 4], not video [8, 2, 3, 4]" == caught.value.what
    assert str(graph) == caught.value.where


def test_a_run_that_fails_is_one_error(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail

    def fails(*given: object) -> None:
        raise Fail("first line\nsecond")

    engine = opened(graph)
    monkeypatch.setattr(engine, "run", fails)
    with pytest.raises(EngineError, match=r"ONNX Runtime failed: first line$"):
        engine.infer(tiny_graph.batch_of(BATCH))


def test_a_cpu_is_always_there_and_needs_nothing() -> None:
    """Nobody can tell whose work it does beside ours."""
    family = engines.family(CPU_DEVICE)
    assert ([CPU_DEVICE], CPU, "onnx", "cpu") == (family.devices(), family.describe(CPU_DEVICE), family.LOADS, family.NAMED)
    assert ((), {}, None, None, CPU_DEVICE) == (family.versions(), family.environment(CPU_DEVICE), family.watch(CPU_DEVICE),
                                               family.diagnose("words"),
                                                family.named(CPU_DEVICE))
    family.require(Path("/nowhere"))
    family.require_ready(CPU_DEVICE, cast("Any", None))
    assert CPU_DEVICE == engines.parse("cpu") == engines.devices()[-1]


@pytest.mark.parametrize("text", ["gpu", "cpu:0", "npu", "npu:", "npu:x", "NPU:0", "npu:0,cpu", "", "npu:0123456789", " cpu"])
def test_what_names_no_device_is_refused(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        engines.parse(text)
    assert f"unknown device {text!r}" == caught.value.what
    assert ("--device", "choose auto, cpu, cuda:K, or npu:K (several with commas)") == (caught.value.where, caught.value.remedy)


def test_the_first_device_that_is_fit_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what is wrong with those before it is told."""
    def describe(device: Device) -> None:
        if device.index != 2:
            raise DeviceError(f"{device} is ill")

    monkeypatch.setattr(engines, "family", lambda device: SimpleNamespace(describe=describe))
    devices = [Device("npu", number) for number in range(4)]
    assert (devices[2], ["npu0: npu:0 is ill", "npu1: npu:1 is ill"]) == engines.first_fit(devices)
    with pytest.raises(AssertionError):
        engines.first_fit(devices[:2])


@pytest.mark.parametrize(("kind", "chance"), [("kernel", True), ("driver", True), ("lost", False), ("memory", False), ("unknown", False)])
def test_a_fault_tells_three_codes_and_whether_it_may_be_chance(kind: Any, chance: bool) -> None:
    fault = faults.Fault(kind, "it failed", ("1", "2", "3", "4"), ())

    assert (chance, "it failed (1, 2, 3)") == (fault.may_be_chance, fault.sentence)
    assert "it failed" == faults.Fault(kind, "it failed", (), ()).sentence


def finding(word: Any, thing: str, **more: str) -> Finding:
    return Finding(word, thing, "so", **more)


CHIP = finding(OK, "310 at 0", device="npu:0")


@pytest.mark.parametrize(("parts", "present", "good", "usable"), [
    ([finding(MISSING, "driver"), finding(MISSING, "toolkit")], False, True, 0),
    ([finding(OK, "driver"), finding(MISSING, "toolkit"), CHIP], True, False, 1),
    ([finding(OK, "driver"), finding(NOTE, "toolkit"), CHIP], True, True, 1),
    ([finding(WRONG, "driver"), CHIP], True, False, 0),
    ([finding(OK, "driver"), finding(WRONG, "310 at 0", device="npu:0")], True, False, 0),
    ([finding(OK, "driver"), CHIP, finding(WRONG, "310 at 1", device="npu:1")], True, False, 1),
], ids=range(6))
def test_a_family_is_there_right_and_usable(parts: list[Finding], present: bool, good: bool, usable: int) -> None:
    """A device needs all but what is beside measuring, and the host's parts. Broken ones hinder no other."""
    found = Examination("npu", tuple(parts), beside=("toolkit",))
    assert (present, good, usable) == (found.present, found.good, len(found.usable([finding(OK, "Python")])))
    assert [] == found.usable([finding(WRONG, "Python")])
    ruled = Examination("npu", tuple(parts), rules=(finding(WRONG, "a rule"),), beside=("toolkit",))
    assert (False, []) == (ruled.good, ruled.usable([]))


def test_a_finding_is_shown_on_a_line_with_its_steps_below() -> None:
    """Whatever lines it was found in."""
    shown = Finding(WRONG, "driver", "it\n says  no", "do this\n\n  then that").lines()
    assert ["wrong    driver                    it says no", "         do this", "         then that"] == shown
    assert ["ok       x"] == Finding(OK, "x", "").lines()
    error = DeviceError("it hangs", where="here", remedy="wait")
    assert Finding(WRONG, "x", "it hangs (here)", "wait") == Finding.of(WRONG, "x", error)
    assert Finding(NOTE, "x", "it hangs", "do") == Finding.of(NOTE, "x", DeviceError("it hangs"), "do")
    assert ("b", "it said nothing") == (last_line("a\n b \n\n"), last_line(" \n"))
