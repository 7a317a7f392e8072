"""report.md and junit.xml: short, the worst first, and no text of a run means anything in them but itself."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from suites.selftest.reporting.runs import rate, row, run_of
from tools.reporting.facts import Report
from tools.reporting.gather import gathered
from tools.reporting.junit import junit
from tools.reporting.markdown import MOST, markdown

HOSTILE = ("<script>alert(1)</script>", "a|b|c", "`x`", "a\u202egnp\u200f", "\x00\x1b[31m", "[x](http://e)", "@everyone", "#1", "x" * 300,
           "\ud800", "\ufffe", "line\nbreak", "]]>", "&amp;", "* item", "~~gone~~")


def large(folder: Path) -> Report:
    """A run with far more cells, reasons and gaps than fit."""
    rows = [row(f"tiny-bs{number}-cpu", verdict="FAIL" if number % 3 == 0 else "PASS (mini)", reason="r " * 400) for number in range(1, 90)]
    return replace(gathered(run_of(folder, rows)), missing=tuple(f"gap {number}" for number in range(40)))


def hostile(folder: Path) -> Report:
    rows = [row(f"tiny-bs{number}-cpu", metric=text, reason=text, verdict="FAIL", data=text) for number, text in enumerate(HOSTILE)
            if text != "\ud800"]
    report = gathered(run_of(folder, rows))
    return replace(report, command="pytest -k '\ud800\ufffe`|'", began="\x08")


def test_a_large_run_keeps_to_sixty_lines_with_the_worst_on_top(tmp_path: Path) -> None:
    """And says that there is more; no line is longer than a person reads."""
    text = markdown(large(tmp_path))
    lines = text.splitlines()
    cells = [line for line in lines if line.startswith("| tiny-bs")]

    assert len(lines) <= MOST == 60
    assert max(map(len, lines)) < 700
    assert lines[0].startswith("**FAIL: 29 of 89 cells are not good enough; 60 passed (mini)")
    assert all("| FAIL |" in line for line in cells)
    assert "and 65 more cells, none of them worse" in text
    assert 2 == text.count("* and more, which report.html tells")


def test_a_good_run_is_short(tmp_path: Path) -> None:
    lines = markdown(gathered(run_of(tmp_path, [row(), rate()]))).splitlines()

    assert len(lines) < 15
    assert "| tiny-bs4-cpu | PASS (mini) | 24.75 | top1 0.9375 (reference 0.9583) | mini, mini |" in lines


def test_no_text_of_a_run_marks_anything_up(tmp_path: Path) -> None:
    """No html, link, code, mention or issue; a table keeps its columns; what does not print is seen."""
    text = markdown(hostile(tmp_path))
    *told, again = text.splitlines(keepends=True)
    bare = "".join(told).replace("\\|", "").replace("\\`", "").replace("\\[", "").replace("\\]", "").replace("\\*", "").replace("\\~", "")

    assert not set("<>@`[]~") & set(bare)
    assert "&#8203;" in text
    fence = again.removeprefix("Again: ").partition("pytest")[0]
    assert fence.strip() * 2 == re.sub(r"[^`]|(?<!`)`(?!`)", "", again)
    assert all(letter == "\n" or letter.isprintable() for letter in text)
    assert {6} == {line.count("|") for line in bare.splitlines() if line.startswith("|")}
    assert all(not line.startswith("#") for line in text.splitlines())


def test_junit_has_a_case_for_each_question_and_counts_what_is_red(tmp_path: Path) -> None:
    """A failure, an error and a skip, each with its reason; earlier tries are not counted."""
    rows = [row(verdict="ERROR", superseded=True), row(attempt=2), row(metric="top5"), rate(verdict="RECORDED"),
            row("tiny-bs8-cpu", verdict="NO VERDICT"), row("tiny-bs1-cpu", verdict="ERROR", exit_reason="error", reason="it is gone"),
            row("tiny-bs16-cpu", verdict="", exit_reason="skipped"), row("tiny-bs32-cpu", verdict="", exit_reason="xfail")]
    suite = ET.fromstring(junit(gathered(run_of(tmp_path, rows)))).find("testsuite")
    assert suite is not None
    found = {(one.get("classname"), one.get("name")): one for one in suite.iter("testcase")}

    assert ("6", "1", "1", "2") == tuple(suite.get(name) for name in ("tests", "failures", "errors", "skipped"))
    assert 6 == len(found)
    [error] = found["tiny-bs1-cpu", "accuracy"].findall("error")
    assert "it is gone" in (error.text or "")
    [failure] = found["tiny-bs8-cpu", "accuracy"].findall("failure")
    assert "NO VERDICT: top1 0.9375 (reference 0.9583)" == failure.get("message")
    told = {one.get("name"): one.get("value") for one in found["tiny-bs4-cpu", "accuracy"].iter("property")}
    assert {"model": "tiny", "batch": "4", "top1": "0.9375 (reference 0.9583): PASS (mini)"}.items() <= told.items()
    assert found["tiny-bs4-cpu", "accuracy"].find("failure") is None


def test_by_night_what_nothing_judges_is_a_failure(tmp_path: Path) -> None:
    counts = [ET.fromstring(junit(gathered(run_of(tmp_path / name, [rate(verdict="RECORDED")], **asked)))).find("testsuite")
              for name, asked in (("plain", {}), ("night", {"nightly": "yes"}), ("allowed", {"nightly": "yes", "allow": "recorded"}))]

    assert ["0", "1", "0"] == [one.get("failures") for one in counts if one is not None]


def test_junit_is_valid_whatever_a_run_holds(tmp_path: Path) -> None:
    """Characters that XML does not know are their escapes, and all others are read back as they are."""
    root = ET.fromstring(junit(hostile(tmp_path)))
    texts = [one.get("value", "") for one in root.iter("property")]

    assert "<script>alert(1)</script>" in texts
    assert "a\\u202egnp\\u200f" in texts
    assert "]]>" in texts


@pytest.mark.parametrize("folder", ["", "elsewhere"])
def test_both_are_told_of_a_run_without_results(tmp_path: Path, folder: str) -> None:
    run = run_of(tmp_path / folder, [row()])
    (run / "results.jsonl").unlink()
    report = gathered(run)

    assert "ERROR: this run has no results" in markdown(report)
    suite = ET.fromstring(junit(report)).find("testsuite")
    assert suite is not None
    assert ("1", "1") == (suite.get("tests"), suite.get("errors"))
