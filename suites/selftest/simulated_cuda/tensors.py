"""OrtValue below the Python API: an array that lies on the host or on a simulated GPU."""

from __future__ import annotations

import math
import weakref
from typing import Any, ClassVar

import numpy as np

from simulated_cuda import providers, state
from simulated_cuda.devices import Context

Array = np.ndarray[Any, Any]
NAMES = {"float32": "float", "float64": "double"}
ONNX = {1: np.float32, 2: np.uint8, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}
GPU = 1  # OrtDevice.cuda()


class OrtValueVector(list[Any]):
    """What a binding gives back."""


class OrtValue:
    """A tensor. On a GPU its numbers are there once the stream's work is done, not before."""

    by_address: ClassVar[weakref.WeakValueDictionary[int, OrtValue]] = weakref.WeakValueDictionary()

    def __init__(self, array: Array, context: Context | None = None) -> None:
        self.array, self.context = array, context
        if context is not None:
            weakref.finalize(self, context.give, array.nbytes)
        self.by_address[self.data_ptr()] = self

    @classmethod
    def ortvalue_from_numpy(cls, array: Array, device: Any) -> OrtValue:
        """A copy on a GPU, or this very array on the host."""
        context = on(device)
        if context is None:
            return cls(array)
        _take(context, array.nbytes, array.shape)
        return cls(np.array(array, order="C"), context)

    @classmethod
    def ortvalue_from_shape_and_type(cls, shape: Any, kind: Any, device: Any) -> OrtValue:
        """Memory with whatever was there before."""
        context = on(device)
        if context is not None:
            _take(context, math.prod(shape) * np.dtype(kind).itemsize, tuple(shape))
        return cls(np.full(tuple(shape), 77, np.dtype(kind)), context)

    @classmethod
    def ortvalue_from_shape_and_onnx_type(cls, shape: Any, kind: int, device: Any) -> OrtValue:
        return cls.ortvalue_from_shape_and_type(shape, ONNX[kind], device)

    def update_inplace(self, data: Array | OrtValue) -> None:
        """Copy bytes into this memory at once, of whatever type: what is queued will read the new ones."""
        array = data.array if isinstance(data, OrtValue) else data
        if array.size != self.array.size:
            raise RuntimeError("The input size of numpy arrays does not match the size of the OrtValue.")
        if self.context is not None:
            self.context.require_alive()
        given = np.frombuffer(array.tobytes()[:self.array.nbytes], np.uint8)
        self.array.reshape(-1).view(np.uint8)[:given.size] = given

    def numpy(self) -> Array:
        """The numbers as they are now: on the host a view, from a GPU a copy."""
        if self.context is None:
            return self.array
        self.context.require_alive()
        return np.array(self.array)

    def data_ptr(self) -> int:
        return int(self.array.ctypes.data)

    def device_name(self) -> str:
        return "cpu" if self.context is None else "cuda"

    def shape(self) -> list[int]:
        return list(self.array.shape)

    def data_type(self) -> str:
        return f"tensor({NAMES.get(self.array.dtype.name, self.array.dtype.name)})"

    def element_type(self) -> int:
        return next(number for number, kind in ONNX.items() if kind == self.array.dtype)

    def tensor_size_in_bytes(self) -> int:
        return int(self.array.nbytes)

    def has_value(self) -> bool:
        return True

    def is_tensor(self) -> bool:
        return True

    def is_sparse_tensor(self) -> bool:
        return False

    def is_tensor_sequence(self) -> bool:
        return False

    def _is_webgpu_buffer(self) -> bool:
        return False


def on(device: Any) -> Context | None:
    """The context of a GPU that an OrtDevice means; None for the host."""
    if device.device_type() != GPU:
        return None
    providers.require_loaded()
    return Context.of(device.device_id())


def _take(context: Context, size: int, shape: tuple[int, ...]) -> None:
    context.take((1 << 50) if state.due("oom", context.gpu, shape[0] if shape else None, at="input") else size)
