"""A run leaves its report, whatever its verdict; one that fails changes neither verdict nor status."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest.whole.scripted import Ended, Play, Script, player
from tools.errors import ChildError
from tools.judging.verdict import Verdict
from tools.machine import child
from tools.machine.child import StalledError
from tools.reporting import pages, scripts
from tools.reporting.gather import gathered

MADE = ("report.html", "report.md", "junit.xml")


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Play:
    monkeypatch.setattr(scripts, "_made", lambda: "window.vegaEmbed = null;")  # making it takes seconds, and is another test's
    scripts.charts_script(tmp_path / "artifacts" / pages.CHARTS)
    return player(monkeypatch, tmp_path / "artifacts")


def last(ended: Ended) -> str:
    """The last line that a run has said of its report."""
    return next(line for line in reversed(ended.said.splitlines()) if line.startswith("report: "))


def test_a_red_run_leaves_its_report_by_a_process_of_its_own(play: Play) -> None:
    """One line says where, below the verdicts; the report tells what the run told."""
    ended = play(Script({(4, "accuracy"): [Verdict.FAIL]}), "--report=on", "-k", "bs4")
    page = (ended.run / "report.html").read_text()

    assert (1, f"report: {ended.run / 'report.html'}") == (ended.status, last(ended))
    assert ended.said.index("results: ") < ended.said.index("report: ")
    assert "FAIL: 1 cell is not good enough" in page
    assert "tiny-bs4-cpu" in page
    assert (ended.run / "report.md").read_text().startswith("**FAIL: 1 cell is not good enough")
    assert "1" == next(ET.parse(ended.run / "junit.xml").iter("testsuite")).get("failures")


def test_nothing_is_made_where_nobody_wants_it(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Off, only collected, or without a result."""
    monkeypatch.setattr(child, "call", lambda *_, **__: pytest.fail("a report was made"))
    runs = [play(Script(), "--report=off", "-k", "bs4 and accuracy"), play(Script(), "--report=on", "--collect-only", "-q"),
            play(Script(), "--report=on", "-k", "nothing")]

    assert [0, 0, 4] == [one.status for one in runs]
    assert not any("report: " in one.said for one in runs)


class Ends:
    """Ends pytest once the first cell has its answers, as a plugin or a fixture may."""

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        if "bs4" in nodeid and "throughput" in nodeid:
            pytest.exit("enough", returncode=1)


def test_a_run_that_did_not_answer_all_leaves_no_good_report(play: Play) -> None:
    """Though all its rows are good; gone on with, it does."""
    ended = play(Script(), "-k", "bs4 or bs8", "--report=off", plugins=[Ends()])
    run = ended.run
    half = gathered(run)
    whole = play(Script(), f"--resume={run}", "--report=on")

    assert "3 of 6 questions have no answer, the first of them tiny-bs8-cpu accuracy" in half.sentence
    assert ("ERROR", "RECORDED") == (half.word, gathered(run).word)
    assert (run / "report.html").is_file(), whole.said
    assert "other than before" not in whole.said


class Refuses:
    """A plugin that ends the run at its very end, as pytest-benchmark does for --benchmark-compare-fail."""

    def pytest_terminal_summary(self) -> None:
        raise RuntimeError("slower than before")


def test_a_run_that_a_plugin_ends_at_its_end_is_none_that_went_well(play: Play, tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="slower than before"):
        play(Script(), "-k", "bs4 and accuracy", "--report=off", plugins=[Refuses()])
    [run] = (tmp_path / "artifacts" / "runs").iterdir()

    assert ("ERROR", ("a plugin ended the run, as it says above",)) == (gathered(run).word, gathered(run).problems)


def test_a_run_that_is_asked_something_else_says_so(play: Play) -> None:
    """What it was asked before is kept, and has no answer."""
    first = play(Script(), "-k", "bs4 and accuracy")
    other = play(Script(), f"--resume={first.run}", "-k", "bs8 and accuracy")

    assert "other than before: -k 'bs8- and accuracy', and the run was asked -k 'bs4- and accuracy'" in other.said


def test_an_older_report_does_not_outlive_what_it_tells(play: Play) -> None:
    """Of a run that is gone on with and then leaves none."""
    first = play(Script(), "-k", "bs4 and accuracy", "--report=on")
    assert (first.run / "report.html").is_file()
    play(Script(), f"--resume={first.run}", "--report=off")

    assert not any((first.run / name).exists() for name in MADE)


def fails(error: BaseException) -> Callable[..., None]:
    def call(*_: object, **__: object) -> None:
        raise error

    return call


@pytest.mark.parametrize(("error", "says"), [
    (ChildError("it was killed by SIGSEGV"), "it was killed by SIGSEGV"), (StalledError("it said nothing for 300 s"), "said nothing"),
    (OSError(28, "No space left on device"), "No space left on device"), (KeyboardInterrupt(), "report: interrupted"),
], ids=range(4))
@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.FAIL])
def test_a_report_that_fails_changes_no_verdict_and_no_status(play: Play, monkeypatch: pytest.MonkeyPatch, error: BaseException, says: str,
                                                              verdict: Verdict) -> None:
    """It is one line, with the command that tries it again."""
    monkeypatch.setattr(child, "call", fails(error))
    ended = play(Script({(4, "accuracy"): [verdict]}), "--report=on", "-k", "bs4 and accuracy")

    assert (verdict is Verdict.FAIL) == ended.status
    assert says in last(ended)
    assert f"python -m tools.report {ended.run}" in last(ended)
    assert 1 == ended.said.count("report: ")


def test_an_interrupted_run_ends_without_one(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """To write it would keep waiting whoever pressed Ctrl-C."""
    monkeypatch.setattr(child, "call", lambda *_, **__: pytest.fail("a report was made"))

    class Interrupting:
        def pytest_runtest_setup(self, item: pytest.Item) -> None:
            if "fidelity" in item.name:
                raise KeyboardInterrupt

    ended = play(Script(), "--report=on", "-k", "bs4", plugins=[Interrupting()])

    assert 2 == ended.status
    assert "report: none of an interrupted run; python -m tools.report" in last(ended)


def test_a_crash_in_the_process_is_told_in_one_line(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real process that is killed while it writes."""
    monkeypatch.setattr(pages, "write", die)
    ended = play(Script(), "--report=on", "-k", "bs4 and accuracy")

    assert 0 == ended.status
    assert "it could not be made, which changes no verdict" in last(ended)
    assert "SIGKILL" in last(ended)


def die(*_: object) -> None:
    os.kill(os.getpid(), 9)
