"""Quiet while something is timed: who pauses for it, and that nobody is kept out for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import pytest

from suites.selftest.machine.turn_takers import (
    holds_quiet,
    holds_unit,
    noted,
    overlapping,
    processes,
    silent,
    times_of,
    unexpected,
    units_of,
    until,
)
from tools.errors import DeviceError
from tools.machine import device_locks, quiet
from tools.machine.quiet import HOST, TURN, Units


@pytest.fixture
def locks(tmp_path: Path) -> str:
    folder = tmp_path / "locks"
    folder.mkdir(mode=0o700)
    return str(folder)


@pytest.mark.parametrize("side_by_side", [True, False])
def test_no_series_overlaps_a_unit(locks: str, tmp_path: Path, side_by_side: bool) -> None:
    """Four processes that work in units and three that time, whose intervals are compared afterwards."""
    worked, timed = [tmp_path / f"unit{number}" for number in range(4)], [tmp_path / f"series{number}" for number in range(3)]
    with processes(*(lambda file=file: units_of(locks, 0.004, file) for file in worked)):
        until(lambda: all(len(noted(file)) > 2 for file in worked))
        with processes(*(lambda file=file: times_of(locks, 3, 0.05, file, side_by_side=side_by_side) for file in timed)) as timers:
            for timer in timers:
                timer.join(60)
    units, series = [each for file in worked for each in noted(file)], [noted(file) for file in timed]

    assert [3, 3, 3] == [len(each) for each in series]
    assert [] == overlapping(units, [each for one in series for each in one])
    if not side_by_side:
        assert [] == [both for one, other in combinations(series, 2) for both in overlapping(one, other)]


def test_chips_are_timed_side_by_side(locks: str, tmp_path: Path) -> None:
    """Each has a core to itself: one lets another in. Whoever needs them all waits, and lets nobody in."""
    beside, held = tmp_path / "beside", tmp_path / "held"
    with (quiet.timing(locks, unexpected, side_by_side=True),
          processes(lambda: times_of(locks, 1, 0.01, beside, side_by_side=True), lambda: holds_quiet(locks, held))):
        until(lambda: noted(beside))
        time.sleep(0.3)
        assert not held.exists()
    with processes(lambda: holds_quiet(locks, held)):
        until(held.exists)
        with processes(lambda: times_of(locks, 2, 0.01, beside, side_by_side=True)):
            time.sleep(0.3)
            assert 1 == len(noted(beside))


def test_timing_is_not_kept_out_by_units_that_come_and_go(locks: str, tmp_path: Path) -> None:
    """Eight processes leave no moment without a unit: timing waits for those that run, and for no others."""
    files = [tmp_path / f"unit{number}" for number in range(8)]
    with processes(*(lambda file=file: units_of(locks, 0.2, file) for file in files)):
        until(lambda: all(map(noted, files)))
        begun = time.monotonic()
        with processes(lambda: times_of(locks, 1, 0.01, tmp_path / "series")) as [timer]:
            timer.join(10)
            assert timer.exitcode == 0, "units keep timing out"
        [(began, _)] = noted(tmp_path / "series")

    assert began - begun < 5


@pytest.mark.parametrize("holds", [holds_unit, holds_quiet])
def test_a_holder_that_is_killed_leaves_nothing(locks: str, tmp_path: Path, holds: Callable[[str, Path], None]) -> None:
    """Neither timing nor a unit waits for a process that was killed in the middle of one."""
    with processes(lambda: holds(locks, tmp_path / "held")) as [holder]:
        until((tmp_path / "held").exists)
        assert not (device_locks.is_free(locks, HOST) and device_locks.is_free(locks, TURN))
        holder.kill()
        holder.join()
        with quiet.timing(locks, unexpected) as before:
            assert before.waited_s < quiet.PATIENCE_S
        with Units(locks, unexpected):
            assert device_locks.is_free(locks, TURN)


def test_one_killed_while_it_waits_keeps_nobody_out(locks: str, tmp_path: Path) -> None:
    """Timing that waits for a unit has the turn; dead, it has not."""
    with processes(lambda: holds_unit(locks, tmp_path / "held")):
        until((tmp_path / "held").exists)
        with processes(lambda: holds_quiet(locks, tmp_path / "never")) as [waiting]:
            until(lambda: not device_locks.is_free(locks, TURN, shared=True))
            waiting.kill()
            waiting.join()
            with Units(locks, unexpected):
                assert not (tmp_path / "never").exists()


def test_a_forked_process_has_units_of_its_own(locks: str, tmp_path: Path) -> None:
    """The one that it was forked from ends none of them when it ends its own."""
    units = Units(locks, silent)

    def forked() -> None:
        with units:
            (tmp_path / "held").touch()
            threading.Event().wait()

    with units:
        pass
    with processes(forked):
        until((tmp_path / "held").exists)
        with units:
            pass
        assert not device_locks.is_free(locks, HOST)
    assert device_locks.is_free(locks, HOST)


def test_a_unit_that_gets_no_further_keeps_no_turn(locks: str) -> None:
    """What lies at a lock's place may be no lock file: then the way to it is free again."""
    units = Units(locks, silent)
    (Path(locks) / f"{HOST}.lock").mkdir()
    with pytest.raises(DeviceError), units:
        pytest.fail("it was let in")

    assert device_locks.is_free(locks, TURN)


def test_a_file_made_again_is_the_one_that_counts(locks: str) -> None:
    """Something may clear old files away while a process works in units for days."""
    units = Units(locks, silent)
    with units:
        pass
    for name in (HOST, TURN):
        (Path(locks) / f"{name}.lock").unlink()
    with units:
        assert not device_locks.is_free(locks, HOST)


def test_alone_nobody_waits(locks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A single cell that decodes, then times, then decodes: nothing of it sleeps."""
    monkeypatch.setattr(time, "sleep", lambda seconds: pytest.fail("it waits"))
    units = Units(locks, unexpected)
    for _ in range(3):
        with units:
            pass
        with quiet.timing(locks, unexpected) as before:
            assert () == before.beside
            assert before.waited_s < quiet.PATIENCE_S


def test_a_unit_costs_microseconds(locks: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No file is opened again for it. It takes far less than a small picture takes to decode."""
    opened: list[Path] = []
    monkeypatch.setattr(device_locks, "_open", lambda path, real=device_locks._open: (opened.append(path), real(path))[1])
    units = Units(locks, unexpected)
    began = time.process_time()
    for _ in range(1000):
        with units:
            pass

    assert [Path(locks) / f"{name}.lock" for name in (TURN, HOST)] == opened
    assert (time.process_time() - began) / 1000 < 0.0005
