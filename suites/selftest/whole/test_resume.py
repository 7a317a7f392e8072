"""Runs that are killed and gone on with: what was measured is measured once, and the end is the same."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from suites.selftest.conftest import NO_REPORT, Run, clean_environment, tiny_arguments
from suites.selftest.simulated.npu import SimulatedNpu
from suites.selftest.whole.test_run import results
from tools.judging import results as lines
from tools.spec.settings import ROOT
from tools.storage import runs

KILLS = 20
SEED = 1
WHO = ("decoder", "child", "worker", "pytest")


@contextmanager
def running(*arguments: str, artifacts: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A run of the tiny model, which is killed at the end of the block if it still runs."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", NO_REPORT, *tiny_arguments(artifacts), *arguments]
    with subprocess.Popen(command, cwd=ROOT, env={**clean_environment(), **environment}, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as process:
        try:
            yield process
        finally:
            process.kill()


def only_run(artifacts: Path) -> Path:
    [run] = (artifacts / runs.FOLDER).iterdir()
    return run


def until(condition: Any, seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it does not happen"
        time.sleep(0.05)


TIMES = ("measured_clips_per_s", "measured_text")  # which no two runs share; the text is of them too


def own(store: Path, tmp_path: Path) -> Path:
    """An artifacts folder with the tiny model's store, and with runs of its own."""
    (tmp_path / "artifacts").mkdir()
    (tmp_path / "artifacts" / "store").symlink_to(store / "store")
    return tmp_path / "artifacts"


def answers(rows: list[dict[str, Any]]) -> dict[tuple[str, str], tuple[object, ...]]:
    """What a run answers to each question, but for its times, which no two runs share; each once."""
    standing = [row for row in rows if not row["superseded"]]
    found = {(row["case"], row["metric"]): (row["verdict"], row["attempt"], *(value for name, value in row.items()
             if name.startswith("measured_") and name not in TIMES)) for row in standing}
    assert len(found) == len(standing)
    return found


def test_a_killed_run_is_gone_on_with_and_nothing_is_measured_twice(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """The finished cell is judged again from what it left; what was selected then is selected now."""
    artifacts = own(tiny_store, tmp_path)
    with running("-k", "bs4 or (bs1 and accuracy)", "--clips=8", artifacts=artifacts, environment={}) as process:
        until(lambda: any(artifacts.glob("runs/*/results.jsonl")))
        process.kill()
    run = only_run(artifacts)
    first = next(row.case for row in lines.read(run))
    (run / "results.jsonl").write_text((run / "results.jsonl").read_text() + '{"schema_ver')  # as a kill leaves it

    done = acceptance("--resume", artifacts=artifacts)

    assert done.returncode == 0, done.stdout + done.stderr
    assert f"clipgate: goes on with run {run.name}: " in done.stdout
    assert run == only_run(artifacts)
    whole = acceptance("-k", "bs4 or (bs1 and accuracy)", "--clips=8", artifacts=artifacts)
    assert answers(results(whole.stdout)) == answers(results(done.stdout))
    logs = {path.parent.name: path.read_text().count("$ ") for path in run.glob("*/child.log")}
    assert logs[first] == 1, logs
    asked = acceptance("--resume", run.name, "-k", "bs4 and accuracy", artifacts=artifacts,
                       environment={"PYTEST_ADDOPTS": "--expect=top1=1"})
    assert asked.returncode == 1, "what is said by the environment is said, too"
    table = [line for line in done.stdout.splitlines() if line.startswith("tiny-bs")]
    assert len(table) >= len(answers(results(done.stdout)))


def test_a_run_that_cannot_be_gone_on_with_is_one_sentence(acceptance: Run, tmp_path: Path) -> None:
    """None is there; and none by that name."""
    done = acceptance("--resume", artifacts=tmp_path)

    assert done.returncode == 4, done.stdout
    assert "no run is here to go on with" in done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_run_that_is_killed_twenty_times_ends_as_one_that_was_not(acceptance: Run, tiny_store: Path, tmp_path: Path) -> None:
    """Whether pytest, a worker, a measuring process or a decode worker is killed, and whenever."""
    artifacts, chance = own(tiny_store, tmp_path), random.Random(SEED)
    npu = SimulatedNpu(tmp_path / "host", devices=2)
    selected = ("-k", "bs4", "--device=npu:0,npu:1", "--clips=24", "--budget-s=1")
    whole = acceptance(*selected, artifacts=artifacts, environment=npu.environment())
    expected = answers(results(whole.stdout))
    done = only_run(artifacts).rename(artifacts / "uninterrupted")
    assert done.is_dir()
    killed = []
    for number in range(KILLS):
        arguments = ("--resume", "-n", "auto") if number else (*selected, "-n", "auto")
        with running(*arguments, artifacts=artifacts, environment=npu.environment()) as process:
            until(lambda: any(artifacts.glob(f"runs/*/{runs.LOCK}")))
            who = WHO[number] if number < len(WHO) else chance.choice(WHO)  # while the run is far from its end, one of each
            killed.append(kill(who, process, after_s=chance.uniform(0, 2)))
            time.sleep(chance.uniform(0, 2))
    assert set(WHO) == set(killed), killed

    ended = acceptance("--resume", artifacts=artifacts, environment=npu.environment())
    assert whole.returncode == ended.returncode, ended.stdout
    assert {key: words[:1] + words[2:] for key, words in expected.items()} == {
        key: words[:1] + words[2:] for key, words in answers(results(ended.stdout)).items()}


def kill(who: str, pytest: subprocess.Popen[str], after_s: float) -> str:
    """Kill -9 one of a run's processes, or pytest where none of the kind comes; say which it was."""
    end = time.monotonic() + 60
    while not (found := processes(who, pytest.pid)) and pytest.poll() is None and time.monotonic() < end:
        time.sleep(0.05)
    time.sleep(after_s if found else 0)
    with suppress(ProcessLookupError):
        os.kill(found[0] if found else pytest.pid, signal.SIGKILL)
    return who if found else "pytest"


def processes(who: str, pytest_id: int) -> list[int]:
    """Those of a run that are of one kind."""
    if who == "pytest":
        return [pytest_id]
    if who == "decoder":
        return [pid for child in processes("child", pytest_id) for pid, _ in descendants(child)]
    pattern = {"worker": r"sys\.stdin\.readline", "child": r"machine\.child measuring"}[who]
    return [pid for pid, words in descendants(pytest_id) if re.search(pattern, words)]


def descendants(above: int) -> list[tuple[int, str]]:
    """The processes below one, each with its command line."""
    found: list[tuple[int, str]] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            if parent == above:
                found.append((int(stat.parent.name), (stat.parent / "cmdline").read_text().replace("\0", " ")))
    return [*found, *(one for pid, _ in list(found) for one in descendants(pid))]
