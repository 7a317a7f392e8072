"""Whole runs of the tiny model on a simulated NPU: torch weights through atc to verdicts, and all faults."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import TINY_MODELS, Run
from suites.selftest.simulated.npu import SimulatedNpu, Variant
from suites.selftest.whole.test_run import results
from tools.measuring.predictions import FILE, load

FEW = "--clips=8"  # where it is about what fails, and not about every clip
in_one_run = pytest.mark.xdist_group("one run on failing NPUs")  # by a worker that makes each of both runs once


def words(said: str) -> dict[tuple[str, str], str]:
    """The verdict of each metric of each case."""
    return {(row["case"].removeprefix("tiny-"), row["metric"]): row["verdict"] for row in results(said)}


def reasons(said: str) -> dict[tuple[str, str], str]:
    return {(row["case"].removeprefix("tiny-"), row["metric"]): row["reason"] for row in results(said)}


def case_folder(said: str, case: str) -> Path:
    found = re.search(r"^results: (.+)/results.jsonl$", said, re.MULTILINE)
    assert found, said
    return Path(found[1]) / f"tiny-{case}"


def rows_of(said: str, case: str) -> list[dict[str, Any]]:
    return [row for row in results(said) if row["case"] == f"tiny-{case}"]


def not_judged(said: str, case: str) -> str:
    """Why the one row of a case, a rate that is told, is NO VERDICT."""
    [row] = rows_of(said, case)
    assert ("clips/s", "NO VERDICT", "mean") == (row["metric"], row["verdict"], row["statistic"])
    assert row["measured_clips_per_s"] > 0
    return str(row["reason"])


@dataclass(frozen=True, slots=True)
class Failing:
    """What a run said, and how often a fault of each name struck in it."""

    said: str
    struck: Mapping[str, int]

    def words(self, device: str) -> dict[str, str]:
        """The verdict on accuracy of each case of a device."""
        return {case: word for (case, metric), word in words(self.said).items()
                if metric in ("accuracy", "top1") and case.endswith(f"-{device}")}


@pytest.mark.parametrize("variant", ["2023-06", "2024-05"])
def test_a_case_goes_from_weights_through_atc_to_verdicts(acceptance: Run, tiny_store: Path, tmp_path: Path, variant: Variant) -> None:
    """With either build of the runtime accuracy passes; everything says simulated.

    What fp16 has no limits for is recorded.
    """
    npu, kept = SimulatedNpu(tmp_path / "host", variant=variant, rounding=True), tmp_path / "benchmark.json"
    done = acceptance("-k", "bs4", "--device=npu:0", f"--benchmark-json={kept}", environment=npu.environment())

    assert done.returncode == 0, done.stdout + done.stderr
    assert {"top1": "PASS (mini, simulated)", "top5": "PASS (mini, simulated)", "difference": "RECORDED", "cosine": "RECORDED",
            "flipped": "RECORDED", "inputs": "PASS (mini, simulated)", "clips/s": "RECORDED"} == {
                metric: word for (_, metric), word in words(done.stdout).items()}
    assert {(True, "Sim310P3")} == {(row["simulated"], row["chip"]) for row in results(done.stdout)}
    difference = next(row["measured_share"] for row in results(done.stdout) if row["metric"] == "difference")
    assert 1e-5 < difference < 1e-2, "the engine does not run in the rounding it was asked for"
    [benchmark] = json.loads(kept.read_text())["benchmarks"]
    info, times = benchmark["extra_info"], json.loads((case_folder(done.stdout, "bs4-npu0sim") / "times.json").read_text())
    assert (True, "Sim310P3") == (info["simulated"], info["chip"])
    assert benchmark["stats"]["data"] == times["series"]
    assert len(times["series"]) == len(times["device_series"])
    assert info["clips_per_s"] == pytest.approx(4 * len(times["device_series"]) / sum(times["device_series"]))
    assert not (case_folder(done.stdout, "bs4-npu0sim") / "scratch").exists()
    assert ("23.0.0", "8.0.0", "0.0.2") == tuple(info["versions"][name] for name in ("driver", "cann", "aclruntime"))


@pytest.fixture(scope="module")
def failing(acceptance: Run, tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Failing:
    """One run on a host with five devices, each of which fails in its own way."""
    npu = SimulatedNpu(tmp_path_factory.mktemp("failing"), devices=5, variant="2025-12")
    npu.fault("hang", device=0, batch=4)
    npu.fault("lost", device=1, batch=4)
    npu.fault("mismatch", device=2)
    npu.fault("kernel", device=3, batch=4, times=1)
    struck = {"memory": npu.fault("oom", device=3, min_batch=8), "kernel": npu.fault("kernel", device=4)}
    done = acceptance("-k", "accuracy and (bs4 or (bs8 and not npu2) or (bs1 and npu4))", "--device=npu:0,npu:1,npu:2,npu:3,npu:4",
                      "--timeout-s=8", FEW, environment=npu.environment())
    return Failing(done.stdout, {name: npu.count(fault) for name, fault in struck.items()})


@in_one_run
def test_a_hang_is_ended_and_a_lost_device_is_not_used_again(failing: Failing) -> None:
    """A cell that hangs is an ERROR at its timeout and the next one runs.

    After a loss that device's cells are errors at once. A driver that does not fit is said to be that, and
    the other devices go on.
    """
    why = reasons(failing.said)
    assert {"bs4-npu0sim": "ERROR", "bs8-npu0sim": "PASS (mini, simulated)"} == failing.words("npu0sim")
    assert {"bs4-npu1sim": "ERROR", "bs8-npu1sim": "ERROR"} == failing.words("npu1sim")
    assert {"bs4-npu2sim": "ERROR"} == failing.words("npu2sim")
    assert "said nothing for 8 s and was ended; the device npu0sim is suspect" in why["bs4-npu0sim", "accuracy"]
    assert "the device is lost" in why["bs4-npu1sim", "accuracy"]
    assert "npu1sim is not used again in this run: lost while tiny-bs4-npu1sim was measured" in why["bs8-npu1sim", "accuracy"]
    assert not case_folder(failing.said, "bs8-npu1sim").exists()
    assert "driver, firmware and CANN toolkit do not fit together" in why["bs4-npu2sim", "accuracy"]
    assert "E30006" in why["bs4-npu2sim", "accuracy"]


@in_one_run
def test_a_kernel_fault_is_tried_once_more_and_memory_is_not(failing: Failing) -> None:
    """After one kernel fault a fresh process measures, and every number says so.

    A batch too big for the device names memory.
    """
    why = reasons(failing.said)
    assert {"bs4-npu3sim": "PASS (mini, simulated)", "bs8-npu3sim": "ERROR"} == failing.words("npu3sim")
    assert "measured at the second attempt: a kernel failed on the device" in why["bs4-npu3sim", "top1"]
    assert "the device's memory is exhausted" in why["bs8-npu3sim", "accuracy"]
    assert 1 == failing.struck["memory"]


@in_one_run
def test_kernels_that_fail_twice_are_an_error_and_two_such_cells_a_bad_device(failing: Failing) -> None:
    """The error quotes the runtime's own code and says twice; the third cell of that device is not tried."""
    why = reasons(failing.said)
    assert dict.fromkeys(("bs1-npu4sim", "bs4-npu4sim", "bs8-npu4sim"), "ERROR") == failing.words("npu4sim")
    for case in ("bs1-npu4sim", "bs4-npu4sim"):
        assert "507015" in why[case, "accuracy"]
        assert "(twice, in two processes)" in why[case, "accuracy"]
    assert "2 cells in a row failed" in why["bs8-npu4sim", "accuracy"]
    assert 4 == failing.struck["kernel"]
    dumps = (case_folder(failing.said, "bs4-npu4sim") / "scratch").glob("*/exception_cb_*")
    assert ["1", "2"] == sorted({path.parent.name for path in dumps}), "each attempt keeps its dumps in a folder of its own"


@pytest.fixture(scope="module")
def doubtful(acceptance: Run, tiny_store: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What one run says: its first device gives no numbers, its second is busy, its third remembers."""
    npu = SimulatedNpu(tmp_path_factory.mktemp("doubtful"), devices=3)
    npu.fault("nan", device=0, nth=2)
    npu.fault("busy", device=1)
    npu.fault("remembers", device=2, ms=600)
    return acceptance("-k", "bs4 and ((npu0 and not throughput) or (throughput and not npu0))", "--device=npu:0,npu:1,npu:2", FEW,
                      environment=npu.environment()).stdout


@in_one_run
def test_scores_that_are_no_numbers_fail_and_name_the_clip(doubtful: str) -> None:
    """NaN from the second batch on fails accuracy and fidelity, at the fifth clip."""
    rows = rows_of(doubtful, "bs4-npu0sim")
    assert [("accuracy", "FAIL"), ("fidelity", "FAIL")] == [(row["question"], row["verdict"]) for row in rows]
    ids = load(case_folder(doubtful, "bs4-npu0sim") / FILE).ids
    assert [f"the scores of {ids[4]} are not finite numbers"] * 2 == [row["reason"] for row in rows]


@in_one_run
def test_a_device_that_is_busy_carries_no_judgement_of_speed(doubtful: str) -> None:
    """It is NO VERDICT with what was seen, and its rate is told."""
    assert "process " in not_judged(doubtful, "bs4-npu1sim")


def test_a_device_that_cannot_be_read_carries_no_judgement_of_speed(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """It is never taken for an idle one."""
    npu = SimulatedNpu(tmp_path)
    npu.fault("smi-unreadable", nth=10)
    done = acceptance("-k", "bs4 and throughput", "--device=npu:0", FEW, environment=npu.environment())

    assert "unknown in" in not_judged(done.stdout, "bs4-npu0sim")


@in_one_run
def test_a_device_that_remembers_its_inputs_carries_no_judgement_of_speed(doubtful: str) -> None:
    """Its scores are right, and its times are not those of clips that it has never seen."""
    reason = not_judged(doubtful, "bs4-npu2sim")
    assert re.match(r"repeating one input is \d+% faster than fresh ones|a batch that was not run before takes \d+ times", reason)
    times = json.loads((case_folder(doubtful, "bs4-npu2sim") / "times.json").read_text())
    assert reason.startswith(times["doubt"])


def test_what_cannot_be_compiled_is_an_error_of_that_cell_only(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """A compiler that fails, hangs or is missing is a CompileError of its cell; the others are measured."""
    npu, artifacts = SimulatedNpu(tmp_path / "host"), tmp_path / "artifacts"
    shutil.copytree(tiny_store, artifacts, ignore=shutil.ignore_patterns("runs", "om", "locks", ".partial"))  # what comes and goes
    npu.fault("atc", code="EZ3003", times=1)
    npu.fault("atc-hang", nth=3)
    done = acceptance("-k", "(bs1 or bs4 or bs8) and accuracy", "--device=npu:0", FEW, "--atc-timeout-s=3", artifacts=artifacts,
                      environment=npu.environment())
    npu.hide("atc")
    again = acceptance("-k", "(bs1 or bs4) and accuracy", "--device=npu:0", FEW, artifacts=artifacts, environment=npu.environment())

    why = {case: reason for said in (again, done) for (case, metric), reason in reasons(said.stdout).items() if metric == "accuracy"}
    for said in (done, again):
        assert "PASS (mini, simulated)" == words(said.stdout)["bs4-npu0sim", "top1"], said.stdout
    assert ["CompileError: "] * 2 == [why[case][:14] for case in ("bs1-npu0sim", "bs8-npu0sim")]
    for text in ("an operator is not supported on this chip (EZ3003)", "repeat it: atc --model=", ".log"):
        assert text in why["bs1-npu0sim"]
    assert "still working after 3 s" in why["bs8-npu0sim"]
    assert "CompileError: no atc" in reasons(again.stdout)["bs1-npu0sim", "accuracy"]


def test_auto_is_the_first_healthy_npu(acceptance: Run, tmp_path: Path) -> None:
    """A Critical device is passed over and named; the CPU is next if none is left.

    Merely collecting takes the first node.
    """
    npu = SimulatedNpu(tmp_path)
    npu.fault("health", device=0, word="Critical")
    second = acceptance("-k", "none", environment=npu.environment()).stdout
    collected = acceptance("--collect-only", "-q", environment=npu.environment()).stdout
    npu.hide("npu-smi")
    none = acceptance("-k", "none", environment=npu.environment()).stdout

    assert "clipgate: device npu:1 (simulated);" in second
    assert "not npu0sim: npu0sim is not fit to be used: its health is Critical" in second
    assert "tiny-bs4-npu0sim" in collected
    assert "clipgate: device cpu;" in none
    assert "not npu0sim: no Ascend device: npu-smi is not on PATH" in none


def test_a_folder_that_the_runtime_refuses_is_refused_before_anything_is_built(acceptance: Run, tmp_path: Path) -> None:
    """An artifacts folder with a sign that aclruntime does not take ends the run at once, with the rule.

    The CPU does not mind.
    """
    npu, artifacts = SimulatedNpu(tmp_path / "host"), tmp_path / "R(2+1)D"
    done = acceptance("-k", "bs4", "--device=npu:0", artifacts=artifacts, environment=npu.environment())

    assert done.returncode == 4
    assert "letters, digits and _ . / - only, not '(' ')' '+'" in done.stderr
    assert not (artifacts / "store" / "data").exists()


def test_a_known_issue_of_the_compiler_is_an_xfail(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """A row for the stage CompileError on npu turns that cell's errors into xfails."""
    npu, models = SimulatedNpu(tmp_path / "host", cann="8.0.9"), tmp_path / "models"
    npu.fault("atc", code="EZ3003")
    models.mkdir()
    shutil.copy(TINY_MODELS / "tiny.py", models)
    row = '\n[[known_issues]]\ndevice = "npu"\nbatch = 4\nkind = "notyet"\nstage = "CompileError"\nreason = "no such operator"\n'
    (models / "tiny.toml").write_text((TINY_MODELS / "tiny.toml").read_text() + row)
    done = acceptance("-k", "bs4", "--device=npu:0", f"--models={models}", environment=npu.environment())

    assert done.returncode == 0, done.stdout
    assert "3 xfailed" in done.stdout
