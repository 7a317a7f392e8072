"""Two runs side by side, and all runs of a folder a line each."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from markupsafe import escape

from suites.selftest.reporting.runs import DIGESTS, NAME, cell_of, rate, row, run_of
from tools.judging.numbers import Numbers
from tools.reporting import index
from tools.reporting.compare import Comparison, compared, table
from tools.reporting.gather import gathered
from tools.reporting.page import comparison_html


def both(folder: Path) -> Comparison:
    """Two runs: one cell got slower and red with a new runtime and graph, one better, and one is new."""
    first = run_of(folder / "a", [row(), rate(), row("tiny-bs8-cpu", verdict="FAIL")])
    slower = rate(verdict="FAIL", numbers=Numbers("clips_per_s", 20.0))
    second = run_of(folder / "b", [row(numbers=Numbers("share", 0.9275, 0.9583)), slower, row("tiny-bs8-cpu"), row("tiny-bs16-cpu")],
                    keyword="bs4-")
    cell_of(second / "tiny-bs4-cpu", "tiny-bs4-cpu", versions={"onnxruntime": "2.0"}, digests={**DIGESTS, "graph": "8" * 64})
    return compared(gathered(first), gathered(second))


def test_what_got_worse_comes_first_with_what_changed(tmp_path: Path) -> None:
    comparison = both(tmp_path)
    worse, *others = comparison.cases
    numbers = {one.metric: one for one in worse.numbers}

    assert "Of 2 cells in both runs, 1 got worse, 1 got better and 0 have the same word; 1 is new." == comparison.sentence
    assert ("tiny-bs4-cpu", True, "PASS", "FAIL") == (worse.name, worse.is_worse, worse.word_first, worse.word_second)
    assert ["-20.0 %", "-0.01"] == [numbers[metric].difference for metric in ("clips/s", "top1")]
    assert [True, False] == [numbers[metric].is_worse for metric in ("clips/s", "top1")]
    assert {("onnxruntime", "1.31.1", "2.0"), ("tiny graph", "9" * 16, "8" * 16)} == {(one.what, one.first, one.second)
                                                                                    for one in worse.changes}
    assert {"command", "onnxruntime"} == {one.what for one in comparison.changes}
    assert {(None, "PASS"), ("FAIL", "PASS")} == {(one.word_first, one.word_second) for one in others}


def test_a_run_beside_itself_differs_in_nothing(tmp_path: Path) -> None:
    report = gathered(run_of(tmp_path, [row(), rate()]))
    comparison = compared(report, report)

    assert ((), ()) == (comparison.changes, comparison.cases[0].changes)
    assert ["Of 1 cell in both runs, 0 got worse, 0 got better and 1 have the same word.", "no number differs"] == table(comparison)


def test_what_is_no_longer_answered_got_worse(tmp_path: Path) -> None:
    """The other way round it is new; what was no answer, or a later try has replaced, is not missed."""
    error = replace(row(question="fidelity", metric="", verdict="ERROR", numbers=None, exit_reason="error"), measured="-")
    more = [row(), rate(), row("tiny-bs8-cpu"), error, row(metric="top5", superseded=True),
            row(question="fidelity", metric="odd", verdict="ERROR", exit_reason="error")]
    whole, part = gathered(run_of(tmp_path / "a", more)), gathered(run_of(tmp_path / "b", [row()]))
    lost, new = compared(whole, part), compared(part, whole)

    assert {("tiny-bs8-cpu", True), ("tiny-bs4-cpu", True)} == {(case.name, case.is_worse) for case in lost.cases}
    assert {"clips/s": "no longer answered", "top1": "", "": "", "odd": ""} == {
        each.metric: each.change for case in lost.cases for each in case.numbers if case.name == "tiny-bs4-cpu"}
    assert "Of 1 cell in both runs, 1 got worse, 0 got better and 0 have the same word; 1 is no longer there." == lost.sentence
    assert any(line.split()[-5:] == ["PASS", "->", "no", "longer", "answered"] for line in table(lost))
    assert not any(case.is_worse for case in new.cases if case.name == "tiny-bs8-cpu")
    assert {"new", ""} == {each.change for case in new.cases for each in case.numbers}
    assert new.sentence.endswith("; 1 is new.")
    assert "no longer answered" in comparison_html(lost)
    assert "no longer answered" not in comparison_html(new)


@pytest.mark.parametrize("harm", ["{\n", None, ""])
def test_a_run_that_cannot_be_read_wholly_is_not_said_to_differ_in_nothing(tmp_path: Path, harm: str | None) -> None:
    """A damaged line, and results that are gone or empty: told in the lines and on the page, with the run."""
    whole, harmed = (run_of(tmp_path / name, [row()]) for name in "ab")
    results = harmed / "results.jsonl"
    if harm is None:
        results.unlink()
    else:
        results.write_text(results.read_text() + harm if harm else "")
    comparison = compared(gathered(whole), gathered(harmed))
    [*_, last] = comparison.lacking

    assert last.startswith(f"b/runs/{NAME}: ")
    assert last.endswith(": ERROR: this run has no results.") or harm
    assert last in table(comparison)
    assert "no number differs" not in table(comparison)
    assert str(escape(last)) in comparison_html(comparison)


def test_runs_of_the_same_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    first, second = (gathered(run_of(tmp_path / name, [replace(row(), measured=name)])) for name in ("a", "b/c"))
    comparison = compared(first, second)

    assert (f"a/runs/{NAME}", f"b/c/runs/{NAME}") == comparison.names
    assert all(any(name in line for line in table(comparison)) and name in comparison_html(comparison) for name in comparison.names)
    assert (NAME, "other") == compared(first, replace(second, run="other")).names


def test_a_number_that_a_question_has_twice_meets_its_own(tmp_path: Path) -> None:
    """Top-1 beside the published figure and beside torch: the first is compared with the first."""
    twice = [row(numbers=Numbers("share", 0.9, 0.95)), row(numbers=Numbers("share", 0.9, 0.91), verdict="FAIL")]
    numbers = compared(*(gathered(run_of(tmp_path / name, twice)) for name in "ab")).cases[0].numbers

    assert [("PASS", "PASS"), ("FAIL", "FAIL")] == [(one.word_first, one.word_second) for one in numbers]


def test_the_terminal_has_a_line_for_each_number_that_differs(tmp_path: Path) -> None:
    lines = table(both(tmp_path))

    assert any(line.split() == ["tiny-bs4-cpu", "clips/s", "0.9375", "0.9375", "-20.0", "%", "PASS", "->", "FAIL"] for line in lines)
    assert not any("tiny-bs64" in line for line in lines)


def test_all_runs_of_a_folder_are_told_the_newest_first(tmp_path: Path) -> None:
    """Also one whose results are damaged, and one that has none; a report is linked to where there is one."""
    run_of(tmp_path, [row(), row("tiny-bs8-cpu", verdict="FAIL")]).rename(tmp_path / "runs" / "20261126-013000-1")
    (run_of(tmp_path, [row()]) / "report.html").write_text("")
    empty = tmp_path / "runs" / "20261128-013000-1"
    empty.mkdir()
    (empty / "run.json").write_text(json.dumps({"folder": "/", "arguments": [], "deselected": [], "options": {"nightly": "yes"}}))
    (tmp_path / "runs" / "notes").mkdir()
    lines = index.lines(tmp_path, tmp_path / "pages")

    assert ["20261128-013000-1", NAME, "20261126-013000-1"] == [one.run for one in lines]
    assert [(None, True), ("PASS", False), ("FAIL", False)] == [(one.word, one.nightly) for one in lines]
    assert ["", f"../runs/{NAME}/report.html", ""] == [one.link for one in lines]
    assert (("FAIL", 1), ("PASS", 1)) == lines[2].counts
    assert "2026-11-27 01:30:00" == lines[1].began

    (tmp_path / "runs" / NAME / "results.jsonl").write_text("{\n")
    [_, damaged, _] = index.lines(tmp_path, tmp_path)
    assert "ERROR: 1 line of its results cannot be read, so this is not all; this run has no results that can be read." == damaged.sentence
    assert () == index.lines(tmp_path / "nothing", tmp_path)


def test_only_the_digests_that_count_are_shown(tmp_path: Path) -> None:
    """What differs from night to night by itself, as the load does, is no change."""
    first = gathered(run_of(tmp_path, [row()]))
    [case] = first.cases
    loaded = replace(first, cases=(replace(case, facts=tuple((name, "9" if name == "load" else text) for name, text in case.facts)),))

    assert () == compared(first, loaded).cases[0].changes
