"""Runs beside the nights before them: what a history needs, what a run leaves there, and what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from suites.selftest.whole.scripted import Play, Script, here, player
from tools.judging.verdict import Verdict
from tools.nights.history import MARKER, History

NIGHT = ("-k", "bs4 and throughput", "--nightly", "--data=mini", "--allow=mini", "--confirm=0")


@pytest.fixture
def artifacts(tmp_path: Path) -> Path:
    return tmp_path / "artifacts"


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, artifacts: Path) -> Play:
    return player(monkeypatch, artifacts)


@pytest.mark.parametrize("mistake", ["absent", "empty", "other"])
def test_a_night_wants_a_history_that_somebody_has_made(play: Play, tmp_path: Path, mistake: str) -> None:
    """A mistyped folder, or a share that is not mounted, would be learning for ever."""
    folder = tmp_path / mistake
    if mistake != "absent":
        folder.mkdir()
    if mistake == "other":
        (folder / "notes.txt").touch()
    script = Script()
    ended = play(script, *NIGHT, history=str(folder))

    assert 4 == ended.status, ended.said
    assert "python -m tools.history init" in ended.said
    assert [] == script.measured


def test_a_night_does_not_make_its_own_history(play: Play, artifacts: Path) -> None:
    ended = play(Script(), *NIGHT, history="")

    assert 4 == ended.status, ended.said
    assert f"no history is here\n  where: {artifacts / 'history'}" in ended.said.replace("\r", "") or "no history is here" in ended.said
    assert not (artifacts / "history").exists()


def test_a_plain_run_makes_its_own_and_leaves_a_record_of_each_cell(play: Play, artifacts: Path) -> None:
    """With what its questions found; --history off leaves nothing."""
    assert 0 == play(Script(), "-k", "bs4 or bs8").status
    assert not (artifacts / "history").exists()
    ended = play(Script(), "-k", "bs4 or bs8", history="")
    found = {record.case: record for record in History.open(artifacts / "history").read().records}

    assert {"tiny-bs4-cpu", "tiny-bs8-cpu"} == set(found)
    one = found["tiny-bs4-cpu"]
    assert ("learning", {"top1": 0.5}, ended.run.name) == (one.word, one.accuracy, one.run)
    assert "RECORDED: learning (1 of 8)" in ended.said


def test_a_run_without_cells_makes_no_history(artifacts: Path) -> None:
    """Other tests run under the same conftest."""
    ended = here(f"--artifacts={artifacts}", "suites/selftest/judging/test_ending.py::test_what_cannot_be_allowed_is_refused")

    assert 0 == ended.status, ended.said
    assert not (artifacts / "history").exists()


def test_after_eight_nights_they_judge(play: Play, artifacts: Path) -> None:
    """The first nights are no fault by night, and from then on the row is a verdict."""
    History.init(artifacts / "history")
    said = [play(Script(), *NIGHT, history="") for _ in range(9)]

    assert [0] * 9 == [ended.status for ended in said], said[-1].said
    assert ["RECORDED: learning (8 of 8)" in ended.said for ended in said] == [False] * 7 + [True, False]
    assert "PASS (mini)" in said[-1].said
    assert "exit status 0: nothing is red; 1 learning" in said[0].said


def test_a_record_that_cannot_be_left_is_red(play: Play, artifacts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A share that is gone in the middle of a night: the next night would not know of this one."""
    History.init(artifacts / "history")
    script = Script()
    monkeypatch.setattr(script, "accuracy", lambda cell: (artifacts / "history" / MARKER).unlink() or [])
    ended = play(script, "-k", "bs4 and (accuracy or throughput)", history="")

    assert 1 == ended.status, ended.said
    assert "HistoryError" in ended.said


def test_a_suspicion_ends_well_and_is_named_in_the_last_line(play: Play) -> None:
    """Its sentence is told too, as of what is recorded: its test passed, so nothing else would tell it."""
    ended = play(Script({(4, "fidelity"): [Verdict.SUSPECT]}), "-k", "bs4 and fidelity")

    assert 0 == ended.status, ended.said
    assert "SUSPECT tiny-bs4-cpu flipped: as the script says" in ended.said
    assert "exit status 0: nothing is red; 1 SUSPECT (tiny-bs4-cpu flipped)" in ended.said


def test_what_could_not_be_judged_ends_well_by_night_where_that_is_allowed(play: Play) -> None:
    """It is counted apart from what failed, and the line says that it was allowed."""
    answers = {(4, "fidelity"): [Verdict.NO_VERDICT]}
    red = play(Script(dict(answers)), "-k", "bs4 and fidelity", "--nightly", "--data=mini", "--allow=mini")
    allowed = play(Script({(4, "fidelity"): [Verdict.NO_VERDICT]}), "-k", "bs4 and fidelity", "--nightly", "--data=mini",
                   "--allow=mini,no-verdict")

    assert (1, 0) == (red.status, allowed.status), allowed.said
    assert "exit status 1: 1 NO VERDICT (tiny-bs4-cpu flipped)" in red.said
    assert "--allow no-verdict: 1 NO VERDICT (tiny-bs4-cpu flipped)" in allowed.said
