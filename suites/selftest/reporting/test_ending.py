"""What a run was to be and is not is told before all else, though no row of it says so."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from suites.selftest.reporting.runs import row, run_of
from tools.reporting import index
from tools.reporting.facts import Report
from tools.reporting.gather import gathered
from tools.reporting.junit import junit
from tools.reporting.markdown import markdown
from tools.storage.runs import ASKED, ENDED, Ended, ended, note_end

BOTH = (("tiny-bs4-cpu", "accuracy"), ("tiny-bs16-cpu", "accuracy"))
GOOD = Ended(0, (), nightly=False, allow="")


def run(folder: Path, selected: tuple[tuple[str, str], ...], end: Ended | None) -> Path:
    """A run of one cell that passed its accuracy, which was asked *selected*."""
    made = run_of(folder, [row("tiny-bs4-cpu", verdict="PASS")])
    told = json.loads((made / ASKED).read_text())
    (made / ASKED).write_text(json.dumps({**told, "selected": selected}))
    if end:
        note_end(made, end)
    return made


def errors(report: Report) -> list[str | None]:
    return [test.get("name") for test in ET.fromstring(junit(report)).iter("testcase") if test.find("error") is not None]


def test_a_run_that_answered_all_and_ended_well_is_told_by_its_rows(tmp_path: Path) -> None:
    report = gathered(run(tmp_path, BOTH[:1], GOOD))

    assert ("PASS", ()) == (report.word, report.problems)
    assert [] == errors(report)


@pytest.mark.parametrize(("selected", "end", "words"), [
    (BOTH, GOOD, "1 of 2 questions have no answer, the first of them tiny-bs16-cpu accuracy"),
    (BOTH[:1], None, "the run has not come to its end: it still goes on, or was killed"),
    (BOTH, None, "1 of 2 questions have no answer"),
    (BOTH[:1], Ended(1, (), nightly=False, allow=""), "pytest ended with status 1 for something that is no number here"),
    (BOTH[:1], Ended(2, (), nightly=False, allow=""), "the run was interrupted"),
    (BOTH[:1], Ended(1, ("--expect asks for clips/s, which no test has judged",), nightly=True, allow=""), "--expect asks for clips/s"),
])
def test_what_no_row_says_is_an_error_in_all_that_is_made_of_a_run(
        tmp_path: Path, selected: tuple[tuple[str, str], ...], end: Ended | None, words: str) -> None:
    """Page, summary, junit.xml and the page over all runs alike; what passed is still said."""
    made = run(tmp_path, selected, end)
    report = gathered(made)
    [line] = index.lines(made.parent.parent, tmp_path)

    assert "ERROR" == report.word == line.word
    assert report.sentence.startswith(f"ERROR: {words}")
    assert report.sentence == line.sentence
    assert "1 cell is good enough" in report.sentence
    assert report.why[0].startswith(words)
    assert words.replace("/", "") in markdown(report).replace("/", "")
    assert any(name and name.startswith(words) for name in errors(report))


def test_what_is_no_answer_any_more_is_none(tmp_path: Path) -> None:
    """Rows of a measurement that another has taken the place of."""
    made = run(tmp_path, BOTH[:1], GOOD)
    told = json.loads((made / "results.jsonl").read_text())
    (made / "results.jsonl").write_text(json.dumps({**told, "superseded": True}) + "\n")

    assert "1 of 1 questions have no answer" in gathered(made).sentence


def test_a_last_line_without_its_end_is_told(tmp_path: Path) -> None:
    made = run(tmp_path, BOTH[:1], GOOD)
    with (made / "results.jsonl").open("a") as file:
        file.write('{"verdict": "FAIL"}')

    assert "the last line of results.jsonl has no end" in gathered(made).problems[0]


def test_a_run_by_day_that_is_gone_on_with_by_night_is_one_by_night(tmp_path: Path) -> None:
    made = run_of(tmp_path, [row("tiny-bs4-cpu", verdict="RECORDED")])
    note_end(made, Ended(1, (), nightly=True, allow=""))
    report = gathered(made)

    assert report.nightly
    assert "by night what nothing judges is red" in report.sentence
    assert "--nightly" in report.command


def test_an_end_is_read_as_it_was_kept_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    made = run(tmp_path, BOTH[:1], Ended(1, ("x",), nightly=True, allow="mini"))

    assert Ended(1, ("x",), nightly=True, allow="mini") == ended(made)
    assert asdict(GOOD) != json.loads((made / ENDED).read_text())
    (made / ENDED).write_text("[]")
    report = gathered(made)
    assert "how the run ended is not known" in "\n".join(report.missing)
    assert "ERROR" == report.word
