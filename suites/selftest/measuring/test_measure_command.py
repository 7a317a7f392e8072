"""What measuring and running torch by hand call, in which order, print, refuse and end with."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools import engines, measure, reference
from tools.errors import EngineError, OptionError
from tools.judging import flips
from tools.judging.flips import Flips
from tools.judging.rows import Row
from tools.judging.verdict import Judgement, Verdict
from tools.measuring import kinds, readiness
from tools.spec.case import Case, Device
from tools.spec.settings import MODELS
from tools.storage import carry


@pytest.fixture
def did() -> list[str]:
    """What was called, in turn."""
    return []


def line(folder: Path, *words: str, models: Path = TINY_MODELS) -> list[str]:
    return [*words, f"--models={models}", f"--artifacts={folder}"]


def one(verdict: Verdict, metric: str = "top1") -> Judgement:
    return Judgement(metric, "0.9", "0.8", verdict, "so it is")


class Measured:
    """A cell of some of a model's networks, measured by nobody."""

    def __init__(self, patch: pytest.MonkeyPatch, did: list[str], parts: int = 1, untimed: EngineError | None = None) -> None:
        self.cell = SimpleNamespace(parts=[None] * parts, untimed=untimed, folder=Path("run/case"), case=Case("tiny", 4, Device("cpu")))
        self.verdicts = {"accuracy": Verdict.PASS, "fidelity": Verdict.PASS, "throughput": Verdict.PASS}
        self.launched: list[Any] = []
        self.resumed: list[bool] = []
        found = SimpleNamespace(checkpoints=("w",), dataset="d")
        self.flips = Flips()
        judge = SimpleNamespace(**{name: lambda cell, name=name: [one(self.verdicts[name], name)] for name in self.verdicts})
        judge.flips = lambda cell: self.flips
        patch.setattr(engines, "parse", lambda text: Device(text))
        patch.setattr(readiness, "of_folders", lambda settings, cases: did.append("folders") or [])
        patch.setattr(readiness, "of_inputs", lambda context, cases: did.append("inputs") or [])
        patch.setattr(readiness, "planned", lambda context, batches, forms: did.append("plan") or {})
        patch.setattr(measure, "find", lambda context, case: did.append(f"find {case}") or found)
        patch.setattr(measure, "launch", self.launch)
        patch.setattr(measure, "judge_of", lambda context, checkpoints, dataset: did.append(f"judge {checkpoints} {dataset}") or judge)
        patch.setattr(Row, "of", lambda cell, question, judged: SimpleNamespace(
            shown=judged.verdict.value, metric=judged.metric, reason=f"{question}: {judged.reason}"))
        patch.setattr(measure, "table", lambda rows: [f"a table of {len(rows)}"])

    def launch(self, context: object, case: object, found: object, run: Path, networks: Sequence[str], *, resume: bool) -> object:
        self.launched.append((run, list(networks)))
        self.resumed.append(resume)
        return self.cell


def test_a_measured_cell_is_judged_on_each_question(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, did: list[str],
                                                    capsys: pytest.CaptureFixture[str]) -> None:
    """Once all that it needs is known to be there; a red verdict is status 1."""
    done = Measured(monkeypatch, did)
    arguments = line(tmp_path, "tiny", "--batch", "4", "--run", str(tmp_path / "a" / "run"))
    assert 0 == measure.main(arguments)

    assert ["folders", "inputs", "plan", "find tiny-bs4-cpu", "judge ('w',) d"] == did
    assert [(tmp_path / "a" / "run", [])] == done.launched
    assert (tmp_path / "a" / "run").is_dir()
    assert ["a table of 3", "", "PASS accuracy: accuracy: so it is", "PASS fidelity: fidelity: so it is",
            "PASS throughput: throughput: so it is", "kept in run/case"] == capsys.readouterr().out.splitlines()
    done.verdicts["fidelity"] = Verdict.FAIL
    assert 1 == measure.main(arguments)
    located = capsys.readouterr().out.splitlines()[-1]
    assert located.startswith("locate: python -m tools.locate tiny --batch 4 --device cpu --run run --artifacts ")


def test_flipped_clips_are_kept_where_the_cell_is(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, did: list[str]) -> None:
    done = Measured(monkeypatch, did)
    done.cell.folder, done.flips = tmp_path, Flips((), "the digest")
    measure.main(line(tmp_path, "tiny", "--batch", "4"))

    assert "the digest" in (tmp_path / flips.FILE).read_text()


def test_a_run_without_a_name_is_called_by_its_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, did: list[str]) -> None:
    done = Measured(monkeypatch, did)
    measure.main(line(tmp_path, "tiny", "--batch", "4"))
    [(run, _)] = done.launched

    assert tmp_path / "runs" == run.parent
    assert re.fullmatch(r"\d{8}-\d{6}-\d+", run.name)


def test_what_was_not_timed_is_an_error_of_throughput_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, did: list[str],
                                                            capsys: pytest.CaptureFixture[str]) -> None:
    Measured(monkeypatch, did, untimed=EngineError("no time"))
    assert 1 == measure.main(line(tmp_path, "tiny", "--batch", "4"))

    said = capsys.readouterr().out
    assert "PASS accuracy" in said
    assert "ERROR throughput: throughput: no time" in said


def test_a_cell_is_measured_anew_unless_an_old_run_is_resumed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, did: list[str]) -> None:
    """A folder alone says nothing; to resume without one is found before anything is looked for."""
    done, given = Measured(monkeypatch, did), line(tmp_path, "tiny", "--batch", "4")
    for more in ([], ["--resume"]):
        measure.main([*given, f"--run={tmp_path / 'run'}", *more])
    assert [False, True] == done.resumed

    did.clear()
    with pytest.raises(OptionError, match="a new run has nothing to go on from") as caught:
        measure.main([*given, "--resume"])
    assert ("--resume", "name the old run's folder with --run DIR", []) == (caught.value.where, caught.value.remedy, did)


@pytest.mark.parametrize("untimed", [None, EngineError("no time")])
def test_one_network_of_several_is_measured_and_not_judged(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, did: list[str],
                                                           untimed: EngineError | None) -> None:
    """What ended its timing is raised; a network that the model has not is refused before anything."""
    done = Measured(monkeypatch, did, untimed=untimed)
    arguments = line(tmp_path, "bsn", "--batch", "4", "--network", "pem", models=MODELS)
    if untimed:
        with pytest.raises(EngineError, match="no time"):
            measure.main(arguments)
    else:
        assert 0 == measure.main(arguments)
    assert ["pem"] == done.launched[0][1]
    assert not any(word.startswith("judge") for word in did)

    did.clear()
    with pytest.raises(OptionError, match="bsn has no network 'tam'") as caught:
        measure.main(line(tmp_path, "bsn", "--batch", "4", "--network", "tam", models=MODELS))
    assert ("--network", "choose tem, pem", []) == (caught.value.where, caught.value.remedy, did)


@pytest.mark.parametrize(("more", "words"), [
    (["--expect", "AR@100=0.5"], "AR@100"), (["--run", "{0}/file/run"], "the run's folder cannot be made")])
def test_nothing_is_looked_for_where_the_line_cannot_be_meant(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, did: list[str],
                                                              more: list[str], words: str) -> None:
    Measured(monkeypatch, did)
    (tmp_path / "file").touch()
    with pytest.raises(OptionError, match=words) as caught:
        measure.main(line(tmp_path, "tiny", "--batch", "4", *(word.format(tmp_path) for word in more)))
    assert not any(word.startswith("find") for word in did)
    if "folder" in words:
        assert str(tmp_path / "file" / "run") == caught.value.where
        assert "choose another with --run DIR or --artifacts DIR" == caught.value.remedy


def test_a_reference_is_made_on_a_device_that_is_known_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                            capsys: pytest.CaptureFixture[str]) -> None:
    """Before anything is fitted for it; the sentence that says where it is is printed."""
    asked: list[object] = []
    kind = SimpleNamespace(require_torch_device=lambda context, device: asked.append(f"device {device}"),
                           dataset=lambda context, weights: asked.append(f"data of {weights}") or "the clips",
                           make_reference=lambda context, weights, dataset, device: f"{weights} on {dataset} on {device}")
    monkeypatch.setattr(kinds, "of", lambda spec: kind)
    monkeypatch.setattr(reference, "checkpoints", lambda context: asked.append("weights") or "w")

    assert 0 == reference.main(line(tmp_path, "tiny", "--torch-device", "cuda:1"))
    assert ["device cuda:1", "weights", "data of w"] == asked
    assert "w on the clips on cuda:1\n" == capsys.readouterr().out
    assert 0 == reference.main(line(tmp_path, "tiny"))
    assert asked[3] == "device auto"
    monkeypatch.setattr(carry, "carry_references", lambda arguments: 7 if arguments == ["export", "tiny", "f"] else 8)
    assert 7 == reference.main(["export", "tiny", "f"])
