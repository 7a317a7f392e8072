"""Work beside timing: it gives way where it can, and is named where it cannot."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from suites.selftest.machine.turn_takers import noted, noting, overlapping, processes, silent, unexpected, until
from tools.machine import events, quiet


@pytest.fixture
def locks(tmp_path: Path) -> str:
    folder = tmp_path / "locks"
    folder.mkdir(mode=0o700)
    return str(folder)


def work(locks: str, began: Path, steps_s: float, file: Path) -> None:
    """Work that reports progress every *steps_s*, and notes when it did each step."""
    with quiet.working(locks, silent):
        began.touch()
        while True:
            since = time.monotonic()
            time.sleep(steps_s)
            noting(file, since)
            events.progress("working", 1, 2)


def test_work_gives_way_where_it_reports_progress(locks: str, tmp_path: Path) -> None:
    """It goes on afterwards, and is not named as working beside the times."""
    with processes(lambda: work(locks, tmp_path / "began", 0.05, tmp_path / "steps")):
        until((tmp_path / "began").exists)
        with quiet.timing(locks, silent) as before:
            since = time.monotonic()
            time.sleep(0.3)
            series = (since, time.monotonic())
        steps = len(noted(tmp_path / "steps"))
        until(lambda: len(noted(tmp_path / "steps")) > steps + 1)

    assert () == before.beside
    assert [] == overlapping(noted(tmp_path / "steps"), [series])


def test_work_that_other_processes_go_on_with_does_not_give_way(locks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A compiler runs on while its seconds are told: to pass for quiet would be a lie."""
    monkeypatch.setattr(quiet, "GRACE_S", 0.5)

    def compiling() -> None:
        with quiet.working(locks, silent):
            (tmp_path / "began").touch()
            while True:
                time.sleep(0.05)
                events.progress("atc", 1, 2, at_rest=False)

    with processes(compiling) as [compiler]:
        until((tmp_path / "began").exists)
        with quiet.timing(locks, silent) as before:
            assert (f"process {compiler.pid} (working in {Path.cwd()})",) == before.beside


def test_work_that_does_not_give_way_is_named(locks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Timing does not wait for its end, for minutes, but for a moment."""
    monkeypatch.setattr(quiet, "GRACE_S", 0.2)
    with processes(lambda: work(locks, tmp_path / "began", 60, tmp_path / "steps")) as [worker]:
        until((tmp_path / "began").exists)
        with quiet.timing(locks, silent) as before:
            assert (f"process {worker.pid} (working in {Path.cwd()})",) == before.beside == quiet.workers(locks)
            assert 0.2 <= before.waited_s < 5
        worker.kill()
        worker.join()
        assert () == quiet.workers(locks)


def test_no_work_begins_while_something_is_timed(locks: str, tmp_path: Path) -> None:
    """So whoever is not there when a series begins was not there during it."""
    with quiet.timing(locks, silent), processes(lambda: work(locks, tmp_path / "began", 0.01, tmp_path / "steps")):
        time.sleep(0.5)
        assert not (tmp_path / "began").exists()
    with processes(lambda: work(locks, tmp_path / "began", 0.01, tmp_path / "steps")):
        until((tmp_path / "began").exists)


def test_who_can_take_no_locks_works_all_the_same(tmp_path: Path) -> None:
    """An export does not fail for want of a folder that only timing needs."""
    with quiet.working(str(tmp_path / "absent"), unexpected):
        events.progress("working", 1, 2)
