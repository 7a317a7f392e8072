"""Ray comes and goes without a trace in this process: on its terminal, in its signals, in its folder."""

from __future__ import annotations

import io
import logging
import os
import shutil
import signal
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path

TERMINAL = (1, 2)


def silence() -> None:
    """Let nothing of Ray's reach this terminal while it works: what matters of it, we say."""
    from ray._private import worker

    worker._worker_logs_enabled = False
    logger = logging.getLogger("ray")
    logger.handlers, logger.propagate = [logging.NullHandler()], False


@contextmanager
def coming_or_going() -> Iterator[None]:
    """A block in which Ray connects or leaves, which it tells at length and in many ways."""
    with _signals_kept(), _elsewhere(), warnings.catch_warnings(), _nothing_written():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM for itself: give it back to whoever had it."""
    main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGTERM) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _elsewhere() -> Iterator[None]:
    """Be in an empty folder: nodes look for modules in one of the same name before they look in their own."""
    before, folder = Path.cwd(), tempfile.mkdtemp(prefix="clipgate-ray-")
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _nothing_written() -> Iterator[None]:
    """Let nothing be written on the terminal, by Ray's native part neither, which has no logger."""
    kept = [(stream, os.dup(stream)) for stream in TERMINAL if _is_open(stream)]
    with open(os.devnull, "wb") as nowhere, redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        for stream, _ in kept:
            os.dup2(nowhere.fileno(), stream)
        try:
            yield
        finally:
            for stream, own in kept:
                os.dup2(own, stream)
                os.close(own)


def _is_open(stream: int) -> bool:
    try:
        os.fstat(stream)
    except OSError:
        return False
    return True
