"""Whole runs of the tiny model on simulated GPUs in other precisions, by TensorRT, and held back by heat."""

from __future__ import annotations

from pathlib import Path

from suites.selftest.conftest import Run
from suites.selftest.simulated_cuda.host import A100, T4, SimulatedCuda
from suites.selftest.whole.test_cuda import FEW, kept, told


def test_a_gpu_that_holds_its_clock_back_carries_no_judgement_of_speed(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """Why, how hot and how slow it was stands in the reason; engine and feeding stand in the record."""
    cuda = SimulatedCuda(tmp_path)
    cuda.change(on_cpu=["Softmax"])
    cuda.fault("throttled", at="during")
    done = acceptance("-k", "bs4 and throughput", "--device=cuda:0", FEW, environment=cuda.environment())

    assert {("bs4-cuda0sim", "clips/s"): "NO VERDICT"} == told(done.stdout), done.stdout
    reason = told(done.stdout, "reason")["bs4-cuda0sim", "clips/s"]
    for word in ("throttled: hardware thermal slowdown", "92 C", "585 MHz"):
        assert word in reason
    cell = kept(done.stdout, "bs4-cuda0sim", "cell.json")
    assert ("CUDAExecutionProvider", "off") == (cell["engine"]["provider"], cell["engine"]["tf32"])
    assert cell["engine"]["nodes_on_cpu"].startswith("1: ")
    assert 0 < cell["busy"] <= 1


def test_each_precision_is_a_case_of_its_own_and_rounds_as_it_does(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """TF32 and float16 differ from torch by what their mantissas hold; accuracy is as good."""
    cuda = SimulatedCuda(tmp_path, A100)
    differences = {}
    for precision in ("tf32", "fp16"):
        done = acceptance("-k", "bs4 and not throughput", "--device=cuda:0", f"--precision={precision}", environment=cuda.environment())
        assert done.returncode == 0, done.stdout + done.stderr
        case = f"bs4-cuda0sim-{precision}"
        found = told(done.stdout)
        assert ("PASS (mini, simulated)", "RECORDED") == (found[case, "top1"], found[case, "difference"])
        assert precision == kept(done.stdout, case, "cell.json")["precision"]
        differences[precision] = told(done.stdout, "measured_share")[case, "difference"]

    assert all(1e-5 < difference < 1e-2 for difference in differences.values()), differences


def test_tensorrt_computes_where_it_is_and_is_asked_for(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """The case bears its name. Where TensorRT is not there, that is said before anything is built."""
    cuda = SimulatedCuda(tmp_path, T4, tensorrt="10.13.3.9")
    arguments = ("-k", "bs4 and not throughput", "--device=cuda:0", "--engine=tensorrt", "--precision=fp16", FEW)
    done = acceptance(*arguments, environment=cuda.environment())
    cuda.change(tensorrt=None)
    none = acceptance(*arguments, environment=cuda.environment())

    assert done.returncode == 0, done.stdout + done.stderr
    assert "PASS (mini, simulated)" == told(done.stdout)["bs4-cuda0sim-tensorrt-fp16", "top1"]
    assert "TensorrtExecutionProvider" == kept(done.stdout, "bs4-cuda0sim-tensorrt-fp16", "cell.json")["engine"]["provider"]
    assert none.returncode == 4
    assert "tensorrt" in none.stderr
