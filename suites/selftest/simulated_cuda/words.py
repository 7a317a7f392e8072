"""What the real runtime says, on fd 2 or in an error."""

from __future__ import annotations

import os
import time

SOURCES = "/onnxruntime_src/onnxruntime/core"
CUDA = {2: "out of memory", 35: "CUDA driver version is insufficient for CUDA runtime version", 100: "no CUDA-capable device is detected",
        101: "invalid device ordinal", 700: "an illegal memory access was encountered", 719: "unspecified launch failure",
        999: "unknown error"}
REQUIREMENTS = ("Please install all dependencies as mentioned in the GPU requirements page "
                "(https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#requirements), make sure they're in the "
                "PATH, and that your GPU is supported.")
NO_TENSORRT = (f"{SOURCES[:-5]}/python/onnxruntime_pybind_state.cc:729 void onnxruntime::python::RegisterTensorRTPluginsAsCustomOps("
               "PySessionOptions&, const onnxruntime::ProviderOptions&) Please install TensorRT libraries as mentioned in the GPU "
               "requirements page, make sure they're in the PATH or LD_LIBRARY_PATH, and that your GPU is supported.\n")
NO_PROVIDER = (f"{SOURCES}/session/provider_bridge_ort.cc:2465 onnxruntime::ProviderInfo_CUDA& onnxruntime::GetProviderInfo_CUDA() "
               "CUDA Provider not available, can't get interface for it\n")


def logged(level: str, place: str, text: str, logger: str = "Default") -> None:
    """Write a line of the runtime's own log, which goes to fd 2 past Python."""
    colour = {"W": "\x1b[0;93m", "E": "\x1b[1;31m"}[level]
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    os.write(2, f"{colour}{now}.000000000 [{level}:onnxruntime:{logger}, {place}] {text}\x1b[m\n".encode())


def absent(library: str) -> str:
    """The loader's words for a library that it does not find."""
    return f"{library}: cannot open shared object file: No such file or directory"


def cannot_load(library: str, missing: str) -> str:
    """The loader's words for a provider whose library misses another one."""
    return (f"{SOURCES}/session/provider_bridge_ort.cc:2043 onnxruntime::Provider& onnxruntime::ProviderLibrary::Get() "
            f"[ONNXRuntimeError] : 1 : FAIL : Failed to load library /simulated/onnxruntime/capi/{library} with error: "
            f"{absent(missing)}\n")


def cuda_failure(code: int, device: int, file: str, line: int, expression: str) -> str:
    """An error of the CUDA runtime, as ONNX Runtime quotes it."""
    return (f"{SOURCES}/providers/cuda/cuda_call.cc:136 std::conditional_t<THRW, void, onnxruntime::common::Status> onnxruntime::CudaCall("
            "ERRTYPE, const char*, const char*, SUCCTYPE, const char*, const char*, int) [with ERRTYPE = cudaError; bool THRW = true; "
            f"SUCCTYPE = cudaError] CUDA failure {code}: {CUDA[code]} ; GPU={device} ; hostname=simulated ; "
            f"file={SOURCES}/providers/cuda/{file} ; line={line} ; expr={expression}; \n")


def no_memory(size: int) -> str:
    """The arena's words when the GPU has no room for a buffer."""
    return (f"{SOURCES}/framework/bfc_arena.cc:376 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*) "
            f"Failed to allocate memory for requested buffer of size {size}\n")


def node_failed(words: str, kind: str = "Conv") -> str:
    """A node's failure, which is also logged."""
    text = f"Non-zero status code returned while running {kind} node. Name:'{kind}_0' Status Message: {words}"
    logged("E", "sequential_executor.cc:677 ExecuteKernel", text, "")
    return text
