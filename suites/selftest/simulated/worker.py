"""The simulated device itself: a process runs the graph while the caller waits inside one C call."""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from simulated import om

TYPES = {0: np.float32, 1: np.float16, 2: np.int8, 3: np.int32, 4: np.uint8, 6: np.int16, 7: np.uint16, 8: np.uint32, 9: np.int64,
         10: np.uint64, 11: np.float64, 12: np.bool_}
Array = np.ndarray[Any, Any]


class Graph:
    """A model ready to run on one thread."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        self.header, onnx = om.read(path)
        self._remembered: set[bytes] = set()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])

    def execute(self, request: dict[str, Any]) -> None:
        """Run once from the given memories into the given memories."""
        declared = zip(self.header["onnx_inputs"], self.header["inputs"], request["inputs"], strict=True)
        feeds = {name: self._rounded(request, np.array(view(memory, info))) for name, info, memory in declared}
        if request["unless_remembered_ms"]:
            self._remember(b"".join(array.tobytes() for array in feeds.values()), request["unless_remembered_ms"] / 1000)
        results = self._session.run(self.header["onnx_outputs"], feeds)
        for info, memory, result in zip(self.header["outputs"], request["outputs"], results, strict=True):
            view(memory, info)[...] = damaged(request, self._rounded(request, result))

    def _remember(self, content: bytes, seconds: float) -> None:
        if content not in self._remembered:
            time.sleep(seconds)
        self._remembered.add(content)

    def _rounded(self, request: dict[str, Any], array: Array) -> Array:
        if not request["rounding"] or array.dtype != np.float32:
            return array
        with np.errstate(over="ignore"):
            return array.astype(np.float16).astype(np.float32)


def view(memory: int, info: dict[str, Any]) -> Array:
    """The caller's device memory as an array."""
    file = os.open(f"/proc/{os.getppid()}/fd/{memory}", os.O_RDWR)
    try:
        return np.frombuffer(mmap.mmap(file, 0), TYPES[info["datatype"]], int(np.prod(info["shape"]))).reshape(info["shape"])
    finally:
        os.close(file)


def damaged(request: dict[str, Any], array: Array) -> Array:
    """The result as a fault of the numbers leaves it."""
    if "nan" in request["damage"] and array.dtype.kind == "f":
        return np.full_like(array, np.nan)
    if "shifted" in request["damage"]:
        return np.roll(array, 1, axis=-1)
    return array


def leave_with(parent: int) -> None:
    """End when the caller's process ends, however it ends and whichever of its threads started this one."""
    while os.getppid() == parent:
        time.sleep(0.05)
    os._exit(0)


def main() -> None:
    """Serve one caller: a line of JSON in, a line of JSON out."""
    parent, source, sink, model = int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=leave_with, args=(parent,), daemon=True).start()
    graph = Graph(model)
    os.write(sink, b"{}\n")
    with os.fdopen(source) as requests:
        for line in requests:
            request = json.loads(line)
            if "hang" in request["damage"]:
                threading.Event().wait()
            start = time.perf_counter()
            graph.execute(request)
            time.sleep(max(0.0, request["at_least_ms"] / 1000 - (time.perf_counter() - start)))
            os.write(sink, b"{}\n")
