"""Locks on what is built or fetched; those of devices are in device_locks. A process that ended has none."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tools.errors import StoreError, visible
from tools.machine import opening

MOST_WORDS = 500  # of a holder


@contextmanager
def hold(path: Path, on_wait: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock file *path*. If another process has it, call *on_wait* once with that one's words.

    Raises:
        StoreError: the lock file cannot be created.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            on_wait(_holder(path))
            lock.acquire(poll_interval=0.1)
    except OSError as error:
        raise StoreError(f"cannot take a lock: {error.strerror or error}", where=str(path),
                         remedy="make the folder writable, or choose another with --artifacts DIR") from error
    note = path.with_suffix(".holder")
    try:
        with suppress(OSError), opening.to_write(note) as file:  # another user's file; the note is only a courtesy
            file.write(f"process {os.getpid()} (working in {Path.cwd()})".encode(errors="surrogateescape"))
        yield
    finally:
        with suppress(OSError):
            note.unlink(missing_ok=True)
        lock.release()


def _holder(path: Path) -> str:
    """What the holder says of itself, on one line: it may be another user."""
    with suppress(OSError), opening.to_read(path.with_suffix(".holder")) as file:
        return visible(" ".join(file.read(MOST_WORDS).decode(errors="replace").split()))
    return "another process"
