"""TensorRT's provider: its options, what is missing of it, and that it computes all of a graph or nothing."""

from __future__ import annotations

import ctypes
import importlib.util
import os
import threading
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tools.engines.cuda import nodes, nvml, ready, runtime, tensorrt
from tools.engines.idle import Reading
from tools.errors import EngineError, OptionError
from tools.spec.case import Device, Mode
from tools.spec.settings import Settings

GPU, SIMULATED = Device("cuda", 0), Device("cuda", 0, simulated=True)
FP32, TF32, FP16 = Mode("tensorrt"), Mode("tensorrt", "tf32"), Mode("tensorrt", "fp16")
NAMES = ("libnvinfer.so.10", "libnvinfer_plugin.so.10", "libnvonnxparser.so.10")


@pytest.mark.parametrize(("mode", "more"), [(FP32, {}), (TF32, {}), (FP16, {"trt_fp16_enable": "1"})])
def test_a_session_that_loads_an_engine_needs_its_gpu_and_precision(mode: Mode, more: dict[str, str]) -> None:
    """By CUDA's number of the GPU, and nothing else."""
    assert ("TensorrtExecutionProvider", {"device_id": "3", **more}) == tensorrt.provider(3, mode)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with ONNX Runtime's provider, and with TensorRT's libraries as pip brings them."""
    origin, pip = tmp_path / "onnxruntime" / "__init__.py", tmp_path / "tensorrt_libs"
    (origin.parent / "capi").mkdir(parents=True)
    (origin.parent / "capi" / tensorrt.PROVIDER_FILE).write_bytes(b"\x7fELF\0libcudart.so.13\0libnvinfer.so.10\0libnvonnxparser.so.10\0")
    pip.mkdir()
    for name in NAMES:
        (pip / name).touch()
    specs = {"onnxruntime": SimpleNamespace(origin=str(origin)), "tensorrt_libs": SimpleNamespace(submodule_search_locations=[str(pip)])}
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: specs.get(name))
    monkeypatch.setattr(tensorrt, "FOLDERS", (tmp_path / "usr",))
    monkeypatch.delenv("LD_LIBRARY_PATH", raising=False)
    monkeypatch.delenv(nodes.OVERRIDE, raising=False)
    return tmp_path


def packages(monkeypatch: pytest.MonkeyPatch, **versions: str) -> None:
    def version(name: str) -> str:
        if name not in versions:
            raise PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(tensorrt, "version", version)


def test_its_version_is_that_of_the_package_or_of_the_library(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Libraries of a system are links to files that end in their version; a simulated one says that it is."""
    packages(monkeypatch, tensorrt_cu13_libs="10.16.1.11")
    tensorrt.require(GPU)
    assert "10.16.1.11" == tensorrt.installed(GPU)

    own = host / "own"
    (host / "tensorrt_libs").rename(own)
    (own / NAMES[0]).rename(own / "libnvinfer.so.10.13.3")
    (own / NAMES[0]).symlink_to("libnvinfer.so.10.13.3")
    monkeypatch.setenv("LD_LIBRARY_PATH", f"/nowhere:{own}")
    tensorrt.require(GPU)
    assert ("10.13.3", "simulated") == (tensorrt.installed(GPU), tensorrt.installed(SIMULATED))


def test_a_library_that_is_missing_is_named_with_its_package(host: Path) -> None:
    """In the version that this ONNX Runtime needs: a newer TensorRT has libraries of another name."""
    (host / "tensorrt_libs" / NAMES[2]).rename(host / "tensorrt_libs" / "libnvonnxparser.so.11")
    with pytest.raises(EngineError, match=r"TensorRT 10 is not installed: libnvonnxparser\.so\.10 is missing") as caught:
        tensorrt.require(GPU)

    assert "--engine tensorrt" == caught.value.where
    assert str(caught.value.remedy).startswith("pip install 'tensorrt-cu13>=10,<11' brings it for CUDA 13; without --engine tensorrt")
    tensorrt.require(SIMULATED)


def test_an_onnx_runtime_without_the_provider_is_told(host: Path) -> None:
    (host / "onnxruntime" / "capi" / tensorrt.PROVIDER_FILE).unlink()
    with pytest.raises(EngineError, match="this ONNX Runtime has no TensorRT provider") as caught:
        tensorrt.require(GPU)

    assert f"./tools/setup --cuda installs {runtime.PACKAGE}, which has it" == caught.value.remedy


@pytest.mark.parametrize(("mode", "override"), [(FP32, "0"), (TF32, None), (FP16, None)])
def test_a_process_computes_in_one_precision(host: Path, monkeypatch: pytest.MonkeyPatch, mode: Mode, override: str | None) -> None:
    """TensorRT computes float32 in TF32 unless a variable forbids it. Libraries are loaded in their order."""
    loaded: list[str] = []
    monkeypatch.setattr(ctypes, "CDLL", lambda path, mode: loaded.append(Path(path).name))
    monkeypatch.setattr(os, "environ", {})
    tensorrt.settle(mode)
    tensorrt.load_libraries(GPU)
    assert (override, list(NAMES)) == (os.environ.get("NVIDIA_TF32_OVERRIDE"), loaded)

    loaded.clear()
    tensorrt.load_libraries(SIMULATED)
    assert [] == loaded


def test_a_library_that_cannot_be_loaded_is_told(host: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file that is there is no library."""
    monkeypatch.setattr(os, "environ", {})
    with pytest.raises(EngineError, match=r"TensorRT's library cannot be loaded: .*file too short") as caught:
        tensorrt.load_libraries(GPU)

    assert str(host / "tensorrt_libs" / NAMES[0]) == caught.value.where


class Runtime:
    """A stand-in of ONNX Runtime that notes what it is asked for, and builds as it is told."""

    def __init__(self, does: Callable[[dict[str, str]], object], runs_in: list[str]) -> None:
        self.does, self.runs_in, self.asked, self.entries = does, runs_in, dict[str, str](), dict[str, str]()

    def SessionOptions(self) -> object:  # noqa: N802
        return SimpleNamespace(add_session_config_entry=self.entries.__setitem__)

    def InferenceSession(self, graph: str, options: object, providers: list[tuple[str, dict[str, str]]],  # noqa: N802
                         enable_fallback: int) -> object:
        [(name, self.asked)] = providers
        assert (runtime.TENSORRT, 0) == (name, enable_fallback)
        self.does(self.asked)
        return SimpleNamespace(get_providers=lambda: self.runs_in)


def built(monkeypatch: pytest.MonkeyPatch, made: Path, does: Callable[[dict[str, str]], object],
          runs_in: tuple[str, ...] = ("TensorrtExecutionProvider", "CPUExecutionProvider")) -> Runtime:
    module: Any = Runtime(does, list(runs_in))
    monkeypatch.setattr(runtime, "import_runtime", lambda device: module)
    tensorrt.build(SIMULATED, 2, FP16, Path("bs4.onnx"), made, lambda seconds: None)
    return module


def writing(options: dict[str, str]) -> None:
    Path(options["trt_ep_context_file_path"]).write_bytes(b"an engine")


def test_an_engine_lies_inside_one_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built in its precision for the GPU that is named; what TensorRT leaves to the CPU makes no session."""
    module = built(monkeypatch, tmp_path / "engine.onnx", writing)

    assert {"device_id": "2", "trt_fp16_enable": "1", "trt_dump_ep_context_model": "1", "trt_ep_context_embed_mode": "1",
            "trt_ep_context_file_path": str(tmp_path / "engine.onnx")} == module.asked
    assert {"session.disable_cpu_ep_fallback": "1"} == module.entries


@pytest.mark.parametrize("runs_in", [("CUDAExecutionProvider", "CPUExecutionProvider"), ("CPUExecutionProvider",), ()])
def test_a_session_that_fell_back_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runs_in: tuple[str, ...]) -> None:
    """ONNX Runtime says on stderr only that a provider was not loaded."""
    with pytest.raises(EngineError, match=f"TensorRT's provider does not load, and the session would run in {', '.join(runs_in)}"):
        built(monkeypatch, tmp_path / "engine.onnx", writing, runs_in)


def test_what_fails_ends_in_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ONNX Runtime raises, in its first line; and an engine that is not there."""
    def fails(options: object) -> None:
        raise RuntimeError("EP_FAIL : no memory\nmore")

    with pytest.raises(EngineError) as caught:
        built(monkeypatch, tmp_path / "engine.onnx", fails)
    assert "TensorRT's session cannot be made: EP_FAIL : no memory" == caught.value.what
    with pytest.raises(EngineError, match="TensorRT built no engine of the graph as a whole") as caught:
        built(monkeypatch, tmp_path / "engine.onnx", lambda options: None)
    assert ("bs4.onnx", tensorrt.DIFFERS) == (caught.value.where, caught.value.remedy)


def test_who_watches_hears_that_a_long_build_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the library holds the thread; nothing is told once it has ended."""
    monkeypatch.setattr(tensorrt, "BEAT_S", 0.01)
    told, heard = list[int](), threading.Event()

    def beat(seconds: int) -> None:
        told.append(seconds)
        heard.set()

    with tensorrt._beating(beat):
        assert heard.wait(10)
    before = len(told)
    assert 0 < before
    assert 0 == sum(thread.name == "tensorrt" for thread in threading.enumerate())


def test_what_is_missing_is_said_before_anything_is_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where TensorRT is asked for, and only there."""
    def missing(device: Device) -> None:
        raise EngineError("TensorRT 10 is not installed")

    monkeypatch.setattr(ready, "require_device", lambda device: None)
    monkeypatch.setattr(tensorrt, "require", missing)
    monkeypatch.setattr(ready, "_compute", lambda *given: None)
    ready.require_runtime(GPU, Settings.parse({"artifacts": str(tmp_path)}))
    with pytest.raises(EngineError, match="TensorRT 10 is not installed"):
        ready.require_runtime(GPU, Settings.parse({"artifacts": str(tmp_path), "engine": "tensorrt"}))


@pytest.mark.parametrize(("compute", "asked", "fits"), [
    ((7, 5), "tf32", False), ((7, 5), "fp16", True), ((7, 5), "auto", True), ((8, 0), "tf32", True), ((9, 0), "tf32", True),
    (None, "tf32", True),
])
def test_a_gpu_without_tf32_is_not_asked_for_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, compute: tuple[int, int] | None,
                                                asked: str, fits: bool) -> None:
    """It would compute in float32, under another name."""
    gpu = nvml.Gpu(0, "NVIDIA T4", "", compute, 1, 1, 0, (), Reading())
    monkeypatch.setattr(nvml, "read", lambda: nvml.Host("580", "13.0", (gpu,), simulated=False))
    check = partial(ready.require_precision, GPU, Settings.parse({"artifacts": str(tmp_path), "precision": asked}))
    if fits:
        check()
        return
    with pytest.raises(OptionError, match=r"NVIDIA T4 has no TF32: its compute capability is 7\.5, and TF32 needs 8\.0") as caught:
        check()
    assert "--precision tf32" == caught.value.where
