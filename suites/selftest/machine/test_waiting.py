"""Waiting for others: what a user is told of it, and that it does not pass for having stalled."""

from __future__ import annotations

import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from suites.selftest.machine.turn_takers import holds_unit, processes, silent, until
from tools.machine import child, device_locks, events, quiet
from tools.machine import locks as built
from tools.machine.events import EVENTS_FD
from tools.machine.holders import holding
from tools.machine.quiet import TURN, Units


@pytest.fixture
def locks(tmp_path: Path) -> str:
    folder = tmp_path / "locks"
    folder.mkdir(mode=0o700)
    return str(folder)


def test_a_pause_is_told_once_and_names_who_holds(locks: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not before some seconds have passed; all forked workers together tell it once."""
    monkeypatch.setattr(quiet, "PATIENCE_S", 1.0)
    said: queue.Queue[str] = queue.Queue()
    with processes(lambda: holds_unit(locks, tmp_path / "held")) as [holder]:
        until((tmp_path / "held").exists)
        threading.Timer(1.5, holder.kill).start()
        with quiet.timing(locks, said.put) as before:
            assert 1 < before.waited_s < 10

    assert f"waiting 1 s for quiet: process {holder.pid} (working in {Path.cwd()})" == said.get_nowait()
    assert said.empty()
    told = tmp_path / "told"
    units = Units(locks, lambda text: print(text, file=told.open("a")))

    def once() -> None:
        with units:
            pass

    with quiet.timing(locks, silent), processes(once, once, once):
        time.sleep(1.6)
    assert [f"waiting 1 s for quiet: process {os.getpid()} (working in {Path.cwd()})"] == told.read_text().splitlines()


def test_a_process_of_a_run_is_called_by_what_it_measures(tmp_path: Path) -> None:
    """By its title, which its decode workers share; one that holds nothing any more is not named."""
    lock = tmp_path / "host.lock"
    lock.touch()
    holds = "import fcntl, sys; held = open(sys.argv[3]); fcntl.flock(held, fcntl.LOCK_SH); print(flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", holds, "tools.machine.child", "measuring tsm-bs16-npu1", str(lock.absolute())],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as one:
        assert one.stdout is not None
        one.stdout.readline()
        assert [f"process {one.pid} (measuring tsm-bs16-npu1)"] == holding(lock)
        one.communicate()

    assert [] == holding(lock)


def waits(locks: str, writing: int, take: Callable[[str], object]) -> None:
    os.environ[EVENTS_FD] = str(writing)
    take(locks)


def for_a_device(locks: str) -> None:
    with device_locks.hold(locks, TURN, silent):
        pass


def for_a_unit(locks: str) -> None:
    with Units(locks, silent):
        pass


def for_timing(locks: str) -> None:
    with quiet.timing(locks, silent):
        pass


def for_what_is_built(locks: str) -> None:
    with built.hold(Path(locks) / f"{TURN}.lock", silent):
        pass


@pytest.mark.parametrize("take", [for_a_device, for_a_unit, for_timing, for_what_is_built])
def test_a_process_that_waits_has_not_stalled(locks: str, monkeypatch: pytest.MonkeyPatch, take: Callable[[str], object]) -> None:
    """Whoever watches it hears from it, however long another holds what it waits for."""
    monkeypatch.setattr(events, "BEAT_S", 0.1)
    reading, writing = os.pipe()
    heard: list[events.Event] = []
    with quiet.timing(locks, silent), processes(lambda: waits(locks, writing, take)):
        os.close(writing)
        watched = threading.Thread(target=lambda: child._watch(reading, heard.append, 0.6), daemon=True)
        watched.start()
        watched.join(1.5)
        assert watched.is_alive(), "it was taken for one that has stalled"
    watched.join(10)
    os.close(reading)

    assert heard
    assert {"alive"} == {event["kind"] for event in heard}
    assert any(event.get("text", "").startswith("waiting") for event in heard), "whoever watches reads what it waits for"
