"""What a child process tells its parent, over a pipe of its own; without a parent the same words go to the terminal."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from typing import TypedDict

from tools.errors import ClipgateError, OptionError

EVENTS_FD = "CLIPGATE_EVENTS_FD"


class Event(TypedDict, total=False):
    """One line on the pipe. *kind* is `say` (text), `progress` (text, done, total) or `error` (the error's parts)."""

    kind: str
    text: str
    done: int
    total: int
    error: str
    where: str | None
    remedy: str | None


def has_parent() -> bool:
    """Whether this process was started by one that reads its events."""
    return EVENTS_FD in os.environ


def say(text: str) -> None:
    _emit({"kind": "say", "text": text})


def progress(text: str, done: int, total: int) -> None:
    _emit({"kind": "progress", "text": text, "done": done, "total": total})


def forward(event: Event) -> None:
    """Pass on an event of a child of our own."""
    _emit(event)


def _emit(event: Event) -> None:
    descriptor = os.environ.get(EVENTS_FD)
    if descriptor is not None:
        os.write(int(descriptor), json.dumps(event).encode() + b"\n")
    elif event["kind"] == "say":
        print(event["text"], file=sys.stderr, flush=True)
    elif event["kind"] == "progress" and sys.stderr.isatty():
        end = "\n" if event["done"] == event["total"] else "\r"
        print(f"  {event['text']} {event['done']}/{event['total']}", end=end, file=sys.stderr, flush=True)


def die_with_parent() -> None:
    """Ask the kernel to end this process when the one that started it ends, however it ends (Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def stage(main: Callable[[], int]) -> int:
    """Run a stage's *main*: Ctrl-C ends it at once, a ClipgateError becomes one message and exit status 1."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # native code would keep a KeyboardInterrupt waiting for seconds
    try:
        return main()
    except ClipgateError as error:
        if has_parent():
            _emit({"kind": "error", "error": type(error).__name__, "text": error.what,
                   "where": error.where, "remedy": error.remedy})
        print(error, file=sys.stderr)
        return 2 if isinstance(error, OptionError) else 1
