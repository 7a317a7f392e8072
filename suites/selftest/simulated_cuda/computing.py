"""One run of a graph: what it needs, how it rounds, and what strikes it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Any, ClassVar

import numpy as np

from simulated_cuda import state, words
from simulated_cuda.devices import Context
from simulated_cuda.tensors import NAMES, Array, OrtValue

AMPERE = 8  # the first compute capability whose GPUs have TF32
CODES = {"Fail": "1 : FAIL", "InvalidArgument": "2 : INVALID_ARGUMENT", "RuntimeException": "6 : RUNTIME_EXCEPTION",
         "EPFail": "11 : EP_FAIL"}


class Failed(Exception):  # noqa: N818 - a state of a call, not an error of its own
    """What failed; how that is raised depends on what was called."""

    def __init__(self, text: str, kind: str = "InvalidArgument") -> None:
        super().__init__(text)
        self._kind = kind

    def raised_by(self, real: Any) -> Exception:
        """The error of the extension *real*; a run with a binding raises a RuntimeError instead."""
        error: Exception = getattr(real, self._kind)(f"[ONNXRuntimeError] : {CODES[self._kind]} : {self}")
        return error


def require_fitting(node: Any, value: OrtValue | None, context: Context | None, kind: str) -> None:
    """A value has to be there, of the graph's type and shape, and on the session's own GPU or the host."""
    if value is None:
        raise Failed(f"Non-zero status code returned while running Conv node. Name:'Conv_0' Status Message: Missing Input: {node.name}",
                     "Fail")
    if value.data_type() != node.type:
        raise Failed(f"Unexpected {kind} data type. Actual: ({value.data_type()}) , expected: ({node.type})")
    shape = [size if isinstance(size, int) else None for size in node.shape]
    wrong = [f" index: {place} Got: {got} Expected: {size}\n" for place, (got, size) in enumerate(zip(value.shape(), shape, strict=False))
             if size not in (None, got)]
    if wrong or len(shape) != len(value.shape()):
        raise Failed(f"Got invalid dimensions for {kind}: {node.name} for the following indices\n{''.join(wrong)}"
                     " Please fix either the inputs/outputs or the model.")
    if value.context not in (None, context):
        raise Failed(f"There's no data transfer registered for copying tensors from {value.device_name()} to the session's device",
                     "Fail")


def size_of(model: str | bytes) -> int:
    """The bytes of a graph with its weights, which may lie beside it."""
    if isinstance(model, bytes):
        return len(model)
    content = Path(model).read_bytes()
    return len(content) + sum(path.stat().st_size for path in Path(model).parent.iterdir()
                              if path.name != Path(model).name and path.name.encode() in content)


def room_for(node: Any, feeds: Mapping[str, OrtValue], context: Context | None) -> OrtValue:
    """Memory for an output, of the graph's shape and type; a free axis is the batch."""
    batch = next((value.shape()[0] for value in feeds.values() if value.shape()), 1)
    shape = [size if isinstance(size, int) else batch for size in node.shape]
    kind = node.type.removeprefix("tensor(").removesuffix(")")
    array = np.full(shape, 77, {named: numpy for numpy, named in NAMES.items()}.get(kind, kind))
    if context is not None:
        context.take(array.nbytes)
    return OrtValue(array, context)


@dataclass(frozen=True)
class Plan:
    """A run that is queued: it reads and writes its memory when its turn comes."""

    session: Any
    feeds: Mapping[str, OrtValue]
    results: Mapping[str, OrtValue]
    options: Mapping[str, str]
    context: Context | None
    remembered: ClassVar[set[bytes]] = set()

    def compute(self) -> None:
        """Read, compute and write."""
        arrays = {name: self._rounded(value.array) for name, value in self.feeds.items()}
        for value, result in zip(self.results.values(), self.session.run(list(self.results), arrays, None), strict=True):
            value.array[...] = result

    def _rounded(self, array: Array) -> Array:
        override = os.environ.get("NVIDIA_TF32_OVERRIDE")
        tf32 = self.options.get("use_tf32") in ("1", "True", "true") if override is None else override == "1"
        if self.context is None or array.dtype != np.float32 or not tf32 or self.context.gpu["compute"][0] < AMPERE:
            return array
        return rounded_to_tf32(array)

    def due(self, context: Context, batch: int | None) -> Callable[[], None]:
        """What the stream will do, with the faults that strike this run; some strike at once."""
        gpu = context.gpu
        _break(context, batch)
        hang, slow, remembers = state.due("hang", gpu, batch), state.due("slow", gpu, batch), state.due("remembers", gpu, batch)
        nan, shifted, moved = state.due("nan", gpu, batch), state.due("shifted", gpu, batch), state.read()["rounding"]

        def work() -> None:
            if hang:
                Event().wait()
            start = time.perf_counter()
            if remembers:
                self._remember(remembers.get("ms", 30) / 1000)
            self.compute()
            for value in self.results.values():
                value.array[...] = damaged(value.array, nan=bool(nan), shifted=bool(shifted), moved=bool(moved))
            if slow:
                time.sleep(max(0.0, slow.get("ms", 100) / 1000 - (time.perf_counter() - start)))

        return work

    def _remember(self, seconds: float) -> None:
        content = b"".join(value.array.tobytes() for value in self.feeds.values())
        if content not in self.remembered:
            time.sleep(seconds)
        self.remembered.add(content)


def _break(context: Context, batch: int | None) -> None:
    """Break the context where a kernel fails or the GPU is lost: this process can do nothing more there."""
    try:
        context.require_alive()
    except RuntimeError as error:
        raise Failed(words.node_failed(str(error)), "Fail") from None
    lost, kernel = state.due("lost", context.gpu, batch, at="run"), state.due("kernel", context.gpu, batch)
    if lost or state.lost(context.gpu):
        state.lose(context.gpu)
        context.broken = 999
    elif kernel:
        context.broken = kernel.get("code", 719)
    if context.broken:
        text = words.cuda_failure(context.broken, context.gpu["device"], "nn/conv.cc", 510, "cudaGetLastError()")
        raise Failed(words.node_failed(text), "EPFail" if kernel else "Fail")


def rounded_to_tf32(array: Array) -> Array:
    """float32 with the 10 bits of mantissa that TF32 keeps, rounded to nearest, ties to even."""
    bits = np.ascontiguousarray(array, np.float32).view(np.uint32)
    return ((bits + 0xFFF + ((bits >> 13) & 1)) & np.uint32(0xFFFFE000)).view(np.float32)


def damaged(array: Array, *, nan: bool, shifted: bool, moved: bool) -> Array:
    """The result as a fault leaves it, or moved by the last bit as another order of adding moves it."""
    if array.dtype.kind != "f":
        return array
    if nan:
        return np.full_like(array, np.nan)
    return np.roll(array, 1, axis=-1) if shifted else np.nextafter(array, array.dtype.type(np.inf)) if moved else array
