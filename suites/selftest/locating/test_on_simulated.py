"""Parts of a graph on simulated devices: through their compilers, and in processes of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest

from suites.selftest.engines import tensor_graph
from suites.selftest.locating.device_bench import TINY, Bench, require_same
from suites.selftest.simulated.npu import SimulatedNpu
from suites.selftest.simulated_cuda.host import T4, SimulatedCuda
from tools.deployment import compile as deploy
from tools.deployment.tensorrt_engine import Target
from tools.errors import CompileError, DeviceError, EngineError
from tools.locating.cutting import cut, with_outputs
from tools.locating.values import Tensors
from tools.spec.case import Device, Mode
from tools.storage.entries import named

NPU, GPU = Device("npu", 0, simulated=True), Device("cuda", 0, simulated=True)
HALF = 2.0**-9


@pytest.fixture
def npu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedNpu:
    host = SimulatedNpu(tmp_path / "host")
    go_there(host, monkeypatch)
    return host


@pytest.fixture
def cuda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SimulatedCuda:
    host = SimulatedCuda(tmp_path / "host", T4, tensorrt="10.13.3.9")
    go_there(host, monkeypatch)
    return host


def go_there(host: SimulatedNpu | SimulatedCuda, patch: pytest.MonkeyPatch) -> None:
    """Have this process's environment, and that of those that it starts, on the host."""
    for name, value in host.environment().items():
        patch.setenv(name, value)


def several() -> tuple[onnx.ModelProto, Tensors]:
    """A graph of several inputs and outputs, some of them of whole numbers."""
    model = onnx.load(str(tensor_graph.save(Path("several.onnx"))))
    return model, dict(zip(tensor_graph.INPUTS, tensor_graph.given(), strict=True))


def test_what_the_cell_compiled_is_run_and_nothing_else(npu: SimulatedNpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the inputs and outputs by the names of the graph that it was compiled from."""
    monkeypatch.chdir(tmp_path)
    bench = Bench(monkeypatch, tmp_path, NPU, here=False)
    npu.change(rounding=True)
    loads = deploy.brought(bench.context, bench.graph, TINY.networks[0], bench.case, bench.context.settings)
    made = bench.made()
    found = bench.device.as_loaded(loads, bench.whole.model, bench.feeds)

    assert ".om" == loads.path.suffix
    require_same(bench.whole.model, bench.feeds, found, rtol=HALF, atol=HALF)
    assert (made, []) == (bench.made(), bench.parts)


def test_a_part_goes_through_the_compiler_once(npu: SimulatedNpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With all its inputs; a process that begins anew finds what was compiled, and runs it."""
    monkeypatch.chdir(tmp_path)
    bench = Bench(monkeypatch, tmp_path, NPU, here=False)
    npu.change(rounding=True)
    model, feeds = several()
    for _ in (1, 2):
        require_same(model, feeds, bench.device(model, feeds), rtol=HALF, atol=HALF)
        assert ["compiling tiny-part at batch 4 for AscendSim310P3"] == bench.made()
    assert 2 == len(bench.titles) - 1
    assert [] == named(tmp_path / "store", "om", "tiny-bs4"), "a part is not taken for the compiled network"
    assert [] == bench.left()


def test_a_part_that_does_not_compile_ends_in_the_compilers_words(npu: SimulatedNpu, tmp_path: Path,
                                                                  monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the part and the command; nothing half made is left, and the next attempt compiles it."""
    bench = Bench(monkeypatch, tmp_path, NPU, here=False)
    npu.fault("atc", code="EZ3003", message="No supported Ops kernel", times=1)
    whole = bench.whole
    one = cut(whole, [whole.node(0)], bench.feeds)
    with pytest.raises(CompileError) as caught:
        bench.device(one.model, one.feeds(bench.feeds))
    assert "node Flatten_0 (Flatten): an operator is not supported on this chip (EZ3003)" == caught.value.what
    assert "--input_shape=fed_0:4,2,3,4" in str(caught.value.remedy)
    assert ([], []) == ([*(tmp_path / "store").glob("om/*")], [*(tmp_path / "store" / ".partial").glob("*")])

    found = bench.device(one.model, one.feeds(bench.feeds))
    assert np.array_equal(found["flat"], bench.feeds["video"].reshape(4, 24))


def test_a_fault_is_told_as_a_cells_and_the_device_is_given_up(npu: SimulatedNpu, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what its runtime printed; a lost device is not used again in the run."""
    bench = Bench(monkeypatch, tmp_path, NPU, here=False)
    npu.fault("lost", at="run")
    model = bench.whole.model
    with pytest.raises(EngineError, match=r"^3 nodes, Flatten_0 to Softmax_2: the device is lost.*: aclruntime failed: ") as caught:
        bench.device(model, bench.feeds)
    assert "its last words were" in str(caught.value.remedy)
    started = len(bench.titles)
    with pytest.raises(DeviceError, match=r"npu0sim is not used again in this run: lost while tiny-bs4-npu0sim was measured"):
        bench.device(model, bench.feeds)
    assert started == len(bench.titles)


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize(("mode", "made", "atol"), [
    (Mode(), [], 0), (Mode(precision="fp16"), ["converting tiny-part at batch 4 to half precision"], HALF),
    (Mode("tensorrt"), ["building tiny-part at batch 4 with TensorRT for Tesla T4 in fp32"], 0)],
    ids=["float32", "half", "tensorrt"])
def test_a_part_is_made_into_what_a_gpu_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode, made: list[str],
                                             atol: float) -> None:
    """The graph itself, one in half precision, or an engine."""
    bench = Bench(monkeypatch, tmp_path, GPU, mode, here=False)
    target = Target(GPU, "Tesla T4", "7.5", "580.95.05", "13.0", "simulated", "1.31.1")  # this process has not begun on the host
    monkeypatch.setattr(Target, "of", lambda device: target)
    more = with_outputs(bench.whole, ["flat", "logits"])
    found = bench.device(more, bench.feeds)
    require_same(more, bench.feeds, found, rtol=atol or 1e-6, atol=atol * 4)
    assert made == bench.made()
    assert (np.float16(bench.feeds["video"]).reshape(4, 24) == found["flat"]).all() == bool(atol)
