"""TensorRT behind ONNX Runtime's provider: its libraries, its options, and the engine that it builds.

The engine lies inside an ONNX file with one node, which its provider loads without building anything. Its
precision is settled while it is built. TensorRT computes float32 in TF32 by itself, and its provider has no
option for that: a variable of the process does it, which CUDA's libraries read when they are loaded. So a
process computes in one precision, which `settle` says first.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tools.engines.cuda import libraries, nodes, runtime
from tools.engines.onnxruntime_session import first_line
from tools.errors import EngineError
from tools.machine.versions import UNKNOWN
from tools.spec.case import Device, Mode

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

PROVIDER_FILE = "libonnxruntime_providers_tensorrt.so"
LIBRARIES = ("libnvinfer.so", "libnvinfer_plugin.so", "libnvonnxparser.so")  # in the order in which they need each other
MAJOR = re.compile(rb"libnvinfer\.so\.(\d+)")
FROM_PIP = ("tensorrt_cu13_libs", "tensorrt_cu12_libs", "tensorrt_libs")  # packages whose files lie in tensorrt_libs
FOLDERS = tuple(Path(place) for place in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/local/lib",
                                          "/usr/local/cuda/lib64", "/usr/local/tensorrt/lib", "/opt/tensorrt/lib"))
SIMULATED = "simulated"
NO_CPU = ("session.disable_cpu_ep_fallback", "1")
BEAT_S = 30.0
CUDA = libraries.UNNUMBERED  # which ONNX Runtime is built for
DIFFERS = "without --engine tensorrt the same graph runs in ONNX Runtime's own CUDA provider"


def provider(device_index: int, mode: Mode) -> tuple[str, dict[str, str]]:
    """The provider with its options, for a session that computes as *mode* says.

    device_index: the number by which CUDA opens the GPU.
    """
    options = {"device_id": str(device_index)}
    if mode.precision == "fp16":
        options["trt_fp16_enable"] = "1"
    return runtime.TENSORRT, options


def require(device: Device) -> None:
    """Check that TensorRT is here, in the version that this ONNX Runtime is built for.

    Raises:
        EngineError: a library is missing; it names the package to install.
    """
    if not device.simulated:
        _libraries()


def installed(device: Device) -> str:
    """TensorRT's version, by its package or by the name of its library; errors as for `require`."""
    if device.simulated:
        return SIMULATED
    first = _libraries()[0]
    for package in FROM_PIP if first.parent.name == "tensorrt_libs" else ():
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return first.resolve().name.partition(".so.")[2] or UNKNOWN


def settle(mode: Mode) -> None:
    """Let this process compute in that precision; CUDA's libraries read it when they are loaded."""
    if mode.precision == "":
        os.environ[nodes.OVERRIDE] = "0"


def load_libraries(device: Device) -> None:
    """Load TensorRT's libraries where no path leads to them, once those of CUDA are loaded.

    Raises:
        EngineError: a library is missing or cannot be loaded.
    """
    for path in () if device.simulated else _libraries():
        try:
            ctypes.CDLL(str(path), mode=ctypes.RTLD_GLOBAL)
        except OSError as error:
            raise EngineError(f"TensorRT's library cannot be loaded: {error}", where=str(path),
                              remedy=f"{libraries.install(CUDA)}; {DIFFERS}") from error


def build(device: Device, device_index: int, mode: Mode, graph: Path, made: Path, beat: Callable[[int], None]) -> None:
    """Build an engine of *graph* in this process, and write it as the ONNX file *made*.

    beat: is told every now and then how many seconds it has taken.

    Raises:
        EngineError: TensorRT is missing, fails, or would leave a part of the graph to another provider.
    """
    settle(mode)
    module = runtime.import_runtime(device)
    load_libraries(device)
    name, options = provider(device_index, mode)
    options |= {"trt_dump_ep_context_model": "1", "trt_ep_context_file_path": str(made), "trt_ep_context_embed_mode": "1"}
    with _beating(beat):
        session(module, graph, (name, options))
    if not made.is_file():
        raise EngineError("TensorRT built no engine of the graph as a whole", where=str(graph), remedy=DIFFERS)


def session(module: ModuleType, graph: Path, given: tuple[str, dict[str, str]]) -> InferenceSession:
    """A session on *graph* in which TensorRT computes everything; *module* is ONNX Runtime.

    Raises:
        EngineError: TensorRT does not load, fails, or would leave a part to another provider.
    """
    options: Any = module.SessionOptions()
    options.add_session_config_entry(*NO_CPU)
    try:
        made: InferenceSession = module.InferenceSession(str(graph), options, providers=[given], enable_fallback=0)
    except runtime.raised() as error:
        raise EngineError(f"TensorRT's session cannot be made: {first_line(error)}", where=str(graph), remedy=DIFFERS) from error
    require_alone(made, graph)
    return made


def require_alone(session: InferenceSession, graph: Path) -> None:
    """Refuse a session in which TensorRT does not compute: ONNX Runtime falls back where it does not load."""
    there = session.get_providers()
    if there[:1] != [runtime.TENSORRT]:
        raise EngineError(f"TensorRT's provider does not load, and the session would run in {', '.join(there) or 'nothing'}",
                          where=str(graph), remedy=f"{libraries.install(CUDA)}; {DIFFERS}")


def _libraries() -> list[Path]:
    """The files of TensorRT's libraries."""
    major, pip = _major(), importlib.util.find_spec("tensorrt_libs")
    folders = [*(Path(place) for place in (pip.submodule_search_locations or () if pip else ())),
               *(Path(place) for place in os.environ.get("LD_LIBRARY_PATH", "").split(os.pathsep) if place), *FOLDERS]
    found = {name: next((path for folder in folders if (path := folder / f"{name}.{major}").is_file()), None) for name in LIBRARIES}
    if missing := [f"{name}.{major}" for name, path in found.items() if path is None]:
        raise EngineError(f"TensorRT {major} is not installed: {', '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing",
                          where="--engine tensorrt", remedy=f"{libraries.install(CUDA, major)}; {DIFFERS}")
    return [path for path in found.values() if path is not None]


def _major() -> str:
    """The major version of TensorRT that the provider of this ONNX Runtime is built for.

    Raises:
        EngineError: there is no such provider.
    """
    spec = importlib.util.find_spec("onnxruntime")
    place = Path(spec.origin).parent / "capi" / PROVIDER_FILE if spec and spec.origin else Path(PROVIDER_FILE)
    try:
        named = MAJOR.search(place.read_bytes())
    except OSError as error:
        raise EngineError("this ONNX Runtime has no TensorRT provider", where=str(place),
                          remedy=f"{libraries.SETUP} installs {runtime.PACKAGE}, which has it") from error
    return named[1].decode() if named else UNKNOWN


@contextmanager
def _beating(beat: Callable[[int], None]) -> Iterator[None]:
    """Call *beat* with the seconds so far from time to time, while the block is in a library."""
    ended = threading.Event()

    def tell() -> None:
        seconds = 0.0
        while not ended.wait(BEAT_S):
            seconds += BEAT_S
            beat(int(seconds))

    thread = threading.Thread(target=tell, name="tensorrt", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
