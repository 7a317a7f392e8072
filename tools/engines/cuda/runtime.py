"""ONNX Runtime with CUDA: a place that is filled elsewhere."""

from __future__ import annotations

from types import ModuleType

from tools.errors import EngineError
from tools.spec.case import Device

PACKAGE = "onnxruntime-gpu"


def import_runtime(device: Device) -> ModuleType:
    raise EngineError("ONNX Runtime has no CUDA provider here")


def installed() -> str:
    return ""
