"""Other people's plugins: tests run again, repeated or shuffled; and options that measure nothing."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from _pytest.runner import runtestprotocol

from suites.selftest.conftest import python
from suites.selftest.whole.scripted import Ended, Play, Script, here, player
from tools.errors import EngineError
from tools.judging.verdict import Verdict

ROWS = ("case", "question", "verdict", "attempt", "superseded")
FAIL, PASS = Verdict.FAIL, Verdict.PASS


class Retrying:
    """A plugin that runs a red test once more, as pytest-rerunfailures does: only the last try is red.

    silent: it does not report the earlier try, as flaky does not.
    """

    def __init__(self, silent: bool = False) -> None:
        self.silent = silent

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item, nextitem: pytest.Item | None) -> bool:
        for last in (False, True):
            reports = runtestprotocol(item, nextitem=nextitem, log=False)
            red = any(report.failed for report in reports)
            for report in [] if self.silent and red and not last else reports:
                if report.failed and not last:
                    report.outcome = "rerun"  # type: ignore[assignment]
                item.ihook.pytest_runtest_logreport(report=report)
            if not red:
                break
        return True

    def pytest_report_teststatus(self, report: pytest.TestReport) -> tuple[str, str, str] | None:
        return ("rerun", "r", "RERUN") if str(report.outcome) == "rerun" else None


class Repeating:
    """A plugin that runs every test twice under names of their own, as pytest-repeat does."""

    @pytest.hookimpl(trylast=True)
    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        metafunc.fixturenames.append("__repetition")
        metafunc.parametrize("__repetition", (1, 2), indirect=True, ids=("1-2", "2-2"))

    @pytest.fixture
    def __repetition(self, request: pytest.FixtureRequest) -> None:
        del request


class Shuffling:
    """A plugin that brings tests into another order, so that those of a cell come apart."""

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        random.Random(3).shuffle(items)


class Skipping:
    """A plugin that skips every test."""

    def pytest_runtest_setup(self) -> None:
        pytest.skip("not tonight")


class Noticing:
    """A plugin that has something to say about itself, in a module of its own."""

    def pytest_runtest_call(self) -> None:
        exec(compile("import warnings; warnings.warn('this plugin is old', DeprecationWarning)", "other.py", "exec"),
             {"__name__": "pytest_other"})


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Play:
    return player(monkeypatch, tmp_path)


def rows(done: Ended) -> list[tuple[object, ...]]:
    return [tuple(row[key] for key in ROWS) for row in done.rows]


def shown(done: Ended, metric: str) -> list[str]:
    """The words of a number in the table of verdicts."""
    return [line.rpartition("  ")[2] for line in done.said.splitlines() if line.startswith("tiny-") and f"  {metric} " in line]


@pytest.mark.parametrize("silent", [False, True])
def test_a_test_that_is_run_again_counts_as_its_last_try(play: Play, silent: bool) -> None:
    """The cell is measured once. The earlier try stands in the file and in the table, and is marked."""
    script = Script({(4, "accuracy"): [FAIL, PASS]})
    done = play(script, "-k", "bs4", plugins=[Retrying(silent)])

    assert (0, [4]) == (done.status, script.measured), done.said
    assert [("tiny-bs4-cpu", "accuracy", "FAIL", 1, True), ("tiny-bs4-cpu", "accuracy", "PASS (mini)", 2, False),
            ("tiny-bs4-cpu", "fidelity", "PASS (mini)", 1, False), ("tiny-bs4-cpu", "throughput", "RECORDED", 1, False)] == rows(done)
    assert ["FAIL, try 1, superseded", "PASS (mini)"] == shown(done, "top1")
    assert re.search(rf"= 2 passed, 15 deselected, {'' if silent else '1 rerun, '}1 recorded in ", done.said)


@pytest.mark.parametrize(("switch", "said"), [
    ((), "--nightly wants every answer, and has none to tiny-bs4-cpu accuracy: Skipped: not tonight"),
    (("--benchmark-only",), "--nightly wants every answer, and has none to tiny-bs4-cpu accuracy: "),
    (("--setup-plan",), "--nightly wants every answer, and no test has judged anything"),
])
def test_no_night_is_green_without_every_answer(play: Play, switch: Sequence[str], said: str) -> None:
    """Whatever skips a question, or only plans, ends the run red and is named; by day a skip is shown."""
    plugins = [] if switch else [Skipping()]
    night = play(Script(), "-k", "bs4 and accuracy", "--nightly", "--data=mini", "--allow=mini", *switch, plugins=plugins)
    day = play(Script(), "-k", "bs4 and accuracy", "--expect=top1=0.3", *switch, plugins=plugins)

    assert (1, 0) == (night.status, day.status), night.said + day.said
    assert said in night.said
    assert "wants every answer" not in day.said
    assert "asked, not judged by this selection: top1=0.3" in day.said


def test_what_could_not_be_measured_is_not_measured_again(play: Play) -> None:
    """Each retry has the same error, and the last one counts."""
    script = Script(failing={4: EngineError("it is gone")})
    done = play(script, "-k", "bs4", plugins=[Retrying()])

    assert (1, [4]) == (done.status, script.measured), done.said
    assert [(attempt, attempt == 1) for _ in range(3) for attempt in (1, 2)] == [one[3:] for one in rows(done)]
    assert {"EngineError"} == {row["error"] for row in done.rows}


def test_a_repeated_question_has_one_row_that_counts(play: Play) -> None:
    """Repetitions are tests of their own, but the same question of the same cell."""
    script = Script()
    done = play(script, "-k", "bs4 and fidelity", plugins=[Repeating()])

    assert (0, [4]) == (done.status, script.measured), done.said
    assert [(1, True), (2, False)] == [one[3:] for one in rows(done)]


@pytest.mark.parametrize("plugins", [[Shuffling()], [Shuffling(), Retrying()]], ids=["shuffled", "shuffled and again"])
def test_each_cell_is_measured_once_in_any_order(play: Play, plugins: Sequence[object]) -> None:
    """Tests of a cell that come apart share its measurement, even if that failed."""
    script = Script({(8, "fidelity"): [FAIL, FAIL]}, {1: EngineError("it is gone")})
    done = play(script, "-v", plugins=plugins)

    came = [line.partition("[tiny-bs")[2].partition("-")[0] for line in done.said.splitlines() if line.startswith("suites/")]
    assert came != sorted(came, key=came.index), "the plugin has kept the tests of each cell together"
    assert (1, [1, 4, 8, 16, 32, 64]) == (done.status, sorted(script.measured)), done.said
    counted = [row for row in done.rows if not row["superseded"]]
    assert 18 == len(counted) == len({(row["case"], row["question"]) for row in counted})
    assert 3 == sum(row["verdict"] == "ERROR" for row in counted)


def test_another_plugins_notice_is_not_red_and_ours_is(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """What warns in another module is shown; a warning from a module of the harness fails its test."""
    done = play(Script(), "-k", "bs4 and accuracy", plugins=[Noticing()])
    assert 0 == done.status, done.said
    assert "this plugin is old" in done.said

    def warning(*_: object) -> None:
        exec(compile("import warnings; warnings.warn('we are old', DeprecationWarning)", "ours.py", "exec"),
             {"__name__": "tools.judging.verdict"})

    monkeypatch.setattr(Script, "accuracy", warning)
    assert 1 == play(Script(), "-k", "bs4 and accuracy").status


def test_options_of_pytest_benchmark_work_or_say_why_not(play: Play, tmp_path: Path) -> None:
    """A comparison with nothing and a file of no benchmarks are notices; a profile of nothing is refused."""
    nothing = play(Script(), "-k", "bs4", "--benchmark-compare", f"--benchmark-storage=file://{tmp_path}/none")
    assert (0, True) == (nothing.status, "Can't compare. No benchmark files" in nothing.said), nothing.said

    kept = tmp_path / "benchmark.json"
    empty = play(Script(), "-k", "bs4 and accuracy", f"--benchmark-json={kept}")
    assert (0, True) == (empty.status, "no benchmarks have been run" in empty.said), empty.said

    profiled = play(Script(), "-k", "bs4", "--benchmark-cprofile=tottime")
    assert (4, True) == (profiled.status, "ERROR: --benchmark-cprofile has nothing to profile" in profiled.said), profiled.said


def test_a_file_of_another_machine_is_compared_with(play: Play, tmp_path: Path) -> None:
    """The comparison is shown, with a notice that the machines differ."""
    arguments = ("-k", "bs4", f"--benchmark-storage=file://{tmp_path}/kept")
    assert 0 == play(Script(), *arguments, "--benchmark-save=one").status
    [saved] = tmp_path.glob("kept/*/*.json")
    saved.write_text(saved.read_text().replace('"machine": "x86_64"', '"machine": "other"').replace('"node":', '"node_of":'))
    done = play(Script(), *arguments, "--benchmark-compare")

    assert (0, True) == (done.status, "machine_info is different" in done.said), done.said
    assert "(NOW)" in done.said


def test_the_harness_works_without_its_plugins_where_it_can(play: Play) -> None:
    """Without pytest-xdist everything works; without pytest-benchmark all but throughput, which says so."""
    alone = play(Script(), "-p", "no:xdist", "-p", "no:benchmark", "-k", "bs4 and (accuracy or fidelity)")
    timed = play(Script(), "-p", "no:benchmark", "-k", "bs4")

    assert 0 == alone.status, alone.said
    assert 4 == timed.status, timed.said
    assert "ERROR: -p no:benchmark turns off pytest-benchmark" in timed.said
    assert 0 == here("-p", "no:xdist", "--collect-only", "-q").status


@pytest.mark.parametrize("command", [("-m", "pytest", "--collect-only"), ("-m", "tools.measure", "tsm", "--batch=4")])
def test_without_asserts_nothing_starts(command: tuple[str, ...]) -> None:
    """Python leaves out what some checks are made of: one sentence says so, and nothing can be green."""
    done = python(*command, environment={"PYTHONOPTIMIZE": "1"})

    assert done.returncode in (2, 4), done.stdout
    assert "Python leaves asserts out here" in done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
