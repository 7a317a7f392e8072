"""What the real GPU package printed without a GPU or over a failing driver: each becomes one right sentence.

ONNX Runtime 1.31.1 printed it, over no driver at all and over a library that answered in its place.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest import tiny_graph
from suites.selftest.engines.cuda import stand_ins
from tools.engines.cuda import runtime
from tools.errors import EngineError

CAPI = "/srv/.venv/lib/python3.11/site-packages/onnxruntime/capi/"
LOADS = (
    "\x1b[0;93m2026-11-27 23:39:59.199255978 [W:onnxruntime:Default, onnxruntime_pybind_state.cc:856 operator()] No registered plugin EP "
    "device found for 'CUDAExecutionProvider' with device_id=0\x1b[m\n"
    "\x1b[1;31m2026-11-27 23:39:59.199767818 [E:onnxruntime:Default, provider_bridge_ort.cc:2458 operator()] /onnxruntime_src/onnxruntime/"
    "core/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() [ONNXRuntimeError] : 1 : FAIL : "
    "Failed to load library " + CAPI + "libonnxruntime_providers_cuda.so with error: {}\n\x1b[m\n"
    "\x1b[0;93m2026-11-27 23:39:59.199782776 [W:onnxruntime:Default, onnxruntime_pybind_state.cc:1295 "
    "CreateExecutionProviderFactoryInstance] Failed to create CUDAExecutionProvider. Require cuDNN 9.* and CUDA 13.*. Please install all "
    "dependencies as mentioned in the GPU requirements page, make sure they're in the PATH, and that your GPU is supported.\x1b[m\n")
PARSES = (
    "/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider_info.cc:63 static onnxruntime::CUDAExecutionProviderInfo "
    "onnxruntime::CUDAExecutionProviderInfo::FromProviderOptions(const onnxruntime::ProviderOptions&) [ONNXRuntimeError] : 1 : FAIL : "
    'provider_options_utils.h:187 Parse Failed to parse provider option "device_id": CUDA failure {} ; GPU=-1 ; hostname=vm ; '
    "file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_execution_provider_info.cc ; line=70 ; "
    "expr=cudaGetDeviceCount(&num_devices); ")
INSTEAD = "CUDAExecutionProvider is not used, and the CPU would compute in its place: "
OLD = "the driver is too old for the CUDA that ONNX Runtime is built for"


def refused(tmp_path: Path, **how: object) -> EngineError:
    library = stand_ins.onnxruntime(**how)  # type: ignore[arg-type]
    with pytest.raises(EngineError) as caught:
        runtime.open_session(library, tiny_graph.save(tmp_path / "tiny.onnx", 4), [(runtime.CUDA, {})], library.SessionOptions())
    return caught.value


@pytest.mark.parametrize(("error", "sentence", "remedy"), [
    ("libcuda.so.1: cannot open shared object file: No such file or directory",
     "libcuda.so.1 is missing: it comes with NVIDIA's driver", "install the driver"),
    ("libcublasLt.so.13: cannot open shared object file: No such file or directory",
     "libcublasLt.so.13 is missing: install nvidia-cublas", "./tools/setup --cuda"),
    (f"{CAPI}libonnxruntime_providers_cuda.so: undefined symbol: cuTensorMapEncodeTiled",
     f"{INSTEAD}{OLD}", "install a driver for CUDA 13.0 or newer"),
], ids=["no driver", "no library", "an old driver"])
def test_a_provider_that_does_not_load_is_told_by_what_it_lacks(tmp_path: Path, error: str, sentence: str, remedy: str) -> None:
    """The session is there all the same, on the CPU, and only a warning tells of it."""
    found = refused(tmp_path, falls_back=True, prints=LOADS.format(error))

    assert sentence == found.what
    assert remedy in str(found.remedy)


@pytest.mark.parametrize(("failure", "meaning", "remedy"), [
    ("35: CUDA driver version is insufficient for CUDA runtime version", OLD, "install a driver for CUDA 13.0 or newer"),
    ("100: no CUDA-capable device is detected", "CUDA has no such GPU", "nvidia-smi -L"),
    ("999: unknown error", "the driver failed in a way that it cannot name", "nvidia-modprobe"),
    ("803: system has unsupported display driver / cuda driver combination", "the CUDA libraries and the driver do not fit together",
     "install a driver"),
    ("804: forward compatibility was attempted on non supported HW", "the CUDA libraries and the driver do not fit together",
     "install a driver"),
], ids=lambda text: text.partition(":")[0] if text[0].isdigit() else "")
def test_a_driver_that_fails_is_no_fault_of_the_graph(tmp_path: Path, failure: str, meaning: str, remedy: str) -> None:
    """ONNX Runtime ends the session then, in the words of an option that it cannot parse."""
    found = refused(tmp_path, fails=PARSES.format(failure))

    assert f"CUDAExecutionProvider cannot be used: {meaning} (CUDA {failure.partition(':')[0]})" == found.what
    assert remedy in str(found.remedy)
    assert "verify" not in str(found.remedy)


def test_colours_for_a_terminal_are_left_out_of_what_is_shown(tmp_path: Path) -> None:
    """What nobody knows is shown as it was printed, but for them."""
    found = refused(tmp_path, falls_back=True, prints=LOADS.format("it is in a bad mood"))

    assert "ONNX Runtime does not say why" in found.what
    assert "it is in a bad mood" in str(found.remedy)
    assert "\x1b" not in str(found.remedy)
