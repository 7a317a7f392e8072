"""What is told of a cell as soon as all of its questions are answered."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tools.judging.known import line_of, word_of
from tools.judging.rows import Row

ROW = Row("tiny-bs1-cpu", "accuracy", "mini", "mini", "top1", "0.92", "0.9", "PASS (mini)", "it is")


def rows(*words: str) -> list[Row]:
    return [replace(ROW, verdict=word) for word in words]


@pytest.mark.parametrize(("words", "word"), [
    (["PASS (mini)", "RECORDED"], "RECORDED"), (["RECORDED", "RECORDED"], "RECORDED"), (["PASS", "SUSPECT", "RECORDED"], "SUSPECT"),
    (["FAIL", "NO VERDICT", "PASS"], "FAIL"), (["RECORDED", "ERROR"], "ERROR"), (["PASS (mini, simulated)"], "PASS (mini, simulated)"),
])
def test_a_cell_ends_with_its_worst_word(words: list[str], word: str) -> None:
    """As in the report: what nothing judges is no pass."""
    assert word == word_of(rows(*words)) == word_of(rows(*reversed(words)))


def test_a_test_that_was_skipped_is_called_so() -> None:
    assert "skipped" == word_of([replace(ROW, verdict="", exit_reason="skipped")])
    assert "xfail" == word_of([replace(ROW, verdict="", exit_reason="xfail"), *rows("PASS")])
    assert "RECORDED" == word_of([replace(ROW, verdict="", exit_reason="skipped"), *rows("PASS", "RECORDED")])


def test_a_part_and_a_known_issue_that_passes_count_as_they_do_in_the_run() -> None:
    part = replace(ROW, verdict="RECORDED", within="clips/s")

    assert "PASS" == word_of([part, *rows("PASS")])
    assert "RECORDED" == word_of([part])
    assert "FAIL" == word_of([replace(ROW, exit_reason="xpass")])


def test_a_line_has_each_word_once() -> None:
    """In their order, each with its numbers; a reason is told once, on one line, and not without end."""
    failed = replace(ROW, verdict="ERROR", exit_reason="error", measured="-", reason="MeasureError: the disk\n  remedy  make room")
    long = replace(failed, question="throughput", reason="x" * 900)
    found = line_of([ROW, replace(ROW, metric="clips/s", measured="7", verdict="RECORDED"), replace(ROW, metric="top5", measured="1"),
                     failed, replace(failed, question="fidelity"), long])

    assert found == (f"PASS (mini): top1 0.92, top5 1; RECORDED: clips/s 7; ERROR: accuracy, fidelity: MeasureError: the disk, "
                     f"throughput: {'x' * 160} ...")
