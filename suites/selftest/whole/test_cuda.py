"""Whole runs of the tiny model on simulated GPUs: verdicts, what is not idle, what fails, no fall-back."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import Run, python
from suites.selftest.simulated_cuda.host import A100, T4, SimulatedCuda
from suites.selftest.whole.test_run import results

CONTEXT_MB = 254  # what a process has on a simulated GPU before anything is loaded
FEW = "--clips=8"  # where it is about what fails, and not about every clip
REAL = "/dev/null"  # what a node links to, so that it is a character device as a real GPU's
READY = """
import sys
from pathlib import Path
from tools import engines
from tools.engines.cuda import probe
from tools.errors import ClipgateError
try:
    [device] = engines.named("cuda").devices()
    print(engines.family(device).describe(device).name)
    probe.tell(device)
except ClipgateError as error:
    print(f"{type(error).__name__}: {error}")
"""


def told(said: str, key: str = "verdict") -> dict[tuple[str, str], Any]:
    """What stands in the row of each metric of each case."""
    return {(row["case"].removeprefix("tiny-"), row["metric"]): row.get(key) for row in results(said)}


def kept(said: str, case: str, file: str) -> dict[str, Any]:
    """A JSON file of a case's folder."""
    found = re.search(r"^results: (.+)/results.jsonl$", said, re.MULTILINE)
    assert found, said
    read: dict[str, Any] = json.loads((Path(found[1]) / f"tiny-{case}" / file).read_text())
    return read


def test_a_case_gives_all_verdicts_and_a_second_run_builds_nothing(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """Accuracy and fidelity pass, the speed is recorded, everything says simulated and names engine and GPU.

    Whatever moves a number by its last bit passes too.
    """
    cuda = SimulatedCuda(tmp_path / "host")
    done = acceptance("-k", "bs4", "--device=cuda:0", environment=cuda.environment())
    cuda.change(rounding=True, on_cpu=["Gather", "Softmax"])
    again = acceptance("-k", "bs4 and not throughput", "--device=cuda:0", environment=cuda.environment())

    assert (0, 0) == (done.returncode, again.returncode), done.stdout + done.stderr + again.stdout
    passed = dict.fromkeys(("top1", "top5", "difference", "cosine", "flipped", "inputs"), "PASS (mini, simulated)")
    assert passed | {"clips/s": "RECORDED"} == {metric: word for (_, metric), word in told(done.stdout).items()}
    assert passed == {metric: word for (_, metric), word in told(again.stdout).items()}
    assert {(True, "SimNVIDIA T4")} == {(row["simulated"], row["chip"]) for row in results(done.stdout)}
    assert "clipgate: device cuda:0 (simulated);" in done.stdout
    assert not re.search(r"exporting|simplifying|making|fitting", again.stdout)
    cell = kept(done.stdout, "bs4-cuda0sim", "cell.json")
    assert ("580.95.05", "13.0", "1.31.1") == tuple(cell["versions"][name] for name in ("driver", "cuda", "onnxruntime-gpu"))
    assert ("NVML", "idle") == tuple(kept(done.stdout, "bs4-cuda0sim", "idle.json")[name] for name in ("source", "state"))


def test_two_workers_use_two_gpus_by_their_places_on_the_bus(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """Each cell is measured on the GPU that it names, though CUDA counts the faster one first.

    A kernel that fails once is tried again in a fresh process. An A100 does not round to TF32 unasked.
    """
    cuda = SimulatedCuda(tmp_path, T4, A100)
    kernel = cuda.fault("kernel", device=1, batch=4, times=1)
    done = acceptance("-n2", "-k", "bs4 and not throughput", "--device=cuda:0,cuda:1", environment=cuda.environment())

    assert done.returncode == 0, done.stdout + done.stderr
    assert {("bs4-cuda0sim", "SimNVIDIA T4"), ("bs4-cuda1sim", "SimNVIDIA A100-SXM4-80GB")} == {
        (case, chip) for (case, _), chip in told(done.stdout, "chip").items()}
    assert {"PASS (mini, simulated)"} == set(told(done.stdout).values())
    assert max(told(done.stdout, "measured_share")[case, "difference"] for case in ("bs4-cuda0sim", "bs4-cuda1sim")) < 1e-5
    assert 1 == cuda.count(kernel)
    why = told(done.stdout, "reason")
    assert "measured at the second attempt: a kernel failed on the GPU" in why["bs4-cuda1sim", "top1"]
    assert "second attempt" not in why["bs4-cuda0sim", "top1"]


def test_a_gpu_that_is_not_idle_carries_no_judgement_of_speed(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """One that is busy before, one that is while it is measured, one whose processes nobody can read."""
    cuda = SimulatedCuda(tmp_path, T4, T4, T4)
    cuda.fault("busy", device=0)
    cuda.fault("busy", device=1, at="during", pid=1, name="/usr/bin/trainer --all")
    cuda.fault("unreadable", device=2, what="processes", at="during")
    done = acceptance("-k", "bs4 and throughput", "--device=cuda:0,cuda:1,cuda:2", FEW, environment=cuda.environment())

    assert {"NO VERDICT"} == set(told(done.stdout).values()), done.stdout
    why = {case: reason for (case, _), reason in told(done.stdout, "reason").items()}
    assert "process 293029 python3" in why["bs4-cuda0sim"]
    assert "utilisation 97 %" in why["bs4-cuda0sim"]
    assert "process 1 trainer" in why["bs4-cuda1sim"]
    assert "utilisation" not in why["bs4-cuda1sim"], "it was seen before as well"
    assert "its processes cannot be read" in why["bs4-cuda2sim"]
    assert all(row["measured_clips_per_s"] > 0 for row in results(done.stdout))


def test_memory_ends_for_large_batches_and_a_lost_gpu_is_not_used_again(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """A batch that has no room leaves smaller ones alone, and is not tried twice.

    A GPU that has fallen off the bus is tried in a fresh process, and then no more in this run.
    """
    small = T4 | {"memory_mb": T4["reserved_mb"] + CONTEXT_MB + 92}  # 43 MB of weights, and 33 or 66 MB for batches of 4 or 8
    cuda = SimulatedCuda(tmp_path, small, T4)
    cuda.change(arena_factor=40)
    cuda.fault("lost", device=1, batch=4)
    done = acceptance("-k", "(bs4 or bs8) and accuracy", "--device=cuda:0,cuda:1", FEW, environment=cuda.environment())

    found, why = told(done.stdout), told(done.stdout, "reason")
    assert "PASS (mini, simulated)" == found["bs4-cuda0sim", "top1"], done.stdout
    assert ["ERROR"] * 3 == [found[case, "accuracy"] for case in ("bs8-cuda0sim", "bs4-cuda1sim", "bs8-cuda1sim")]
    assert "the GPU's memory is exhausted" in why["bs8-cuda0sim", "accuracy"]
    assert "twice" not in why["bs8-cuda0sim", "accuracy"]
    assert "GPU is lost: its driver no longer answers (twice, in two processes)" in why["bs4-cuda1sim", "accuracy"]
    assert "cuda1sim is not used again in this run: lost while tiny-bs4-cuda1sim was measured" in why["bs8-cuda1sim", "accuracy"]


def test_what_would_fall_back_to_the_cpu_is_refused_before_anything_is_built(acceptance: Run, tmp_path: Path) -> None:
    """One sentence names the library and the package that brings it."""
    cuda, artifacts = SimulatedCuda(tmp_path / "host"), tmp_path / "artifacts"
    cuda.change(missing=["libcublasLt.so.13"])
    done = acceptance("-k", "bs4", "--device=cuda:0", artifacts=artifacts, environment=cuda.environment())

    assert done.returncode == 4
    assert "libcublasLt.so.13 is missing: install nvidia-cublas" in done.stderr
    assert "EP Error" not in done.stdout + done.stderr
    assert not (artifacts / "store" / "data").exists()


@pytest.mark.parametrize(("change", "words"), [
    ({"missing": ["libcudnn.so.9"]}, "libcudnn.so.9"), ({"cuda": 12040}, "runs CUDA 12.4 at most"), ({}, "SimNVIDIA T4"),
    ({"missing": ["libcuda.so.1"]}, "libcuda.so.1 is missing: it comes with NVIDIA's driver")])
def test_each_part_that_is_missing_is_named(tmp_path: Path, change: dict[str, Any], words: str) -> None:
    """cuDNN, the driver's library, a driver that is too old; and with all of them there it computes."""
    cuda = SimulatedCuda(tmp_path)
    cuda.change(**change)
    done = python("-c", READY, environment=cuda.environment())

    assert words in done.stdout, done.stdout + done.stderr
    assert ("Error" in done.stdout) == bool(change)


def test_nothing_simulated_is_taken_for_real(tmp_path: Path) -> None:
    """Real nodes with stand-ins behind them, simulated nodes with a real package: each is refused."""
    cuda = SimulatedCuda(tmp_path)
    node = cuda.root / "dev" / "nvidia0"
    node.unlink()
    node.symlink_to(REAL)
    real_node = python("-c", READY, environment=cuda.environment())
    runtime = python("-c", READY.replace("print(engines.family(device).describe(device).name)", ""), environment=cuda.environment())
    node.unlink()
    node.touch()
    (cuda.root / "python" / "onnxruntime" / "__init__.py").unlink()
    shutil.rmtree(cuda.root / "python" / "onnxruntime")
    real_runtime = python("-c", READY, environment=cuda.environment())

    assert "cuda0 and the GPU name 'SimNVIDIA T4' disagree on whether this is a simulation" in real_node.stdout
    assert "cuda0 and this ONNX Runtime disagree on whether they are a simulation" in runtime.stdout
    assert "cuda0sim and this ONNX Runtime disagree on whether they are a simulation" in real_runtime.stdout


def test_auto_is_the_first_gpu_that_is_fit(acceptance: Run, tmp_path: Path) -> None:
    """A lost GPU is passed over and named; without the GPU package, or without NVML, the CPU is left."""
    cuda = SimulatedCuda(tmp_path, T4, T4)
    (cuda.root / "lost" / "0").touch()
    second = acceptance("-k", "none", environment=cuda.environment()).stdout
    cuda.fault("nvml", code=18)
    mismatched = acceptance("-k", "none", environment=cuda.environment()).stdout
    cuda.uninstall("onnxruntime")
    none = acceptance("-k", "none", environment=cuda.environment()).stdout

    assert "clipgate: device cuda:1 (simulated);" in second
    assert "not cuda0sim: cuda0sim is not fit to be used: a GPU is lost" in second
    assert "clipgate: device cpu;" in mismatched
    assert "Driver/library version mismatch" in mismatched
    assert "clipgate: device cpu;" in none
    assert "ONNX Runtime here computes on the CPU only" in none
