"""What is missing is one message before anything is built, and what can be measured all the same is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from suites.selftest.conftest import TINY_MODELS, ran
from suites.selftest.whole.scripted import Script, here
from tools.deployment.compile import given_file
from tools.judging import kinds
from tools.measuring import launch, planned, unbuilt
from tools.spec.case import Case
from tools.spec.model import Spec
from tools.spec.settings import MODELS
from tools.storage.context import Context


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@pytest.fixture
def spoilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Options with three faults of different kinds, and a package that cannot be imported."""
    monkeypatch.setattr(unbuilt, "absent_packages", lambda: frozenset({"torch"}))
    listed, weights = tmp_path / "own.txt", tmp_path / "own.pth"
    listed.write_text("a.mp4\n")
    weights.touch()
    (tmp_path / "file").touch()
    return [f"--data={listed}", f"--weights={weights}", f"--artifacts={tmp_path / 'artifacts'}", f"--models={TINY_MODELS}"]


def test_pytest_tells_all_that_is_missing_at_once(spoilt: list[str], tmp_path: Path) -> None:
    """Each with its place and remedy, as wrong usage; nothing is built, and no cell has a row."""
    done = here("-k", "bs4", f"--junitxml={tmp_path}/file/junit.xml", *spoilt)

    assert 4 == done.status, done.said
    assert "ERROR: 4 things are missing or wrong, and nothing has been built:" in done.said
    told = re.findall(r"^ +\d\. (.+)$", done.said, re.MULTILINE)
    assert ["what --junitxml names", "expected 'path label'", "the checkpoint is", "checking own.pth needs"] == [
        " ".join(line.split()[:3]) for line in told]
    assert 4 == done.said.count("  remedy  ")
    assert "Traceback" not in done.said
    assert [] == files(tmp_path / "artifacts")


@pytest.mark.parametrize(("command", "words"), [("measure --batch 4 --run {}/file/run", 4), ("export", 2), ("compile 4", 3)])
def test_a_command_tells_all_that_is_missing_at_once(spoilt: list[str], tmp_path: Path, command: str, words: int) -> None:
    """As far as it needs it: exporting wants no data, and compiling a chip besides."""
    name, *more = command.format(tmp_path).split()
    done = ran(name, "tiny", *more, *spoilt)

    assert (1, "") == (done.returncode, done.stdout)
    assert f"{words} things are missing or wrong, and nothing has been built:" in done.stderr
    assert words == len(re.findall(r"^ +\d\. ", done.stderr, re.MULTILINE))
    assert [] == files(tmp_path / "artifacts")


def test_what_some_cells_lack_is_told_and_the_others_are_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line before the first test says which; no cell that can be measured is lost."""
    monkeypatch.setattr(unbuilt, "absent_packages", frozenset)
    for batch in (1, 4):
        (tmp_path / f"my_bs{batch}.onnx").touch()
    script = Script()

    def find(context: Context[Spec], case: Case) -> launch.Found:
        for network in context.spec.networks:
            given_file(context, network, case.batch)
        return launch.Found((), None, ())  # type: ignore[arg-type]

    monkeypatch.setattr(launch, "find", find)
    monkeypatch.setattr(launch, "launch", script.launch)
    monkeypatch.setattr(kinds, "judge_of", script.judge)
    done = here(f"--models={TINY_MODELS}", f"--artifacts={tmp_path / 'artifacts'}", "--device=cpu",
                "-k", "(bs1 or bs4 or bs8) and accuracy", f"--graph={tmp_path}/my_bs{{batch}}.onnx")

    assert f"clipgate: cannot measure tiny-bs8-cpu: there is no graph of batch 8: no such file ({tmp_path}/my_bs8.onnx)" in done.said
    assert (1, [1, 4]) == (done.status, script.measured), done.said
    assert {1: "PASS (mini)", 4: "PASS (mini)", 8: "ERROR"} == {row["batch"]: row["verdict"] for row in done.rows}


def test_one_lack_reads_as_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A store that cannot be written is its own message without a number."""
    monkeypatch.setattr(unbuilt, "absent_packages", frozenset)
    (tmp_path / "file").touch()
    done = here("-k", "bs4", "-m", "tsm", f"--models={MODELS}", f"--artifacts={tmp_path / 'file'}", "--device=cpu")

    assert 4 == done.status
    assert "ERROR: cannot write the artifact store: " in done.said
    assert "things are missing" not in done.said


def test_an_expected_error_does_not_stop_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a known issue names the lack's class, its cells stay what they were: strict xfails."""
    models = tmp_path / "models"
    shutil.copytree(TINY_MODELS, models, ignore=shutil.ignore_patterns("__pycache__"))
    row = '\n[[known_issues]]\ndevice = "cpu"\nbatch = 4\nkind = "notyet"\nstage = "StoreError"\nreason = "no torch here"\n'
    (models / "tiny.toml").write_text((models / "tiny.toml").read_text() + row)
    monkeypatch.setattr(planned, "MODULES", {"torch": "no_such_module"})
    done = here("-k", "bs4 and accuracy", f"--models={models}", f"--artifacts={tmp_path / 'artifacts'}", "--device=cpu", "--setup-plan")

    assert 4 != done.status, done.said
    assert "cannot measure" not in done.said
