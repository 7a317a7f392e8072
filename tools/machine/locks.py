"""Locks on what is built or fetched; those of devices are in device_locks. A process that ended has none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import StoreError
from tools.machine import events

if TYPE_CHECKING:
    from filelock import BaseFileLock


@contextmanager
def hold(path: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file *path*. If another process has it, call *on_wait* once with that one's words.

    Raises:
        StoreError: the lock file cannot be created.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path, mode=0o666)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait(_holder(path))
            _wait(lock)
    except OSError as error:
        raise StoreError(f"cannot take a lock: {error.strerror or error}", where=str(path),
                         remedy="make the folder writable, or choose another with --artifacts DIR") from error
    note = path.with_suffix(".holder")
    try:
        with suppress(OSError):  # another user's file; the note is only a courtesy
            note.write_text(f"process {os.getpid()} (working in {Path.cwd()})")
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def _wait(lock: BaseFileLock) -> None:
    """Take the lock however long that takes; our parent hears that we wait."""
    from filelock import Timeout

    while not lock.is_locked:
        with suppress(Timeout):
            lock.acquire(timeout=events.BEAT_S, poll_interval=0.1)
        events.alive()


def _holder(path: Path) -> str:
    try:
        return path.with_suffix(".holder").read_text()
    except OSError:
        return "another process"
