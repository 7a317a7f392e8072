"""Faults of a simulated GPU strike where and when they are due, and leave what the real ones leave."""

from __future__ import annotations

import pytest

from suites.selftest.simulated_cuda.trials import CudaHost

RUNS = "s = opened(); report([error(ran, s) for _ in range(3)])"


@pytest.mark.parametrize(("kind", "conditions", "failed", "words"), [
    ("kernel", {"nth": 2, "times": 1}, [False, True, True], "CUDA failure 719: unspecified launch failure"),
    ("kernel", {"batch": 4}, [False] * 3, ""),
    ("kernel", {"device": 1}, [False] * 3, ""),
    ("lost", {"nth": 2}, [False, True, True], "CUDA failure 999: unknown error"),
    ("oom", {"min_batch": 2}, [True] * 3, "Failed to allocate memory for requested buffer"),
    ("oom", {"min_batch": 3}, [False] * 3, ""),
    ("oom", {"at": "input", "nth": 2, "times": 1}, [False, True, False], "BFCArena::AllocateRawInternal"),
])
def test_faults_strike_where_they_are_due(cuda_host: CudaHost, kind: str, conditions: dict[str, int], failed: list[bool],
                                             words: str) -> None:
    """A broken context stays broken until its process ends."""
    cuda_host.cuda.fault(kind, **conditions)
    found = cuda_host.value(RUNS)
    assert failed == [one is not None for one in found]
    assert all(words in one and one.startswith("RuntimeError: ") for one in found if one)


def test_a_kernel_fault_ends_with_its_process_and_a_loss_does_not(cuda_host: CudaHost) -> None:
    """A fresh process runs after the one. After the other neither it nor NVML has that GPU."""
    cuda_host.cuda.fault("kernel", times=1)
    assert [True, False] == [any(cuda_host.value(RUNS)) for _ in range(2)]
    cuda_host.cuda.fault("lost", device=0, times=1)
    assert any(cuda_host.value(RUNS))
    code = "report([error(opened), error(opened, (CUDA, {'device_id': 1})), error(gpu, 0), error(gpu, 1)])"
    first, second, lost, there = cuda_host.value(code)
    assert "CUDA failure 100" in first
    assert "NVMLError_GpuIsLost: GPU is lost" == lost
    assert second is there is None


def test_a_failed_run_is_of_the_class_that_its_call_has(cuda_host: CudaHost) -> None:
    """`run` raises the runtime's own classes, which share no base; loading too."""
    cuda_host.cuda.fault("kernel", batch=2)
    cuda_host.cuda.fault("load", nth=3)
    assert [["EPFail", "Fail"], "RuntimeException"] == cuda_host.value("""
s, t, refused = opened(), opened(), error(opened)
said = [error(session.run, None, {"video": BATCH}).partition(":")[0] for session in (s, t)]
report([said, refused.partition(":")[0]])
""")


@pytest.mark.parametrize(("kind", "expected"), [("nan", "nan"), ("shifted", "shifted")])
def test_results_can_be_wrong(cuda_host: CudaHost, kind: str, expected: str) -> None:
    """All numbers are none, or stand one place beside theirs."""
    cuda_host.cuda.fault(kind, nth=2)
    right, wrong = cuda_host.value("s = opened(); report([np.array(ran(s)).tolist(), [str(x) for x in np.ravel(ran(s))]])")
    assert {"nan"} == set(wrong) if kind == "nan" else len(set(wrong)) > 1
    assert right


def test_an_engine_belongs_to_its_chip_and_version(cuda_host: CudaHost) -> None:
    """It is built once, found again, carried in a model; elsewhere it is refused, not left to the CPU."""
    build = """
options = {"trt_engine_cache_enable": "1", "trt_engine_cache_path": "engines", "trt_dump_ep_context_model": "1",
           "trt_ep_context_file_path": os.path.abspath("carried.onnx"), "trt_ep_context_embed_mode": "1"}
s = opened((TRT, options), CUDA)
before = {path: os.stat(f"engines/{path}").st_mtime_ns for path in os.listdir("engines")}
again = opened((TRT, options), CUDA)
carried = opened((TRT, {}), model="carried.onnx")
report([s.get_providers(), before == {path: os.stat(f"engines/{path}").st_mtime_ns for path in os.listdir("engines")}, list(before),
        np.array_equal(s.run(None, {"video": BATCH})[0], carried.run(None, {"video": BATCH})[0]),
        error(opened, (TRT, {"device_id": 1}), model="carried.onnx"), error(opened, CUDA, model="carried.onnx")])
"""
    providers, found_again, [file], same, elsewhere, by_cuda = cuda_host.value(build)
    assert ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"] == providers
    assert found_again
    assert same
    assert file.endswith("_sm75.engine")
    assert elsewhere.startswith("EPFail: [ONNXRuntimeError] : 11 : EP_FAIL : TensorRT EP could not deserialize engine from cache")
    assert "EPContext node" in by_cuda
    cuda_host.cuda.change(tensorrt="10.14.1.48")
    done = cuda_host.try_("report(error(opened, (TRT, {}), model='carried.onnx'))")
    assert "could not deserialize engine" in done.value
    assert "expecting library version 10.14.1.48 got 10.13.3.9" in done.errors
    cuda_host.cuda.change(tensorrt=None)
    assert "libnvinfer.so.10: cannot open shared object file" in cuda_host.try_("report(error(opened, TRT))").errors
    cuda_host.cuda.change(tensorrt="10.13.3.9")
