"""What doctor finds of CUDA's libraries and of the provider: another process loads them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest.engines.cuda.found import HOST, SETTINGS, host_of, packages
from tools.engines.cuda import findings, nodes, runtime
from tools.engines.findings import NOTE, OK, WRONG
from tools.errors import ChildError, EngineError
from tools.machine import child, device_locks
from tools.spec.case import Device
from tools.spec.settings import Settings

GONE = "{}: cannot open shared object file: No such file or directory"


@pytest.mark.parametrize(("answer", "word", "words"), [
    (("13.0", "9.20.0"), OK, "CUDA 13.0, cuDNN 9.20.0"),
    (("13.0", "", GONE.format("libcudnn.so.9")), WRONG, "libcudnn.so.9 is missing: install nvidia-cudnn-cu13"),
    (("13.0", "", GONE.format("libcublasLt.so.13"), GONE.format("libcublas.so.13")), WRONG, "install nvidia-cublas; 1 more are missing"),
    (("13.0", "", "libcudnn.so.9: invalid ELF header"), WRONG, "invalid ELF header"),
])
def test_a_library_that_is_missing_is_told_with_the_package_that_brings_it(answer: tuple[str, ...], word: str, words: str) -> None:
    """The loader's own words name the library, and a table the package."""
    found = findings.told_libraries(*answer)

    assert word == found.word
    assert words in found.found
    assert (word == OK) == (not found.remedy)


@pytest.mark.parametrize(("module", "words"), [
    ("cuda_version = '99.0'\ndef preload_dlls(): print('Failed to load')", "libcudart.so.99 is missing: install nvidia-cuda-runtime"),
    ("raise ImportError('libonnxruntime.so.1: bad')", "ONNX Runtime cannot be imported: ImportError: libonnxruntime.so.1: bad"),
])
def test_another_process_loads_the_libraries(module: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the CUDA that ONNX Runtime says it is built for; what it prints itself does not matter."""
    (tmp_path / "python").mkdir()
    (tmp_path / "python" / "onnxruntime.py").write_text(module)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "python"))
    packages(monkeypatch, onnxruntime_gpu="1.31.1")
    host_of(monkeypatch, tmp_path, HOST)
    [found] = findings.loaded(SETTINGS)

    assert WRONG == found.word
    assert words in found.found
    assert found.remedy


def raising(error: Exception, printed: str = "") -> Callable[..., object]:
    def call(*given: object, log: Path, **more: object) -> None:
        log.write_text(f"$ the command\n{printed}")
        raise error

    return call


@pytest.mark.parametrize(("error", "words"), [
    (EngineError("libcuda.so.1 is missing: it comes with NVIDIA's driver", remedy="install it"), "libcuda.so.1 is missing"),
    (ChildError("computing on a GPU was killed by SIGSEGV", remedy="see its log"), "was killed by SIGSEGV: CUDA failure 719"),
])
def test_the_provider_loads_in_another_process_or_is_wrong(
        error: Exception, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a GPU it is tried as well: what is missing then is the driver's library."""
    packages(monkeypatch, onnxruntime_gpu="1.31.1")
    host_of(monkeypatch, tmp_path, HOST)
    monkeypatch.setattr(child, "call", raising(error, "CUDA failure 719\n"))
    [found] = findings.provider(SETTINGS)

    assert (WRONG, True) == (found.word, bool(found.remedy))
    assert words in found.found


def test_a_gpu_that_is_measured_on_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at it would stand in that measurement as another process."""
    locks = tmp_path / "locks"
    locks.mkdir(mode=0o700)
    monkeypatch.setattr(runtime, "installed", lambda: "1.31.1")
    monkeypatch.setattr(nodes, "devices", lambda: [Device("cuda", 0)])
    monkeypatch.setattr(child, "call", lambda *given, **more: pytest.fail("it was tried"))
    with device_locks.hold(str(locks), "cuda0", lambda holder: None):
        [found] = findings.provider(Settings.parse({"locks": str(locks)}))

    assert (NOTE, "cuda:0 is being measured on, and was not tried") == (found.word, found.found)
