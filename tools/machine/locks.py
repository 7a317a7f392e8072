"""Locks on what is built or fetched; those of devices are in device_locks. A process that ended has none."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tools.errors import StoreError, visible
from tools.machine import events, opening

if TYPE_CHECKING:
    from filelock import BaseFileLock

MOST_WORDS = 500  # of a holder
IN_THE_WAY = {errno.EISDIR, errno.ELOOP, errno.EEXIST, errno.ENOTDIR}  # a folder or link in its place, a file in its folder's


@contextmanager
def hold(path: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file *path*. If another process has it, call *on_wait* once with that one's words.

    Raises:
        StoreError: the lock file cannot be created.
    """
    from filelock import FileLock

    lock = FileLock(path, mode=0o666)  # whatever the umask is: whoever shares the store must be able to take it
    try:
        _acquire(lock, path, on_wait)
    except OSError as error:
        remedy = ("remove what is in its place, a lock is a plain file in a folder; or choose another folder with --artifacts DIR"
                  if error.errno in IN_THE_WAY else "make it and its folder writable, or choose another folder with --artifacts DIR")
        raise StoreError(f"cannot take a lock: {error.strerror or error}", where=str(error.filename or path), remedy=remedy) from error
    note = path.with_suffix(".holder")
    try:
        with suppress(OSError):  # another user's file; the note is only a courtesy
            note.unlink(missing_ok=True)  # of a process that was killed; or a link to somewhere else
            with opening.to_write(note) as file:
                file.write(f"process {os.getpid()} (working in {Path.cwd()})".encode(errors="surrogateescape"))
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def _acquire(lock: BaseFileLock, path: Path, on_wait: Callable[[str], None]) -> None:
    """Take the lock however long that takes; our parent hears that we wait."""
    from filelock import Timeout

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        lock.acquire(timeout=0)
        return
    except Timeout:
        on_wait(_holder(path))
    while not lock.is_locked:
        try:
            lock.acquire(timeout=events.BEAT_S, poll_interval=0.1)
        except Timeout:
            pass
        except FileNotFoundError:  # somebody removed the folder meanwhile, and the lock with it
            path.parent.mkdir(parents=True, exist_ok=True)
        events.alive("" if lock.is_locked else f"waiting: {_holder(path)} holds {path.name}")


def _holder(path: Path) -> str:
    """What the holder says of itself, on one line: it may be another user."""
    with suppress(OSError), opening.to_read(path.with_suffix(".holder")) as file:
        return visible(" ".join(file.read(MOST_WORDS).decode(errors="replace").split())) or "another process"
    return "another process"
