"""The nights of a case as its report tells them: of its own chip, with what changed."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from suites.selftest.reporting.runs import NAME, history_of, night, rate, row, run_of
from tools.nights import record
from tools.reporting import facts, past
from tools.reporting.gather import gathered


def test_whatever_a_night_found_has_a_word_of_the_page() -> None:
    assert set(get_args(record.Word)) == set(past.WORDS)
    assert set(past.WORDS.values()) <= set(get_args(facts.Word))


def test_the_nights_of_a_case_with_what_changed(tmp_path: Path) -> None:
    """Of the chip that this run used alone; another runtime is another setup, and a step."""
    nights = [*(night(number, f"run{number}") for number in range(1, 9)), night(9, "other", unit="else/cpu"),
              *(night(number, f"run{number}", 30.0, "onnxruntime 2") for number in range(10, 18)), night(18, NAME, 30.0, "onnxruntime 2")]
    report = gathered(run_of(tmp_path, [row(), rate()], history=str(history_of(tmp_path / "history", nights))))
    told_past = report.cases[0].past
    assert told_past is not None

    assert 17 == len(told_past.nights)
    assert {"RECORDED"} == {one.word for one in told_past.nights}  # they are learning
    assert [NAME] == [one.run for one in told_past.nights if one.is_this_run]
    assert ["onnxruntime 1.31.1", "onnxruntime 2"] == [setup.partition("runtime ")[2].partition(", graph")[0] for setup in told_past.setups]
    assert pytest.approx(30.0) == told_past.centre
    assert ["changed"] == [step.mark for step in told_past.steps]
    assert "+20.0%" in told_past.steps[0].sentence


def test_a_history_that_does_not_know_the_run_is_not_taken_for_its_own(tmp_path: Path) -> None:
    place = history_of(tmp_path / "history", [night(1, "another")])
    report = gathered(run_of(tmp_path, [row(), rate()], history=str(place)))

    assert report.cases[0].past is None
    assert "the history has nights of it but none of this run" in "\n".join(report.missing)
