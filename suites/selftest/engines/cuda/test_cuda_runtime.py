"""ONNX Runtime's GPU package is refused, in one sentence, wherever the CPU would compute in a GPU's place."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from suites.selftest import tiny_graph
from suites.selftest.engines.cuda import stand_ins
from tools.engines.cuda import heard, libraries, runtime
from tools.errors import EngineError
from tools.machine import versions
from tools.spec.case import Device
from tools.spec.settings import ROOT

SIMULATED = Device("cuda", 0, simulated=True)
INSTEAD = "CUDAExecutionProvider is not used, and the CPU would compute in its place: "
UNLOADED = ("[E:onnxruntime:Default, provider_bridge_ort.cc:2458] Failed to load library /x/libonnxruntime_providers_cuda.so with error: "
            "{}: cannot open shared object file: No such file or directory\n")


def imported(monkeypatch: pytest.MonkeyPatch, device: Device = SIMULATED, **how: Any) -> Any:
    monkeypatch.setitem(sys.modules, "onnxruntime", stand_ins.onnxruntime(**how))
    return runtime.import_runtime(device)


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    return tiny_graph.save(tmp_path / "tiny.onnx", 4)


def refused(graph: Path, provider: str = runtime.CUDA, **how: Any) -> EngineError:
    library = stand_ins.onnxruntime(**how)
    with pytest.raises(EngineError) as caught:
        runtime.open_session(library, graph, [(provider, {})], library.SessionOptions())
    return caught.value


def test_the_gpu_package_is_imported_with_its_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    assert [("preloaded",)] == imported(monkeypatch).made


@pytest.mark.parametrize(("device", "how", "words"), [
    (SIMULATED, {"providers": ("CPUExecutionProvider",)}, "this ONNX Runtime computes on the CPU only: it has no CUDAExecutionProvider"),
    (SIMULATED, {"simulated": False}, "cuda0sim and this ONNX Runtime disagree on whether they are a simulation"),
    (Device("cuda", 0), {}, "cuda0 and this ONNX Runtime disagree on whether they are a simulation")], ids=range(3))
def test_another_package_is_refused(monkeypatch: pytest.MonkeyPatch, device: Device, how: dict[str, Any], words: str) -> None:
    with pytest.raises(EngineError) as caught:
        imported(monkeypatch, device, **how)
    assert (words, "/somewhere/onnxruntime/__init__.py") == (caught.value.what, caught.value.where)


def test_a_real_gpu_needs_cudnn_from_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime would begin without it, and fail at the first convolution."""
    monkeypatch.setattr(runtime, "CUDNN", "libcudnn.so.999")
    with pytest.raises(EngineError, match=r"^libcudnn\.so\.999 is missing: install nvidia-cudnn-cu13\n"):
        imported(monkeypatch, Device("cuda", 0), simulated=False)


@pytest.mark.parametrize(("library", "package"), [
    ("libcublasLt.so.13", "nvidia-cublas"), ("libcublas.so.13", "nvidia-cublas"), ("libcudart.so.13", "nvidia-cuda-runtime"),
    ("libcurand.so.10", "nvidia-curand"), ("libcufft.so.12", "nvidia-cufft"), ("libnvrtc.so.13", "nvidia-cuda-nvrtc"),
    ("libnvJitLink.so.13", "nvidia-nvjitlink"), ("libcudnn.so.9", "nvidia-cudnn-cu13"), ("libcudnn_graph.so.9", "nvidia-cudnn-cu13"),
    ("libnvinfer.so.10", "tensorrt-cu13"), ("libnvonnxparser.so.10", "tensorrt-cu13")])
def test_a_session_that_falls_back_names_library_and_package(graph: Path, library: str, package: str) -> None:
    error = refused(graph, falls_back=True, prints=UNLOADED.format(library))

    remedy = "./tools/setup --cuda installs what CUDA needs"
    if package == "tensorrt-cu13":  # set-up does not bring it
        remedy = "pip install 'tensorrt-cu13>=10,<11' brings it for CUDA 13; without --engine tensorrt it is not needed"
    assert (f"{library} is missing: install {package}", remedy) == (error.what, error.remedy)


def test_packages_of_another_cuda_are_named(graph: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The usual mistake; packages for CUDA 12 have its number in their names, and most of CUDA 13's none."""
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, "9" if name.endswith("-cu12") else versions.ABSENT) for name in names))
    error = refused(graph, falls_back=True, prints=UNLOADED.format("libcudnn.so.9"))

    assert ("libcudnn.so.9 is missing, and nvidia-cudnn is here for CUDA 12 while ONNX Runtime is built for CUDA 13: "
            "install nvidia-cudnn-cu13") == error.what
    assert ("nvidia-cublas-cu12", "nvidia-cublas") == (libraries.package("nvidia-cublas", 12), libraries.package("nvidia-cublas", 13))


@pytest.mark.parametrize(("printed", "words", "remedy"), [
    (UNLOADED.format("libcuda.so.1"), "libcuda.so.1 is missing: it comes with NVIDIA's driver", "--gpus all"),
    (UNLOADED.format("libstrange.so.1"), "libstrange.so.1 is missing", "./tools/setup --cuda"),
    ("CUDA failure 35: CUDA driver version is insufficient for CUDA runtime version\n",
     f"{INSTEAD}the driver is too old for the CUDA that ONNX Runtime is built for (CUDA 35)", "install a driver for CUDA 13.0 or newer"),
    ("it is in a bad mood\n", f"{INSTEAD}ONNX Runtime does not say why", "it is in a bad mood"),
    ("", f"{INSTEAD}ONNX Runtime does not say why", "nothing")], ids=range(5))
def test_a_session_that_falls_back_says_why(graph: Path, printed: str, words: str, remedy: str) -> None:
    error = refused(graph, falls_back=True, prints=printed)

    assert words == error.what
    assert remedy in str(error.remedy)


def test_a_session_that_fails_for_want_of_a_library_names_it(graph: Path) -> None:
    """TensorRT's provider ends the session, and prints which; an old driver may. Else it is the graph."""
    words = "Please install TensorRT libraries as mentioned"
    assert "libnvinfer.so.10 is missing: install tensorrt-cu13" == refused(
        graph, runtime.TENSORRT, fails=words, prints=UNLOADED.format("libnvinfer.so.10")).what
    error = refused(graph, fails="/x/cuda_call.cc:129 CudaCall(T) CUDA failure 35: CUDA driver version is insufficient ; GPU=0 ; line=3")
    assert f"{runtime.CUDA} {runtime.UNUSABLE}: the driver is too old for the CUDA that ONNX Runtime is built for (CUDA 35)" == error.what
    error = refused(graph, fails="it is no graph\nat all")
    assert ("ONNX Runtime cannot load the graph: it is no graph", str(graph)) == (error.what, error.where)


def test_a_session_is_asked_for_without_the_runtimes_own_fall_back(graph: Path) -> None:
    """It would open another one on the CPU and only print so."""
    library = stand_ins.onnxruntime()
    session: Any = runtime.open_session(library, graph, [(runtime.CUDA, {"device_id": "0"})], library.SessionOptions())

    assert (0, [(runtime.CUDA, {"device_id": "0"}), runtime.CPU]) == (session.enable_fallback, session.asked)


@pytest.mark.parametrize("to", ["a file", "a pipe"])
def test_what_is_printed_is_heard_and_still_printed(tmp_path: Path, to: str) -> None:
    """Once, in its place among what comes before and after, and also where the process then dies."""
    code = ("import os\nfrom tools.engines.cuda import heard\nos.write(2, b'before ')\n"
            "with heard.stderr() as said:\n    os.write(2, b'within ')\n"
            "os.write(2, said.text.upper().encode())\nos.write(2, b'after')\n")
    log = tmp_path / "log"
    with log.open("ab") as output:
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=output if to == "a file" else subprocess.PIPE, check=True)

    assert b"before within WITHIN after" == (log.read_bytes() if to == "a file" else done.stderr)


def test_last_words_reach_the_log_of_a_process_that_dies(tmp_path: Path) -> None:
    """A broken library may end it in the middle; only where stderr is a file, as a cell's is."""
    code = "import os\nfrom tools.engines.cuda import heard\nwith heard.stderr():\n    os.write(2, b'CUDA failure 719')\n    os.abort()\n"
    log = tmp_path / "log"
    with log.open("ab") as output:
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, stderr=output, check=False)

    assert b"CUDA failure 719" == log.read_bytes()


def test_a_process_without_rights_to_read_its_log_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heard, "STDERR", 999)
    assert heard._since(0) == ""
    assert os.fstat(2)


@pytest.mark.parametrize(("known", "version"), [({"onnxruntime-gpu": "1.31.1"}, "1.31.1"), ({"onnxruntime": "1.31.1"}, "")])
def test_the_installed_gpu_package_is_told(monkeypatch: pytest.MonkeyPatch, known: dict[str, str], version: str) -> None:
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, known.get(name, versions.ABSENT)) for name in names))
    assert version == runtime.installed()
