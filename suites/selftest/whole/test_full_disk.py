"""A disk that fills up during a run costs no verdict that was reached, and is one typed error."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from fixtures.matrix import CASE, SETTINGS
from fixtures.report import CARRIED
from fixtures.results import Results
from fixtures.run import RUN_NAME
from suites.selftest.conftest import NO_REPORT, TINY_MODELS, Run, python, tiny_arguments
from tools.errors import ClipgateError, MeasureError
from tools.judging.rows import Row
from tools.machine import opening
from tools.measuring import launch, measure
from tools.spec.case import Case, Device
from tools.spec.catalog import load_spec
from tools.spec.settings import Settings
from tools.storage.context import Context

FULL_DISK = """import resource, signal, sys, pytest
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4, 4))  # what Python writes to find a temporary folder
sys.exit(pytest.main(sys.argv[1:]))
"""
PASSED = Row("tiny-bs4-cpu", "accuracy", "mini", "mini", "top1", "0.9", "0.9", "PASS (mini)", "all is well")


class Written:
    """Stands for pytest's terminal: its lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def section(self, title: str) -> None:
        self.lines.append(title)

    def write_line(self, line: str, **_: bool) -> None:
        self.lines += line.splitlines()


def test_a_run_whose_files_cannot_grow_is_refused_before_it_measures(tiny_store: Path) -> None:
    """Nothing can be written at all: one error says so."""
    done = python("-c", FULL_DISK, "-p", "no:cacheprovider", "--capture=sys", NO_REPORT, *tiny_arguments(), "-k", "bs4 and accuracy",
                  "--clips=8")

    assert 4 == done.returncode, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert done.stderr.startswith("ERROR: cannot write what this run is asked: File too large\n  where   "), done.stderr


@pytest.mark.parametrize(("kept", "question"), [("--junitxml", "accuracy"), ("--benchmark-json", "throughput")])
def test_what_a_plugin_cannot_keep_costs_no_verdict(acceptance: Run, tiny_store: Path, kept: str, question: str) -> None:
    """They write when all is done: the table and pytest's own last lines stay, and the status is 1."""
    done = acceptance("-k", f"bs4 and {question}", "--clips=8", f"{kept}=/dev/full")

    assert 1 == done.returncode, done.stdout + done.stderr
    assert "INTERNALERROR" not in done.stdout + done.stderr
    assert "tiny-bs4-cpu" in done.stdout.partition(" verdicts ")[2]
    assert 1 == done.stdout.count("\nMeasureError: cannot write what pytest or a plugin keeps of this run: No space left on device\n")


def finish(results: Results, config: Any, *selected: str) -> tuple[int, list[str]]:
    """The exit status and the last lines of a session in which all was well but for the disk."""
    items = [SimpleNamespace(nodeid=nodeid, stash={CASE: ()}) for nodeid in selected]
    session, terminal = SimpleNamespace(config=config, exitstatus=pytest.ExitCode.OK, items=items), Written()
    config.pluginmanager = SimpleNamespace(getplugin=lambda name: session)
    wrapper = results.pytest_sessionfinish(cast("pytest.Session", session), 0)
    next(wrapper)
    results.tell(cast("pytest.TerminalReporter", terminal))
    with pytest.raises(StopIteration):
        wrapper.send(None)
    return int(session.exitstatus), terminal.lines


@pytest.mark.parametrize("full", [True, False])
def test_results_that_cannot_be_written_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, full: bool) -> None:
    """Two verdicts that the disk did not take stand in the table; one error follows, and the status is 1."""
    config: Any = SimpleNamespace(stash={SETTINGS: Settings.parse({"artifacts": str(tmp_path)}), RUN_NAME: "run"},
                                  option=SimpleNamespace(nightly=False, allow=""))
    if full:
        monkeypatch.setattr(opening, "to_write", lambda path, *, append: Path("/dev/full").open("ab"))  # noqa: SIM115 - its user closes it
    results = Results(config)
    for question in ("accuracy", "fidelity"):
        carried = {"case": PASSED.case, "question": question, "rows": [asdict(replace(PASSED, question=question))], "rates": [],
                   "anew": True, "replaced": False, "ended": None, "earlier": []}
        report = SimpleNamespace(when="call", failed=False, nodeid=question, **{CARRIED: carried})
        results.pytest_runtest_logreport(cast("pytest.TestReport", report))
    status, lines = finish(results, config, "accuracy", "fidelity")

    assert 2 == sum("PASS (mini)" in line for line in lines)
    assert int(full) == status
    assert [f"MeasureError: cannot write the results of this run: {os.strerror(errno.ENOSPC)}"] * full == [
        line for line in lines if "Error" in line]


def test_a_selected_test_that_nobody_has_run_is_red(tmp_path: Path) -> None:
    """Whatever plugin or exit left it out, its session may say that all was well."""
    config: Any = SimpleNamespace(stash={SETTINGS: Settings.parse({"artifacts": str(tmp_path)}), RUN_NAME: "run"},
                                  option=SimpleNamespace(nightly=False, allow=""))

    said = ["not run: 1 selected, of them first test_accuracy[tiny-bs4-cpu]"]
    assert (1, said) == finish(Results(config), config, "test_accuracy[tiny-bs4-cpu]")


@pytest.mark.parametrize(("failure", "raised"), [
    (OSError(errno.ENOSPC, "No space left on device"), MeasureError), (OSError(errno.EROFS, "Read-only file system"), MeasureError),
    (OSError(errno.ENOMEM, "Cannot allocate memory"), OSError), (ClipgateError("its own"), ClipgateError)])
@pytest.mark.parametrize("place", ["parent", "child"])
def test_only_a_disk_is_taken_for_a_disk(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, raised: type[Exception], place: str) -> None:
    """In the process that measures and in the one that starts it; what else fails keeps its own words."""
    def fail(*_: object) -> None:
        raise failure

    monkeypatch.setattr(launch, "_measured", fail)
    monkeypatch.setattr(measure, "_measure", fail)
    spec = load_spec(TINY_MODELS, "tiny")
    context = Context(Settings.parse({"data": "mini"}), spec)
    found: Any = SimpleNamespace(checkpoints=[SimpleNamespace(network=spec.networks[0])], graphs=[None], dataset=None)
    calls: dict[str, Callable[[], object]] = {
        "parent": lambda: launch.launch(context, Case("tiny", 4, Device("cpu")), found, tmp_path),
        "child": lambda: measure.measure(cast("Any", SimpleNamespace(folder=tmp_path)))}
    with pytest.raises(raised) as caught:
        calls[place]()

    assert raised is type(caught.value)
    if isinstance(failure, OSError) and raised is MeasureError:
        assert str(caught.value).startswith(f"cannot write what this cell leaves: {failure.strerror}\n  where   {tmp_path}\n")
