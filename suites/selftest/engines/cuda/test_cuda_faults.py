"""What CUDA's last words mean."""

from __future__ import annotations

import pytest

from tools.engines.cuda.faults import diagnose
from tools.engines.faults import FaultKind

OF_CUDA = " : {} ; GPU=0 ; hostname=host ; file=/onnxruntime_src/onnxruntime/core/providers/cuda/cuda_call.cc ; line=28 ; expr=x"
CODES: dict[FaultKind, str] = {
    "lost": "214", "mismatch": "35 36 222 803 804 209 98", "memory": "2", "missing": "100 101 46", "start": "3 802", "driver": "999",
    "kernel": "700 702 710 714 715 716 717 718 719", "unknown": "1 400",
}
XIDS: dict[FaultKind, str] = {"lost": "79 119 120 48 64 95", "kernel": "13 31 43 45 69 94", "unknown": "63"}


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in CODES.items() for code in codes.split()])
def test_every_error_of_cuda_belongs_to_its_kind(kind: FaultKind, code: str) -> None:
    """As ONNX Runtime prints it; the line is shown, and the code is named."""
    line = f"[E:onnxruntime:Default, cuda_call.cc:123] CUDA failure {code}" + OF_CUDA.format("what CUDA calls it")
    fault = diagnose(f"before\n{line}\nafter\n")

    assert (kind, (f"CUDA {code}",), (line,)) == (fault.kind, fault.codes, fault.said)


@pytest.mark.parametrize(("kind", "code"), [(kind, code) for kind, codes in XIDS.items() for code in codes.split()])
def test_every_xid_belongs_to_its_kind(kind: FaultKind, code: str) -> None:
    fault = diagnose(f"NVRM: Xid (PCI:0000:3b:00): {code}, pid=1234, name=python, it says more")

    assert (kind, (f"Xid {code}",)) == (fault.kind, fault.codes)


@pytest.mark.parametrize(("kind", "said"), [
    ("memory", "Failed to allocate memory for requested buffer of size 1073741824"),
    ("memory", "bfc_arena.cc:376 Available memory of 1024 is smaller than requested bytes of 4096"),
    ("memory", "CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED"), ("memory", "TensorRT: Error Code 2: OutOfMemory"),
    ("memory", "ONNX Runtime cannot load the graph: out of memory"),
    ("kernel", "CUDNN failure 5000: CUDNN_STATUS_EXECUTION_FAILED"), ("kernel", "unspecified launch failure"),
    ("mismatch", "CUDA error cudaErrorNoKernelImageForDevice:no kernel image is available for execution on the device"),
    ("mismatch", "CUDA driver version is insufficient for CUDA runtime version"),
    ("mismatch", "forward compatibility was attempted on non supported HW"),
    ("start", "libcublasLt.so.13: cannot open shared object file: No such file or directory"),
    ("lost", "GPU 0000:3B:00.0: GPU has fallen off the bus."), ("lost", "GPU is lost"),
    ("load", "Load model from /x.onnx failed:Protobuf parsing failed."), ("unknown", "CUDA failures 2 in 719 runs"), ("unknown", "")])
def test_words_tell_where_no_code_does(kind: FaultKind, said: str) -> None:
    assert kind == diagnose(said).kind


def test_what_is_lost_explains_every_error_after_it() -> None:
    """Only its own codes are named; a failed kernel may be chance, and a lost GPU never is."""
    fault = diagnose("CUDA failure 719: unspecified\nNVRM: Xid (PCI:0000:3b:00): 79, fallen off\nCUDA failure 2: out of memory")

    assert ("lost", ("Xid 79",), False) == (fault.kind, fault.codes, fault.may_be_chance)
    assert "the GPU is lost: its driver no longer answers (Xid 79)" == fault.sentence
    assert [True, True, False] == [diagnose(f"CUDA failure {code}").may_be_chance for code in (719, 999, 2)]
