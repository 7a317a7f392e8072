"""The simulated NVML has the functions, numbers and refusals of the real one."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from suites.selftest.simulated_cuda import nvml_values
from suites.selftest.simulated_cuda.trials import CudaHost


def test_its_names_and_numbers_are_the_installed_modules() -> None:
    """Constants, and the classes of errors by number."""
    real: Any = pytest.importorskip("pynvml")
    assert {name: getattr(real, name) for name in nvml_values.CONSTANTS} == nvml_values.CONSTANTS
    assert {value: real.nvmlExceptionClass(value).__name__ for value in nvml_values.CLASSES} == {
        value: error.__name__ for value, error in nvml_values.ERRORS.items()}
    assert {value: str(real.NVMLError(value)) for value in nvml_values.TEXTS if value != 13} == {
        value: str(nvml_values.NVMLError(value)) for value in nvml_values.TEXTS if value != 13}
    assert nvml_values.NVMLError(15) == nvml_values.ERRORS[15]() or isinstance(nvml_values.NVMLError(15), nvml_values.ERRORS[15])


def test_its_functions_are_the_installed_modules(cuda_host: CudaHost) -> None:
    """Each is there in the real module under its name."""
    real: Any = pytest.importorskip("pynvml")
    names = cuda_host.value("report([name for name in vars(pynvml) if name.startswith('nvml') and callable(getattr(pynvml, name))])")
    assert [] == [name for name in names if not inspect.isfunction(getattr(real, name, None)) and name != "nvmlInit_v2"]


def test_it_tells_a_gpu_as_it_is_at_each_question(cuda_host: CudaHost) -> None:
    """Idle, then as the state changes. Names bear no sign that they are simulated; the module has it."""
    code = """
def told(index):
    handle = gpu(index)
    return [pynvml.nvmlDeviceGetName(handle), pynvml.nvmlDeviceGetMinorNumber(handle), pynvml.nvmlDeviceGetUtilizationRates(handle).gpu,
            pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM), pynvml.nvmlDeviceGetTemperature(handle, 0),
            pynvml.nvmlDeviceGetCurrentClocksEventReasons(handle), len(pynvml.nvmlDeviceGetComputeRunningProcesses(handle)),
            pynvml.nvmlDeviceGetCudaComputeCapability(handle), error(pynvml.nvmlDeviceGetMigMode, handle)]
report([told(0), told(1), pynvml.nvmlSystemGetDriverVersion(), pynvml.nvmlSystemGetCudaDriverVersion_v2()])
"""
    assert [["Tesla T4", 0, 0, 300, 38, 1, 0, [7, 5], "NVMLError_NotSupported: Not Supported"],
            ["NVIDIA A100-SXM4-80GB", 1, 0, 300, 38, 1, 0, [8, 0], None], "580.95.05", 13000] == cuda_host.value(code)
    cuda_host.cuda.fault("busy", device=0)
    cuda_host.cuda.fault("throttled", device=1)
    assert [["Tesla T4", 0, 97, 300, 38, 1, 1], ["NVIDIA A100-SXM4-80GB", 1, 0, 585, 92, 0x40, 0]] == [
        told[:7] for told in cuda_host.value(code)[:2]]


@pytest.mark.parametrize(("kind", "details", "expected"), [
    ("unreadable", {"what": "utilisation"}, [None, "NVMLError_NotSupported: Not Supported", None]),
    ("unreadable", {"code": 999}, [None, "NVMLError_Unknown: Unknown Error", "NVMLError_Unknown: Unknown Error"]),
    ("nvml", {}, ["NVMLError_LibraryNotFound: NVML Shared Library Not Found"] + ["NVMLError_Uninitialized: Uninitialized"] * 2),
    ("nvml", {"code": 18}, ["NVMLError_LibRmVersionMismatch: RM has detected an NVML/RM version mismatch."]
     + ["NVMLError_Uninitialized: Uninitialized"] * 2),
])
def test_it_refuses_by_the_real_ones_errors(cuda_host: CudaHost, kind: str, details: dict[str, Any], expected: list[str | None]) -> None:
    """One question, all of them, or the start."""
    cuda_host.cuda.fault(kind, **details)
    assert expected == cuda_host.value("""
started = error(pynvml.nvmlInit)
handle = None if started else pynvml.nvmlDeviceGetHandleByIndex(0)
report([started, error(pynvml.nvmlDeviceGetUtilizationRates, handle), error(pynvml.nvmlDeviceGetTemperature, handle, 0)])
""")
