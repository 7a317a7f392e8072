"""Runs with pytest-xdist: real workers, which die hard, and stand-ins for the cells that they are handed."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from suites.selftest.conftest import NO_REPORT, python, tiny_arguments
from suites.selftest.simulated.npu import SimulatedNpu
from suites.selftest.whole.test_run import results
from tools.spec.case import BATCHES

STAND_IN = '''
import os, signal, time
from pathlib import Path

HERE = Path(__file__).parent

def test_accuracy(case):
    with (HERE / "log").open("a") as log:
        log.write(f"{os.environ['PYTEST_XDIST_WORKER']} {case}\\n")
    deadly = HERE / f"deadly-{case}"
    if deadly.exists():
        if deadly.read_text() == "once":
            deadly.unlink()
        os.kill(os.getpid(), signal.SIGKILL)
'''


@dataclass(frozen=True)
class Played:
    status: int
    said: str
    log: list[tuple[str, str]]  # worker and case, in the order in which they were begun


@pytest.fixture
def play(own_store: Path, tmp_path: Path) -> Iterator[Callable[..., Played]]:
    """Run stand-ins of all cells of two simulated devices; *deadly* ones kill their worker, once or ever."""
    folder = own_store / "stand-ins" / tmp_path.name  # below the project, whose conftest it is to have
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "test_stand_in.py").write_text(STAND_IN)
    npu = SimulatedNpu(tmp_path, devices=2)

    def run(*arguments: str, deadly: dict[str, str] | None = None) -> Played:
        for case, how in (deadly or {}).items():
            (folder / f"deadly-{case}").write_text(how)
        done = python("-m", "pytest", "-p", "no:cacheprovider", NO_REPORT, *tiny_arguments(), "--device=npu:0,npu:1", *arguments,
                      str(folder / "test_stand_in.py"), environment=npu.environment())
        log = folder / "log"
        begun = [(words[0], words[1]) for line in (log.read_text().splitlines() if log.is_file() else []) if (words := line.split())]
        return Played(done.returncode, done.stdout + done.stderr, begun)

    yield run
    shutil.rmtree(folder)


def cases(device: int) -> list[str]:
    return [f"tiny-bs{batch}-npu{device}sim" for batch in BATCHES]


def test_each_device_keeps_a_worker_and_one_that_dies_loses_nothing(play: Callable[..., Played]) -> None:
    """`-n auto` starts a worker a device; a killed one is replaced, and its test is run once more."""
    played = play("-n", "auto", deadly={"tiny-bs4-npu0sim": "once"})

    assert played.status == 0, played.said
    assert {**dict.fromkeys(cases(0) + cases(1), 1), "tiny-bs4-npu0sim": 2} == Counter(case for _, case in played.log)
    workers = [{worker for worker, case in played.log if case in cases(device)} for device in (0, 1)]
    assert [2, 1] == [len(one) for one in workers], played.log
    assert not workers[0] & workers[1]
    assert re.search(r"12 passed, 1 worker died in ", played.said), played.said


def test_a_case_that_kills_its_worker_each_time_is_an_error_and_the_rest_is_run(play: Callable[..., Played]) -> None:
    """Twice, and not for ever; its row says so, and the exit is red."""
    played = play("-n", "3", deadly={"tiny-bs8-npu1sim": "always"})  # of whom one has no device

    assert played.status == 1, played.said
    assert {**dict.fromkeys(cases(0) + cases(1), 1), "tiny-bs8-npu1sim": 2} == Counter(case for _, case in played.log)
    [row] = results(played.said)
    assert ("tiny-bs8-npu1sim", "accuracy", "ERROR", "ChildError") == (row["case"], row["question"], row["verdict"], row["error"])
    assert "its worker of pytest-xdist died, twice" in row["reason"]


def test_cases_that_no_worker_is_left_to_run_are_errors(play: Callable[..., Played]) -> None:
    """Where dead workers are not replaced, what is left has a row each, and the exit is red."""
    played = play("-n", "1", "--max-worker-restart=0", "-k", "npu0", deadly={"tiny-bs4-npu0sim": "always"})

    assert played.status == 1, played.said
    left = [case for case in cases(0) if case != "tiny-bs1-npu0sim"]
    assert left == sorted((row["case"] for row in results(played.said)), key=left.index)
    assert {"ERROR"} == {row["verdict"] for row in results(played.said)}


def test_other_ways_to_hand_out_cases_are_refused(play: Callable[..., Played]) -> None:
    """They would measure a device's cell in several workers."""
    played = play("-n", "2", "--dist", "loadgroup")

    assert played.status == 4, played.said
    assert "--dist loadgroup hands a device's cases to several workers" in played.said
    assert [] == played.log


def test_what_is_wrong_is_said_once_and_before_any_test(play: Callable[..., Played]) -> None:
    """As without workers: one sentence, status 4."""
    played = play("-n", "2", "-k", "nothing-like-this")

    assert played.status == 4, played.said
    assert 1 == played.said.count("nothing is selected from"), played.said
    assert "INTERNALERROR" not in played.said
