"""The simulated providers of ONNX Runtime have the traps of the real ones."""

from __future__ import annotations

import numpy as np
import pytest

from suites.selftest.simulated_cuda.trials import BATCH, WEIGHTS, CudaHost

EXPECTED = np.maximum(np.einsum("bchw,ochw->bo", BATCH, WEIGHTS), 0).reshape(2, 3, 1, 1)
MB = 1 << 20


def test_it_says_that_it_is_simulated_and_computes_the_graph(cuda_host: CudaHost) -> None:
    """The package, its distribution and its providers are there; the rest of it is the installed one's.

    A session for the CPU is as ever.
    """
    value = cuda_host.value("""
from importlib.metadata import version
import onnxruntime.transformers.float16
s, c = opened(), opened(CPU)
report([ort.__simulated__, pynvml.__simulated__, version("onnxruntime-gpu"), ort.cuda_version, ort.get_available_providers(),
        s.get_providers(), c.get_providers(), ran(s), s.run(None, {"video": BATCH})[0].tolist(), c.run(None, {"video": BATCH})[0].tolist()])
""")
    assert [True, True, "1.31.1", "13.0"] == value[:4]
    assert ["TensorrtExecutionProvider", "CUDAExecutionProvider", "CPUExecutionProvider"] == value[4]
    assert [["CUDAExecutionProvider", "CPUExecutionProvider"], ["CPUExecutionProvider"]] == value[5:7]
    for scores in value[7:]:
        np.testing.assert_allclose(np.array(scores, np.float32), EXPECTED, rtol=1e-5, atol=1e-5)


def test_a_run_that_nobody_waits_for_has_no_numbers_yet(cuda_host: CudaHost) -> None:
    """With the option that leaves work under way the output is stale, and the call takes no time.

    It is there after synchronize_outputs. A run without the option has waited.
    """
    cuda_host.cuda.fault("slow", ms=150)
    early, late, first_s, waited, second_s = cuda_host.value("""
s = opened()
binding, value = bound(s)
output = ort.OrtValue.ortvalue_from_shape_and_type((2, 3, 1, 1), np.float32, "cuda", 0)
binding.bind_ortvalue_output("scores", output)
begin = time.perf_counter()
s.run_with_iobinding(binding, unwaited())
first_s, early = time.perf_counter() - begin, output.numpy().ravel().tolist()
binding.synchronize_outputs()
late = output.numpy().ravel().tolist()
begin = time.perf_counter()
s.run_with_iobinding(binding)
report([early, late, first_s, output.numpy().ravel().tolist(), time.perf_counter() - begin])
""")
    assert [77.0] * 6 == early
    assert late == waited
    np.testing.assert_allclose(late, EXPECTED.ravel(), rtol=1e-5, atol=1e-5)
    assert first_s < 0.1
    assert second_s >= 0.149


def test_memory_that_is_written_while_a_run_reads_it_gives_other_numbers(cuda_host: CudaHost) -> None:
    """update_inplace does not wait for what is queued; another binding's memory may be written meanwhile."""
    cuda_host.cuda.fault("slow", ms=50)
    disturbed, beside = cuda_host.value("""
s = opened()
binding, value = bound(s)
other, second = bound(s)
def run(touched):
    for _ in range(2):
        s.run_with_iobinding(binding, unwaited())
    touched.update_inplace(np.zeros_like(BATCH))
    found = binding.copy_outputs_to_cpu()[0].ravel().tolist()
    value.update_inplace(BATCH)
    return found
report([run(value), run(second)])
""")
    assert [0.0] * 6 == disturbed
    np.testing.assert_allclose(beside, EXPECTED.ravel(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("code", "words"), [
    ("ran(s, batch=np.zeros((3, 3, 3, 3), np.float32))", "Got invalid dimensions for input: video"),
    ("ran(s, batch=BATCH.astype(np.float64))", "Unexpected input data type. Actual: (tensor(double))"),
    ("ran(s, device=1)", "no data transfer"),
    ("s.run_with_iobinding(s.io_binding())", "At least one output should be requested"),
    ("s.io_binding().bind_output('top5')", "Failed to find NodeArg with name: top5"),
    ("bound(s)[1].update_inplace(np.zeros(5, np.float32))", "does not match the size of the OrtValue"),
    ("freed(s)", "an illegal memory access"),
    ("opened(none='1')", 'Unknown provider option: "none"'),
    ("opened(use_tf32='2')", 'Failed to parse provider option "use_tf32"'),
    ("opened((CUDA, {'device_id': 2}))", "CUDA failure 101: invalid device ordinal"),
    ("opened('NoExecutionProvider')", "Unknown Provider Type"),
])
def test_what_does_not_fit_is_refused(cuda_host: CudaHost, code: str, words: str) -> None:
    """With a binding, and of a provider's options, every refusal is a RuntimeError."""
    found = cuda_host.value(f"""
def freed(s):
    address = ort.OrtValue.ortvalue_from_numpy(BATCH, "cuda", 0).data_ptr()
    s.io_binding().bind_input("video", "cuda", 0, np.float32, BATCH.shape, address)
s = opened()
report(error(lambda: {code}))
""")
    assert found.startswith("RuntimeError: ")
    assert words in found


@pytest.mark.parametrize(("library", "words"), [
    ("libcublasLt.so.13", "libcublasLt.so.13: cannot open shared object file"), ("libcuda.so.1", "libcuda.so.1: cannot open shared")])
def test_without_a_library_the_cpu_computes_and_only_fd_2_says_so(cuda_host: CudaHost, library: str, words: str) -> None:
    """No error, no Python warning: the session is there, without the provider. Memory on a GPU is refused."""
    cuda_host.cuda.change(missing=[library])
    done = cuda_host.try_("""
s = opened()
report([s.get_providers(), s.run(None, {"video": BATCH})[0].shape, error(bound, s), error(opened, TRT), ort.preload_dlls()])
""")
    assert [["CPUExecutionProvider"], [2, 3, 1, 1]] == done.value[:2]
    assert "CUDA Provider not available" in done.value[2]
    assert "Please install TensorRT libraries" in done.value[3]
    assert words in done.errors
    assert "Require cuDNN 9.* and CUDA 13.*" in done.errors
    assert (f"Failed to load {library}" in done.output) == ("cublas" in library)


def test_without_cudnn_only_a_run_says_so(cuda_host: CudaHost) -> None:
    """The provider does not link cuDNN: it is missed by the first convolution."""
    cuda_host.cuda.change(missing=["libcudnn.so.9"])
    providers, said = cuda_host.value("s = opened(); report([s.get_providers(), error(ran, s)])")
    assert "CUDAExecutionProvider" == providers[0]
    assert "libcudnn.so.9: cannot open shared object file" in said


def test_an_old_driver_has_no_gpu(cuda_host: CudaHost) -> None:
    """One whose newest CUDA is 12.4 cannot run what is built for 13."""
    cuda_host.cuda.change(cuda=12040)
    try:
        assert "CUDA failure 35: CUDA driver version is insufficient" in cuda_host.value("report(error(opened))")
    finally:
        cuda_host.cuda.change(cuda=13000)


def test_nodes_on_the_cpu_are_told(cuda_host: CudaHost) -> None:
    """By operator or name; who asked that the CPU take none gets no session."""
    cuda_host.cuda.change(on_cpu=["Conv_0", "FusedConv"])
    groups, refused = cuda_host.value("""
groups = opened().get_provider_graph_assignment_info()
report([[[group.ep_name, len(group.get_nodes())] for group in groups], error(opened, config=["session.disable_cpu_ep_fallback"])])
""")
    assert ["CPUExecutionProvider", 1] in groups
    assert refused.startswith("Fail: ")
    assert "fallback to CPU EP has been explicitly disabled" in refused


def test_cuda_counts_the_fastest_gpu_first(cuda_host: CudaHost) -> None:
    """Unless it is told to count by the bus, as NVML does; a variable may leave some out."""
    held = """
s = opened()
report([[one.pid == os.getpid() for one in pynvml.nvmlDeviceGetComputeRunningProcesses(gpu(index))] for index in (0, 1)])
"""
    assert [[[True], []], [[], [True]], [[], [True]]] == [
        cuda_host.value(held, **variables) for variables in ({}, {"CUDA_DEVICE_ORDER": ""}, {"CUDA_VISIBLE_DEVICES": "1"})]
    assert "CUDA failure 100: no CUDA-capable device" in cuda_host.value("report(error(opened))", CUDA_VISIBLE_DEVICES="")


def test_tf32_rounds_where_the_gpu_has_it_and_nobody_says_no(cuda_host: CudaHost) -> None:
    """The provider uses it by itself, a T4 has none, a variable decides. Another order of adding is small."""
    apart = """
def apart(**options):
    found = np.array(ran(opened(**options), device=options["device_id"]))
    return float(np.abs(found - np.array(exact)).max() / np.abs(exact).max())
exact = opened(CPU).run(None, {"video": BATCH})[0]
report([apart(device_id=0), apart(device_id=1), apart(device_id=1, use_tf32=0)])
"""
    t4, usual, off = cuda_host.value(apart)
    assert t4 == off == 0
    assert 2e-6 < usual < 2 ** -10
    assert [0, 0, 0] == cuda_host.value(apart, NVIDIA_TF32_OVERRIDE="0")
    cuda_host.cuda.change(rounding=True)
    assert 0 < cuda_host.value(apart)[2] < 1e-6


def test_memory_is_counted_and_ends(cuda_host: CudaHost) -> None:
    """NVML sees what lies on a GPU; what has no room there is refused in the arena's words."""
    used, refused, freed = cuda_host.value(f"""
def used():
    return pynvml.nvmlDeviceGetMemoryInfo(gpu(), version=pynvml.nvmlMemory_v2).used // {MB}
s = opened()
values = [ort.OrtValue.ortvalue_from_shape_and_type(({MB}, 8), np.float32, "cuda", 0)]
most = used()
refused = error(ort.OrtValue.ortvalue_from_shape_and_type, ({MB}, 4096), np.float32, "cuda", 0)
values.clear()
bound(s)
report([most, refused, used()])
""")
    assert used == pytest.approx(254 + 32, abs=2)
    assert freed == pytest.approx(254, abs=2)
    assert "RuntimeError: " in refused
    assert "Failed to allocate memory for requested buffer of size 17179869184" in refused
