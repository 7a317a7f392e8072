"""Torch's inputs that other code made: made anew where torch is, used with a mark where it is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS, keeping
from suites.selftest.deployments import record
from tools.datasets.clips import ClipSet
from tools.judging import kinds as judging
from tools.judging.judge import Judge
from tools.judging.verdict import Verdict
from tools.machine import child, versions
from tools.measuring import reference_inputs
from tools.measuring.cell import Cell, Part
from tools.measuring.inputs import TorchInputs, digest_of, spread
from tools.measuring.predictions import Predictions
from tools.media.decode import Clip
from tools.pytorch import pipeline
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.model import ModelSpec
from tools.spec.settings import Settings
from tools.storage import code
from tools.storage.context import Context

COUNT = 20
CLIPS = ClipSet("rawframes", tuple(Clip(f"v_{number}", Path(f"v_{number}"), number, 9, sha256=f"{number:064d}") for number in range(COUNT)))
SCORES = Predictions(CLIPS.ids, np.eye(COUNT, dtype=np.float32) * 0.5 + np.float32(0.025))


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The clips that torch's pipeline, which a row of ones stands in for, is asked for."""
    asked: list[str] = []

    def load(clip: Clip) -> np.ndarray:
        asked.append(clip.id)
        return np.ones(3, np.float32)

    monkeypatch.setattr(pipeline, "clip_loader", lambda *given: load)
    monkeypatch.setattr(ClipSet, "require_unchanged", lambda self: None)
    monkeypatch.setattr(child, "call", lambda work, *more, **given: work())
    monkeypatch.setattr(versions, "commit", lambda: "5d5d5d")
    return asked


def run(folder: Path, said: list[str]) -> Context[ModelSpec]:
    """A run of its own on that store."""
    spec = load_spec(TINY_MODELS, "tiny")
    assert isinstance(spec, ModelSpec)
    settings = Settings.parse({"artifacts": str(folder), "models": str(TINY_MODELS)})
    return Context(settings, spec, keeping(said))


def inputs(context: Context[ModelSpec], monkeypatch: pytest.MonkeyPatch, by: str) -> TorchInputs:
    """Torch's inputs as a run of the code *by* finds or makes them."""
    monkeypatch.setattr(code, "current", lambda place: by)
    return reference_inputs.find_or_make(context, reference_inputs.of_clips(context, CLIPS))


def judge(context: Context[ModelSpec], monkeypatch: pytest.MonkeyPatch) -> Judge:
    """The judge of a run whose reference is at hand and of its own code."""
    monkeypatch.setattr("tools.measuring.recogniser.torch_reference", lambda *given: SCORES)
    monkeypatch.setattr("tools.measuring.reference.command", lambda context: "the command")
    return judging.judge_of(context, (), CLIPS)


def verdicts(judged: Judge, spread_over: dict[str, str]) -> set[Verdict]:
    """Of accuracy and fidelity of a cell with torch's own scores, that was fed these inputs."""
    case = Case("tiny", 4, Device("cpu"))
    cell = Cell(case, Path(), (Part(Path(), replace(record(case, "tiny", COUNT), inputs=spread_over), SCORES, None),))
    return {one.verdict for one in [*judged.accuracy(cell), *judged.fidelity(cell)]}


FED = {CLIPS.ids[number]: digest_of(np.ones(3, np.float32)) for number in spread(COUNT)}


def test_after_a_change_of_code_they_are_made_anew(tmp_path: Path, loaded: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the reason, once; the same code finds them."""
    said: list[str] = []
    inputs(run(tmp_path, said), monkeypatch, "a")
    inputs(run(tmp_path, said), monkeypatch, "a")
    assert [*FED] == loaded

    monkeypatch.setattr("tools.machine.events.say", said.append)
    inputs(run(tmp_path, said), monkeypatch, "b")
    inputs(run(tmp_path, said), monkeypatch, "b")
    assert [*FED, *FED] == loaded
    assert 1 == sum(text.endswith("made at commit 5d5d5d, differs in code (a there, b here)") for text in said)


def test_the_code_of_videos_inputs_is_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both kinds of inputs share a key's parts, and each names the function that makes it."""
    monkeypatch.setattr(code, "current", lambda place: place)
    spec = load_spec(TINY_MODELS, "tiny")
    made = [reference_inputs._stage(spec, "items", (), build) for build in (reference_inputs.build_clips, reference_inputs.build_videos)]  # type: ignore[arg-type]
    assert ["tools.measuring.reference_inputs:build_clips", "tools.measuring.reference_inputs:build_videos"] == [
        dict(stage.key.shaped_by)[code.CODE] for stage in made]


@pytest.mark.parametrize("by", ["a", "b"])
def test_without_torch_those_of_other_code_mark_and_cap_what_they_judge(tmp_path: Path, loaded: list[str], monkeypatch: pytest.MonkeyPatch,
                                                                        by: str) -> None:
    """Accuracy and fidelity both; those of our own code say nothing and accept."""
    inputs(run(tmp_path, []), monkeypatch, "a")
    monkeypatch.setattr(versions, "of", lambda *names: tuple((name, versions.ABSENT) for name in names))
    monkeypatch.setattr(code, "current", lambda place: by)
    said: list[str] = []
    judged = judge(run(tmp_path, said), monkeypatch)

    assert judged.inputs is not None
    found = judged.inputs()
    assert ("", FED) == (found.absent, found.digests)
    other = by == "b"
    marks = ["inputs/tiny made by other code (5d5d5d)"] if other else []
    assert (marks, marks) == ([*judged.others], said)
    assert ({Verdict.NO_VERDICT} if other else {Verdict.PASS, Verdict.RECORDED}) >= verdicts(judged, FED)
    assert [*FED] == loaded
    assert Verdict.FAIL in verdicts(judged, {**FED, CLIPS.ids[0]: "another"})
