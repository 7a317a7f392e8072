"""Locks leave nothing behind: no word of who held one, and no open file where none was to be had."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest

from tools.errors import DeviceError
from tools.machine import device_locks, locks


def test_who_holds_a_lock_is_known_while_it_is_held(tmp_path: Path) -> None:
    """The note beside the lock names this process, and goes with it, whatever ends the work."""
    note, seen = tmp_path / "made.holder", list[str]()
    with pytest.raises(KeyboardInterrupt), locks.hold(tmp_path / "made.lock", seen.append):
        seen.append(note.read_text())
        raise KeyboardInterrupt

    assert [f"process {os.getpid()} (working in {Path.cwd()})"] == seen
    assert not note.exists()


def test_a_lock_that_the_system_refuses_is_one_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the system's words; the file that was opened for it is closed."""
    def refuse(*_given: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    tmp_path.chmod(0o700)
    monkeypatch.setattr(fcntl, "flock", refuse)
    before = sorted(Path("/dev/fd").iterdir())

    with pytest.raises(DeviceError, match="No locks available"), device_locks.hold(str(tmp_path), "npu0", lambda words: None):
        pytest.fail("the lock is held")
    assert before == sorted(Path("/dev/fd").iterdir())
