"""Any graph as a function of its tensors: what goes in, what comes out, what is refused."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
import pytest

from suites.selftest import tiny_graph
from suites.selftest.engines import tensor_graph
from suites.selftest.engines.cuda import stand_ins
from suites.selftest.engines.tensor_graph import INPUTS, OUTPUTS, given, require_right
from tools import engines
from tools.engines import Family
from tools.engines.tensors import Loaded
from tools.errors import EngineError
from tools.machine import events
from tools.spec.case import Device, Mode

CPU, GPU = Device("cpu"), Device("cuda", 1, simulated=True)


class Toy(Family):
    """A family that was written before anybody asked for tensors."""

    NAMED, MARK = "toy:K", "toys"
    LOADS: Literal["onnx", "om"] = "onnx"


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return tensor_graph.save(tmp_path / "several.onnx")


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    return stand_ins.two_gpus(tmp_path, monkeypatch)


def loaded(device: Device, graph: Path, mode: Mode | None = None) -> Loaded:
    return engines.family(device).tensors(device, graph, mode or Mode())


def test_a_graph_gives_all_its_outputs_in_its_order(graph: Path) -> None:
    """Each of its own type and shape, from inputs of several types."""
    one = loaded(CPU, graph)

    require_right(one(given()), *given())
    assert (INPUTS, OUTPUTS) == (tuple(port.name for port in one.ports.inputs), tuple(port.name for port in one.ports.outputs))


def test_a_tensor_counts_by_its_numbers_however_it_lies_in_memory(graph: Path) -> None:
    """Strides, the order of bytes, a C compiler's other 64-bit type, memory that may not be written."""
    one, (video, index) = loaded(CPU, graph), given()
    index.setflags(write=False)
    for other in (np.repeat(video, 2, axis=1)[:, ::2], np.asfortranarray(video), video.astype(">f4")):
        require_right(one([other, index]), video, index)
    require_right(one([video, index.astype(np.longlong)]), video, index)


@pytest.mark.parametrize(("wrong", "words"), [
    (lambda video, index: [video], r"the graph takes 2 tensors: video float32 \[2, 3\], /ids/index int64 \[2\]; got 1"),
    (lambda video, index: [video, index, index], "got 3"),
    (lambda video, index: [video.astype(np.float64), index], r"the graph takes video float32 \[2, 3\], got float64 \[2, 3\]"),
    (lambda video, index: [video.T, index], r"got float32 \[3, 2\]"),
    (lambda video, index: [video, index.astype(np.int32)], r"the graph takes /ids/index int64 \[2\], got int32 \[2\]"),
], ids=["fewer", "more", "type", "shape", "type of an index"])
def test_tensors_that_a_graph_does_not_take_are_refused(graph: Path, wrong: Any, words: str) -> None:
    """Before a runtime sees them."""
    with pytest.raises(EngineError, match=words):
        loaded(CPU, graph)(wrong(*given()))


def test_a_file_that_is_no_graph_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.onnx").write_bytes(b"noise")
    with pytest.raises(EngineError, match="ONNX Runtime cannot load the graph: ") as caught:
        loaded(CPU, tmp_path / "bad.onnx")
    assert str(tmp_path / "bad.onnx") == caught.value.where


def test_a_family_without_tensors_says_so(graph: Path) -> None:
    """It needs no edit, and measures as before."""
    with pytest.raises(EngineError, match="toy:0 gives no tensors of any graph, only a network's scores"):
        Toy().tensors(Device("toy", 0), graph)  # type: ignore[abstract]


def test_a_gpu_gives_what_its_session_computes(library: Any, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Opened as for a cell, in the mode that is asked for; which nodes the CPU computes is said."""
    said: list[str] = []
    monkeypatch.setattr(events, "say", said.append)
    one = loaded(GPU, graph, Mode("", "tf32"))

    require_right(one(given()), *given())
    assert ["several.onnx: the CPU computes 2: Shape_1, Shape"] == said
    [[session]] = [made for made in library.made if hasattr(made[0], "asked")]
    assert "1" == session.asked[0][1]["use_tf32"]


def test_a_gpus_failure_is_one_error(library: Any, graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In whichever class its provider raises it."""
    one = loaded(GPU, graph)
    monkeypatch.setattr(library.InferenceSession, "wrong", "CUDA failure 2: out of memory\nat a place")
    with pytest.raises(EngineError, match=r"^ONNX Runtime failed: CUDA failure 2: out of memory$"):
        one(given())


@pytest.mark.usefixtures("library")
def test_a_graph_whose_computing_is_left_to_the_cpu_is_refused(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its numbers would pass for the GPU's."""
    from tools.engines.cuda import placement

    monkeypatch.setattr(placement, "on_cpu", lambda session: (placement.Left("Conv_0", "Conv"),))
    with pytest.raises(EngineError, match=r"leaves 1 nodes that compute to the CPU: Conv \(Conv_0\)"):
        loaded(GPU, tiny_graph.save(graph.with_name("tiny.onnx"), 4))


class Extension:
    """An aclruntime whose outputs are what a test says."""

    def __init__(self, output: Any, size: int = 8) -> None:
        self.output, self.size = output, size

    def session(self) -> Any:
        one = [SimpleNamespace(name="x", datatype=0, shape=[2], size=self.size)]
        out = [SimpleNamespace(name="Add_1:0:/y:z", datatype=0, shape=[2], size=8)]
        return SimpleNamespace(get_inputs=lambda: one, get_outputs=lambda: out, run=self.run)

    def run(self, names: list[str], feeds: list[Any]) -> list[Any]:
        assert ["Add_1:0:/y:z"] == names
        return list(self.output)

    def Tensor(self, array: Any) -> Any:  # noqa: N802 - as it is called there
        return SimpleNamespace(to_device=lambda device: None)


class Resident:
    """An output that NumPy can read once it is on the host."""

    def __init__(self, array: Any) -> None:
        self.array = array

    def to_host(self) -> None:
        self.there = True

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        assert self.there
        return self.array


@pytest.mark.parametrize(("output", "size", "words"), [
    ([Resident(np.zeros(2, np.float32))], 12, r"the model takes 12 bytes as x float32 \[2\], the tensor has 8"),
    ([], 8, "the runtime gave 0 outputs of 1"),
    ([Resident(np.zeros(8, np.uint8))], 8, r"the model gave uint8 \[8\], not Add_1:0:/y:z float32 \[2\]"),
    ([Resident(np.zeros(2, np.int32))], 8, r"the model gave int32 \[2\], not Add_1:0:/y:z float32 \[2\]"),
    ([Resident(np.zeros((1, 2), np.float32))], 8, r"the model gave float32 \[1, 2\], not"),
    ([Resident(np.array(object()))], 8, "the model gave object"),
], ids=["bytes", "count", "bytes of it", "type", "shape", "nothing that NumPy reads"])
def test_an_npus_runtime_is_believed_in_nothing(output: Any, size: int, words: str) -> None:
    """It looks at bytes only, and what it does not know it gives as something else."""
    from tools.engines.ascend.tensors import of_session

    extension: Any = Extension(output, size)
    one = of_session(extension, extension.session(), 0)
    assert ["/y:z"] == [port.name for port in one.ports.outputs]
    with pytest.raises(EngineError, match=words):
        one([np.zeros(2, np.float32)])
