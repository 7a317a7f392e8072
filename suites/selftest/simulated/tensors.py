"""Tensors in host and device memory; device memory is an anonymous file the executing process also opens."""

from __future__ import annotations

import ctypes
import math
import mmap
import os
import time
from typing import Any, ClassVar

import numpy as np

from simulated import acl, state, values

CODES = {number: code for code, number in values.FORMATS.items()}


class DeviceMemory:
    """Bytes on a device, under the context that allocated them; freed with their last reference."""

    def __init__(self, size: int, device: int, context: int) -> None:
        self.size, self.device, self.context, self._pid = size, device, context, os.getpid()
        self.file = os.memfd_create("device")
        os.ftruncate(self.file, max(size, 1))
        self.bytes = mmap.mmap(self.file, max(size, 1))

    def __del__(self) -> None:
        os.close(self.file)

    def alive(self) -> bool:
        """Whether the context this memory belongs to still exists, in this process."""
        return self._pid == os.getpid() and self.context in acl.Process.contexts.get(self.device, ())


class MemorySummary:
    """Durations of copies in milliseconds; one for the whole process."""

    _one: ClassVar[dict[str, list[float]]] = {"H2D_time_list": [], "D2H_time_list": []}

    def __init__(self) -> None:
        self.__dict__ = self._one

    def reset(self) -> None:
        for times in self._one.values():
            times.clear()


class BaseTensor:
    """A host address and a size: no copy, no ownership, no check."""

    __slots__ = ("buf", "size")

    def __init__(self, buf: int, size: int) -> None:
        self.buf, self.size = buf, size


class Tensor:
    """An array in host memory until to_device, and again after to_host."""

    __slots__ = ("__weakref__", "_dtype", "_host", "_memory", "_shape")

    def __init__(self, array: object) -> None:
        view = memoryview(array)  # type: ignore[arg-type]
        acl.check_fork()
        if acl.bound() is None:
            acl.say_recent("EE1001: The argument is invalid. Reason: no context on this thread. aclrtMallocHost failed, "
                           "runtime result = 107002")
            acl.fail(2)
        number = values.FORMATS.get(view.format, values.dtype.uint8.value)
        self._dtype, self._shape = values.dtype(number), list(view.shape or ())
        self._host: np.ndarray[Any, Any] | None = bytes_from_start(array, math.prod(self._shape) * values.SIZES[number])
        self._memory: DeviceMemory | None = None

    @classmethod
    def on_device(cls, memory: DeviceMemory, number: int, shape: list[int]) -> Tensor:
        """An output: it owns the device memory and nothing on the host."""
        tensor = cls.__new__(cls)
        tensor._dtype, tensor._shape, tensor._host, tensor._memory = values.dtype(number), list(shape), None, memory
        return tensor

    dtype = property(lambda self: self._dtype)
    shape = property(lambda self: list(self._shape))
    device = property(lambda self: -1 if self._memory is None else self._memory.device)
    type = property(lambda self: values.type.memory_host if self._memory is None else values.type.memory_device)

    @property
    def __array_interface__(self) -> dict[str, Any]:
        if self._host is None:
            raise AttributeError("tensor is in npu. can't convert to numpy array")
        code = np.dtype(CODES[self._dtype.value]).str
        return {"version": 3, "shape": tuple(self._shape), "typestr": code, "data": (self._host.ctypes.data, False)}

    def byte_size(self) -> int:
        """What shape and type say, whatever the memory is."""
        return math.prod(self._shape) * values.SIZES[self._dtype.value]

    def memory_on(self, device: int) -> DeviceMemory | None:
        """The memory a device can read; None for a host address, another device's or a dead context's."""
        there = self._memory is not None and self._memory.device == device and self._memory.alive()
        return self._memory if there else None

    def to_device(self, device_id: int) -> None:
        """Copy to a device, under the device's first context."""
        if not 0 <= device_id <= 255:
            raise RuntimeError("device id is out of range")
        acl.check_fork()
        if self._memory is not None and self._memory.device == device_id:
            return
        acl.physical(device_id)
        acl.bind(device_id, 0)
        data = self._host_bytes()
        if state.due("oom", device=acl.physical(device_id), at="input"):
            out_of_memory(len(data))
        start = time.perf_counter()
        memory = DeviceMemory(len(data), device_id, 0)
        memory.bytes[:len(data)] = data.data
        MemorySummary().H2D_time_list.append(1000 * (time.perf_counter() - start))
        self._memory, self._host = memory, None

    def to_host(self) -> None:
        """Copy to the host; the device's copy is freed."""
        if self._memory is not None:
            start = time.perf_counter()
            self._host, self._memory = self._host_bytes(), None
            MemorySummary().D2H_time_list.append(1000 * (time.perf_counter() - start))

    def _host_bytes(self) -> np.ndarray[Any, Any]:
        if self._memory is None:
            assert self._host is not None
            return self._host
        device = self._memory.device
        known = acl.bound() is not None and self._memory.alive()
        if not known or state.lost(acl.physical(device)) or state.due("copy", device=acl.physical(device)):
            acl.say_recent("EE9999: Inner Error! rtMemcpy execute failed, runtime result = 507899")
            acl.say(4, "Tensor copy buffer failed. ret=26")
            acl.fail(26)
        return np.frombuffer(self._memory.bytes, np.uint8, self._memory.size).copy()

    def __str__(self) -> str:
        return f"<Tensor>\nshape:\t{tuple(self._shape)}\ndtype:\t{self._dtype.name}\ndevice:\t{self.device}"

    __repr__ = __str__


def bytes_from_start(array: object, count: int) -> np.ndarray[Any, Any]:
    """The bytes behind an array's address, whatever its strides say; beyond its memory there is garbage."""
    found = np.asarray(array)
    low, high = np.lib.array_utils.byte_bounds(found)
    address = found.ctypes.data
    copy = np.full(count, 0xA5, np.uint8)
    ctypes.memmove(copy.ctypes.data, address, max(0, min(count, high - address)) if address >= low else 0)
    return copy


def out_of_memory(size: int, code: int = 2) -> None:
    """The words and the error of a failed allocation.

    Raises:
        RuntimeError: always.
    """
    acl.say_recent(f"EL0004: Failed to allocate memory. Possible Cause: Available memory is insufficient. rtMalloc failed, size:{size}, "
                   "runtime result = 207001")
    acl.say(4, f"MxbsMalloc failed, size:{size} ret:{code}")
    acl.fail(code)
