"""What the last words of CUDA mean, as ONNX Runtime, cuDNN, cuBLAS or the driver's kernel part prints them.

Known from CUDA's table of runtime errors and the driver's table of Xid errors. After an error of a kernel
CUDA asks for a fresh process and no more, so that the failure may be chance. A GPU that left the bus, whose
memory failed beyond repair, or whose firmware no longer answers stays so until it is reset: it is lost.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tools.engines.faults import Fault, Row, of_rows

FAILURE = re.compile(r"\b(CUDA|CUDNN|CUBLAS) failure (\d+)")
NAMED = re.compile(r"\b(cudaError[A-Z]\w+|CUDNN_STATUS_\w+|CUBLAS_STATUS_\w+)")
XID = re.compile(r"\bXid\b(?:\s*\([^)]*\))?\s*:?\s*(\d+)")
MARKED = re.compile(r"\[E:|\bFATAL\b|\bError\b|\bfailure\b|\bfailed\b|\bNVRM\b")
FULL = "the GPU's memory is exhausted"
LOST = "the GPU is lost: its driver no longer answers"
BROKEN = "the GPU's memory failed beyond repair: it must be reset"
OLD_DRIVER = "the driver is too old for the CUDA that ONNX Runtime is built for"
OTHER_GPU = "ONNX Runtime has no code for this kind of GPU"
KERNEL = "a kernel failed on the GPU"


def _cuda(*numbers: int) -> frozenset[str]:
    return frozenset(f"CUDA {number}" for number in numbers)


def _xid(*numbers: int) -> frozenset[str]:
    return frozenset(f"Xid {number}" for number in numbers)


# The first row that has one of the codes or words decides: a lost GPU explains every error after it.
ROWS = (
    Row("lost", LOST, _xid(79, 119, 120), words=("fallen off the bus", "gpu is lost")),
    Row("lost", BROKEN, _cuda(214) | _xid(48, 64, 95) | {"cudaErrorECCUncorrectable"}),
    Row("mismatch", OLD_DRIVER, _cuda(35, 36, 222) | {"cudaErrorInsufficientDriver", "cudaErrorUnsupportedPtxVersion"},
        ("cuda driver version is insufficient for cuda runtime version", "undefined symbol: cu")),
    Row("mismatch", "the CUDA libraries and the driver do not fit together", _cuda(803, 804)
        | {"cudaErrorSystemDriverMismatch", "cudaErrorCompatNotSupportedOnDevice"}, ("forward compatibility was attempted",)),
    Row("mismatch", OTHER_GPU, _cuda(209, 98) | {"cudaErrorNoKernelImageForDevice"}, ("no kernel image is available",)),
    Row("memory", FULL, _cuda(2) | {"CUBLAS 3", "cudaErrorMemoryAllocation", "CUBLAS_STATUS_ALLOC_FAILED", "CUDNN_STATUS_ALLOC_FAILED",
                                    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"},
        ("failed to allocate memory for requested buffer", "is smaller than requested bytes")),
    Row("missing", "CUDA has no such GPU", _cuda(100, 101) | {"cudaErrorNoDevice", "cudaErrorInvalidDevice"}),
    Row("missing", "the GPU is closed to this process: another one holds it alone, or its compute mode forbids it",
        _cuda(46) | {"cudaErrorDevicesUnavailable"}),
    Row("kernel", KERNEL, _cuda(700, 702, 714, 715, 716, 717, 718, 719, 710) | _xid(13, 31, 43, 45, 69, 94)
        | {"CUDNN 5000", "CUBLAS 13", "CUBLAS 14", "CUDNN 5003",
           "cudaErrorLaunchFailure", "cudaErrorIllegalAddress", "cudaErrorLaunchTimeout", "cudaErrorAssert",
           "CUDNN_STATUS_EXECUTION_FAILED", "CUBLAS_STATUS_EXECUTION_FAILED"},
        ("unspecified launch failure", "an illegal memory access was encountered")),
    Row("start", "CUDA did not start, which is not the model's fault: see to driver and libraries", _cuda(3, 802)
        | {"CUDNN 1001", "CUBLAS 1", "cudaErrorInitializationError", "cudaErrorSystemNotReady", "CUDNN_STATUS_NOT_INITIALIZED",
           "CUBLAS_STATUS_NOT_INITIALIZED"}),
    Row("start", "a library of CUDA is missing", words=("cannot open shared object file",)),
    Row("driver", "the driver failed in a way that it cannot name", _cuda(999) | {"cudaErrorUnknown"}),
    Row("memory", FULL, words=("out of memory", "outofmemory")),
    Row("load", "ONNX Runtime cannot load the model", words=("onnx runtime cannot load the graph", "load model from")),
)


def diagnose(log: str) -> Fault:
    """The fault in *log*, which is all that a process printed, with the text of its exception."""
    return of_rows(ROWS, log, tuple(dict.fromkeys(_codes(log))), lambda line: MARKED.search(line) or next(_codes(line), ""))


def _codes(text: str) -> Iterator[str]:
    """Codes as the table has them: `CUDA 719`, `Xid 79`, and names."""
    yield from (f"Xid {number}" for number in XID.findall(text))
    yield from (f"{library} {number}" for library, number in FAILURE.findall(text))
    yield from NAMED.findall(text)
