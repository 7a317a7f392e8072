"""Recall of anybody's result file, as `python -m tools.evaluate` tells it."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from suites.selftest.conftest import TINY_MODELS
from tools import evaluate
from tools.datasets import videos
from tools.errors import OptionError
from tools.localisation.activitynet import Video
from tools.localisation.detections import Detections, write_results
from tools.spec.settings import MODELS


def line(folder: Path, *words: str, models: Path = TINY_MODELS) -> list[str]:
    return [*words, f"--models={models}", f"--artifacts={folder}"]


VIDEOS = (Video("v_a", 10.0, 250, 250, ((2.0, 5.0),), Path()), Video("v_b", 10.0, 250, 250, ((1.0, 3.0), (4.0, 8.0)), Path()))


@pytest.mark.parametrize(("expect", "status"), [([], 0), (["--expect", "AR@100=0.5"], 0), (["--expect", "AR@100=0.99"], 1)])
def test_recall_of_a_result_file_is_printed_and_held_to_what_is_expected(monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
                                                                         capsys: pytest.CaptureFixture[str], expect: list[str],
                                                                         status: int) -> None:
    """A video that the file leaves out counts as one without detections."""
    monkeypatch.setattr(videos, "listed", lambda context: VIDEOS)
    write_results({"v_b": Detections(np.array([[1.0, 3.0], [4.0, 8.0]]), np.array([0.9, 0.8]))}, tmp_path / "found.json")

    assert status == evaluate.main(line(tmp_path, "bsn", str(tmp_path / "found.json"), *expect, models=MODELS))
    lines = capsys.readouterr().out.splitlines()
    assert "2 detections in 1 of 2 videos" == lines[0]
    assert "AR@100 0.6667" in lines
    verdicts = [text for text in lines if text.startswith(("PASS", "FAIL"))]
    assert len(expect) // 2 == len(verdicts)
    assert all(re.match(rf"{'FAIL' if status else 'PASS'} AR@100\b.*: ", text) for text in verdicts), verdicts


def test_a_floor_of_another_kind_of_number_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="top1"):
        evaluate.main(line(tmp_path, "bsn", str(tmp_path / "none.json"), "--expect", "top1=0.5", models=MODELS))
