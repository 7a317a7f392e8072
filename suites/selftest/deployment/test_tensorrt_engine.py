"""An engine of TensorRT is an artifact: of one kind of GPU, built while that is held, alone in its file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from suites.selftest import tiny_graph
from suites.selftest.conftest import TINY_MODELS, keeping
from tools.deployment import tensorrt_engine
from tools.deployment.specialise import Given, Graph
from tools.deployment.tensorrt_engine import FILE, Target
from tools.engines.cuda import nvml, runtime, tensorrt
from tools.engines.cuda.nvml import Gpu, Host
from tools.engines.fit import Asked
from tools.engines.idle import Reading
from tools.errors import DeviceError, EngineError, GraphError
from tools.machine import child, device_locks
from tools.machine.files import sha256
from tools.spec.case import Case, Device, Mode
from tools.spec.catalog import load_spec
from tools.spec.settings import Settings
from tools.storage.context import Context

if TYPE_CHECKING:
    import onnx

GPU = Device("cuda", 1, simulated=True)
FP32, FP16 = Mode("tensorrt"), Mode("tensorrt", "fp16")
T4 = Gpu(1, "NVIDIA T4", "GPU-1", (7, 5), 1, 15360, 0, (), Reading(), ordinal=4)
TARGET = Target(GPU, "NVIDIA T4", "7.5", "580.65.06", "13.0", "10.16.1.11", "1.31.1")


def engine(*kinds: str) -> onnx.ModelProto:
    """A file with nodes of these kinds in a row."""
    from onnx import TensorProto, helper

    nodes = [helper.make_node(kind, [f"t{number}"], [f"t{number + 1}"], domain="com.microsoft") for number, kind in enumerate(kinds)]
    ends = [[helper.make_tensor_value_info(name, TensorProto.FLOAT, [4, 5])] for name in ("t0", f"t{len(kinds)}")]
    return helper.make_model(helper.make_graph(nodes, "engine", *ends))


class Bench:
    """A host with a T4, whose TensorRT leaves a file with these *kinds* of nodes."""

    def __init__(self, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.root, self.kinds, self.asked, self.said = root, ["EPContext"], list[tuple[int, Mode, bool]](), list[str]()
        (root / "locks").mkdir(mode=0o700)
        self.host = Host("580.65.06", "13.0", (replace(T4, index=0, name="NVIDIA L4", ordinal=0), T4), simulated=False)
        patch.setattr(nvml, "read", lambda: self.host)
        patch.setattr(tensorrt, "installed", lambda device: "10.16.1.11")
        patch.setattr(tensorrt, "build", self._build)
        patch.setattr(runtime, "installed", lambda: "1.31.1")
        patch.setattr(tensorrt_engine, "ready", self)
        patch.setattr(child, "call", lambda work, title, **rest: work())
        self.path = tiny_graph.save(root / "bs4.onnx", 4)

    def environment(self, device: Device) -> dict[str, str]:
        return {}

    def _build(self, device: Device, index: int, mode: Mode, graph: Path, made: Path, beat: object) -> None:
        import onnx

        self.asked.append((index, mode, device_locks.is_free(str(self.root / "locks"), device.label)))
        onnx.save_model(engine(*self.kinds), str(made))

    def of(self, given: str = "") -> Graph:
        own = Given("mine.onnx", ((self.path, sha256(self.path)),), Asked("TCH"), given, same=True) if given else None
        return Graph(self.path, sha256(self.path), "", (), 1000, 7, own)

    def graph(self, mode: Mode = FP16, given: str = "") -> Graph:
        settings = Settings.parse({"artifacts": str(self.root / "artifacts"), "locks": str(self.root / "locks")})
        context = Context(settings, load_spec(TINY_MODELS, "tiny"), keeping(self.said))
        return tensorrt_engine.graph(context, self.of(given), "tiny-bs4", Case("tiny", 4, GPU, mode))


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_it_is_built_once_on_the_gpu_that_it_is_for(bench: Bench) -> None:
    """By the number by which CUDA knows it, while nobody else may use it. It holds its weights."""
    found = bench.graph()
    assert replace(bench.of(), path=found.path, digest=sha256(found.path), weights_bytes=found.path.stat().st_size, peak_bytes=0) == found
    assert "building tiny at batch 4 with TensorRT for NVIDIA T4 in fp16 (minutes) ..." == bench.said[0]
    assert found == bench.graph()
    assert [(4, FP16, False)] == bench.asked
    assert FILE == found.path.name

    other = bench.graph(FP32)
    assert (other.path.parent != found.path.parent, [(4, FP16, False), (4, FP32, False)]) == (True, bench.asked)


def test_everything_that_shapes_it_is_in_its_key() -> None:
    """Not the number of the GPU: an engine fits any of its kind."""
    of = Graph(Path("bs4.onnx"), "g" * 64, "w" * 64, (), 100, 200)
    own = Given("mine", ((Path("mine.onnx"), "a"),), Asked("TCH"), "fp32")

    def key(target: Target = TARGET, of: Graph = of, mode: Mode = FP16) -> str:
        return tensorrt_engine.stage("", of, "tsm-bs4", mode, target).key.digest

    assert key() == key(replace(TARGET, device=Device("cuda", 3))) == key(of=replace(of, path=Path("elsewhere.onnx")))
    changed = {"chip": "NVIDIA L4", "compute": "8.9", "driver": "590.1", "cuda": "13.1", "tensorrt": "10.14.1", "onnxruntime": "1.32.0"}
    others = [*(key(replace(TARGET, **{name: value})) for name, value in changed.items()),  # type: ignore[arg-type]
              key(mode=FP32), key(mode=Mode("tensorrt", "tf32")), key(of=replace(of, digest="h" * 64)),
              key(of=replace(of, weights_digest="v" * 64)), key(of=replace(of, given=own))]
    assert 12 == len({key(), *others})


@pytest.mark.parametrize(("kinds", "words"), [
    (["EPContext", "Softmax", "Cast"], "TensorRT takes a part of the graph only: Cast, Softmax"),
    (["EPContext", "EPContext"], "TensorRT takes a part of the graph only: it is cut into several engines"),
])
def test_what_tensorrt_does_not_take_whole_is_refused(bench: Bench, kinds: list[str], words: str) -> None:
    """Another provider would compute the rest, at another speed; nothing is kept."""
    bench.kinds = kinds
    with pytest.raises(EngineError) as caught:
        bench.graph()

    assert (words, str(bench.path)) == (caught.value.what, caught.value.where)
    assert not [*(bench.root / "artifacts" / "store" / "engine").glob("*")]


@pytest.mark.parametrize("gpus", [(), (replace(T4, compute=None),)])
def test_a_gpu_that_nvml_does_not_know_has_no_engine(bench: Bench, gpus: tuple[Gpu, ...]) -> None:
    bench.host = replace(bench.host, gpus=gpus)
    with pytest.raises(DeviceError, match="NVML does not say what cuda:1 is"):
        bench.graph()


@pytest.mark.parametrize(("given", "mode", "precision"), [("fp32", FP16, "fp16"), ("fp16", FP32, "fp16"), ("fp32", FP32, "fp32")])
def test_of_a_persons_graph_it_computes_as_the_engine_is_built(bench: Bench, given: str, mode: Mode, precision: str) -> None:
    """It is no longer the file that was given, nor the same as the model's."""
    found = bench.graph(mode, given).given

    assert found is not None
    assert ((), precision, False) == (found.files, found.precision, found.same)


def test_of_whole_numbers_no_engine_is_built(bench: Bench) -> None:
    with pytest.raises(GraphError, match="the graph computes in int8, of which no engine is built here"):
        bench.graph(given="int8")
    assert [] == bench.asked
