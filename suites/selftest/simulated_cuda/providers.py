"""The execution providers of the GPU package: whether their libraries load, and which options they take."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from simulated_cuda import state, words
from simulated_cuda.devices import Context

CPU, CUDA, TENSORRT = "CPUExecutionProvider", "CUDAExecutionProvider", "TensorrtExecutionProvider"
LIBRARIES = ("libcublasLt.so.13", "libcublas.so.13", "libcurand.so.10", "libcudart.so.13", "libcuda.so.1")
CUDNN = "libcudnn.so.9"  # which is not linked, but opened by the first node that needs it
PRELOADED = LIBRARIES[:3]  # whose absence preload_dlls tells
DEFAULTS = {
    "device_id": "0", "has_user_compute_stream": "0", "user_compute_stream": "0", "gpu_mem_limit": "18446744073709551615",
    "arena_extend_strategy": "kNextPowerOfTwo", "cudnn_conv_algo_search": "EXHAUSTIVE", "do_copy_in_default_stream": "1",
    "cudnn_conv_use_max_workspace": "1", "enable_cuda_graph": "0", "cudnn_conv1d_pad_to_nc1d": "0", "tunable_op_enable": "0",
    "tunable_op_tuning_enable": "0", "tunable_op_max_tuning_duration_ms": "0", "enable_skip_layer_norm_strict_mode": "0",
    "prefer_nhwc": "0", "use_ep_level_unified_stream": "0", "use_tf32": "1", "fuse_conv_bias": "0", "sdpa_kernel": "0", "enable_cudnn": "1",
    "gpu_external_alloc": "0", "gpu_external_free": "0", "gpu_external_empty_cache": "0",
}
WORDS = {"cudnn_conv_algo_search": ("EXHAUSTIVE", "HEURISTIC", "DEFAULT"), "arena_extend_strategy": ("kNextPowerOfTwo", "kSameAsRequested")}
SWITCHES = ("use_tf32", "do_copy_in_default_stream", "cudnn_conv_use_max_workspace", "enable_cuda_graph", "prefer_nhwc")
TRT_FLAGS = ("fp16_enable", "bf16_enable", "int8_enable", "engine_cache_enable", "timing_cache_enable", "force_timing_cache",
             "dump_ep_context_model", "detailed_build_log", "build_heuristics_enable", "cuda_graph_enable", "dla_enable", "dump_subgraphs",
             "force_sequential_engine_build", "context_memory_sharing_enable", "layer_norm_fp32_fallback", "sparsity_enable",
             "engine_hw_compatible", "weight_stripped_engine_enable", "int8_use_native_calibration_table")
TRT_TEXTS = ("engine_cache_path", "engine_cache_prefix", "timing_cache_path", "ep_context_file_path", "onnx_model_folder_path",
             "profile_min_shapes", "profile_max_shapes", "profile_opt_shapes", "tactic_sources", "extra_plugin_lib_paths",
             "int8_calibration_table_name", "preview_features", "op_types_to_exclude")
TRT_NUMBERS = {"max_workspace_size": "0", "max_partition_iterations": "1000", "min_subgraph_size": "1", "builder_optimization_level": "3",
               "auxiliary_streams": "-1", "ep_context_embed_mode": "0", "dla_core": "0"}
TRT_DEFAULTS = {"device_id": "0", "has_user_compute_stream": "0", "user_compute_stream": "0",
                **{f"trt_{name}": "0" for name in TRT_FLAGS}, **{f"trt_{name}": "" for name in TRT_TEXTS},
                **{f"trt_{name}": value for name, value in TRT_NUMBERS.items()}}


def available() -> list[str]:
    """What the package was built with, whether it loads or not."""
    return [TENSORRT, CUDA, CPU]


def missing() -> str | None:
    """The library that the CUDA provider's loader stumbles over."""
    absent = state.read()["missing"]
    return next((library for library in LIBRARIES if library in absent), None)


def require_loaded() -> None:
    """Fail as memory on a GPU does where the provider does not load."""
    library = missing()
    if library:
        words.logged("E", "provider_bridge_ort.cc:2458 operator()", words.cannot_load("libonnxruntime_providers_cuda.so", library))
        raise RuntimeError(words.NO_PROVIDER)


def preload_dlls(cuda: bool = True, cudnn: bool = True, msvc: bool = True, directory: str | None = None) -> None:
    """Say on standard output which libraries are not there, as the real one does."""
    absent = [library for library in PRELOADED if cuda and library in state.read()["missing"]]
    for library in absent:
        print(f"Failed to load {library}: {words.absent(library)}")
    if absent:
        print("Please follow https://onnxruntime.ai/docs/install/#cuda-and-cudnn to install CUDA.")


def cuda(asked: Mapping[str, str]) -> tuple[Context, dict[str, str]] | None:
    """The provider's context and options; None, and a warning on fd 2, where its libraries do not load.

    Raises:
        RuntimeError: an option is unknown, or the GPU cannot be had.
    """
    words.logged("W", "onnxruntime_pybind_state.cc:856 operator()",
                 f"No registered plugin EP device found for 'CUDAExecutionProvider' with device_id={asked.get('device_id', 0)}")
    library = missing()
    if library:
        words.logged("E", "provider_bridge_ort.cc:2458 operator()", words.cannot_load("libonnxruntime_providers_cuda.so", library))
        words.logged("W", "onnxruntime_pybind_state.cc:1295 CreateExecutionProviderFactoryInstance",
                     f"Failed to create CUDAExecutionProvider. Require cuDNN 9.* and CUDA 13.*. {words.REQUIREMENTS}")
        return None
    options = _checked(asked, DEFAULTS)
    return Context.of(int(options["device_id"])), options


def tensorrt(asked: Mapping[str, str]) -> tuple[Context, dict[str, str]] | None:
    """As `cuda`, for TensorRT's provider."""
    library = missing()
    if library or not state.read()["tensorrt"]:
        words.logged("E", "provider_bridge_ort.cc:2430 operator()",
                     words.cannot_load("libonnxruntime_providers_tensorrt.so", library or "libnvinfer.so.10"))
        return None
    options = _checked(asked, TRT_DEFAULTS)
    return Context.of(int(options["device_id"])), options


def register_tensorrt_plugins(session_options: Any, options: Mapping[str, str]) -> None:
    """Fail where TensorRT's libraries are not there, which comes before any session."""
    library = missing()
    if library or not state.read()["tensorrt"]:
        words.logged("E", "provider_bridge_ort.cc:2430 operator()",
                     words.cannot_load("libonnxruntime_providers_tensorrt.so", library or "libnvinfer.so.10"))
        raise RuntimeError(words.NO_TENSORRT)


def _checked(asked: Mapping[str, str], defaults: Mapping[str, str]) -> dict[str, str]:
    for name, value in asked.items():
        if name not in defaults:
            raise RuntimeError(f'{words.SOURCES}/framework/provider_options_utils.h:152 onnxruntime::common::Status onnxruntime::'
                               f'ProviderOptionsParser::Parse(const ProviderOptions&) const Unknown provider option: "{name}".\n')
        flag = name in SWITCHES or name.removeprefix("trt_") in TRT_FLAGS
        if value not in (WORDS.get(name) or (("0", "1", "True", "False", "true", "false") if flag else (value,))):
            raise RuntimeError(f'{words.SOURCES}/framework/provider_options_utils.h:147 Failed to parse provider option "{name}": '
                               f'Failed to parse value: "{value}"\n')
    return {**defaults, **asked}
