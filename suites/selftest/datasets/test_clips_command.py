"""What `python -m tools.data` makes of its line."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from suites.selftest.conftest import TINY_MODELS
from tools import data
from tools.datasets import clips, survey
from tools.errors import OptionError
from tools.spec.settings import MODELS


def line(folder: Path, *words: str, models: Path = TINY_MODELS) -> list[str]:
    return [*words, f"--models={models}", f"--artifacts={folder}"]


@pytest.mark.parametrize(("more", "classes"), [([], 101), (["7"], 7)])
def test_clips_of_an_own_list_are_counted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str],
                                          more: list[str], classes: int) -> None:
    """Their labels may name the model's classes, or as many as are given."""
    asked: list[int] = []
    (tmp_path / "own.txt").write_text("")
    monkeypatch.setattr(clips, "listing", lambda context, count: asked.append(count) or "rows")
    found = SimpleNamespace(clips=[SimpleNamespace(frames=3), SimpleNamespace(frames=4)])
    monkeypatch.setattr(survey, "usable", lambda rows, context: found)
    monkeypatch.setattr(data, "path_of", lambda artifacts, rows: f"the ledger of {rows}")

    assert 0 == data.main(["clips", *line(tmp_path, "tsm", *more, "--data", str(tmp_path / "own.txt"), models=MODELS)])
    assert "2 clips, 7 frames: the ledger of rows\n" == capsys.readouterr().out
    assert [classes] == asked


def test_a_full_data_set_is_not_checked_as_a_list(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="a full data set is checked as a whole") as caught:
        data.main(["clips", *line(tmp_path, "tsm", "--data", "full", models=MODELS)])
    assert "python -m tools.data check ucf101" == caught.value.remedy


@pytest.mark.parametrize("name", data.COMMANDS)
def test_each_part_of_the_data_command_runs_its_own(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """With the arguments that it adds."""
    ran: list[object] = []
    monkeypatch.setitem(data.COMMANDS, name, (lambda parser: parser.add_argument("word"), lambda options: ran.append(options.word) or 3))

    assert 3 == data.main([name, "it"])
    assert ["it"] == ran
