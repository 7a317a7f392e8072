"""What `python -m tools.score` judges results with, and what it prints of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from tools import score
from tools.errors import OptionError
from tools.judging.verdict import Verdict
from tools.measuring import stored_reference
from tools.spec.catalog import load_spec
from tools.storage.stages import parse


def line(folder: Path, *words: str, models: Path = TINY_MODELS) -> list[str]:
    return [*words, f"--models={models}", f"--artifacts={folder}"]


def given(patch: pytest.MonkeyPatch, folder: Path, *, listed: object, columns: int | None, options: Sequence[str] = ()) -> Any:
    """What results are judged with, where so many scores a clip are stored of torch."""
    stored = SimpleNamespace(predictions=SimpleNamespace(scores=np.zeros((3, columns)))) if columns else None
    patch.setattr(stored_reference, "listed", lambda context, classes: listed)
    patch.setattr(stored_reference, "find", lambda context, clips: stored)
    patch.setattr(score, "read_info", lambda path: f"info {path}")
    options, context = parse("score", "", line(folder, "tiny", "out", *options), score._arguments)  # type: ignore[assignment]
    return score._given(cast("Any", options), cast("Any", context))


def test_results_are_judged_beside_torch_where_its_scores_are_stored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of as many classes as the results have; without --data nobody knows which clips they are of."""
    classes = load_spec(TINY_MODELS, "tiny").networks[0].output.shape[0]
    found = given(monkeypatch, tmp_path, listed="clips", columns=classes, options=["--data", "mini", "--info", "a", "--info", "b"])
    assert ("clips", classes, ("info a", "info b")) == (found.listed, found.classes, found.infos)
    assert (3, classes) == found.reference.scores.shape
    assert given(monkeypatch, tmp_path, listed="clips", columns=None, options=["--data", "mini"]).reference is None

    unknown = given(monkeypatch, tmp_path, listed="clips", columns=classes)
    assert (None, None) == (unknown.listed, unknown.reference)
    with pytest.raises(OptionError, match=f"torch gave {classes} scores a clip, not 3") as caught:
        given(monkeypatch, tmp_path, listed="clips", columns=classes, options=["--data", "mini", "--classes", "3"])
    assert ("--classes", "give the --weights that the results are of") == (caught.value.where, caught.value.remedy)
    with pytest.raises(OptionError, match="the mini clips are not made yet") as caught:
        given(monkeypatch, tmp_path, listed=None, columns=None, options=["--data", "mini"])
    assert ("--data mini", "python -m tools.data dump tiny --data mini makes them and their .bin files") == (
        caught.value.where, caught.value.remedy)


def test_several_folders_are_judged_in_one_table(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                 capsys: pytest.CaptureFixture[str]) -> None:
    """What was noted of each, each reason, and the worst status."""
    monkeypatch.setattr(score, "_given", lambda options, context: "given")
    monkeypatch.setattr(score, "table", lambda rows: [f"a table of {len(rows)}"])
    row = SimpleNamespace(verdict="PASS", metric="top1", reason="so it is")
    ends = {Path("a"): ([row], ["seen"], Verdict.PASS), Path("b"): ([row, row], [], Verdict.FAIL)}
    monkeypatch.setattr(score, "score", lambda given, folder: ends[folder])

    assert 1 == score.main(line(tmp_path, "tiny", "a", "b"))
    assert ["a table of 3", "", "note: seen", *["PASS top1: so it is"] * 3] == capsys.readouterr().out.splitlines()
    assert 0 == score.main(line(tmp_path, "tiny", "a"))
