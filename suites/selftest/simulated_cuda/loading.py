"""Load the installed ONNX Runtime under its own name, and lay the simulated GPUs below its Python API."""

from __future__ import annotations

import importlib.util
import sys
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from simulated_cuda import providers


class Layer(ModuleType):
    """The extension module with some of its names replaced."""

    def __init__(self, real: ModuleType, replaced: dict[str, Any]) -> None:
        super().__init__(real.__name__)
        self._real = real
        self.__dict__.update(replaced)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)


def load(name: str) -> None:
    """Put the installed package beyond this folder in the place of the stand-in that asks.

    Raises:
        ImportError: there is none.
    """
    ours = Path(__file__).parents[1]
    spec = PathFinder.find_spec(name, [entry for entry in sys.path if Path(entry or ".").resolve() != ours])
    if spec is None or spec.loader is None:
        raise ImportError(f"No module named {name!r} beyond {ours}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    patch(module)


def patch(module: ModuleType) -> None:
    """Replace what knows of devices; the rest stays the installed package's."""
    from onnxruntime.capi import _pybind_state, build_and_package_info, onnxruntime_inference_collection

    from simulated_cuda import bindings, sessions, tensors

    real = onnxruntime_inference_collection.C
    replaced = {"get_available_providers": providers.available, "get_device": lambda: "GPU", "InferenceSession": sessions.made_of(real),
                "SessionIOBinding": bindings.SessionIOBinding, "OrtValue": tensors.OrtValue, "OrtValueVector": tensors.OrtValueVector,
                "register_tensorrt_plugins_as_custom_ops": providers.register_tensorrt_plugins}
    onnxruntime_inference_collection.C = Layer(real, replaced)
    for place in (module, _pybind_state):
        place.__dict__.update({name: replaced[name] for name in ("get_available_providers", "get_device")})
    for place in (module, build_and_package_info):
        place.__dict__.update(package_name="onnxruntime-gpu", cuda_version="13.0")
    module.__dict__.update(preload_dlls=providers.preload_dlls, __simulated__=True)
