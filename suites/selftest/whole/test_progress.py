"""A run shows how far it is: verdicts as they come, lines in a log, status.json."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fixtures import progress, said
from suites.selftest.whole.scripted import Play, Script, player
from tools.errors import MeasureError
from tools.judging.verdict import Verdict
from tools.machine import events, progress_words
from tools.machine.channel import Sender
from tools.machine.event import Event
from tools.measuring.cell import Cell
from tools.spec.case import Case
from tools.storage import status


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    return player(monkeypatch, tmp_path)


def kept(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / status.FILE).read_text())
    return found


class Looking:
    """A plugin that looks at status.json before each test."""

    def __init__(self, artifacts: Path) -> None:
        self._artifacts = artifacts
        self.seen: list[dict[str, Any]] = []

    def pytest_runtest_teardown(self) -> None:
        [path] = self._artifacts.glob(f"runs/*/{status.FILE}")
        self.seen.append(json.loads(path.read_text()))


def test_a_cells_verdict_is_told_when_it_is_known(play: Play) -> None:
    """Right behind its tests, once, with each number under its word; a red cell and an error too."""
    script = Script({(4, "accuracy"): [Verdict.FAIL]}, {8: MeasureError("the disk is full", remedy="make room")})
    ended = play(script, "-k", "bs1- or bs4 or bs8")
    lines = ended.said.splitlines()
    told = [line for line in lines if re.match(r"clipgate: tiny-bs\d-cpu: ", line)]

    assert ["clipgate: tiny-bs1-cpu: PASS (mini): top1 0.5, flipped 2; RECORDED: clips/s 6.188/s median",
            "clipgate: tiny-bs4-cpu: FAIL: top1 0.5; PASS (mini): flipped 2; RECORDED: clips/s 24.752/s median",
            "clipgate: tiny-bs8-cpu: ERROR: accuracy, fidelity, throughput: MeasureError: the disk is full"] == told
    assert lines.index(told[0]) < lines.index(told[1]) < next(at for at, line in enumerate(lines) if "FAILURES" in line)


@pytest.mark.parametrize(("quiet", "told"), [("-q", 1), ("-qq", 0)])
def test_only_who_asks_for_next_to_nothing_is_told_at_the_end_alone(play: Play, quiet: str, told: int) -> None:
    assert told == play(Script(), "-k", "bs1-", quiet).said.count("clipgate: tiny-bs1-cpu: PASS")


def test_the_status_of_a_run_is_kept_while_it_runs_and_when_it_has_ended(play: Play, tmp_path: Path,
                                                                         monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(status, "EVERY_S", 0.0)
    looking = Looking(tmp_path)
    ended = play(Script({(4, "accuracy"): [Verdict.FAIL]}), "-k", "bs1- or bs4", plugins=[looking])
    first, last = looking.seen[0], kept(ended.run)

    assert {"run", "pid", "began", "updated", "state", "cells", "verdicts", "now", "eta_s"} == set(first) == set(last)
    assert (ended.run.name, os.getpid()) == (first["run"], first["pid"])
    assert ("running", {"done": 0, "total": 2}, {}) == (first["state"], first["cells"], first["verdicts"])
    [now] = first["now"]
    assert ("tiny-bs1-cpu", "cpu") == (now["case"], now["device"])
    assert [0, 0, 0, 1, 1, 1] == [one["cells"]["done"] for one in looking.seen]
    assert ("finished", {"done": 2, "total": 2}, {"RECORDED": 1, "FAIL": 1}, []) == (
        *(last[name] for name in ("state", "cells", "verdicts", "now")),)


def test_an_interrupted_run_says_so_in_its_status(play: Play, tmp_path: Path) -> None:
    """And how to go on with it, as ever."""
    ended = play(Script(failing={4: KeyboardInterrupt()}), "-k", "bs1- or bs4")  # type: ignore[dict-item]
    [path] = tmp_path.glob(f"runs/*/{status.FILE}")

    assert ("interrupted", {"done": 1, "total": 2}) == (json.loads(path.read_text())["state"], json.loads(path.read_text())["cells"])
    assert "go on with: pytest --resume=" in ended.said


class Signalled:
    """Is ended from outside while a test runs."""

    def pytest_runtest_call(self, item: pytest.Item) -> None:
        if "bs4" in item.name:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)


def test_a_run_that_a_job_is_told_to_end_ends_as_with_ctrl_c(play: Play, tmp_path: Path) -> None:
    """And whoever was to be asked before is asked again."""
    before = signal.getsignal(signal.SIGTERM)
    ended = play(Script(), "-k", "bs1- or bs4", plugins=[Signalled()])
    [path] = tmp_path.glob(f"runs/*/{status.FILE}")

    assert (2, "interrupted") == (ended.status, json.loads(path.read_text())["state"])
    assert "go on with: pytest --resume=" in ended.said
    assert before is signal.getsignal(signal.SIGTERM)


class Faulty:
    """A fixture of the last test fails when that has passed."""

    def pytest_runtest_teardown(self, item: pytest.Item) -> None:
        if item.name.startswith("test_throughput"):
            raise RuntimeError("left in a mess")


def test_a_cell_is_not_called_good_before_its_last_test_has_ended(play: Play) -> None:
    """What a test leaves may fail too."""
    ended = play(Script(), "-k", "bs4", plugins=[Faulty()])
    [told] = [line for line in ended.said.splitlines() if line.startswith("clipgate: tiny-bs4-cpu: ")]

    assert (1, True) == (ended.status, "ERROR: throughput: " in told)
    assert {"ERROR": 1} == kept(ended.run)["verdicts"]


def test_a_disk_that_takes_no_status_is_told_of_once(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run goes on and is judged."""
    def full(path: Path, write: object) -> None:
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(status, "write_whole", full)
    monkeypatch.setattr(status, "EVERY_S", 0.0)
    ended = play(Script(), "-k", "bs1-")

    assert (0, 1) == (ended.status, ended.said.count("the run goes on, and status.json does not: cannot write")), ended.said


@dataclass
class Working(Script):
    """A script in which a cell's child tells events, and time passes after each."""

    heard: tuple[events.Event, ...] = ()

    def launch(self, _context: Any, case: Case, _found: object, run: Path, *, timed: bool = True) -> Cell:
        for event in self.heard:
            _context.on_event(event)
            events.tick()
        return super().launch(_context, case, _found, run, timed=timed)


@pytest.mark.parametrize(("every_s", "told"), [(0.0, True), (30.0, False)])
def test_a_log_says_now_and_then_what_goes_on(play: Play, monkeypatch: pytest.MonkeyPatch, every_s: float, told: bool) -> None:
    """When a child tells something, and when time passes; what the child says for people is told anyway."""
    monkeypatch.setattr(progress_words, "EVERY_S", every_s)
    scoring: events.Event = {"kind": "progress", "text": "scoring", "done": 3, "total": 23, "unit": "clips"}
    shown = play(Working(heard=(scoring, {"kind": "say", "text": "waiting: bob holds cpu"})), "-k", "bs1-").said.splitlines()

    assert told == ("clipgate: tiny-bs1-cpu: scoring 3 of 23 clips; cells 0 of 1 done" in shown), shown
    assert 1 == shown.count("  waiting: bob holds cpu"), shown


class Controller:
    """A plugin that makes the run hear workers, as the controller of some does."""

    path = ""

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.path = said.channel_of(session.config)


@dataclass
class Worker(Script):
    """A script in which a worker tells events while a cell is measured; whether that is heard meanwhile."""

    controller: Controller = field(default_factory=Controller)

    def launch(self, _context: Any, case: Case, _found: object, run: Path, *, timed: bool = True) -> Cell:
        sender, until = Sender(self.controller.path), time.monotonic() + 3
        heard: tuple[Event, ...] = ({"kind": "cell", "case": "tiny-bs4-cpu", "device": "cpu"}, {"kind": "say", "text": "told by a worker"})
        assert all(sender.send({**event, "worker": "gw0"}) for event in heard)
        sender.close()
        while "tiny-bs4-cpu" not in (run / status.FILE).read_text() and time.monotonic() < until:
            time.sleep(0.05)
        self.measured.append(time.monotonic() < until)
        return super().launch(_context, case, _found, run, timed=timed)


def test_workers_are_heard_while_they_work(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not with their reports; each line once."""
    monkeypatch.setattr(status, "EVERY_S", 0.0)
    script = Worker()
    ended = play(script, "-k", "bs1-", plugins=[script.controller])

    assert [True, 1] == script.measured, "nobody heard it meanwhile"
    assert (0, 1) == (ended.status, ended.said.count("  told by a worker")), ended.said
    assert not Path(script.controller.path).parent.exists()


def test_a_run_whose_reader_has_crashed_goes_on(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    """What workers say comes with the next report then, once."""
    crashed: list[object] = []
    monkeypatch.setattr(progress.Going, "_read", lambda going: 1 // 0)
    monkeypatch.setattr(threading, "excepthook", crashed.append)
    script = Worker()
    ended = play(script, "-k", "bs1-", plugins=[script.controller])

    assert [False, 1] == script.measured
    assert (0, 1, 1) == (ended.status, len(crashed), ended.said.count("  told by a worker")), ended.said
    assert ended.said.index("  told by a worker") < ended.said.index("clipgate: tiny-bs1-cpu: PASS")
    assert "finished" == kept(ended.run)["state"]


def test_what_a_controller_cannot_take_comes_with_the_next_report(tmp_path: Path) -> None:
    """Lines do; progress is of the moment and is dropped."""
    config: Any = SimpleNamespace(stash=pytest.Stash(), add_cleanup=lambda close: close,
                                  workerinput={"workerid": "gw0", "clipgate_events": str(tmp_path / "none")})
    said.pytest_configure(config)
    config.stash[said.HEARS]({"kind": "say", "text": "a word"})
    config.stash[said.HEARS]({"kind": "alive"})
    report: Any = SimpleNamespace()
    making = said.pytest_runtest_makereport(SimpleNamespace(config=config), None)  # type: ignore[arg-type]
    next(making)
    with pytest.raises(StopIteration):
        making.send(report)

    assert ["a word"] == report.clipgate_said
    assert [] == config.stash[said.SAID]


def test_nothing_of_it_is_there_where_no_cell_is_run(play: Play, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Collecting starts no thread, makes no file, and nobody hears anything."""
    monkeypatch.setattr(progress, "Going", lambda session: pytest.fail("it goes on"))
    threads = threading.active_count()
    ended = play(Script(), "--collect-only", "-q")

    assert (0, threads, []) == (ended.status, threading.active_count(), [*tmp_path.glob("runs/*")])
    assert [] == events.TICKS
