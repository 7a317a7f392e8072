"""ONNX Runtime's GPU package: imported, checked, and kept from computing on the CPU instead without a word.

A provider whose libraries are not all there is left out of a session: what is missing is only printed.
"""

from __future__ import annotations

import contextlib
import ctypes
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from tools.engines.cuda import faults, heard, libraries
from tools.engines.cuda.libraries import SETUP, UNNUMBERED
from tools.engines.onnxruntime_session import failures, not_loaded
from tools.errors import EngineError
from tools.machine import versions
from tools.spec.case import Device

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

    from tools.engines.fit import Asked

PACKAGE = "onnxruntime-gpu"
CUDA, TENSORRT, CPU = "CUDAExecutionProvider", "TensorrtExecutionProvider", "CPUExecutionProvider"
CUDNN = "libcudnn.so.9"  # ONNX Runtime begins without it, and fails at the first convolution
OF_HOST = ("mismatch", "missing")  # faults that are no graph's
Provider = tuple[str, dict[str, str]]


def installed() -> str:
    """The version of ONNX Runtime's GPU package; empty where it is not here."""
    [(_, version)] = versions.of(PACKAGE)
    return "" if version == versions.ABSENT else version


def raised() -> tuple[type[Exception], ...]:
    """What may come out of a call of ONNX Runtime: some of CUDA's errors are Python's own."""
    return (*failures(), RuntimeError, ValueError)


def import_runtime(device: Device) -> ModuleType:
    """ONNX Runtime with CUDA's libraries loaded from their packages.

    Raises:
        EngineError: it is not the GPU package, not for this device, or misses a library.
    """
    try:
        import onnxruntime
    except ImportError as error:
        raise EngineError(f"ONNX Runtime cannot be imported: {error}", remedy=SETUP) from error
    runtime: ModuleType = onnxruntime
    if bool(getattr(runtime, "__simulated__", False)) != device.simulated:
        raise EngineError(f"{device.label} and this ONNX Runtime disagree on whether they are a simulation", where=runtime.__file__,
                          remedy="device nodes, NVML and ONNX Runtime must be of one machine: check CLIPGATE_DEVICE_NODES and PYTHONPATH")
    if CUDA not in runtime.get_available_providers():
        raise EngineError(f"this ONNX Runtime computes on the CPU only: it has no {CUDA}", where=runtime.__file__,
                          remedy=f"{SETUP} puts {PACKAGE} in its place")
    with contextlib.redirect_stdout(None):  # it tells what it did not find, and a session says what of that is needed
        getattr(runtime, "preload_dlls", lambda: None)()
    if not device.simulated:
        _require_cudnn(runtime)
    return runtime


def _require_cudnn(runtime: ModuleType) -> None:
    try:
        ctypes.CDLL(CUDNN)
    except OSError as error:
        raise refusal(str(error), runtime) from error


def open_session(runtime: ModuleType, graph: Path, providers: Sequence[Provider], options: SessionOptions,
                 asked: Asked | None = None) -> InferenceSession:
    """A session on *graph* whose first provider is the first of *providers*.

    Raises:
        EngineError: ONNX Runtime refuses the file, or would compute it elsewhere.
    """
    wanted, session = providers[0][0], None
    with heard.stderr() as said:
        try:
            session = runtime.InferenceSession(str(graph), options, providers=[*providers, CPU], enable_fallback=0)
        except raised() as error:
            failed = error
    if session is None:
        printed = f"{said.text}\n{failed}"
        of_host = libraries.missing(printed, cuda_major(runtime)) or faults.diagnose(str(failed)).kind in OF_HOST
        raise (refusal(printed, runtime, wanted) if of_host else not_loaded(failed, graph, asked)) from failed
    if wanted not in session.get_providers():
        raise refusal(said.text, runtime, wanted)
    return session


def refusal(said: str, runtime: ModuleType, provider: str = CUDA) -> EngineError:
    """Why *provider* is not used, from what was printed: the library that is missing, or the fault."""
    if missing := libraries.missing(said, cuda_major(runtime)):
        return EngineError(missing.what, where=provider, remedy=missing.remedy)
    fault = faults.diagnose(said)
    printed = "\n    ".join(["it printed", *(fault.said or ("nothing",))])
    newer = f"install a driver for CUDA {cuda_version(runtime)} or newer; nvidia-smi shows which CUDA a driver runs"
    why = "ONNX Runtime does not say why" if fault.kind == "unknown" else fault.sentence
    return EngineError(f"{provider} is not used, and the CPU would compute in its place: {why}",
                       remedy=newer if fault.kind == "mismatch" else printed)


def cuda_version(runtime: ModuleType) -> str:
    """The CUDA that ONNX Runtime is built for, `13.0`; empty where it does not say."""
    return str(getattr(runtime, "cuda_version", "") or "")


def cuda_major(runtime: ModuleType) -> int:
    """Its major version."""
    found = re.match(r"\d+", cuda_version(runtime))
    return int(found[0]) if found else UNNUMBERED


def cudnn_version() -> str:
    """The version of the cuDNN that this process has loaded, `9.15.0`; empty where there is none."""
    try:
        number = int(ctypes.CDLL(CUDNN).cudnnGetVersion())
    except (OSError, AttributeError):
        return ""
    return f"{number // 10000}.{number % 10000 // 100}.{number % 100}"
